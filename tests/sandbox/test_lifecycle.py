"""A sandbox starts on a free port, works in both worlds, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import threading
import urllib.request
from pathlib import Path

import aiohttp
import pytest
from sandbox.rig import Api, Shop, payment

from wooshpay.sandbox import Sandbox, SyncSandbox


def open_files() -> int:
    return len(list(Path(f"/proc/{os.getpid()}/fd").iterdir()))


def ask(sandbox: SyncSandbox, path: str, body: object = None) -> dict[str, object]:
    data = json.dumps(body).encode() if body is not None else None
    request = urllib.request.Request(sandbox.base_url + path, data=data)
    request.add_header("Authorization", aiohttp.encode_basic_auth(sandbox.api_key, ""))
    request.add_header("Content-Type", "application/json")
    with urllib.request.urlopen(request, timeout=5) as response:
        answer: dict[str, object] = json.load(response)
        return answer


async def test_listens_on_a_free_loopback_port_with_keys_of_its_own(no_task_left: None) -> None:
    async with Sandbox() as one, Sandbox() as other:
        assert one.base_url.startswith("http://127.0.0.1:")
        assert one.base_url != other.base_url
        assert one.api_key.startswith("sk_test_")
        assert one.publishable_key.startswith("pk_test_")
        assert one.api_key != other.api_key


async def test_keys_and_port_can_be_chosen() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    async with Sandbox(port=port, api_key="sk_test_mine", publishable_key="pk_test_mine") as sandbox:
        assert sandbox.base_url == f"http://127.0.0.1:{port}"
        assert (sandbox.api_key, sandbox.publishable_key) == ("sk_test_mine", "pk_test_mine")


async def test_is_gone_when_left() -> None:
    async with Sandbox() as sandbox:
        url = sandbox.base_url
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ClientConnectorError):
            await session.get(url)


async def test_leaves_no_file_and_no_task_behind(no_task_left: None) -> None:
    async with Sandbox() as sandbox, aiohttp.ClientSession() as session:
        await Api(session, sandbox.base_url, sandbox.api_key).make("/v1/payment_intents", payment())
    await asyncio.sleep(0.05)
    before = open_files()
    for _ in range(3):
        async with Sandbox() as sandbox, aiohttp.ClientSession() as session:
            await Api(session, sandbox.base_url, sandbox.api_key).make("/v1/payment_intents", payment())
    await asyncio.sleep(0.05)
    assert open_files() <= before


async def test_closes_at_once_while_requests_stall_and_webhooks_wait(shop: Shop) -> None:
    started = asyncio.get_running_loop().time()
    async with aiohttp.ClientSession() as session:
        async with Sandbox() as sandbox:
            api = Api(session, sandbox.base_url, sandbox.api_key)
            dead = {"url": "http://127.0.0.1:9/dead", "enabled_events": ["*"]}
            await api.make("/v1/webhook_endpoints", dead)
            await api.make("/v1/payment_intents", payment())
            sandbox.faults.add("stall")
            stalled = asyncio.create_task(api.get("/v1/balance"))
            await asyncio.sleep(0.1)
        with pytest.raises(aiohttp.ClientConnectionError):
            await stalled
    assert asyncio.get_running_loop().time() - started < 1.5


async def test_is_used_once() -> None:
    sandbox = Sandbox()
    async with sandbox:
        pass
    with pytest.raises(RuntimeError, match="make a new Sandbox"):
        async with sandbox:
            pass


def test_has_no_address_before_it_runs() -> None:
    with pytest.raises(RuntimeError, match="with block"):
        _ = Sandbox().base_url


async def test_a_taken_port_is_an_error_and_leaves_nothing_running(no_task_left: None) -> None:
    async with Sandbox() as sandbox:
        port = int(sandbox.base_url.rpartition(":")[2])
        with pytest.raises(OSError, match="address"):
            async with Sandbox(port=port):
                pass


def test_shows_no_key_in_its_repr() -> None:
    with Sandbox() as sandbox:
        for shown in (repr(sandbox), repr(sandbox._server.state.account)):  # pyright: ignore[reportPrivateUsage]  # no public way to it
            assert sandbox.api_key not in shown
            assert sandbox.publishable_key not in shown


# ---- from plain code


def test_runs_on_a_thread_of_its_own_for_plain_code() -> None:
    threads = set(threading.enumerate())
    with Sandbox() as sandbox:
        intent = ask(sandbox, "/v1/payment_intents", payment("4111111111111111"))
        assert intent["status"] == "succeeded"
        sandbox.settle()
        assert sandbox.store.count("payment_intent") == 1
    assert set(threading.enumerate()) == threads


def test_plain_code_moves_the_clock_and_sees_what_falls_due() -> None:
    with Sandbox() as sandbox:
        session = ask(
            sandbox,
            "/v1/checkout/sessions",
            {
                "success_url": "https://shop.example",
                "line_items": [
                    {
                        "price_data": {"currency": "USD", "unit_amount": 50, "product_data": {"name": "Tea"}},
                        "quantity": 1,
                    }
                ],
            },
        )
        sandbox.clock.advance(hours=25)
        sandbox.settle()
        assert sandbox.store.get(str(session["id"]))["status"] == "expired"


def test_a_thread_that_cannot_start_hands_its_error_over() -> None:
    with Sandbox() as sandbox:
        port = int(sandbox.base_url.rpartition(":")[2])
        with pytest.raises(OSError, match="address"), Sandbox(port=port):
            pass


def test_plain_code_cannot_wait_for_a_closed_sandbox() -> None:
    with Sandbox() as sandbox:
        pass
    with pytest.raises(RuntimeError, match="closed"):
        sandbox.settle()


def test_plain_code_may_use_it_inside_a_running_loop() -> None:
    async def main() -> object:
        with Sandbox() as sandbox:
            return await asyncio.to_thread(ask, sandbox, "/v1/balance")

    assert asyncio.run(main()) == {"object": "balance", "available": [], "pending": [], "livemode": False}
