"""The refund's states, row by row, and the money that moves with them."""

from __future__ import annotations

from typing import Any

import pytest
from sandbox.rig import GOOD, Api, payment
from sandbox.test_shapes import check

from wooshpay.core.json import JsonObject
from wooshpay.sandbox import Sandbox
from wooshpay.sandbox.engine.params import Params
from wooshpay.sandbox.engine.registry import find_act

LATER = "4000000000007726"
FAILS = "4000000000005126"


async def paid(api: Api, number: str | None = GOOD, type: str = "wechat_pay", currency: str = "USD") -> str:
    """A payment that succeeded, with a card or else on the page of another method."""
    if number is not None:
        intent = await api.make("/v1/payment_intents", payment(number))
    else:
        body = payment(confirm=True, currency=currency, payment_method_data={"type": type})
        intent = await api.make("/v1/payment_intents", body)
        await api.act("payment_intents.pay", payment_intent=intent["id"])
    return str(intent["id"])


async def refunded(api: Api, id: str, **fields: Any) -> dict[str, Any]:
    refund: dict[str, Any] = await api.make("/v1/refunds", {"payment_intent": id, **fields})
    check(refund)
    return refund


async def charge_of(api: Api, refund: dict[str, Any]) -> dict[str, Any]:
    charge: dict[str, Any] = await api.find(f"/v1/charges/{refund['charge']}")
    check(charge)
    return charge


async def balance(api: Api) -> int:
    [entry] = (await api.find("/v1/balance"))["available"]
    amount: int = entry["amount"]
    return amount


def act(sandbox: Sandbox, name: str, **params: Any) -> JsonObject:
    """Do what a bank does."""
    server = sandbox._server  # pyright: ignore[reportPrivateUsage]  # the two public ways are tested elsewhere
    work = find_act(name)
    assert work is not None
    with server.lock:
        return work(server.state, Params(params))


def last_event(sandbox: Sandbox) -> tuple[str, str]:
    event = sandbox.store.events()[-1]
    return event["type"], event["data"]["object"]["status"]


# ---- (new)


async def test_a_refund_of_a_card_succeeds_at_once(api: Api, sandbox: Sandbox) -> None:
    refund = await refunded(api, await paid(api), amount=500)
    assert (refund["status"], await balance(api)) == ("succeeded", 1500)
    assert last_event(sandbox) == ("charge.refund.updated", "succeeded")
    sandbox.clock.advance(minutes=5)
    assert len(sandbox.store.events("charge.refund.updated")) == 1


@pytest.mark.parametrize("number", [None, LATER])
async def test_a_refund_of_a_wallet_is_pending_and_succeeds_after_a_minute(
    api: Api, sandbox: Sandbox, number: str | None
) -> None:
    refund = await refunded(api, await paid(api, number), amount=500)
    assert (refund["status"], await balance(api)) == ("pending", 1500)
    assert last_event(sandbox) == ("charge.refund.updated", "pending")
    sandbox.clock.advance(seconds=59)
    assert (await api.find(f"/v1/refunds/{refund['id']}"))["status"] == "pending"
    sandbox.clock.advance(seconds=2)
    after = await api.find(f"/v1/refunds/{refund['id']}")
    assert after == {**refund, "status": "succeeded"}
    assert last_event(sandbox) == ("charge.refund.updated", "succeeded")
    assert (await balance(api), (await charge_of(api, refund))["amount_refunded"]) == (1500, 500)


# ---- pending


async def test_a_refund_that_fails_gives_the_money_back_to_the_balance(api: Api, sandbox: Sandbox) -> None:
    id = await paid(api, FAILS)
    refund = await refunded(api, id)
    assert (refund["status"], await balance(api)) == ("pending", 0)
    assert (await charge_of(api, refund))["refunded"] is True
    sandbox.clock.advance(seconds=61)
    after = await api.find(f"/v1/refunds/{refund['id']}")
    assert (after["status"], after["failure_reason"]) == ("failed", "expired_or_canceled_card")
    check(after)
    charge = await charge_of(api, refund)
    assert (charge["refunded"], charge["amount_refunded"], await balance(api)) == (False, 0, 2000)
    assert last_event(sandbox) == ("charge.refund.updated", "failed")
    assert (await refunded(api, id))["amount"] == 2000


async def test_the_bank_can_be_told_how_a_pending_refund_ends(api: Api, sandbox: Sandbox) -> None:
    id = await paid(api, None)
    first, second = await refunded(api, id, amount=500), await refunded(api, id, amount=700)
    assert act(sandbox, "refunds.fail", refund=first["id"])["failure_reason"] == "unknown"
    assert act(sandbox, "refunds.succeed", refund=second["id"])["status"] == "succeeded"
    assert (await balance(api), (await charge_of(api, second))["amount_refunded"]) == (1300, 700)
    events = len(sandbox.store.events())
    sandbox.clock.advance(minutes=5)
    assert (await api.find(f"/v1/refunds/{first['id']}"))["status"] == "failed"
    assert len(sandbox.store.events()) == events


@pytest.mark.parametrize("name", ["refunds.fail", "refunds.succeed"])
async def test_only_a_pending_refund_can_still_end(api: Api, sandbox: Sandbox, name: str) -> None:
    refund = await refunded(api, await paid(api))
    with pytest.raises(Exception, match="only a pending one can still succeed or fail"):
        act(sandbox, name, refund=refund["id"])
    assert await api.find(f"/v1/refunds/{refund['id']}") == refund


# ---- what is refused


@pytest.mark.parametrize(
    ("type", "currency", "amount", "why"),
    [
        ("promptpay", "THB", None, "has no refunds"),
        ("mcash", "MYR", None, "has no refunds"),
        ("unionpay", "CNY", None, "has no refunds"),
        ("bank_transfer_eu", "EUR", None, "has no refunds"),
        ("pix", "BRL", 100, "as a whole only, that is 2000"),
    ],
)
async def test_some_methods_allow_less(
    api: Api, sandbox: Sandbox, type: str, currency: str, amount: int | None, why: str
) -> None:
    id = await paid(api, None, type, currency)
    body = {"payment_intent": id} if amount is None else {"payment_intent": id, "amount": amount}
    reply = await api.post("/v1/refunds", body)
    assert (reply.status, reply.error["code"]) == (400, "refund_not_allowed")
    assert reply.error["param"] == "payment_intent"
    assert why in reply.error["message"]
    assert (await balance(api), sandbox.store.count("refund")) == (2000, 0)


async def test_ideal_is_refunded_for_a_year(api: Api, sandbox: Sandbox) -> None:
    first, second = await paid(api, None, "ideal", "EUR"), await paid(api, None, "ideal", "EUR")
    sandbox.clock.advance(days=364)
    assert (await refunded(api, first))["status"] == "pending"
    sandbox.clock.advance(days=2)
    reply = await api.post("/v1/refunds", {"payment_intent": second})
    assert (reply.status, "within 365 days" in reply.error["message"]) == (400, True)


async def test_what_a_dispute_took_is_not_refunded_as_well(api: Api, sandbox: Sandbox) -> None:
    id = await paid(api, "4000000000000259")
    sandbox.clock.advance(hours=2)
    assert await balance(api) == 0
    reply = await api.post("/v1/refunds", {"payment_intent": id})
    assert (reply.status, reply.error["code"]) == (400, "charge_disputed")
    assert (await balance(api), sandbox.store.count("refund")) == (0, 0)


@pytest.mark.parametrize("body", [{}, {"amount": 5}])
async def test_a_refund_needs_its_payment(api: Api, body: dict[str, Any]) -> None:
    reply = await api.post("/v1/refunds", body)
    assert (reply.status, reply.error["param"]) == (400, "payment_intent")
    reply = await api.post("/v1/refunds", {**body, "payment_intent": "pi_1"})
    assert (reply.status, reply.error["param"]) == (404, "payment_intent")
    assert (await api.get("/v1/refunds/re_1")).status == 404


async def test_a_replayed_refund_is_made_once(api: Api, sandbox: Sandbox) -> None:
    body = {"payment_intent": await paid(api), "amount": 500}
    first, again = [await api.post("/v1/refunds", body, key="refund-7") for _ in range(2)]
    assert first.body == again.body
    assert (sandbox.store.count("refund"), await balance(api)) == (1, 1500)


async def test_the_balance_is_what_was_captured_less_what_was_refunded(api: Api, sandbox: Sandbox) -> None:
    intents = [await paid(api, number) for number in (GOOD, LATER, FAILS, None)]
    for id in intents:
        await refunded(api, id, amount=300)
        await refunded(api, id, amount=700)
    sandbox.clock.advance(minutes=2)
    charges = (await api.find("/v1/charges/list"))["data"]
    assert [charge["amount_refunded"] for charge in charges] == [1000, 0, 1000, 1000]
    assert await balance(api) == sum(charge["amount_captured"] - charge["amount_refunded"] for charge in charges)
    for charge in charges:
        kept = [refund["amount"] for refund in charge["refunds"]["data"] if refund["status"] != "failed"]
        assert sum(kept) == charge["amount_refunded"]
