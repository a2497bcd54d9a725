"""Deliveries in true time and in every form: what receivers compare with their own clock, and what they read."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from sandbox.rig import GOOD, Api, Hook, Shop, payment

from wooshpay import webhooks
from wooshpay.core.json import dumps
from wooshpay.sandbox import Sandbox, WebhookOptions
from wooshpay.sandbox.engine.guard import Guard
from wooshpay.sandbox.engine.keeping import Row
from wooshpay.sandbox.engine.state import Account, State
from wooshpay.sandbox.webhooks.deliveries import WINDOW, Deliveries, attempt_offset
from wooshpay.webhooks import MemoryInbox, TimestampError, WebhookReceiver

DAY = 86_400_000
HEADERS = ("Wooshpay-Signature", "Signature")


def t_of(hook: Hook) -> int:
    return int(hook.signature.partition(",")[0].removeprefix("t="))


def is_now(milliseconds: int) -> bool:
    return abs(milliseconds - time.time() * 1000) < 60_000


@pytest.fixture
async def signed(sandbox: Sandbox, shop: Shop) -> AsyncIterator[Callable[..., Any]]:
    """Make a payment under some options, and give its first delivery."""
    async with aiohttp.ClientSession() as session:
        api = Api(session, sandbox.base_url, sandbox.api_key)
        endpoint = await api.make("/v1/webhook_endpoints", {"url": shop.hook(), "enabled_events": ["*"]})

        async def make(options: WebhookOptions) -> tuple[Hook, str, Any]:
            sandbox.webhooks = options
            await api.make("/v1/payment_intents", payment())
            await sandbox.settle()
            hook = shop.hooks[-1]
            return hook, endpoint["secret"], sandbox.store.events()[-1]

        yield make


# ---- true time


@pytest.mark.parametrize("tolerance", [None, 300])
@pytest.mark.parametrize("seed", [None, 7])
async def test_a_moved_clock_does_not_break_receivers(shop: Shop, seed: int | None, tolerance: float | None) -> None:
    """Otherwise every delivery after `advance` is refused, as its signature comes from the future."""
    async with Sandbox(seed=seed) as sandbox, aiohttp.ClientSession() as session:
        api = Api(session, sandbox.base_url, sandbox.api_key)
        endpoint = await api.make("/v1/webhook_endpoints", {"url": shop.hook(), "enabled_events": ["*"]})
        sandbox.clock.advance(days=400)
        for freezes in (False, True, True):
            if freezes:
                sandbox.clock.freeze()
            await api.make("/v1/payment_intents", payment(GOOD))
            await sandbox.settle()
        assert len(shop.hooks) == 6
        receiver = WebhookReceiver(endpoint["secret"], inbox=MemoryInbox(), tolerance=tolerance)
        receiver.on("payment_intent.succeeded", "payment_intent.created")(lambda event: None)
        for hook in shop.hooks:
            assert (await receiver.receive(hook.body, hook.headers)).text == "Done."
            assert is_now(t_of(hook))
            event = webhooks.construct(hook.body, hook.headers, endpoint["secret"])
            assert abs(event.created - sandbox.clock.now) < 60_000, "what happened is in the sandbox's time"
        await receiver.close()


async def test_the_time_is_that_of_the_first_attempt(shop: Shop) -> None:
    """A delivery that waits for its delay is not old when it arrives; one that is retried is as old as it was."""
    machine = [1_800_000_000_123]
    async with Sandbox(now=lambda: machine[0]) as sandbox, aiohttp.ClientSession() as session:
        api = Api(session, sandbox.base_url, sandbox.api_key)
        await api.make("/v1/webhook_endpoints", {"url": shop.hook(), "enabled_events": ["*"]})
        sandbox.webhooks = WebhookOptions(delay=3600)
        shop.answers = [500]
        await api.make("/v1/payment_intents", payment())
        machine[0] += 5_000
        sandbox.clock.advance(hours=1)
        await sandbox.settle()
        machine[0] += 60_000
        sandbox.clock.advance(milliseconds=attempt_offset(1))
        await sandbox.settle()
    assert [t_of(hook) for hook in shop.hooks] == [1_800_000_005_123] * 2


async def test_a_signature_that_wooshpay_would_not_send_any_more_is_made_again(shop: Shop) -> None:
    """Receivers with an inbox refuse old ones, and a sandbox with a state file may be used for weeks."""
    machine = [1_800_000_000_000]
    async with Sandbox(now=lambda: machine[0]) as sandbox, aiohttp.ClientSession() as session:
        api = Api(session, sandbox.base_url, sandbox.api_key)
        await api.make("/v1/webhook_endpoints", {"url": shop.hook(), "enabled_events": ["*"]})
        await api.make("/v1/payment_intents", payment())
        await sandbox.settle()
        event = shop.hooks[0].event["id"]
        for step in (WINDOW, 1):
            machine[0] += step
            await sandbox.resend(event)
            await sandbox.settle()
    first, second, third = (t_of(hook) for hook in shop.hooks)
    assert first == second == 1_800_000_000_000
    assert third == first + WINDOW + 1


async def test_an_injected_time_makes_signatures_repeatable(shop: Shop) -> None:
    made: list[set[str]] = []
    for _ in range(2):
        async with Sandbox(seed=7, now=lambda: 1_800_000_000_000, webhook=shop.hook()) as sandbox:
            async with aiohttp.ClientSession() as session:
                await Api(session, sandbox.base_url, sandbox.api_key).make("/v1/customers", {"email": "ada@x.example"})
                await Api(session, sandbox.base_url, sandbox.api_key).make("/v1/payment_intents", payment())
            await sandbox.settle()
        made.append({hook.headers["Signature"] for hook in shop.hooks})
    assert made[0] == made[1] != set()
    assert all("t=1800000000000," in signature for signature in made[0])


async def test_an_attempt_after_a_crash_has_the_signature_of_the_one_before(tmp_path: Path, shop: Shop) -> None:
    """The time is in the state file before the delivery is sent."""
    machine = [1_800_000_000_000]
    for _ in range(2):
        async with Sandbox(now=lambda: machine[0], state=tmp_path / "s.db", webhook=shop.hook()) as sandbox:
            if not shop.hooks:
                shop.answers = [500]
                async with aiohttp.ClientSession() as session:
                    await Api(session, sandbox.base_url, sandbox.api_key).make("/v1/payment_intents", payment())
            else:
                sandbox.clock.advance(hours=1)
            await sandbox.settle()
        machine[0] += 60_000
    assert [t_of(hook) for hook in shop.hooks] == [1_800_000_000_000] * 2


# ---- state files of earlier versions


def old_row(number: int, signed_at: int, attempts: list[dict[str, Any]]) -> Row:
    """A delivery as versions up to 0.15 wrote it."""
    facts = {
        "event_id": f"evt_{number}", "event_type": "refund.created", "endpoint_id": "we_1", "body": "{}",
        "signed_at": signed_at, "first_at": 1, "next_at": 1, "state": "pending", "attempts": attempts, "number": number,
    }  # fmt: skip
    return Row(str(number), dumps(facts), number)


def test_deliveries_of_an_earlier_version_still_load() -> None:
    """They held the sandbox's time in seconds, which is in the future after `advance`."""
    now = 1_800_000_000_000
    failed = [{"due": 1, "status": 500, "error": None}]
    from wooshpay.sandbox.engine.clock import Clock
    from wooshpay.sandbox.engine.ids import Ids

    clock = Clock(lambda: now)
    account = Account(api_key="a", publishable_key="b", dashboard_key="c", webhook_secret="d")
    state = State(account=account, clock=clock, ids=Ids(lambda: now))
    deliveries = Deliveries(state, Guard(), real_now=lambda: now)
    rows = [
        old_row(0, now // 1000 - 60, failed),
        old_row(1, now // 1000 + 400 * 86_400, failed),
        old_row(2, now // 1000 + 400 * 86_400, []),
        Row("options", b'{"duplicates":1,"delay":0,"disorder":0,"seed":null}', -1),
    ]
    deliveries.restore(rows)
    retried, ahead, untried = deliveries.all()
    assert (retried.signed_at, retried.signing.unit) == (now - 60_000, "seconds")
    assert [deliveries.sign(delivery) for delivery in (retried, ahead, untried)] == [now - 60_000, now, now]
    assert untried.signing.unit == "milliseconds"
    assert deliveries.options == WebhookOptions(duplicates=1)


# ---- forms


async def test_both_headers_and_milliseconds_are_the_default(signed: Callable[..., Any]) -> None:
    """Programs for the real WooshPay read either header, and a real event and a repaired verifier show 13 digits."""
    hook, secret, event = await signed(WebhookOptions())
    assert hook.headers["Wooshpay-Signature"] == hook.headers["Signature"]
    for name in HEADERS:
        webhooks.verify(hook.body, {name: hook.headers[name]}, secret, tolerance=60)
    assert (len(str(t_of(hook))), len(str(event["created"]))) == (13, 13)


@pytest.mark.parametrize("name", HEADERS)
async def test_one_header_only(signed: Callable[..., Any], name: Any) -> None:
    hook, secret, _ = await signed(WebhookOptions(signature_header=name))
    assert [header for header in HEADERS if header in hook.headers] == [name]
    webhooks.verify(hook.body, hook.headers, secret)


async def test_seconds_in_the_signature(signed: Callable[..., Any]) -> None:
    hook, secret, _ = await signed(WebhookOptions(signature_unit="seconds"))
    assert len(str(t_of(hook))) == 10
    assert len(str(hook.event["created"])) == 13
    webhooks.verify(hook.body, hook.headers, secret, tolerance=60)


async def test_created_in_seconds_is_the_same_in_deliveries_and_responses(
    signed: Callable[..., Any], api: Api, sandbox: Sandbox
) -> None:
    """A program that compares what it received with what it fetches must find them equal."""
    hook, secret, event = await signed(WebhookOptions(created_unit="seconds"))
    assert len(str(hook.event["created"])) == 10
    assert hook.event == event == await api.find(f"/v1/events/{event['id']}")
    assert (await api.find("/sandbox/events"))["data"][0] == event
    read = webhooks.construct(hook.body, hook.headers, secret)
    assert read.created_at is not None
    assert is_now(round(read.created_at.timestamp() * 1000))
    sandbox.webhooks = WebhookOptions()
    await sandbox.resend(event["id"])
    assert await api.find(f"/v1/events/{event['id']}") == event, "an event does not change once it has come up"


async def test_an_old_or_future_signature(signed: Callable[..., Any]) -> None:
    hook, secret, _ = await signed(WebhookOptions(signature_age=3600))
    webhooks.verify(hook.body, hook.headers, secret)
    with pytest.raises(TimestampError, match="seconds old"):
        webhooks.verify(hook.body, hook.headers, secret, tolerance=600)
    hook, secret, _ = await signed(WebhookOptions(signature_age=-3600))
    with pytest.raises(TimestampError, match="in the future"):
        webhooks.verify(hook.body, hook.headers, secret)


async def test_signatures_of_other_secrets_come_first(signed: Callable[..., Any]) -> None:
    """A verifier that looks at the first `v1` only fails here, and not while a secret is being replaced."""
    hook, secret, _ = await signed(WebhookOptions(extra_signatures=2))
    assert hook.signature.count("v1=") == 3
    webhooks.verify(hook.body, hook.headers, secret)
    right = webhooks.sign(hook.body, secret, t=t_of(hook))
    assert hook.signature.endswith(right.partition(",")[2])


async def test_fields_can_be_left_out_of_deliveries(signed: Callable[..., Any]) -> None:
    hook, secret, event = await signed(WebhookOptions(left_out=("created", "data.object.metadata", "no.such.field")))
    webhooks.construct(hook.body, hook.headers, secret)
    assert "created" not in hook.event
    assert "metadata" not in hook.event["data"]["object"]
    assert "created" in event, "responses still have it"
    assert "metadata" in event["data"]["object"]


async def test_the_options_survive_a_restart(tmp_path: Path) -> None:
    options = WebhookOptions(
        created_unit="seconds", signature_age=-5, left_out=("created",), signature_header="Signature"
    )
    async with Sandbox(state=tmp_path / "s.db") as sandbox:
        sandbox.webhooks = options
    async with Sandbox(state=tmp_path / "s.db") as sandbox:
        assert sandbox.webhooks == options


async def test_every_form_can_be_set_over_http(api: Api, sandbox: Sandbox) -> None:
    body = {
        "created_unit": "seconds", "signature_unit": "seconds", "signature_age": -60, "signature_header": "Signature",
        "extra_signatures": 1, "left_out": ["created"],
    }  # fmt: skip
    changed = (await api.post("/sandbox/webhooks", body)).body
    assert changed == {"object": "sandbox.webhooks", "duplicates": 0, "delay": 0, "disorder": 0, "seed": None, **body}
    assert sandbox.webhooks == WebhookOptions(**{**body, "left_out": ("created",)})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("created_unit", "minutes"),
        ("signature_unit", 1),
        ("signature_age", "old"),
        ("signature_age", 1e12),
        ("signature_header", "X-Signature"),
        ("extra_signatures", -1),
        ("left_out", [1]),
    ],
)
async def test_an_impossible_form_is_refused_by_its_name(api: Api, sandbox: Sandbox, name: str, value: Any) -> None:
    reply = await api.post("/sandbox/webhooks", {name: value})
    assert (reply.status, reply.error["param"].partition("[")[0]) == (400, name)
    assert sandbox.webhooks == WebhookOptions()
    with pytest.raises((ValueError, TypeError), match=name):
        WebhookOptions(**{name: value})


# ---- why a delivery was refused


@pytest.mark.parametrize(
    ("text", "kind", "reason"),
    [
        ("The signature does not match.\nSecond line", "text/plain", "The signature does not match."),
        ('{\n  "error": "no such order"\n}', "application/json", '{ "error": "no such order" }'),
        ("<!doctype html><h1>Error</h1>", "text/html", None),
        ("", "text/plain", None),
        ("key sk_test_abcdefghijklmnop", "text/plain", "key sk_test_..."),
        ("x" * 10_000, "text/plain", "x" * 300),
    ],
)
async def test_an_attempt_keeps_the_first_line_of_a_refusal(
    api: Api, sandbox: Sandbox, shop: Shop, text: str, kind: str, reason: str | None
) -> None:
    shop.answers, shop.says = [400, 200], (text, kind)
    await api.make("/v1/webhook_endpoints", {"url": shop.hook(), "enabled_events": ["*"]})
    await api.make("/v1/payment_intents", payment())
    await sandbox.settle()
    await api.make("/v1/payment_intents", payment())
    await sandbox.settle()
    refused, taken = (delivery.attempts[0] for delivery in sandbox.deliveries)
    found = refused.response
    assert (found is None) if reason is None else (found or "").startswith(reason.removesuffix("..."))
    assert "abcdefghijklmnop" not in (found or "")
    assert taken.response is None
    listed = (await api.find("/sandbox/deliveries"))["data"]
    assert json.dumps(listed[1]["attempts"][0]["response"]) == json.dumps(found)
