"""What each type of payment method takes, what its page offers, and the intents that belong to an invoice."""

from __future__ import annotations

from typing import Any

import pytest
from sandbox.customers.helpers import customer, ids
from sandbox.rig import Api, card, payment
from sandbox.test_shapes import check

from wooshpay.sandbox import Sandbox

PATH = "/v1/payment_intents"


def with_type(type: str, amount: int, currency: str, **fields: Any) -> dict[str, Any]:
    return payment(amount=amount, currency=currency, payment_method_data={"type": type}, **fields)


# ---- currencies and amounts


@pytest.mark.parametrize(
    ("type", "currency", "amount", "code"),
    [
        ("promptpay", "THB", 99, "amount_too_small"),
        ("promptpay", "THB", 100, None),
        ("promptpay", "THB", 500_000, None),
        ("promptpay", "THB", 500_001, "amount_too_large"),
        ("promptpay", "USD", 100, "currency_not_supported"),
        ("pix", "BRL", 299, "amount_too_small"),
        ("pix", "brl", 300, None),
        ("pix", "BRL", 1_467_700, None),
        ("pix", "BRL", 1_467_701, "amount_too_large"),
        ("gcash", "PHP", 99, "amount_too_small"),
        ("wechat_pay", "USD", 5_000_001, "amount_too_large"),
        ("wechat_pay", "EUR", 5_000_001, None),
        ("truemoney", "THB", 700_001, "amount_too_large"),
        ("dana", "IDR", 99, "amount_too_small"),
        ("9pay", "VND", 4_999, "amount_too_small"),
        ("alipay", "SGD", 100, "currency_not_supported"),
        ("ideal", "USD", 100, "currency_not_supported"),
        # Of these no guide was read: whatever is sent is taken.
        ("klarna", "SEK", 1, None),
        ("card", "XAF", 1, None),
    ],
)
async def test_limits_of_each_method(
    api: Api, sandbox: Sandbox, type: str, currency: str, amount: int, code: str | None
) -> None:
    data = card() if type == "card" else {"type": type}
    body = payment(amount=amount, currency=currency, payment_method_data=data)
    for confirm in (False, True):
        reply = await api.post(PATH, {**body, "confirm": confirm})
        if code is None:
            assert reply.status == 200
            continue
        assert (reply.status, reply.error["code"]) == (400, code)
        assert reply.error["param"] == ("currency" if code.startswith("currency") else "amount")
        assert type in reply.error["message"]
        assert sandbox.store.kinds() == []


@pytest.mark.parametrize("change", [{"amount": 600_000}, {"currency": "USD"}])
async def test_a_change_must_fit_the_method_that_is_there(api: Api, change: dict[str, Any]) -> None:
    intent = await api.make(PATH, with_type("promptpay", 100, "THB"))
    assert (await api.post(f"{PATH}/{intent['id']}", change)).status == 400
    assert await api.find(f"{PATH}/{intent['id']}") == intent
    with_card = await api.make(f"{PATH}/{intent['id']}", {**change, "payment_method_data": card()})
    assert with_card["payment_method_types"] == ["card"]


async def test_confirm_refuses_a_method_that_does_not_take_the_payment(api: Api, sandbox: Sandbox) -> None:
    intent = await api.make(PATH, payment())
    reply = await api.post(f"{PATH}/{intent['id']}/confirm", {"payment_method_data": {"type": "pix"}})
    assert (reply.status, reply.error["code"]) == (400, "currency_not_supported")
    assert await api.find(f"{PATH}/{intent['id']}") == intent
    assert sandbox.store.count("payment_method") == 0


# ---- next_action and the pages


@pytest.mark.parametrize(
    ("type", "currency", "named"),
    [
        ("alipay", "USD", "alipay_handle_redirect"),
        ("pix", "BRL", "pix_handle_redirect"),
        ("ideal", "EUR", "ideal_handle_redirect"),
        ("ovo", "IDR", "ovo_handle_redirect"),
        ("bank_transfer_id", "IDR", "bank_transfer_id_handle_redirect"),
        ("promptpay", "THB", "promptpay_handle_redirect"),
        ("gcash", "PHP", "redirect_to_url"),
        ("dana", "IDR", "redirect_to_url"),
    ],
)
async def test_next_action_as_each_guide_shows_it(
    api: Api, sandbox: Sandbox, type: str, currency: str, named: str
) -> None:
    intent = await api.make(PATH, with_type(type, 2000, currency, confirm=True))
    action = intent["next_action"]
    assert action.keys() == {"type", f"{type}_handle_redirect"}
    assert action["type"] == named
    assert action[f"{type}_handle_redirect"].keys() == {"url"}
    assert action[f"{type}_handle_redirect"]["url"].startswith(f"{sandbox.base_url}/paymentcode?type={type}&")
    check(intent)


async def test_a_bank_transfer_in_vietnam_brings_its_code_in_the_answer(api: Api) -> None:
    intent = await api.make(PATH, with_type("bank_transfer_vn", 20_000, "VND", confirm=True))
    shape = intent["next_action"]["bank_transfer_vn_handle_redirect"]
    assert shape.keys() == {"url", "qrcode"}
    assert shape["qrcode"] in (await api.browse(shape["url"]))[1]


@pytest.mark.parametrize(
    ("type", "currency", "shown"), [("pix", "BRL", True), ("promptpay", "THB", True), ("alipay", "USD", False)]
)
async def test_only_a_method_with_a_code_shows_one(api: Api, type: str, currency: str, shown: bool) -> None:
    intent = await api.make(PATH, with_type(type, 2000, currency, confirm=True))
    _, text, _ = await api.browse(intent["next_action"][f"{type}_handle_redirect"]["url"])
    assert (f"SANDBOX:{type}:{intent['id']}" in text) is shown


@pytest.mark.parametrize(
    ("outcome", "status", "charge", "event"),
    [
        ("pay_later", "succeeded", "succeeded", "payment_intent.succeeded"),
        ("fail_later", "requires_payment_method", "failed", "payment_intent.payment_failed"),
    ],
)
async def test_the_banks_outcome_may_come_later(
    api: Api, sandbox: Sandbox, outcome: str, status: str, charge: str, event: str
) -> None:
    intent = await api.make(PATH, with_type("alipay", 2000, "USD", confirm=True))
    _, text, _ = await api.browse(intent["next_action"]["alipay_handle_redirect"]["url"], {"outcome": outcome})
    assert "confirms this in a minute" in text
    waiting = await api.find(f"{PATH}/{intent['id']}")
    assert (waiting["status"], "next_action" in waiting) == ("processing", False)
    assert sandbox.store.get(waiting["latest_charge"])["status"] == "pending"
    assert sandbox.store.events()[-1]["type"] == "payment_intent.processing"
    assert (await api.find("/v1/balance"))["available"] == []
    check(waiting)
    sandbox.clock.advance(seconds=61)
    after = await api.find(f"{PATH}/{intent['id']}")
    assert (after["status"], sandbox.store.get(after["latest_charge"])["status"]) == (status, charge)
    assert sandbox.store.events()[-1]["type"] == event
    paid = [{"amount": 2000, "currency": "usd"}] if charge == "succeeded" else []
    assert (await api.find("/v1/balance"))["available"] == paid
    assert after.get("last_payment_error", {}).get("code") == (None if paid else "payment_failed")


async def test_a_button_of_the_other_page_is_refused(api: Api) -> None:
    intent = await api.make(PATH, with_type("alipay", 2000, "USD", confirm=True))
    url = intent["next_action"]["alipay_handle_redirect"]["url"]
    assert (await api.browse(url, {"outcome": "authenticate"}))[0] == 400
    assert (await api.find(f"{PATH}/{intent['id']}"))["status"] == "requires_action"


# ---- search


async def test_search_by_order_number_and_metadata(api: Api) -> None:
    first = await api.make(PATH, payment(merchant_order_id="A-1", metadata={"shop": "north"}))
    second = await api.make(PATH, payment(merchant_order_id="A-2", metadata={"shop": "north"}))

    async def found(query: str) -> list[str]:
        reply = await api.get(f"{PATH}/search", query={"query": query})
        assert reply.status == 200, reply.body
        return ids(reply.body)

    assert await found("merchant_order_id:'A-1'") == [first["id"]]
    assert await found("metadata['shop']:'north'") == [second["id"], first["id"]]
    assert await found("metadata['shop']:'north' AND merchant_order_id:'A-2'") == [second["id"]]
    assert await found("merchant_order_id:'A-3'") == []


# ---- intents of an invoice


async def test_the_intent_of_an_invoice_is_confirmed_but_neither_canceled_nor_repriced(api: Api) -> None:
    price = {
        "currency": "usd",
        "unit_amount": 1000,
        "product_data": {"name": "Tea"},
        "recurring": {"interval": "month"},
    }
    body = {"customer": await customer(api), "items": [{"price": (await api.make("/v1/prices", price))["id"]}]}
    subscription = await api.make("/v1/subscriptions", {**body, "payment_behavior": "default_incomplete"})
    invoice = await api.find(f"/v1/invoices/{subscription['latest_invoice']}")
    path = f"{PATH}/{invoice['payment_intent']}"
    intent = await api.find(path)
    for reply in (
        await api.post(f"{path}/cancel", {"cancellation_reason": "x"}),
        await api.post(path, {"amount": 1}),
        await api.post(path, {"currency": "EUR"}),
        await api.post(path, {"customer": await customer(api)}),
    ):
        assert (reply.status, reply.error["code"]) == (400, "payment_intent_unexpected_state")
        assert "Invoice" in reply.error["message"]
    assert await api.find(path) == intent
    assert (await api.make(f"{path}/confirm", {"payment_method_data": card()}))["status"] == "succeeded"
    assert (await api.find(f"/v1/invoices/{invoice['id']}"))["status"] == "paid"
