"""Refunds up to the remainder; charges and the balance move with them."""

from __future__ import annotations

from typing import Any

import pytest
from sandbox.rig import GOOD, Api, payment

from wooshpay.sandbox import Sandbox


async def paid(api: Api, **fields: Any) -> str:
    intent: dict[str, Any] = await api.make("/v1/payment_intents", payment(GOOD, **fields))
    return str(intent["id"])


async def test_everything_when_no_amount_is_given(api: Api, sandbox: Sandbox) -> None:
    id = await paid(api)
    refund = await api.make("/v1/refunds", {"payment_intent": id, "reason": "requested_by_customer"})
    assert refund["id"].startswith("re_")
    assert (refund["amount"], refund["currency"], refund["status"]) == (2000, "USD", "succeeded")
    assert (refund["payment_intent"], refund["reason"]) == (id, "requested_by_customer")
    assert await api.find(f"/v1/refunds/{refund['id']}") == refund
    assert sandbox.store.events()[-1]["type"] == "charge.refund.updated"
    assert sandbox.store.events()[-1]["data"]["object"] == refund
    assert (await api.find(f"/v1/payment_intents/{id}"))["status"] == "succeeded"


async def test_in_parts_until_nothing_remains(api: Api) -> None:
    id = await paid(api)
    for amount in (500, "700", None):
        body = {"payment_intent": id} if amount is None else {"payment_intent": id, "amount": amount}
        assert (await api.post("/v1/refunds", body)).status == 200
    charge = (await api.find("/v1/charges/list"))["data"][0]
    assert (charge["amount_refunded"], charge["refunded"]) == (2000, True)
    assert [refund["amount"] for refund in charge["refunds"]["data"]] == [800, 700, 500]
    reply = await api.post("/v1/refunds", {"payment_intent": id})
    assert (reply.status, reply.error["code"]) == (400, "charge_already_refunded")


async def test_not_more_than_remains(api: Api) -> None:
    id = await paid(api)
    await api.make("/v1/refunds", {"payment_intent": id, "amount": 1500})
    reply = await api.post("/v1/refunds", {"payment_intent": id, "amount": 501})
    assert (reply.status, reply.error["code"], reply.error["param"]) == (400, "amount_too_large", "amount")
    assert "500" in reply.error["message"]


async def test_not_more_than_was_captured(api: Api) -> None:
    id = await paid(api, capture_method="manual")
    await api.make(f"/v1/payment_intents/{id}/capture", {"amount_to_capture": 800})
    assert (await api.post("/v1/refunds", {"payment_intent": id, "amount": 801})).status == 400
    assert (await api.make("/v1/refunds", {"payment_intent": id}))["amount"] == 800


@pytest.mark.parametrize("body", [{"amount": 0}, {"amount": -1}, {"reason": "bored"}])
async def test_refused_parameters(api: Api, body: dict[str, Any]) -> None:
    id = await paid(api)
    assert (await api.post("/v1/refunds", {"payment_intent": id, **body})).status == 400


@pytest.mark.parametrize(
    "body",
    [payment(), payment("4000000000000077"), payment("4000002500003155"), payment(GOOD, capture_method="manual")],
)
async def test_only_what_succeeded(api: Api, body: dict[str, Any]) -> None:
    intent = await api.make("/v1/payment_intents", body)
    reply = await api.post("/v1/refunds", {"payment_intent": intent["id"]})
    assert (reply.status, reply.error["code"]) == (400, "payment_intent_unexpected_state")


@pytest.mark.parametrize(
    ("kind", "currency", "amounts", "statuses"),
    [
        ("promptpay", "THB", [2000], [400]),
        ("bank_transfer_id", "IDR", [100], [400]),
        ("pix", "BRL", [100, 2000], [400, 200]),
        ("gcash", "PHP", [100, 100], [200, 400]),
        ("wechat_pay", "USD", [100, 100], [200, 200]),
    ],
)
async def test_some_methods_allow_less(
    api: Api, kind: str, currency: str, amounts: list[int], statuses: list[int]
) -> None:
    body = payment(confirm=True, currency=currency, payment_method_data={"type": kind})
    intent = await api.make("/v1/payment_intents", body)
    await api.act("payment_intents.pay", payment_intent=intent["id"])
    replies = [await api.post("/v1/refunds", {"payment_intent": intent["id"], "amount": n}) for n in amounts]
    assert [reply.status for reply in replies] == statuses


async def test_the_balance_moves_by_currency(api: Api) -> None:
    one, _ = await paid(api), await paid(api, currency="gbp", amount=700)
    await api.make("/v1/refunds", {"payment_intent": one, "amount": 300})
    balance = await api.find("/v1/balance")
    assert balance == {
        "object": "balance",
        "available": [{"amount": 700, "currency": "gbp"}, {"amount": 1700, "currency": "usd"}],
        "pending": [],
        "livemode": False,
    }


async def test_a_charge_for_each_attempt(api: Api) -> None:
    await api.post("/v1/payment_intents", payment("4000000000000002"))
    id = await paid(api)
    charges = (await api.find("/v1/charges/list"))["data"]
    assert [(charge["status"], charge["captured"]) for charge in charges] == [("succeeded", True), ("failed", False)]
    mine = await api.get("/v1/charges/list", query={"payment_intent": id})
    assert [charge["id"] for charge in mine.body["data"]] == [charges[0]["id"]]
