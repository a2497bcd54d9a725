"""Calls as programs of merchants send them: JSON over HTTP without the SDK, one test per thing they tripped over."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from sandbox.rig import GOOD, Api, Reply, card_form

from wooshpay.sandbox import AccountOptions, Sandbox

SESSION = {
    "mode": "payment",
    "success_url": "https://shop.example/thanks?session={CHECKOUT_SESSION_ID}",
    "cancel_url": "https://shop.example/basket",
    "client_reference_id": "order-1001",
    "line_items": [
        {"price_data": {"currency": "USD", "unit_amount": 1999, "product_data": {"name": "Tea"}}, "quantity": 1}
    ],
}
# Sent by a shop that came from another gateway, and unknown to WooshPay.
INTENT = {
    "amount": 1999,
    "currency": "USD",
    "confirm": True,
    "return_url": "https://shop.example/thanks",
    "cancel_url": "https://shop.example/basket",
    "customer_email": "ada@example.com",
    "customer_name": "Ada Lovelace",
    "save_payment_method": True,
    "merchant_order_id": "order-1001",
    "payment_method_data": {
        "type": "card",
        "card": {"number": GOOD, "exp_month": "12", "exp_year": "2090", "cvc": "123", "name": "Ada Lovelace"},
    },
}
UNKNOWN = ("cancel_url", "customer_email", "customer_name", "save_payment_method")
PAYOUT = {
    "payment_amount": 15_000,
    "source_amount": 15_000,
    "payment_currency": "RWF",
    "source_currency": "RWF",
    "merchant_payout_id": "payout-1001",
    "beneficiary_data": {
        "nickname": "Driver 17",
        "destination_data": {
            "destination_type": "mobile_money",
            "mobile_money": {"msisdn": "250788123456", "provider": "mtn_rw", "name": "Ada Uwase"},
        },
    },
}


@pytest.fixture
async def strict() -> AsyncIterator[Api]:
    async with Sandbox(strict=True) as sandbox, aiohttp.ClientSession() as session:
        yield Api(session, sandbox.base_url, sandbox.api_key)


@pytest.fixture
async def flat() -> AsyncIterator[Api]:
    options = AccountOptions(error_bodies="flat")
    async with Sandbox(account=options) as sandbox, aiohttp.ClientSession() as session:
        yield Api(session, sandbox.base_url, sandbox.api_key)


def terminal_state(reply: Reply) -> str | None:
    """What a shop reads in the error of an expire: any status that ends a session means that it is closed."""
    found: dict[str, Any] = reply.body.get("error") or reply.body
    status: str | None = found.get("status") or found.get("payment_status")
    return status


def message_of(body: dict[str, Any]) -> str | None:
    """How a shop finds the message of an error: at the top level first, then under ``error``."""
    error: dict[str, Any] = body.get("error") or {}
    return body.get("message") or body.get("error_description") or error.get("message")


async def test_unknown_parameters_of_an_intent_are_dropped_and_listed(api: Api, sandbox: Sandbox) -> None:
    """Today they vanish without a trace, and the shop believes that the card was saved."""
    intent = await api.make("/v1/payment_intents", INTENT)
    assert intent["status"] == "succeeded"
    assert not intent.keys() & set(UNKNOWN)
    assert sandbox.requests[-1].unknown_parameters == UNKNOWN
    assert (await api.find("/sandbox/requests"))["data"][0]["unknown_parameters"] == list(UNKNOWN)


async def test_unknown_parameters_of_an_intent_are_refused_by_a_strict_sandbox(strict: Api) -> None:
    reply = await strict.post("/v1/payment_intents", INTENT)
    assert (reply.status, reply.error["param"]) == (400, "cancel_url")
    assert "payment_intents.create has no parameter cancel_url. The nearest known one is" in reply.error["message"]
    assert (await strict.find("/v1/payment_intents"))["data"] == []
    known = {name: value for name, value in INTENT.items() if name not in UNKNOWN}
    assert (await strict.post("/v1/payment_intents", known)).status == 200


async def test_a_session_looked_up_by_the_placeholder_of_the_success_url(api: Api) -> None:
    """A shop tells this error by the words "id is invalid"; "No such ..." means that the session is gone."""
    for id in ("{CHECKOUT_SESSION_ID}", "%7BCHECKOUT_SESSION_ID%7D"):
        reply = await api.get(f"/v1/checkout/sessions/{id}")
        assert (reply.status, reply.error["param"]) == (404, "id")
        assert "id is invalid" in reply.error["message"]
    gone = await api.get("/v1/checkout/sessions/cs_1693466278934609920")
    assert (gone.status, gone.error["message"]) == (404, "No such checkout session: 'cs_1693466278934609920'.")


async def test_a_connection_test_by_an_intent_that_cannot_exist(api: Api) -> None:
    """A shop's admin page takes 2xx or 404 for a key that works, and 401 or 403 for one that does not."""
    assert (await api.get("/v1/payment_intents/connection-test")).status == 404
    wrong = Api(api.session, api.base_url, "sk_test_wrong")
    assert (await wrong.get("/v1/payment_intents/connection-test")).status == 401


@pytest.mark.parametrize("paid", [True, False])
async def test_expiring_a_session_that_is_paid_or_expired_names_its_state(api: Api, paid: bool) -> None:
    session = await api.make("/v1/checkout/sessions", SESSION)
    if paid:
        await api.browse(session["url"], card_form())
    else:
        await api.make(f"/v1/checkout/sessions/{session['id']}/expire")
    reply = await api.post(f"/v1/checkout/sessions/{session['id']}/expire")
    assert (reply.status, terminal_state(reply)) == (400, "complete" if paid else "expired")


async def test_expiring_with_flat_error_bodies_names_the_state_at_the_top_level(flat: Api) -> None:
    session = await flat.make("/v1/checkout/sessions", SESSION)
    await flat.make(f"/v1/checkout/sessions/{session['id']}/expire")
    reply = await flat.post(f"/v1/checkout/sessions/{session['id']}/expire")
    assert (reply.status, reply.body["status"], terminal_state(reply)) == (400, "expired", "expired")
    assert "error" not in reply.body


async def test_the_message_of_an_error_is_found_in_flat_and_in_nested_bodies(api: Api, flat: Api) -> None:
    bad = {"amount": -1, "currency": "USD"}
    nested, top = [await each.post("/v1/payment_intents", bad) for each in (api, flat)]
    assert message_of(nested.body) == message_of(top.body) is not None


async def test_a_driver_is_paid_out_to_mobile_money(api: Api, sandbox: Sandbox) -> None:
    await api.make("/sandbox/acts/balance.top_up", {"amount": 100_000, "currency": "RWF"})
    payout = await api.make("/v1/payouts", PAYOUT)
    assert (payout["status"], payout["payment_amount"], payout["merchant_payout_id"]) == (
        "pending",
        15_000,
        "payout-1001",
    )
    sandbox.clock.advance(days=1)
    assert (await api.find(f"/v1/payouts/{payout['id']}"))["status"] == "paid"


@pytest.mark.parametrize("amount", [979, 2_000_001])
async def test_a_payout_to_mobile_money_out_of_bounds_is_refused(api: Api, amount: int) -> None:
    await api.make("/sandbox/acts/balance.top_up", {"amount": 3_000_000, "currency": "RWF"})
    reply = await api.post("/v1/payouts", {**PAYOUT, "payment_amount": amount, "source_amount": amount})
    assert (reply.status, reply.error["param"]) == (400, "payment_amount")


async def test_a_session_that_ends_at_a_time_in_seconds_is_refused(api: Api, sandbox: Sandbox) -> None:
    """A shop documents `expires_at` in seconds, as at another gateway."""
    seconds = sandbox.clock.now // 1000 + 3600
    reply = await api.post("/v1/checkout/sessions", {**SESSION, "expires_at": seconds})
    assert (reply.status, reply.error["param"]) == (400, "expires_at")
    assert "must be in milliseconds since 1970" in reply.error["message"]
    assert "is in seconds: multiply it by 1000" in reply.error["message"]
    assert (await api.post("/v1/checkout/sessions", {**SESSION, "expires_at": seconds * 1000})).status == 200


async def test_a_list_filtered_by_seconds_is_refused(api: Api) -> None:
    reply = await api.get("/v1/payment_intents?limit=10&created[gte]=1767225600")
    assert (reply.status, reply.error["param"]) == (400, "created[gte]")
    assert "milliseconds" in reply.error["message"]
