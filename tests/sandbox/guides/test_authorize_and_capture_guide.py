"""The guide "Authorize and capture": money is held first and taken later, whole or in part."""

from __future__ import annotations

from typing import Any

import pytest
from sandbox.guides.forms import CARD, check_client_secret, check_event, check_head, check_no_nulls, listen
from sandbox.rig import Api, Shop

from wooshpay.sandbox import Sandbox


async def authorize(api: Api) -> dict[str, Any]:
    """1. An intent with capture_method manual, through the challenge."""
    intent: dict[str, Any] = await api.make(
        "/v1/payment_intents",
        {
            "amount": 100000,
            "currency": "USD",
            "confirm": True,
            "capture_method": "manual",
            "payment_method_data": {"type": "card", "card": CARD},
            "payment_method_options": {"card": {"request_three_d_secure": "any"}},
            "return_url": "https://wooshpay.com",
        },
    )
    check_head(intent, "pi", "payment_intent")
    check_client_secret(intent)
    check_no_nulls(intent)
    assert (intent["status"], intent["capture_method"]) == ("requires_action", "manual")
    challenge = intent["next_action"]["challenge_redirect"]
    assert challenge.keys() == {"url", "return_url"}
    await api.act("payment_intents.authenticate", payment_intent=intent["id"])
    held: dict[str, Any] = await api.find(f"/v1/payment_intents/{intent['id']}")
    assert (held["status"], held["amount_capturable"], held["amount_received"]) == ("requires_capture", 100000, 0)
    return held


async def test_capture_a_part_and_the_rest_is_released(api: Api, sandbox: Sandbox, shop: Shop) -> None:
    await listen(api, shop, "payment_intent.amount_capturable_updated", "charge.captured", "payment_intent.succeeded")
    held = await authorize(api)

    # 2. The server captures less than was authorized.
    taken = await api.make(f"/v1/payment_intents/{held['id']}/capture", {"amount_to_capture": 8000})
    check_no_nulls(taken)
    facts = {"status": "succeeded", "amount": 100000, "amount_received": 8000, "amount_capturable": 0}
    assert {name: taken[name] for name in facts} == facts
    assert (await api.find("/v1/balance"))["available"] == [{"amount": 8000, "currency": "usd"}]

    # One capture ends it.
    reply = await api.post(f"/v1/payment_intents/{held['id']}/capture", {"amount_to_capture": 1})
    assert reply.status == 400
    await sandbox.settle()
    assert shop.types()[0] == "payment_intent.amount_capturable_updated"
    [paid] = [hook for hook in shop.hooks if hook.event["type"] == "payment_intent.succeeded"]
    check_event(paid, "payment_intent.succeeded", taken)


async def test_capture_everything_when_no_amount_is_given(api: Api) -> None:
    held = await authorize(api)
    taken = await api.make(f"/v1/payment_intents/{held['id']}/capture")
    assert (taken["status"], taken["amount_received"]) == ("succeeded", 100000)


async def test_not_more_than_was_authorized(api: Api) -> None:
    held = await authorize(api)
    reply = await api.post(f"/v1/payment_intents/{held['id']}/capture", {"amount_to_capture": 100001})
    assert (reply.status, reply.error["param"]) == (400, "amount_to_capture")
    assert await api.find(f"/v1/payment_intents/{held['id']}") == held


async def test_what_is_not_captured_within_seven_days_is_canceled(api: Api, sandbox: Sandbox, shop: Shop) -> None:
    await listen(api, shop, "payment_intent.canceled")
    held = await authorize(api)
    sandbox.clock.advance(days=6, hours=23)
    assert (await api.find(f"/v1/payment_intents/{held['id']}"))["status"] == "requires_capture"
    sandbox.clock.advance(hours=1)
    after = await api.find(f"/v1/payment_intents/{held['id']}")
    assert (after["status"], after["amount_capturable"], after["amount_received"]) == ("canceled", 0, 0)
    await sandbox.settle()
    assert shop.types() == ["payment_intent.canceled"]


@pytest.mark.parametrize("action", ["capture", "confirm", "cancel"])
async def test_nothing_goes_with_a_canceled_one(api: Api, action: str) -> None:
    held = await authorize(api)
    path = f"/v1/payment_intents/{held['id']}"
    canceled = await api.make(f"{path}/cancel", {"cancellation_reason": "out of stock"})
    assert (canceled["status"], canceled["cancellation_reason"]) == ("canceled", "out of stock")
    reply = await api.post(f"{path}/{action}", {"cancellation_reason": "again"} if action == "cancel" else {})
    assert (reply.status, reply.error["code"]) == (400, "payment_intent_unexpected_state")
