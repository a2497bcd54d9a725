"""Back to the state of a new sandbox, with the same address and keys: for the next test of a shop."""

from __future__ import annotations

import asyncio
from pathlib import Path

import aiohttp
from sandbox.rig import GOOD, Api, Shop, payment
from sandbox.test_public_url import port_of

from wooshpay.sandbox import Sandbox, WebhookOptions
from wooshpay.sandbox.pages.dashboard.trails import Trails
from wooshpay.sandbox.server import SEEDED_TIME

INTENTS = "/v1/payment_intents"


async def use(api: Api, sandbox: Sandbox) -> None:
    """Leave a trace in everything that a sandbox keeps."""
    await api.post(INTENTS, payment(GOOD), key="order-1")
    await api.make("/v1/webhook_endpoints", {"url": "http://127.0.0.1:9/other", "enabled_events": ["*"]})
    sandbox.faults.add("refuse", operation="refunds.create")
    sandbox.clock.advance(days=31)
    sandbox.clock.freeze()
    sandbox.webhooks = WebhookOptions(duplicates=2)


async def assert_new(sandbox: Sandbox, api: Api) -> None:
    overview = await api.find("/sandbox")
    assert overview["objects"] == {}
    assert (overview["requests"], overview["deliveries"], overview["faults"]) == (0, {}, 0)
    assert not sandbox.clock.frozen
    assert sandbox.clock.upcoming(1) == []
    assert sandbox.webhooks == WebhookOptions()


async def test_nothing_is_left_but_address_and_keys(sandbox: Sandbox, api: Api) -> None:
    """Otherwise the second test of a suite finds the customers of the first."""
    before = (sandbox.base_url, sandbox.api_key, sandbox.webhook_secret, sandbox.dashboard_url)
    real = sandbox.clock.now
    await use(api, sandbox)
    reply = await api.post("/sandbox/reset")
    assert (reply.status, reply.body["object"], reply.body["webhook_endpoints"]) == (200, "sandbox.reset", [])
    await assert_new(sandbox, api)
    assert sandbox.clock.now - real < 86_400_000, "the 31 days are taken back"
    assert before == (sandbox.base_url, sandbox.api_key, sandbox.webhook_secret, sandbox.dashboard_url)


async def test_an_idempotency_key_replays_no_object_that_is_gone(sandbox: Sandbox, api: Api) -> None:
    first = await api.post(INTENTS, payment(), key="order-1")
    sandbox.reset()
    second = await api.post(INTENTS, payment(), key="order-1")
    assert second.body["id"] != first.body["id"]
    assert "Idempotent-Replayed" not in second.headers


async def test_ids_are_never_used_again(api: Api, sandbox: Sandbox) -> None:
    """A receiver that knows the ID of an event ignores it, so that the next test would never get its event."""
    before = [(await api.make(INTENTS, payment()))["id"] for _ in range(3)]
    sandbox.clock.advance(days=400)
    before.append((await api.make(INTENTS, payment()))["id"])
    await api.post("/sandbox/reset")
    after = [(await api.make(INTENTS, payment()))["id"] for _ in range(3)]
    assert min(after) > max(before)


async def test_the_webhook_endpoint_of_the_start_stays_with_its_secret(shop: Shop) -> None:
    """The shop still has that secret. Endpoints that were created over the API are gone, as in a new sandbox."""
    async with Sandbox(webhook=shop.hook()) as sandbox, aiohttp.ClientSession() as session:
        api = Api(session, sandbox.base_url, sandbox.api_key)
        (kept,) = (await api.find("/v1/webhook_endpoints"))["data"]
        await use(api, sandbox)
        assert (await api.post("/sandbox/reset")).body["webhook_endpoints"] == [kept["id"]]
        assert [entry["id"] for entry in (await api.find("/v1/webhook_endpoints"))["data"]] == [kept["id"]]
        await api.delete(f"/v1/webhook_endpoints/{kept['id']}")
        sandbox.reset()
        (back,) = (await api.find("/v1/webhook_endpoints"))["data"]
        assert back["url"] == shop.hook()
        shop.hooks.clear()
        await api.make(INTENTS, payment())
        await sandbox.settle()
        assert shop.types() == ["payment_intent.created"]


async def test_a_delivery_that_is_under_way_is_noted_nowhere(sandbox: Sandbox, api: Api) -> None:
    """Its outcome would be written to the delivery that has its number after the reset."""
    arrived: asyncio.Queue[None] = asyncio.Queue()
    go_on = asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        arrived.put_nowait(None)
        await go_on.wait()
        writer.write(b"HTTP/1.1 500 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"
        await api.make("/v1/webhook_endpoints", {"url": url, "enabled_events": ["payment_intent.created"]})
        await api.make(INTENTS, payment())
        await asyncio.wait_for(arrived.get(), 30)
        sandbox.reset()
        assert sandbox.deliveries == []
        await api.make("/v1/webhook_endpoints", {"url": url, "enabled_events": ["payment_intent.created"]})
        await api.make(INTENTS, payment())
        await asyncio.wait_for(arrived.get(), 30)
        go_on.set()
        await sandbox.settle()
        (delivery,) = sandbox.deliveries
        assert [attempt.status for attempt in delivery.attempts] == [500]


async def test_the_state_file_is_reset_too(tmp_path: Path, shop: Shop) -> None:
    file = tmp_path / "state.db"
    async with Sandbox(state=file, webhook=shop.hook()) as sandbox, aiohttp.ClientSession() as session:
        api = Api(session, sandbox.base_url, sandbox.api_key)
        await use(api, sandbox)
        await sandbox.settle()
        await api.post("/sandbox/reset")
        made = await api.make(INTENTS, payment())
        await sandbox.settle()
        keys = (sandbox.api_key, sandbox.base_url)
    async with Sandbox(state=file, webhook=shop.hook()) as sandbox:
        assert keys == (sandbox.api_key, sandbox.base_url)
        assert sandbox.store.kinds() == ["webhook_endpoint", "payment_intent", "event"]
        assert sandbox.store.get(made["id"])["status"] == "requires_payment_method"
        assert [delivery.state for delivery in sandbox.deliveries] == ["delivered"]
        assert not sandbox.clock.frozen
        assert sandbox.webhooks == WebhookOptions()


async def test_a_seeded_sandbox_stands_at_its_first_moment_again() -> None:
    async with Sandbox(seed=7) as sandbox:
        sandbox.clock.advance(days=1)
        sandbox.reset()
        assert (sandbox.clock.now, sandbox.clock.frozen) == (SEEDED_TIME, True)


async def test_the_dashboard_forgets_the_deliveries_of_before(shop: Shop) -> None:
    """It remembers what belongs together, and must notice that as many deliveries were made again."""
    trails = Trails()
    async with Sandbox(webhook=shop.hook()) as sandbox, aiohttp.ClientSession() as session:
        api = Api(session, sandbox.base_url, sandbox.api_key)
        for _ in range(2):
            await api.make(INTENTS, payment())
            await sandbox.settle()
            (delivery,) = sandbox.deliveries
            assert trails.deliveries_of(sandbox.deliveries, delivery.event_id) == [delivery]
            sandbox.reset()


async def test_it_takes_the_secret_key(sandbox: Sandbox) -> None:
    async with aiohttp.ClientSession() as session:
        for login in ({}, {"Authorization": aiohttp.encode_basic_auth(sandbox.publishable_key, "")}):
            async with session.post(f"http://127.0.0.1:{port_of(sandbox)}/sandbox/reset", headers=login) as response:
                assert response.status in {401, 403}


def test_the_sync_sandbox_is_reset_from_another_thread() -> None:
    with Sandbox() as sandbox:
        sandbox.act("balance.top_up", amount=500, currency="USD")
        sandbox.reset()
        assert sandbox.store.kinds() == []
