"""With a seed the same calls, one after another, get the same responses and events, to the byte.

Signatures carry the machine's time, so they are the same only if that is injected too.
"""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from sandbox.rig import DECLINED, GOOD, Api, Shop, order, payment

from wooshpay.sandbox import Sandbox
from wooshpay.sandbox.rules.cards import CARDS

NEW_YEAR = 1_767_225_600_000


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def tell(sandbox: Sandbox, shop: Shop) -> list[Any]:
    """A story of calls; all that was answered and delivered."""
    shop.hooks.clear()
    told: list[Any] = [sandbox.api_key, sandbox.publishable_key, sandbox.webhook_secret, sandbox.dashboard_url]
    async with aiohttp.ClientSession() as session:
        authorization = {"Authorization": aiohttp.encode_basic_auth(sandbox.api_key, "")}

        async def post(path: str, body: Any) -> Any:
            async with session.post(sandbox.base_url + path, json=body, headers=authorization) as response:
                told.append((response.status, await response.read(), response.headers["Request-Id"]))
                return await response.json()

        await post("/v1/customers", {"email": "ada@example.com"})
        paid = await post("/v1/payment_intents", payment(GOOD))
        await post("/v1/payment_intents", payment(DECLINED))
        await post("/v1/payment_intents", payment(CARDS[1].number, return_url="https://shop.example"))
        await post("/v1/checkout/sessions", order())
        await post("/v1/refunds", {"payment_intent": paid["id"]})
        await post("/v1/webhook_endpoints", {"url": "https://shop.example/hooks", "enabled_events": ["refund.created"]})
        await post("/v1/payment_intents", payment(GOOD, capture_method="manual"))
        sandbox.clock.advance(days=10)
        await sandbox.settle()
        await post("/v1/customers", {})
        await sandbox.settle()
    told += [hook.body for hook in shop.hooks]
    assert len(shop.hooks) > 5
    return told


async def test_two_runs_on_one_port_are_equal_to_the_byte(shop: Shop) -> None:
    port = free_port()
    runs: list[list[Any]] = []
    for seed in (7, 7, 8):
        async with Sandbox(seed=seed, port=port, webhook=shop.hook()) as sandbox:
            runs.append(await tell(sandbox, shop))
    first, second, other = runs
    assert first == second
    assert first != other


async def test_signatures_are_equal_too_if_the_machines_time_is_injected(shop: Shop) -> None:
    port = free_port()
    runs: list[list[str]] = []
    for _ in range(2):
        async with Sandbox(seed=7, port=port, webhook=shop.hook(), now=lambda: NEW_YEAR) as sandbox:
            await tell(sandbox, shop)
        runs.append([hook.signature for hook in shop.hooks])
    assert runs[0] == runs[1]
    assert all(signature.startswith(f"t={NEW_YEAR},") for signature in runs[0])


async def test_a_resumed_sandbox_goes_on_as_if_it_had_not_stopped(shop: Shop, tmp_path: Path) -> None:
    port = free_port()
    async with Sandbox(seed=7, port=port, state=tmp_path / "whole.db") as sandbox:
        await tell_first(sandbox)
        whole = await tell_more(sandbox)
    async with Sandbox(seed=7, port=port, state=tmp_path / "parts.db") as sandbox:
        await tell_first(sandbox)
    async with Sandbox(port=port, state=tmp_path / "parts.db") as sandbox:
        assert await tell_more(sandbox) == whole


async def tell_first(sandbox: Sandbox) -> None:
    async with aiohttp.ClientSession() as session:
        await Api(session, sandbox.base_url, sandbox.api_key).make("/v1/payment_intents", payment(GOOD))


async def tell_more(sandbox: Sandbox) -> list[Any]:
    async with aiohttp.ClientSession() as session:
        api = Api(session, sandbox.base_url, sandbox.api_key)
        return [await api.make("/v1/payment_intents", payment(GOOD)), await api.make("/v1/checkout/sessions", order())]


async def test_the_clock_stands_at_the_new_year_until_it_is_moved() -> None:
    async with Sandbox(seed=1) as sandbox:
        assert (sandbox.clock.now, sandbox.clock.frozen) == (NEW_YEAR, True)
        assert sandbox.clock.advance(hours=1) == NEW_YEAR + 3_600_000
        assert sandbox.clock.now == NEW_YEAR + 3_600_000


async def test_a_clock_of_ones_own_is_not_stopped_by_a_seed() -> None:
    async with Sandbox(seed=1, now=lambda: 1_800_000_000_000) as sandbox:
        assert (sandbox.clock.now, sandbox.clock.frozen) == (1_800_000_000_000, False)


@pytest.mark.parametrize("seed", [0, -1, 2**70])
async def test_any_whole_number_is_a_seed(seed: int, tmp_path: Path) -> None:
    async with Sandbox(seed=seed) as one, Sandbox(seed=seed, state=tmp_path / "state.db") as two:
        assert one.api_key == two.api_key
    async with Sandbox(seed=seed, state=tmp_path / "state.db") as resumed:
        assert resumed.api_key == one.api_key


async def test_without_a_seed_nothing_repeats() -> None:
    async with Sandbox() as one, Sandbox() as two:
        assert one.api_key != two.api_key
        assert one.webhook_secret != two.webhook_secret
