"""The pages on changes of plan with proration: subscription, confirm, update item, pay invoice. Over plain HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from sandbox.guides.forms import CARD, check_head, check_id, check_no_nulls, listen
from sandbox.guides.subscribing import APRIL, JUNE, MARCH, MAY, balance, invoices_of, make_price
from sandbox.rig import Api, Shop

from wooshpay.sandbox import Sandbox


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    """A sandbox whose time moves only where the test moves it."""
    async with Sandbox(now=lambda: MARCH) as sandbox:
        yield sandbox


async def subscribe(api: Api, price: dict[str, Any]) -> dict[str, Any]:
    """1. The subscription, and 2. the confirmation of its first payment."""
    customer = await api.make("/v1/customers", {"email": "ada@example.com"})
    body = {"customer": customer["id"], "items": [{"price": price["id"], "quantity": 1}]}
    made = await api.make("/v1/subscriptions", body)
    check_id(made["id"], "sub")
    check_no_nulls(made)
    assert made["status"] == "incomplete"

    invoice = await api.find(f"/v1/invoices/{made['latest_invoice']}")
    assert (invoice["status"], invoice["amount_due"]) == ("open", price["unit_amount"])
    method = {"type": "card", "card": CARD}
    paid = await api.make(f"/v1/payment_intents/{invoice['payment_intent']}/confirm", {"payment_method_data": method})
    assert (paid["status"], paid["amount_received"]) == ("succeeded", price["unit_amount"])
    subscription: dict[str, Any] = await api.find(f"/v1/subscriptions/{made['id']}")
    assert subscription["status"] == "active"
    return subscription


async def test_the_first_payment_makes_it_active(api: Api, sandbox: Sandbox, shop: Shop) -> None:
    await listen(api, shop, "customer.subscription.created", "customer.subscription.updated", "invoice.paid")
    subscription = await subscribe(api, await make_price(api, "Plus plan", 1000))
    assert (subscription["current_period_start"], subscription["current_period_end"]) == (MARCH, APRIL)
    # The items are a plain array, not a list with an envelope.
    [item] = subscription["items"]
    check_id(item["id"], "si")
    assert (item["quantity"], item["price"]["unit_amount"]) == (1, 1000)
    [invoice] = await invoices_of(api, subscription)
    check_head(invoice, "in", "invoice")
    facts = {"status": "paid", "total": 1000, "amount_paid": 1000, "billing_reason": "subscription_create"}
    assert {name: invoice[name] for name in facts} == facts
    await sandbox.settle()
    assert set(shop.types()) == {"customer.subscription.created", "customer.subscription.updated", "invoice.paid"}


async def test_it_renews_at_the_end_of_each_month(api: Api, sandbox: Sandbox) -> None:
    subscription = await subscribe(api, await make_price(api, "Plus plan", 1000))
    path = f"/v1/subscriptions/{subscription['id']}"
    sandbox.clock.advance(milliseconds=APRIL - MARCH - 1)
    assert await api.find(path) == subscription
    sandbox.clock.advance(milliseconds=1)
    renewed = await api.find(path)
    assert (renewed["status"], renewed["current_period_start"], renewed["current_period_end"]) == ("active", APRIL, MAY)
    invoices = await invoices_of(api, subscription)
    assert [invoice["billing_reason"] for invoice in invoices] == ["subscription_cycle", "subscription_create"]
    assert [invoice["status"] for invoice in invoices] == ["paid", "paid"]
    sandbox.clock.advance(days=30)
    assert (await api.find(path))["current_period_end"] == JUNE
    assert await balance(api) == [{"amount": 3000, "currency": "usd"}]


async def test_a_change_of_plan_is_charged_to_the_second(api: Api, sandbox: Sandbox) -> None:
    subscription = await subscribe(api, await make_price(api, "Plus plan", 1000))
    path = f"/v1/subscriptions/{subscription['id']}"
    better = await make_price(api, "Pro plan", 3000)

    # Half of March is left: half of the old price is given back, half of the new one charged.
    sandbox.clock.advance(days=15, hours=12)
    change = {"id": subscription["items"][0]["id"], "price": better["id"], "quantity": 1}
    changed = await api.make(path, {"line_items": [change], "proration_behavior": "always_invoice"})
    assert [item["price"]["id"] for item in changed["items"]] == [better["id"]]
    assert changed["current_period_end"] == APRIL
    difference = (await invoices_of(api, subscription))[0]
    assert (difference["billing_reason"], difference["total"]) == ("subscription_update", 1000)
    assert sorted(line["amount"] for line in difference["lines"]["data"]) == [-500, 1500]

    # The guide's last step pays the invoice of the difference.
    if difference["status"] != "paid":
        difference = await api.make(f"/v1/invoices/{difference['id']}/pay")
    assert (difference["status"], difference["amount_paid"]) == ("paid", 1000)
    assert await balance(api) == [{"amount": 2000, "currency": "usd"}]

    sandbox.clock.advance(days=15, hours=12)
    assert (await invoices_of(api, subscription))[0]["total"] == 3000
    assert await balance(api) == [{"amount": 5000, "currency": "usd"}]


async def test_a_difference_may_wait_for_the_next_invoice(api: Api, sandbox: Sandbox) -> None:
    subscription = await subscribe(api, await make_price(api, "Plus plan", 1000))
    path = f"/v1/subscriptions/{subscription['id']}"
    lesser = await make_price(api, "Mini plan", 400)
    sandbox.clock.advance(days=15, hours=12)
    change = {"id": subscription["items"][0]["id"], "price": lesser["id"]}
    await api.make(path, {"items": [change], "proration_behavior": "create_prorations"})
    assert len(await invoices_of(api, subscription)) == 1
    sandbox.clock.advance(days=15, hours=12)
    # 400 for April, less 500 of the old plan, and 200 of the new one for the rest of March.
    renewal = (await invoices_of(api, subscription))[0]
    assert (renewal["total"], renewal["status"]) == (100, "paid")
    assert await balance(api) == [{"amount": 1100, "currency": "usd"}]


async def test_canceled_with_the_period(api: Api, sandbox: Sandbox) -> None:
    subscription = await subscribe(api, await make_price(api, "Plus plan", 1000))
    path = f"/v1/subscriptions/{subscription['id']}"
    sandbox.clock.advance(days=3)
    leaving = await api.make(path, {"cancel_at_period_end": True})
    assert (leaving["status"], leaving["cancel_at_period_end"]) == ("active", True)
    sandbox.clock.advance(days=28)
    gone = await api.find(path)
    assert (gone["status"], gone["ended_at"]) == ("canceled", APRIL)
    sandbox.clock.advance(days=90)
    assert len(await invoices_of(api, subscription)) == 1
    assert await balance(api) == [{"amount": 1000, "currency": "usd"}]


async def test_canceled_at_once(api: Api, sandbox: Sandbox) -> None:
    subscription = await subscribe(api, await make_price(api, "Plus plan", 1000))
    path = f"/v1/subscriptions/{subscription['id']}"
    gone = (await api.delete(path)).body
    assert (gone["id"], gone["status"], gone["ended_at"]) == (subscription["id"], "canceled", MARCH)
    sandbox.clock.advance(days=90)
    assert len(await invoices_of(api, subscription)) == 1
    reply = await api.post(path, {"cancel_at_period_end": True})
    assert reply.status == 400
