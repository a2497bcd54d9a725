"""Retries over real sockets: one key, one object, limits that hold."""

from __future__ import annotations

import asyncio
import time

import pytest
from support.pace import StillClock, slowdown
from support.peer import Connection, Peer, Step, close, cut, reply, reset, stall

import wooshpay
from wooshpay import AsyncWooshPay, Effects, RequestOptions, RetryEvent, RetryPolicy

KEY = "sk_test_x"
NO_WAIT = RetryPolicy(base=0.0)
REFUND = {"id": "re_1", "object": "refund", "amount": 5, "created": 1, "currency": "USD", "status": "succeeded"}


@pytest.mark.parametrize(
    "fault",
    [close(), reset(), cut(), reply(500), reply(503, b"<html>"), reply(429), reply(408)],
    ids=["closed", "reset", "body cut off", "500", "503 with HTML", "429", "408"],
)
async def test_a_lost_answer_is_asked_for_again_with_the_same_key(fault: Step) -> None:
    async with Peer(fault, fault, reply(200, REFUND)) as peer:
        async with AsyncWooshPay(KEY, base_url=peer.url, retry_policy=NO_WAIT) as client:
            answer = await client.refunds.create.with_response(payment_intent="pi_1")
    assert answer.attempts == 3
    assert answer.data.id == "re_1"
    assert len(peer.keys) == 3
    assert set(peer.keys) == {answer.idempotency_key}
    assert len({request.body for request in peer.requests}) == 1


async def test_without_a_key_a_lost_answer_is_never_asked_for_again() -> None:
    async with Peer(close()) as peer, AsyncWooshPay(KEY, base_url=peer.url, retry_policy=NO_WAIT) as client:
        with pytest.raises(wooshpay.ProtocolError) as caught:
            await client.refunds.create(payment_intent="pi_1", options=RequestOptions(idempotency_key=None))
    assert len(peer.requests) == 1
    assert caught.value.outcome == "unknown"
    assert caught.value.idempotency_key is None


async def test_a_call_that_may_have_gone_through_stays_unknown_whatever_follows() -> None:
    """Lost answer first, refusal second: the refusal says nothing about the first try."""
    refusal = reply(400, {"error": {"type": "invalid_request_error", "message": "no"}})
    async with Peer(close(), refusal) as peer:
        async with AsyncWooshPay(KEY, base_url=peer.url, retry_policy=NO_WAIT) as client:
            with pytest.raises(wooshpay.InvalidRequestError) as caught:
                await client.refunds.create(payment_intent="pi_1")
    assert caught.value.outcome == "unknown"
    assert caught.value.attempts == 2
    assert str(caught.value.idempotency_key) in str(caught.value)


async def test_a_key_still_in_use_is_tried_again_and_a_reused_one_is_not() -> None:
    in_use = reply(409, {"error": {"type": "idempotency_error", "code": "idempotency_key_in_use", "message": "wait"}})
    reused = reply(409, {"error": {"type": "idempotency_error", "message": "other parameters"}})
    async with Peer(in_use, reply(200, REFUND)) as peer:
        async with AsyncWooshPay(KEY, base_url=peer.url, retry_policy=NO_WAIT) as client:
            assert (await client.refunds.create.with_response(payment_intent="pi_1")).attempts == 2
    async with Peer(reused) as peer, AsyncWooshPay(KEY, base_url=peer.url, retry_policy=NO_WAIT) as client:
        with pytest.raises(wooshpay.IdempotencyError) as caught:
            await client.refunds.create(payment_intent="pi_1")
    assert (caught.value.attempts, caught.value.outcome) == (1, "rejected")


async def test_retry_after_is_obeyed() -> None:
    async with Peer(reply(429, {}, {"Retry-After": "0.4"}), reply(200, REFUND)) as peer:
        async with AsyncWooshPay(KEY, base_url=peer.url, retry_policy=NO_WAIT) as client:
            started = time.monotonic()
            await client.refunds.create(payment_intent="pi_1")
    assert time.monotonic() - started >= 0.4


async def test_a_retry_after_beyond_the_deadline_raises_at_once_and_says_so() -> None:
    async with Peer(reply(429, {}, {"Retry-After": "120"})) as peer:
        async with AsyncWooshPay(KEY, base_url=peer.url, timeout=100.0) as client:
            started = time.monotonic()
            with pytest.raises(wooshpay.RateLimitError, match="120 s") as caught:
                await client.refunds.create(payment_intent="pi_1")
    assert time.monotonic() - started < 2 * slowdown()
    assert caught.value.retry_after == 120
    assert caught.value.attempts == 1


async def test_no_call_outlives_its_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two attempts of 0.5 s fit into 1.2 s; the 0.2 s that are left are too short for a third one."""
    clock = StillClock()
    began = clock.seconds
    monkeypatch.setattr(asyncio.get_running_loop(), "time", clock)

    async def stall_until_the_limit(connection: Connection) -> None:
        clock.seconds += 0.5
        await stall()(connection)

    async with (
        Peer(stall_until_the_limit) as peer,
        AsyncWooshPay(
            *(KEY,),
            base_url=peer.url,
            timeout=1.2,
            attempt_timeout=0.5,
            max_retries=10,
            retry_policy=NO_WAIT,
            effects=Effects(monotonic=clock),
        ) as client,
    ):
        with pytest.raises(wooshpay.TimeoutError) as caught:
            await client.refunds.create(payment_intent="pi_1")
    assert clock.seconds - began == 1.0
    assert caught.value.outcome == "unknown"
    assert caught.value.attempts == 2


async def test_on_retry_is_told() -> None:
    events: list[RetryEvent] = []
    async with Peer(close(), reply(503), reply(200, REFUND)) as peer:
        async with AsyncWooshPay(KEY, base_url=peer.url, retry_policy=NO_WAIT, on_retry=events.append) as client:
            await client.refunds.create(payment_intent="pi_1", options=RequestOptions(idempotency_key="k1"))
    assert [(event.attempt, event.status, event.idempotency_key) for event in events] == [
        (1, None, "k1"),
        (2, 503, "k1"),
    ]
    assert events[0].operation == "refunds.create"
    assert events[0].error is not None


async def test_a_connection_that_went_stale_between_calls_is_no_failure() -> None:
    """The server closes an idle connection: the next POST may meet that, and must absorb it."""
    async with Peer(reply(200, REFUND)) as peer:
        async with AsyncWooshPay(KEY, base_url=peer.url, retry_policy=NO_WAIT) as client:
            for _ in range(5):
                await client.refunds.create(payment_intent="pi_1")
                for task in list(peer._tasks):  # pyright: ignore[reportPrivateUsage]  # the server ends its connections
                    task.cancel()
                await asyncio.sleep(0.01)
    assert len(set(peer.keys)) == 5
