"""The PaymentIntent's states, row by row, and the calls that a state does not allow."""

from __future__ import annotations

from typing import Any

import pytest
from sandbox.rig import CHALLENGED, DECLINED, GOOD, Api, card, order, payment

from wooshpay.sandbox import Sandbox

PATH = "/v1/payment_intents"
ANY_3DS = {"card": {"request_three_d_secure": "any"}}


async def in_state(api: Api, state: str) -> dict[str, Any]:
    """An intent in a state."""
    if state == "requires_payment_method":
        body = payment()
    elif state == "requires_confirmation":
        body = payment(payment_method_data=card())
    elif state == "requires_action":
        body = payment(CHALLENGED, return_url="https://shop.example/back")
    elif state == "processing":
        body = payment("4000000000000077")
    elif state == "requires_capture":
        body = payment(GOOD, capture_method="manual")
    else:
        body = payment(GOOD) if state == "succeeded" else payment()
    intent: dict[str, Any] = await api.make(PATH, body)
    if state == "canceled":
        intent = await api.make(f"{PATH}/{intent['id']}/cancel", {"cancellation_reason": "changed my mind"})
    assert intent["status"] == state
    return intent


# ---- create


async def test_create_waits_for_a_method(api: Api, sandbox: Sandbox) -> None:
    intent = await api.make(
        PATH, payment(merchant_order_id="A-1", metadata={"k": "v"}, description="Tea", shipping={"name": "Ada"})
    )
    assert intent["id"].startswith("pi_")
    assert len(intent["id"]) == len("pi_") + 19
    assert intent["client_secret"].startswith(intent["id"] + "_secret_")
    assert len(intent["client_secret"].partition("_secret_")[2]) == 24
    assert intent["created"] % 1000 == 0
    assert abs(intent["created"] - sandbox.clock.now) < 60_000
    assert intent["livemode"] is False
    assert (intent["amount"], intent["amount_received"], intent["amount_capturable"]) == (2000, 0, 0)
    assert (intent["capture_method"], intent["confirmation_method"]) == ("automatic", "automatic")
    assert (intent["merchant_order_id"], intent["metadata"], intent["description"]) == ("A-1", {"k": "v"}, "Tea")
    assert "next_action" not in intent
    assert [event["type"] for event in sandbox.store.events()] == ["payment_intent.created"]


async def test_create_with_a_method_waits_for_the_confirmation(api: Api) -> None:
    intent = await in_state(api, "requires_confirmation")
    assert intent["payment_method"].startswith("pm_")
    assert intent["payment_method_types"] == ["card"]


async def test_create_and_confirm_at_once(api: Api, sandbox: Sandbox) -> None:
    intent = await in_state(api, "succeeded")
    assert intent["amount_received"] == 2000
    assert intent["latest_charge"].startswith("ch_")
    assert [event["type"] for event in sandbox.store.events()] == [
        "payment_intent.created",
        "payment_intent.succeeded",
    ]


async def test_create_for_a_customer_with_a_saved_method(api: Api) -> None:
    customer = await api.make("/v1/customers", {"email": "ada@example.com"})
    first = await api.make(PATH, payment(GOOD, customer=customer["id"], setup_future_usage="on_session"))
    again = await api.make(PATH, payment(customer=customer["id"], payment_method=first["payment_method"], confirm=True))
    assert again["status"] == "succeeded"


# ---- confirm


async def test_confirm_with_a_method(api: Api) -> None:
    intent = await in_state(api, "requires_payment_method")
    paid = await api.make(f"{PATH}/{intent['id']}/confirm", {"payment_method_data": card()})
    assert paid["status"] == "succeeded"


async def test_confirm_the_method_it_has(api: Api) -> None:
    intent = await in_state(api, "requires_confirmation")
    paid = await api.make(f"{PATH}/{intent['id']}/confirm")
    assert (paid["status"], paid["payment_method"]) == ("succeeded", intent["payment_method"])


async def test_confirm_without_any_method(api: Api) -> None:
    intent = await in_state(api, "requires_payment_method")
    reply = await api.post(f"{PATH}/{intent['id']}/confirm")
    assert (reply.status, reply.error["param"]) == (400, "payment_method_data")


async def test_confirm_that_needs_the_customer(api: Api, sandbox: Sandbox) -> None:
    intent = await in_state(api, "requires_action")
    action = intent["next_action"]
    assert action["type"] == "challenge_redirect"
    assert action["challenge_redirect"]["url"].startswith(sandbox.base_url)
    assert action["challenge_redirect"]["return_url"] == "https://shop.example/back"
    assert sandbox.store.events()[-1]["type"] == "payment_intent.requires_action"
    assert sandbox.store.count("charge") == 0


async def test_any_asks_every_card(api: Api) -> None:
    body = payment(GOOD, payment_method_options=ANY_3DS)
    assert (await api.make(PATH, body))["status"] == "requires_action"
    auto = payment(GOOD, payment_method_options={"card": {"request_three_d_secure": "auto"}})
    assert (await api.make(PATH, auto))["status"] == "succeeded"


async def test_confirm_again_with_another_card_leaves_the_challenge(api: Api) -> None:
    intent = await in_state(api, "requires_action")
    paid = await api.make(f"{PATH}/{intent['id']}/confirm", {"payment_method_data": card()})
    assert paid["status"] == "succeeded"
    assert "next_action" not in paid


@pytest.mark.parametrize("flag", ["error_on_requires_action", "off_session"])
@pytest.mark.parametrize("value", [True, "true"])
async def test_the_customer_may_be_away(api: Api, flag: str, value: object) -> None:
    intent = await in_state(api, "requires_payment_method")
    reply = await api.post(f"{PATH}/{intent['id']}/confirm", {"payment_method_data": card(CHALLENGED), flag: value})
    assert (reply.status, reply.error["decline_code"]) == (402, "authentication_required")
    assert (await api.find(f"{PATH}/{intent['id']}"))["status"] == "requires_payment_method"


async def test_a_refusal_leaves_the_intent_open_for_another_try(api: Api, sandbox: Sandbox) -> None:
    intent = await in_state(api, "requires_payment_method")
    reply = await api.post(f"{PATH}/{intent['id']}/confirm", {"payment_method_data": card(DECLINED)})
    assert (reply.status, reply.error["type"], reply.error["code"]) == (402, "card_error", "card_declined")
    assert reply.error["decline_code"] == "generic_decline"
    after = await api.find(f"{PATH}/{intent['id']}")
    assert after["status"] == "requires_payment_method"
    assert "payment_method" not in after
    assert after["last_payment_error"]["decline_code"] == "generic_decline"
    assert reply.error["payment_intent"] == after
    assert sandbox.store.events()[-1]["type"] == "payment_intent.payment_failed"
    charge = await api.find(f"/v1/charges/{after['latest_charge']}")
    assert (charge["status"], charge["paid"], charge["failure_code"]) == ("failed", False, "card_declined")

    paid = await api.make(f"{PATH}/{intent['id']}/confirm", {"payment_method_data": card()})
    assert paid["status"] == "succeeded"
    assert "last_payment_error" not in paid


async def test_a_refused_create_leaves_an_intent_that_can_be_found(api: Api) -> None:
    reply = await api.post(PATH, payment(DECLINED, merchant_order_id="A-2"))
    assert reply.status == 402
    found = await api.get(f"{PATH}/search", query={"query": "merchant_order_id:'A-2'"})
    assert [intent["id"] for intent in found.body["data"]] == [reply.error["payment_intent"]["id"]]


async def test_processing_ends_well_after_a_minute(api: Api, sandbox: Sandbox) -> None:
    intent = await in_state(api, "processing")
    assert sandbox.store.events()[-1]["type"] == "payment_intent.processing"
    assert sandbox.store.get(intent["latest_charge"])["status"] == "pending"
    sandbox.clock.advance(minutes=1)
    assert (await api.find(f"{PATH}/{intent['id']}"))["status"] == "succeeded"
    assert sandbox.store.get(intent["latest_charge"])["status"] == "succeeded"


async def test_processing_may_end_in_a_refusal(api: Api, sandbox: Sandbox) -> None:
    intent = await api.make(PATH, payment("4000000000000051"))
    sandbox.clock.advance(minutes=1)
    after = await api.find(f"{PATH}/{intent['id']}")
    assert (after["status"], after["last_payment_error"]["code"]) == ("requires_payment_method", "card_declined")
    assert sandbox.store.get(intent["latest_charge"])["status"] == "failed"
    assert sandbox.store.count("charge") == 1


@pytest.mark.parametrize(
    ("kind", "currency"), [("alipay", "USD"), ("wechat_pay", "USD"), ("gcash", "PHP"), ("pix", "BRL")]
)
async def test_a_wallet_sends_the_customer_to_its_page(api: Api, sandbox: Sandbox, kind: str, currency: str) -> None:
    body = payment(confirm=True, currency=currency, payment_method_data={"type": kind})
    intent = await api.make(PATH, body)
    assert (intent["status"], intent["payment_method_types"]) == ("requires_action", [kind])
    action = intent["next_action"]
    assert action["type"] == ("redirect_to_url" if kind == "gcash" else f"{kind}_handle_redirect")
    assert action[f"{kind}_handle_redirect"]["url"].startswith(sandbox.base_url)


async def test_a_wallet_can_be_confirmed_by_its_type_alone(api: Api) -> None:
    intent = await api.make(PATH, payment(confirm=True, currency="THB", payment_method_types=["truemoney"]))
    assert intent["status"] == "requires_action"


# ---- capture


async def test_manual_capture_authorizes_first(api: Api, sandbox: Sandbox) -> None:
    intent = await in_state(api, "requires_capture")
    assert (intent["amount_capturable"], intent["amount_received"]) == (2000, 0)
    assert sandbox.store.events()[-1]["type"] == "payment_intent.amount_capturable_updated"
    assert (await api.find("/v1/balance"))["available"] == []
    taken = await api.make(f"{PATH}/{intent['id']}/capture")
    assert (taken["status"], taken["amount_received"], taken["amount_capturable"]) == ("succeeded", 2000, 0)
    types = [event["type"] for event in sandbox.store.events()]
    assert types[-2:] == ["charge.captured", "payment_intent.succeeded"]


async def test_manual_capture_among_the_card_options(api: Api) -> None:
    options = {"card": {"capture_method": "manual"}}
    assert (await api.make(PATH, payment(GOOD, payment_method_options=options)))["status"] == "requires_capture"


async def test_a_partial_capture_releases_the_rest(api: Api) -> None:
    intent = await in_state(api, "requires_capture")
    taken = await api.make(f"{PATH}/{intent['id']}/capture", {"amount_to_capture": 800})
    assert (taken["amount"], taken["amount_received"], taken["amount_capturable"]) == (2000, 800, 0)
    charge = await api.find(f"/v1/charges/{taken['latest_charge']}")
    assert (charge["amount"], charge["amount_captured"], charge["captured"]) == (2000, 800, True)
    assert (await api.find("/v1/balance"))["available"] == [{"amount": 800, "currency": "usd"}]
    assert (await api.post(f"{PATH}/{intent['id']}/capture")).status == 400


@pytest.mark.parametrize("amount", [0, -1, 2001, "x"])
async def test_what_cannot_be_captured(api: Api, amount: object) -> None:
    intent = await in_state(api, "requires_capture")
    reply = await api.post(f"{PATH}/{intent['id']}/capture", {"amount_to_capture": amount})
    assert (reply.status, reply.error["param"]) == (400, "amount_to_capture")
    assert (await api.find(f"{PATH}/{intent['id']}"))["status"] == "requires_capture"


async def test_an_authorization_lapses_after_seven_days(api: Api, sandbox: Sandbox) -> None:
    kept, taken = await in_state(api, "requires_capture"), await in_state(api, "requires_capture")
    await api.make(f"{PATH}/{taken['id']}/capture")
    sandbox.clock.advance(days=6, hours=23)
    assert (await api.find(f"{PATH}/{kept['id']}"))["status"] == "requires_capture"
    sandbox.clock.advance(hours=1)
    lapsed = await api.find(f"{PATH}/{kept['id']}")
    assert (lapsed["status"], lapsed["amount_capturable"]) == ("canceled", 0)
    assert (await api.find(f"{PATH}/{taken['id']}"))["status"] == "succeeded"


# ---- cancel


@pytest.mark.parametrize(
    "state", ["requires_payment_method", "requires_confirmation", "requires_action", "requires_capture"]
)
async def test_cancel(api: Api, sandbox: Sandbox, state: str) -> None:
    intent = await in_state(api, state)
    ended = await api.make(f"{PATH}/{intent['id']}/cancel", {"cancellation_reason": "customer cancelled"})
    assert (ended["status"], ended["cancellation_reason"]) == ("canceled", "customer cancelled")
    assert (ended["amount_capturable"], "next_action" in ended) == (0, False)
    assert ended["canceled_at"] % 1000 == 0
    assert sandbox.store.events()[-1]["type"] == "payment_intent.canceled"
    assert (await api.find("/v1/balance"))["available"] == []


async def test_cancel_needs_a_reason(api: Api) -> None:
    intent = await in_state(api, "requires_payment_method")
    reply = await api.post(f"{PATH}/{intent['id']}/cancel")
    assert (reply.status, reply.error["param"]) == (400, "cancellation_reason")


@pytest.mark.parametrize(
    ("action", "body", "states"),
    [
        ("cancel", {"cancellation_reason": "x"}, ["processing", "succeeded", "canceled"]),
        ("confirm", {"payment_method_data": card()}, ["processing", "requires_capture", "succeeded", "canceled"]),
        (
            "capture",
            {},
            [
                "requires_payment_method",
                "requires_confirmation",
                "requires_action",
                "processing",
                "succeeded",
                "canceled",
            ],
        ),
    ],
)
async def test_calls_that_the_state_does_not_allow(
    api: Api, action: str, body: dict[str, Any], states: list[str]
) -> None:
    for state in states:
        intent = await in_state(api, state)
        reply = await api.post(f"{PATH}/{intent['id']}/{action}", body)
        assert (reply.status, reply.error["code"]) == (400, "payment_intent_unexpected_state")
        assert state in reply.error["message"]
        assert await api.find(f"{PATH}/{intent['id']}") == intent


# ---- update


async def test_update_does_not_confirm(api: Api) -> None:
    intent = await in_state(api, "requires_payment_method")
    changed = await api.make(
        f"{PATH}/{intent['id']}",
        {"amount": 500, "currency": "eur", "description": "Less tea", "metadata": {"a": "1"}, "confirm": True},
    )
    assert (changed["amount"], changed["currency"], changed["description"]) == (500, "EUR", "Less tea")
    assert changed["status"] == "requires_payment_method"
    with_card = await api.make(f"{PATH}/{intent['id']}", {"payment_method_data": card()})
    assert with_card["status"] == "requires_confirmation"


async def test_update_merges_metadata(api: Api) -> None:
    intent = await api.make(PATH, payment(metadata={"a": "1", "b": "2"}))
    path = f"{PATH}/{intent['id']}"
    assert (await api.make(path, {"metadata": {"b": "", "c": "3"}}))["metadata"] == {"a": "1", "c": "3"}
    assert (await api.make(path, {"metadata": ""}))["metadata"] == {}


@pytest.mark.parametrize("change", [{"amount": 500}, {"payment_method_data": card()}])
async def test_update_during_a_challenge_calls_for_a_new_confirmation(api: Api, change: dict[str, Any]) -> None:
    intent = await in_state(api, "requires_action")
    changed = await api.make(f"{PATH}/{intent['id']}", change)
    assert changed["status"] == "requires_confirmation"
    assert "next_action" not in changed


@pytest.mark.parametrize("state", ["requires_capture", "processing", "succeeded"])
async def test_once_taken_only_notes_change(api: Api, state: str) -> None:
    intent = await in_state(api, state)
    path = f"{PATH}/{intent['id']}"
    assert (await api.make(path, {"description": "Tea", "metadata": {"a": "1"}}))["description"] == "Tea"
    reply = await api.post(path, {"amount": 5})
    assert (reply.status, reply.error["code"]) == (400, "payment_intent_unexpected_state")


async def test_nothing_changes_on_a_canceled_intent(api: Api) -> None:
    intent = await in_state(api, "canceled")
    assert (await api.post(f"{PATH}/{intent['id']}", {"description": "Tea"})).status == 400


async def test_a_refused_update_changes_nothing(api: Api) -> None:
    intent = await in_state(api, "requires_payment_method")
    reply = await api.post(f"{PATH}/{intent['id']}", {"amount": 5, "payment_method_data": card(cvc="x")})
    assert reply.status == 400
    assert await api.find(f"{PATH}/{intent['id']}") == intent


async def test_the_intent_of_a_session_belongs_to_it(api: Api) -> None:
    session = await api.make("/v1/checkout/sessions", order())
    path = f"{PATH}/{session['payment_intent']}"
    for reply in (
        await api.post(f"{path}/cancel", {"cancellation_reason": "x"}),
        await api.post(f"{path}/confirm", {"payment_method_data": card()}),
        await api.post(path, {"amount": 1}),
    ):
        assert (reply.status, "Checkout Session" in reply.error["message"]) == (400, True)
    assert (await api.make(path, {"metadata": {"a": "1"}}))["metadata"] == {"a": "1"}
