"""Webhooks: endpoints, signed deliveries, retries on the sandbox's clock."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from itertools import pairwise
from typing import Any

import aiohttp
import pytest
from sandbox.rig import GOOD, Api, Hook, Shop, payment

from wooshpay import webhooks
from wooshpay.sandbox import Sandbox, WebhookOptions
from wooshpay.sandbox.webhooks.deliveries import MOST_ATTEMPTS, WINDOW, attempt_offset

PATH = "/v1/webhook_endpoints"


async def register(api: Api, shop: Shop, name: str = "main", events: list[str] | None = None) -> dict[str, Any]:
    endpoint: dict[str, Any] = await api.make(PATH, {"url": shop.hook(name), "enabled_events": events or ["*"]})
    return endpoint


def times(hooks: list[Hook]) -> set[str]:
    return {hook.signature.partition(",")[0] for hook in hooks}


# ---- endpoints


async def test_the_secret_is_shown_once_made_and_when_read_but_not_in_lists(api: Api, shop: Shop) -> None:
    endpoint = await register(api, shop)
    assert endpoint["id"].startswith("we_")
    assert endpoint["secret"].startswith("whsec_")
    assert (endpoint["status"], endpoint["api_version"], endpoint["enabled_events"]) == ("enabled", "1.0.1", ["*"])
    assert await api.find(f"{PATH}/{endpoint['id']}") == endpoint
    listed = (await api.find(PATH))["data"]
    assert listed == [{name: value for name, value in endpoint.items() if name != "secret"}]


async def test_update_and_delete(api: Api, shop: Shop) -> None:
    endpoint = await register(api, shop)
    path = f"{PATH}/{endpoint['id']}"
    changed = await api.make(path, {"enabled_events": ["charge.captured"], "description": "x", "disabled": True})
    assert (changed["enabled_events"], changed["description"]) == (["charge.captured"], "x")
    assert changed["status"] == "disabled"
    assert (await api.make(path, {"disabled": False}))["status"] == "enabled"
    gone = await api.delete(path)
    assert gone.body == {"id": endpoint["id"], "object": "webhook_endpoint", "deleted": True}
    assert (await api.get(path)).status == 404
    assert (await api.delete(path)).status == 404


@pytest.mark.parametrize(
    "url", ["http://localhost:8000/x", "http://127.0.0.1/x", "http://shop/x", "http://10.0.0.5/x", "https://a.example"]
)
async def test_plain_http_is_for_local_endpoints(api: Api, url: str) -> None:
    assert (await api.post(PATH, {"url": url, "enabled_events": ["*"]})).status == 200


# ---- deliveries


async def test_delivered_signed_and_in_order(api: Api, sandbox: Sandbox, shop: Shop) -> None:
    endpoint = await register(api, shop)
    intent = await api.make("/v1/payment_intents", payment(GOOD))
    await sandbox.settle()
    assert shop.types() == ["payment_intent.created", "payment_intent.succeeded"]
    for hook in shop.hooks:
        stamp, _, signature = hook.signature.partition(",v1=")
        moment = stamp.removeprefix("t=")
        expected = hmac.new(endpoint["secret"].encode(), f"{moment}.".encode() + hook.body, hashlib.sha256)
        assert signature == expected.hexdigest()
        assert len(moment) == 13
        event = webhooks.construct(hook.body, {"Wooshpay-Signature": hook.signature}, endpoint["secret"])
        assert event.to_dict() == await api.find(f"/v1/events/{event.id}")
    assert shop.hooks[-1].event["data"]["object"] == intent
    assert [delivery.state for delivery in sandbox.deliveries] == ["delivered", "delivered"]


async def test_an_event_names_the_request_it_came_of(api: Api, sandbox: Sandbox) -> None:
    reply = await api.post("/v1/payment_intents", payment(), key="k")
    event = sandbox.store.events()[0]
    assert event["request"] == {"id": reply.headers["Request-Id"], "idempotency_key": "k"}


async def test_only_what_an_endpoint_asked_for(api: Api, sandbox: Sandbox, shop: Shop) -> None:
    await register(api, shop, "all")
    await register(api, shop, "paid", ["payment_intent.succeeded", "charge.refund.updated"])
    off = await register(api, shop, "off")
    await api.make(f"{PATH}/{off['id']}", {"disabled": True})
    await api.make("/v1/payment_intents", payment(GOOD))
    await sandbox.settle()
    assert shop.types("all") == ["payment_intent.created", "payment_intent.succeeded"]
    assert shop.types("paid") == ["payment_intent.succeeded"]
    assert shop.types("off") == []


async def test_every_endpoint_has_its_own_secret(api: Api, sandbox: Sandbox, shop: Shop) -> None:
    one, two = await register(api, shop, "one"), await register(api, shop, "two")
    await api.make("/v1/payment_intents", payment())
    await sandbox.settle()
    secrets = {"one": one["secret"], "two": two["secret"]}
    assert len(shop.hooks) == 2
    for hook in shop.hooks:
        webhooks.construct(hook.body, {"Wooshpay-Signature": hook.signature}, secrets[hook.name])


async def test_an_endpoint_hears_of_payments_that_began_before_it(api: Api, sandbox: Sandbox, shop: Shop) -> None:
    intent = await api.make("/v1/payment_intents", payment())
    await register(api, shop)
    await api.make(f"/v1/payment_intents/{intent['id']}/cancel", {"cancellation_reason": "x"})
    await sandbox.settle()
    assert shop.types() == ["payment_intent.canceled"]


# ---- retries


async def test_a_failed_delivery_comes_again_with_its_old_time(api: Api, sandbox: Sandbox, shop: Shop) -> None:
    await register(api, shop)
    shop.answers = [500, 404]
    await api.make("/v1/payment_intents", payment())
    await sandbox.settle()
    assert len(shop.hooks) == 1
    sandbox.clock.advance(milliseconds=attempt_offset(1))
    await sandbox.settle()
    assert len(shop.hooks) == 2
    sandbox.clock.advance(milliseconds=attempt_offset(2) - attempt_offset(1))
    await sandbox.settle()
    assert len(shop.hooks) == 3
    sandbox.clock.advance(days=4)
    await sandbox.settle()
    assert len(shop.hooks) == 3
    assert len({hook.body for hook in shop.hooks}) == len(times(shop.hooks)) == 1
    delivery = sandbox.deliveries[0]
    assert (delivery.state, [attempt.status for attempt in delivery.attempts]) == ("delivered", [500, 404, 200])


async def test_given_up_after_18_attempts_in_72_hours(api: Api, sandbox: Sandbox, shop: Shop) -> None:
    await register(api, shop)
    shop.answers = [500] * 40
    await api.make("/v1/payment_intents", payment())
    sandbox.clock.advance(hours=71)
    await sandbox.settle()
    assert sandbox.deliveries[0].state == "pending"
    sandbox.clock.advance(hours=2)
    await sandbox.settle()
    delivery = sandbox.deliveries[0]
    assert (delivery.state, delivery.next_at, len(shop.hooks)) == ("given_up", None, 18)
    due = [attempt.due - delivery.first_at for attempt in delivery.attempts]
    assert due == [attempt_offset(number) for number in range(MOST_ATTEMPTS)]


def test_the_gaps_grow_and_fill_72_hours() -> None:
    offsets = [attempt_offset(number) for number in range(MOST_ATTEMPTS)]
    gaps = [later - earlier for earlier, later in pairwise(offsets)]
    assert (offsets[0], offsets[-1], len(offsets)) == (0, WINDOW, 18)
    assert gaps == sorted(gaps)
    assert gaps[0] > 60_000


async def test_a_dead_endpoint_is_noted_and_holds_up_nobody(api: Api, sandbox: Sandbox, shop: Shop) -> None:
    await api.make(PATH, {"url": "http://127.0.0.1:9/dead", "enabled_events": ["*"]})
    await register(api, shop)
    await api.make("/v1/payment_intents", payment())
    await sandbox.settle()
    dead, alive = sandbox.deliveries
    assert (dead.state, alive.state) == ("pending", "delivered")
    assert dead.attempts[0].status is None
    assert "127.0.0.1:9" in (dead.attempts[0].error or "")


async def test_a_redirect_is_no_success(api: Api, sandbox: Sandbox, shop: Shop) -> None:
    await register(api, shop)
    shop.answers = [302]
    await api.make("/v1/payment_intents", payment())
    await sandbox.settle()
    assert sandbox.deliveries[0].state == "pending"


async def test_requests_do_not_wait_for_a_slow_endpoint(api: Api, sandbox: Sandbox) -> None:
    release = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await release.wait()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    await api.make(PATH, {"url": f"http://127.0.0.1:{port}/", "enabled_events": ["*"]})
    async with asyncio.timeout(2):
        for _ in range(5):
            await api.make("/v1/payment_intents", payment())
    with pytest.raises(TimeoutError, match="still delivering"):
        await sandbox.settle(timeout=0.1)
    release.set()
    await sandbox.settle()
    server.close()
    await server.wait_closed()


async def test_deliveries_to_a_removed_endpoint_end(api: Api, sandbox: Sandbox, shop: Shop) -> None:
    endpoint = await register(api, shop)
    shop.answers = [500]
    await api.make("/v1/payment_intents", payment())
    await sandbox.settle()
    await api.delete(f"{PATH}/{endpoint['id']}")
    sandbox.clock.advance(days=1)
    await sandbox.settle()
    assert (sandbox.deliveries[0].state, len(shop.hooks)) == ("given_up", 1)


async def test_resend(api: Api, sandbox: Sandbox, shop: Shop) -> None:
    await register(api, shop)
    await api.make("/v1/payment_intents", payment())
    await sandbox.settle()
    await sandbox.resend(shop.hooks[0].event["id"])
    await sandbox.settle()
    first, second = shop.hooks
    assert (first.body, first.signature) == (second.body, second.signature)
    with pytest.raises(LookupError, match="evt_1"):
        await sandbox.resend("evt_1")


async def test_what_falls_due_is_told_too(api: Api, sandbox: Sandbox, shop: Shop) -> None:
    await register(api, shop)
    await api.make("/v1/payment_intents", payment("4000000000000077"))
    sandbox.clock.advance(minutes=1)
    await sandbox.settle()
    assert shop.types()[-1] == "payment_intent.succeeded"


async def test_72_hours_are_enough_for_all_18_attempts(api: Api, sandbox: Sandbox) -> None:
    sandbox.clock.freeze()
    await api.make(PATH, {"url": "http://127.0.0.1:9/dead", "enabled_events": ["*"]})
    await api.make("/v1/payment_intents", payment())
    sandbox.clock.advance(hours=72)
    await sandbox.settle()
    delivery = sandbox.deliveries[0]
    assert (delivery.state, delivery.next_at) == ("given_up", None)
    assert [attempt.due - delivery.first_at for attempt in delivery.attempts] == [
        attempt_offset(number) for number in range(MOST_ATTEMPTS)
    ]


async def test_due_retries_and_new_events_go_out_in_the_order_in_which_they_fell_due(
    api: Api, sandbox: Sandbox, shop: Shop
) -> None:
    sandbox.clock.freeze()
    await register(api, shop)
    shop.answers = [500, 500]
    first = await api.make("/v1/payment_intents", payment())
    sandbox.clock.advance(milliseconds=10)
    second = await api.make("/v1/payment_intents", payment())
    await sandbox.settle()
    sandbox.clock.advance(hours=1)
    await sandbox.settle()
    assert [hook.event["data"]["object"]["id"] for hook in shop.hooks] == [first["id"], second["id"]] * 2


async def test_deliveries_to_a_disabled_endpoint_end_at_their_next_attempt(
    api: Api, sandbox: Sandbox, shop: Shop
) -> None:
    endpoint = await register(api, shop)
    shop.answers = [500]
    await api.make("/v1/payment_intents", payment())
    await sandbox.settle()
    await api.make(f"{PATH}/{endpoint['id']}", {"disabled": True})
    assert sandbox.deliveries[0].state == "pending"
    sandbox.clock.advance(days=1)
    await sandbox.settle()
    assert (sandbox.deliveries[0].state, len(shop.hooks)) == ("given_up", 1)


async def test_many_endpoints_that_hang_hold_up_nobody(api: Api, sandbox: Sandbox, shop: Shop) -> None:
    """More of them than an HTTP client opens connections by itself."""
    release = asyncio.Event()
    waiting = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal waiting
        waiting += 1
        await release.wait()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    for number in range(120):
        await api.make(PATH, {"url": f"http://127.0.0.1:{port}/{number}", "enabled_events": ["*"]})
    await register(api, shop)
    await api.make("/v1/payment_intents", payment())
    async with asyncio.timeout(5):
        while not shop.hooks or waiting < 120:
            await asyncio.sleep(0.01)
    release.set()
    await sandbox.settle()
    server.close()
    await server.wait_closed()


# ---- options


async def test_duplicates_are_the_same_to_the_byte(api: Api, sandbox: Sandbox, shop: Shop) -> None:
    await register(api, shop)
    sandbox.webhooks = WebhookOptions(duplicates=2)
    await api.make("/v1/payment_intents", payment())
    sandbox.webhooks = WebhookOptions()
    await api.make("/v1/payment_intents", payment())
    await sandbox.settle()
    assert len(shop.hooks) == 4
    assert len({(hook.body, hook.signature) for hook in shop.hooks}) == 2
    assert [delivery.state for delivery in sandbox.deliveries] == ["delivered"] * 4


async def test_a_delay_runs_on_the_clock_of_the_sandbox(api: Api, sandbox: Sandbox, shop: Shop) -> None:
    sandbox.clock.freeze()
    await register(api, shop)
    sandbox.webhooks = WebhookOptions(delay=90)
    await api.make("/v1/payment_intents", payment())
    sandbox.clock.advance(seconds=89)
    await sandbox.settle()
    assert shop.hooks == []
    sandbox.clock.advance(seconds=1)
    await sandbox.settle()
    assert len(shop.hooks) == 1


async def arrivals(shop: Shop, options: WebhookOptions, seed: int | None = None) -> list[int]:
    """The order in which twelve events arrive."""
    async with Sandbox(seed=seed) as sandbox, aiohttp.ClientSession() as session:
        api = Api(session, sandbox.base_url, sandbox.api_key)
        sandbox.clock.freeze()
        await register(api, shop)
        sandbox.webhooks = options
        for number in range(12):
            await api.make("/v1/payment_intents", payment(amount=100 + number))
        sandbox.clock.advance(minutes=1)
        await sandbox.settle()
    order = [hook.event["data"]["object"]["amount"] - 100 for hook in shop.hooks]
    shop.hooks.clear()
    return order


async def test_disorder_loses_nothing_and_repeats_with_its_seed(shop: Shop) -> None:
    orders = [await arrivals(shop, WebhookOptions(disorder=60, seed=seed)) for seed in (1, 1, 2)]
    assert orders[0] == orders[1] != orders[2]
    assert all(sorted(order) == list(range(12)) != order for order in orders)
    assert await arrivals(shop, WebhookOptions()) == list(range(12))
    of_the_sandbox = [await arrivals(shop, WebhookOptions(disorder=60), seed) for seed in (5, 5, 6)]
    assert of_the_sandbox[0] == of_the_sandbox[1] != of_the_sandbox[2]


async def test_resending_is_at_once_and_once_whatever_the_options(api: Api, sandbox: Sandbox, shop: Shop) -> None:
    sandbox.clock.freeze()
    await register(api, shop)
    await api.make("/v1/payment_intents", payment())
    await sandbox.settle()
    sandbox.webhooks = WebhookOptions(duplicates=3, delay=60)
    await sandbox.resend(shop.hooks[0].event["id"])
    await sandbox.settle()
    assert len(shop.hooks) == 2


@pytest.mark.parametrize("pattern", ["charge.*", "*.created", "**", "payment_intent.succeeded*"])
async def test_patterns_are_refused_rather_than_never_matched(api: Api, pattern: str) -> None:
    reply = await api.post(PATH, {"url": "https://a.example", "enabled_events": ["*", pattern]})
    assert (reply.status, reply.error["param"]) == (400, "enabled_events[1]")
