"""Connections, event loops and cancellation: nothing leaks, nothing is left half used."""

from __future__ import annotations

import asyncio
import gc
import os
from collections.abc import Callable
from typing import Any

import aiohttp
import pytest
from support.peer import Peer, Step, ThreadedPeer, hold, reply, stall

import wooshpay
from wooshpay import AsyncWooshPay, RetryPolicy

KEY = "sk_test_x"
REFUND = {"id": "re_1", "object": "refund", "amount": 5, "created": 1, "currency": "USD", "status": "succeeded"}


async def test_connections_are_kept_and_used_again() -> None:
    async with Peer(reply(200, REFUND)) as peer, AsyncWooshPay(KEY, base_url=peer.url) as client:
        for _ in range(10):
            await client.refunds.retrieve("re_1")
        copy = client.with_options(timeout=5.0)
        await copy.refunds.retrieve("re_1")
    assert peer.connections == 1


@pytest.mark.parametrize("way", ["with block", "close"])
async def test_closing_a_copy_with_other_options_leaves_the_connections_of_its_client_open(way: str) -> None:
    """``async with client.with_options(...) as quick`` closed the client that the whole application uses."""
    async with Peer(reply(200, REFUND)) as peer, AsyncWooshPay(KEY, base_url=peer.url) as client:
        await client.refunds.retrieve("re_1")
        quick = client.with_options(timeout=5.0)
        if way == "with block":
            async with quick:
                await quick.refunds.retrieve("re_1")
                async with quick.with_options(timeout=4.0) as quicker:
                    await quicker.refunds.retrieve("re_1")
        else:
            await quick.close()
            await quick.with_options(timeout=4.0).close()
        await client.refunds.retrieve("re_1")
        await quick.refunds.retrieve("re_1")
        await client.close()
        with pytest.raises(wooshpay.ConfigurationError, match="closed"):
            await quick.refunds.retrieve("re_1")
    assert peer.connections == 1


async def test_no_more_connections_than_allowed_are_open_at_a_time() -> None:
    """Back-pressure: more calls wait for a connection instead of opening another."""
    opened = asyncio.Event()
    async with Peer(hold(opened, reply(200, REFUND))) as peer:
        async with AsyncWooshPay(KEY, base_url=peer.url, max_connections=3) as client:
            calls = [asyncio.create_task(client.request("GET", "/v1/balance")) for _ in range(12)]
            while peer.open_connections < 3:
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.05)
            assert peer.open_connections == 3
            opened.set()
            await asyncio.gather(*calls)
    assert peer.connections == 3


async def test_waiting_for_a_connection_ends_with_the_deadline_and_nothing_was_sent() -> None:
    async with Peer(stall()) as peer, AsyncWooshPay(KEY, base_url=peer.url, max_connections=1) as client:
        first = asyncio.create_task(client.refunds.create(payment_intent="pi_1"))
        while not peer.requests:
            await asyncio.sleep(0.01)
        with pytest.raises(wooshpay.TimeoutError, match="max_connections") as caught:
            await client.with_options(timeout=0.2).refunds.create(payment_intent="pi_2")
        assert caught.value.outcome == "not_sent"
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first


def test_one_client_serves_twenty_event_loops_one_after_the_other() -> None:
    before = len(os.listdir("/proc/self/fd"))
    with ThreadedPeer(reply(200, REFUND)) as peer:
        client = AsyncWooshPay(KEY, base_url=peer.url)

        async def twice() -> None:
            await client.refunds.retrieve("re_1")
            await client.refunds.retrieve("re_1")

        for _ in range(20):
            asyncio.run(twice())
            assert client._pipeline.transport._pools == {}  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportPrivateUsage, reportUnknownMemberType]  # nothing may hold the loop
    assert peer.connections == 20
    gc.collect()
    assert len(os.listdir("/proc/self/fd")) <= before


def test_a_client_that_is_never_closed_leaves_nothing_behind() -> None:
    """asyncio.run ends the loop's asynchronous generators; the session goes with them."""
    with ThreadedPeer(reply(200, REFUND)) as peer:

        async def forget() -> None:
            await AsyncWooshPay(KEY, base_url=peer.url).refunds.retrieve("re_1")

        asyncio.run(forget())
    gc.collect()


async def test_an_injected_session_is_used_and_never_closed() -> None:
    async with Peer(reply(200, REFUND)) as peer, aiohttp.ClientSession() as session:
        async with AsyncWooshPay(KEY, base_url=peer.url, session=session) as client:
            await client.refunds.retrieve("re_1")
        assert not session.closed
        async with session.get(peer.url) as answer:
            assert answer.status == 200


async def test_an_injected_session_that_its_owner_closed_gives_a_sentence() -> None:
    session = aiohttp.ClientSession()
    await session.close()
    client = AsyncWooshPay(KEY, base_url="http://127.0.0.1:9", session=session)
    with pytest.raises(wooshpay.ConfigurationError, match="closed"):
        await client.refunds.retrieve("re_1")


def test_an_injected_session_of_another_loop_gives_a_sentence() -> None:
    async def open_session() -> aiohttp.ClientSession:
        return aiohttp.ClientSession()

    with ThreadedPeer(reply(200, REFUND)) as peer, asyncio.Runner() as owner:
        session = owner.run(open_session())
        client = AsyncWooshPay(KEY, base_url=peer.url, session=session)

        async def use() -> None:
            with pytest.raises(wooshpay.ConfigurationError, match="another event loop"):
                await client.refunds.retrieve("re_1")

        with asyncio.Runner() as stranger:
            stranger.run(use())
        owner.run(session.close())


async def test_a_closed_client_refuses_calls_and_may_be_closed_again() -> None:
    async with Peer(reply(200, REFUND)) as peer:
        client = AsyncWooshPay(KEY, base_url=peer.url)
        await client.refunds.retrieve("re_1")
        await client.close()
        await client.close()
        with pytest.raises(wooshpay.ConfigurationError, match="closed"):
            await client.refunds.retrieve("re_1")


@pytest.mark.parametrize("phase", ["connecting", "waiting for the answer", "waiting to try again"])
async def test_cancelling_leaves_no_task_and_no_half_used_connection(phase: str, no_task_left: object) -> None:
    step: Step = reply(503) if phase == "waiting to try again" else stall()
    async with Peer(step) as peer:
        client = AsyncWooshPay(KEY, base_url=peer.url, retry_policy=Patient())
        call = asyncio.create_task(client.refunds.create(payment_intent="pi_1"))
        if phase == "connecting":
            await asyncio.sleep(0)
        else:
            while not peer.requests:
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.05)
        call.cancel()
        with pytest.raises(asyncio.CancelledError) as caught:
            await call
        notes: list[str] = getattr(caught.value, "__notes__", [])
        assert any("idempotency key auto_" in note for note in notes)
        peer.script[:] = [reply(200, REFUND)]
        assert (await client.refunds.retrieve("re_1")).id == "re_1"
        await client.close()


class Patient(RetryPolicy):
    """Waits half a minute before every further attempt."""

    def wait(self, attempt: wooshpay.Attempt, uniform: Callable[[float, float], float]) -> float | None:
        return 30.0


async def test_a_thousand_clients_opened_and_closed_leak_nothing() -> None:
    async with Peer(reply(200, REFUND)) as peer:

        async def once() -> None:
            async with AsyncWooshPay(KEY, base_url=peer.url) as client:
                await client.refunds.retrieve("re_1")

        await once()
        await asyncio.sleep(0.05)
        before = len(os.listdir("/proc/self/fd"))
        for _ in range(100):
            await asyncio.gather(*[once() for _ in range(10)])
        await asyncio.sleep(0.1)
        gc.collect()
        assert len(os.listdir("/proc/self/fd")) <= before + 2


async def test_clients_with_different_keys_live_side_by_side() -> None:
    async with Peer(reply(200, REFUND)) as peer:
        clients = [AsyncWooshPay(f"sk_test_{name}", base_url=peer.url) for name in ("one", "two")]
        for client in clients:
            await client.refunds.retrieve("re_1")
            await client.close()
    sent: list[Any] = [request.headers["authorization"] for request in peer.requests]
    assert len(set(sent)) == 2


async def test_closing_during_a_call_never_claims_that_nothing_was_sent() -> None:
    """The call was under way; that the client refuses to try again says nothing about it."""
    async with Peer(stall()) as peer:
        client = AsyncWooshPay(KEY, base_url=peer.url, retry_policy=RetryPolicy(base=0.0))
        call = asyncio.create_task(client.refunds.create(payment_intent="pi_1"))
        while not peer.requests:
            await asyncio.sleep(0.01)
        await client.close()
        with pytest.raises(wooshpay.WooshPayError, match="closed") as caught:
            await call
    assert caught.value.outcome == "unknown"
    assert caught.value.idempotency_key == peer.keys[0]
