"""Subscriptions from their start to their end: each row of the state table, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from sandbox.billing.desk import (
    DAY,
    HOUR,
    NEW_YEAR,
    SAVED_BUT_REFUSED,
    at,
    attach,
    balance,
    customer,
    events,
    fresh,
    invoices_of,
    newest_invoice,
    plain,
    price,
    refused,
    subscribe,
)
from sandbox.rig import CHALLENGED, GOOD, Api, card

from wooshpay.sandbox import Sandbox

FEBRUARY = at("2026-02-01")


async def intent_of(api: Api, subscription: dict[str, Any]) -> dict[str, Any]:
    invoice = await newest_invoice(api, subscription)
    found: dict[str, Any] = await api.find(f"/v1/payment_intents/{invoice['payment_intent']}")
    return found


# ---- start


async def test_started_and_paid_with_the_customers_card(api: Api, sandbox: Sandbox) -> None:
    owner = await customer(api)
    tea = await price(api)
    subscription = await subscribe(api, owner, tea, 2, metadata={"a": "1"}, description="Tea club")
    assert subscription["id"].startswith("sub_")
    facts = {
        "status": "active",
        "currency": "USD",
        "customer": owner,
        "start_date": NEW_YEAR,
        "billing_cycle_anchor": NEW_YEAR,
        "current_period_start": NEW_YEAR,
        "current_period_end": FEBRUARY,
        "cancel_at_period_end": False,
        "metadata": {"a": "1"},
        "description": "Tea club",
    }
    assert {name: subscription[name] for name in facts} == facts
    [item] = subscription["items"]
    assert item["id"].startswith("si_")
    assert (item["price"]["id"], item["quantity"], item["subscription"]) == (tea, 2, subscription["id"])
    [invoice] = await invoices_of(api, subscription)
    assert subscription["latest_invoice"] == invoice["id"]
    assert (invoice["status"], invoice["billing_reason"], invoice["total"]) == ("paid", "subscription_create", 2000)
    assert (invoice["period_start"], invoice["period_end"]) == (NEW_YEAR, FEBRUARY)
    [line] = invoice["lines"]["data"]
    assert (line["type"], line["subscription_item"], line["quantity"]) == ("subscription", item["id"], 2)
    assert line["period"] == {"start": NEW_YEAR, "end": FEBRUARY}
    assert await balance(api) == 2000
    assert events(sandbox, "customer.", "invoice.", "payment_intent.") == [
        "customer.subscription.created",
        "invoice.created",
        "payment_intent.created",
        "invoice.finalized",
        "payment_intent.succeeded",
        "customer.subscription.updated",
        "invoice.paid",
        "invoice.payment_succeeded",
    ]
    # Who hears of the payment finds the subscription active.
    updated = next(e for e in sandbox.store.events() if e["type"] == "customer.subscription.updated")
    assert updated["data"]["object"]["status"] == "active"


async def test_incomplete_without_a_method_until_its_intent_is_confirmed(api: Api) -> None:
    subscription = await plain(api, None)
    assert subscription["status"] == "incomplete"
    invoice = await newest_invoice(api, subscription)
    assert (invoice["status"], invoice["amount_due"]) == ("open", 1000)
    await api.make(f"/v1/payment_intents/{invoice['payment_intent']}/confirm", {"payment_method_data": card()})
    active = await fresh(api, subscription)
    assert active["status"] == "active"
    assert (await newest_invoice(api, subscription))["status"] == "paid"


async def test_what_was_paid_with_first_is_charged_again(api: Api, sandbox: Sandbox) -> None:
    subscription = await plain(api, None)
    intent = await intent_of(api, subscription)
    await api.make(f"/v1/payment_intents/{intent['id']}/confirm", {"payment_method_data": card()})
    sandbox.clock.advance(days=31)
    assert (await fresh(api, subscription))["status"] == "active"
    assert await balance(api) == 2000


async def test_incomplete_when_the_first_payment_is_refused(api: Api, sandbox: Sandbox) -> None:
    subscription = await plain(api, SAVED_BUT_REFUSED)
    assert subscription["status"] == "incomplete"
    assert (await intent_of(api, subscription))["last_payment_error"]["code"] == "card_declined"
    assert "invoice.payment_failed" in events(sandbox)
    # It is not tried again by itself.
    sandbox.clock.advance(hours=22)
    assert events(sandbox).count("invoice.payment_failed") == 1
    method = await attach(api, subscription["customer"])
    await api.make(f"/v1/invoices/{subscription['latest_invoice']}/pay", {"payment_method": method})
    assert (await fresh(api, subscription))["status"] == "active"


async def test_incomplete_while_the_bank_asks_the_customer(api: Api) -> None:
    subscription = await plain(api, CHALLENGED)
    assert subscription["status"] == "incomplete"
    intent = await intent_of(api, subscription)
    assert intent["status"] == "requires_action"
    await api.act("payment_intents.authenticate", payment_intent=intent["id"])
    assert (await fresh(api, subscription))["status"] == "active"


async def test_incomplete_expires_after_23_hours(api: Api, sandbox: Sandbox) -> None:
    subscription = await plain(api, None)
    sandbox.clock.advance(milliseconds=23 * HOUR - 1)
    assert (await fresh(api, subscription))["status"] == "incomplete"
    sandbox.clock.advance(milliseconds=1)
    expired = await fresh(api, subscription)
    assert (expired["status"], expired["ended_at"]) == ("incomplete_expired", NEW_YEAR + 23 * HOUR)
    assert (await newest_invoice(api, subscription))["status"] == "void"
    assert (await intent_of(api, subscription))["status"] == "canceled"
    sandbox.clock.advance(days=60)
    assert len(await invoices_of(api, subscription)) == 1


async def test_a_payment_under_way_is_waited_for_before_it_expires(api: Api, sandbox: Sandbox) -> None:
    subscription = await plain(api, None)
    intent = await intent_of(api, subscription)
    sandbox.clock.advance(milliseconds=23 * HOUR - 1000)
    body = {"payment_method_data": card("4000000000000077")}
    await api.make(f"/v1/payment_intents/{intent['id']}/confirm", body)
    sandbox.clock.advance(hours=1)
    assert (await fresh(api, subscription))["status"] == "active"


async def test_voiding_the_first_invoice_expires_it(api: Api) -> None:
    subscription = await plain(api, None)
    await api.make(f"/v1/invoices/{subscription['latest_invoice']}/void")
    assert (await fresh(api, subscription))["status"] == "incomplete_expired"


async def test_active_at_once_when_nothing_is_due(api: Api, sandbox: Sandbox) -> None:
    subscription = await plain(api, None, 0)
    assert subscription["status"] == "active"
    assert (await newest_invoice(api, subscription))["status"] == "paid"
    sandbox.clock.advance(days=40)
    assert [invoice["status"] for invoice in await invoices_of(api, subscription)] == ["paid", "paid"]


async def test_active_at_once_when_the_customer_is_sent_invoices(api: Api, sandbox: Sandbox) -> None:
    subscription = await plain(api, collection_method="send_invoice", days_until_due=5)
    assert subscription["status"] == "active"
    invoice = await newest_invoice(api, subscription)
    assert (invoice["status"], invoice["due_date"]) == ("open", NEW_YEAR + 5 * DAY)
    assert "invoice.sent" in events(sandbox)
    assert await balance(api) == 0
    sandbox.clock.advance(days=5)
    assert (await fresh(api, subscription))["status"] == "past_due"
    await api.make(f"/v1/invoices/{invoice['id']}/pay")
    assert (await fresh(api, subscription))["status"] == "active"


async def test_a_sum_for_the_first_invoice_only(api: Api, sandbox: Sandbox) -> None:
    setup = await price(api, 500, "once")
    subscription = await plain(api, add_invoice_items={"price": setup, "quantity": "2"})
    first = await newest_invoice(api, subscription)
    assert [(line["amount"], line["type"]) for line in first["lines"]["data"]] == [
        (1000, "subscription"),
        (1000, "invoiceitem"),
    ]
    sandbox.clock.advance(days=31)
    assert (await newest_invoice(api, subscription))["total"] == 1000


async def test_the_first_invoice_takes_what_waits_for_the_customer(api: Api) -> None:
    owner = await customer(api)
    await api.make("/v1/invoiceitems", {"customer": owner, "amount": -300, "currency": "usd"})
    subscription = await subscribe(api, owner, await price(api))
    assert (await newest_invoice(api, subscription))["total"] == 700


async def test_inline_prices_and_several_items(api: Api) -> None:
    tea = await api.find(f"/v1/prices/{await price(api)}")
    inline = {
        "currency": "usd",
        "product": tea["product"]["id"],
        "unit_amount": "250",
        "recurring": {"interval": "month", "interval_count": "1"},
    }
    body = {
        "customer": await customer(api),
        "items": [{"price": tea["id"], "metadata": {"k": "v"}}, {"price_data": inline, "quantity": 3}],
    }
    subscription = await api.make("/v1/subscriptions", body)
    assert [item["price"]["unit_amount"] for item in subscription["items"]] == [1000, 250]
    assert subscription["items"][0]["metadata"] == {"k": "v"}
    assert (await newest_invoice(api, subscription))["total"] == 1750


# ---- trials


async def test_a_trial_costs_nothing_until_it_ends(api: Api, sandbox: Sandbox) -> None:
    subscription = await plain(api, trial_period_days=10)
    end = NEW_YEAR + 10 * DAY
    facts = {
        "status": "trialing",
        "trial_start": NEW_YEAR,
        "trial_end": end,
        "current_period_end": end,
        "billing_cycle_anchor": end,
    }
    assert {name: subscription[name] for name in facts} == facts
    first = await newest_invoice(api, subscription)
    assert (first["status"], first["total"]) == ("paid", 0)
    sandbox.clock.advance(days=7)
    assert events(sandbox)[-1] == "customer.subscription.trial_will_end"
    sandbox.clock.advance(milliseconds=3 * DAY - 1)
    assert (await fresh(api, subscription))["status"] == "trialing"
    sandbox.clock.advance(milliseconds=1)
    active = await fresh(api, subscription)
    assert (active["status"], active["current_period_start"]) == ("active", end)
    assert active["current_period_end"] == at("2026-02-11")
    assert [(i["total"], i["billing_reason"]) for i in await invoices_of(api, subscription)] == [
        (0, "subscription_create"),
        (1000, "subscription_cycle"),
    ]
    assert await balance(api) == 1000


async def test_the_end_of_a_short_trial_is_told_at_once(api: Api, sandbox: Sandbox) -> None:
    await plain(api, trial_period_days=2)
    await sandbox.settle()
    assert events(sandbox, "customer.subscription").count("customer.subscription.trial_will_end") == 1


async def test_a_trial_that_ends_without_a_method_is_past_due(api: Api, sandbox: Sandbox) -> None:
    subscription = await plain(api, None, trial_period_days=10)
    sandbox.clock.advance(days=10)
    assert (await fresh(api, subscription))["status"] == "past_due"
    assert (await newest_invoice(api, subscription))["status"] == "open"


async def test_a_trial_that_ends_with_its_period_is_never_charged(api: Api, sandbox: Sandbox) -> None:
    subscription = await plain(api, trial_period_days=10)
    await api.make(f"/v1/subscriptions/{subscription['id']}", {"cancel_at_period_end": True})
    sandbox.clock.advance(days=11)
    assert (await fresh(api, subscription))["status"] == "canceled"
    assert await balance(api) == 0


# ---- the end


async def test_cancel_ends_it_now(api: Api, sandbox: Sandbox) -> None:
    subscription = await plain(api)
    sandbox.clock.advance(days=3)
    reply = await api.delete(f"/v1/subscriptions/{subscription['id']}")
    now = NEW_YEAR + 3 * DAY
    assert (reply.body["status"], reply.body["canceled_at"], reply.body["ended_at"]) == ("canceled", now, now)
    assert events(sandbox)[-1] == "customer.subscription.deleted"
    assert sandbox.store.events()[-1]["data"]["object"] == reply.body
    sandbox.clock.advance(days=90)
    assert len(await invoices_of(api, subscription)) == 1
    assert await balance(api) == 1000


async def test_cancel_of_an_incomplete_one_voids_its_invoice(api: Api, sandbox: Sandbox) -> None:
    subscription = await plain(api, None)
    assert (await api.delete(f"/v1/subscriptions/{subscription['id']}")).body["status"] == "canceled"
    assert (await newest_invoice(api, subscription))["status"] == "void"
    sandbox.clock.advance(days=2)
    assert (await fresh(api, subscription))["status"] == "canceled"


async def test_cancel_credits_the_rest_and_bills_it_when_asked(api: Api, sandbox: Sandbox) -> None:
    subscription = await plain(api, amount=3100)
    sandbox.clock.advance(days=1)
    path = f"/v1/subscriptions/{subscription['id']}"
    assert (await api.send("DELETE", path, {"prorate": True, "invoice_now": True})).status == 200
    last = (await invoices_of(api, subscription))[-1]
    assert (last["status"], last["total"], last["billing_reason"]) == ("paid", -3000, "subscription_update")
    # The credit is the customer's, for what comes next.
    draft = await api.make("/v1/invoices", {"customer": subscription["customer"], "currency": "usd"})
    assert draft["starting_balance"] == -3000


async def test_an_open_invoice_of_a_canceled_one_is_not_collected_any_more(api: Api, sandbox: Sandbox) -> None:
    subscription = await plain(api, None, trial_period_days=1)
    sandbox.clock.advance(days=1)
    await api.delete(f"/v1/subscriptions/{subscription['id']}")
    invoice = await newest_invoice(api, subscription)
    assert (invoice["status"], invoice["auto_advance"]) == ("open", False)
    assert "next_payment_attempt" not in invoice
    await attach(api, subscription["customer"])
    sandbox.clock.advance(days=30)
    assert await balance(api) == 0
    # It can still be paid by hand, which does not bring the subscription back.
    assert (await api.make(f"/v1/invoices/{invoice['id']}/pay"))["status"] == "paid"
    assert (await fresh(api, subscription))["status"] == "canceled"


async def test_cancel_at_period_end_and_taking_it_back(api: Api, sandbox: Sandbox) -> None:
    subscription = await plain(api)
    path = f"/v1/subscriptions/{subscription['id']}"
    leaving = await api.make(path, {"cancel_at_period_end": True})
    assert (leaving["status"], leaving["cancel_at"], leaving["canceled_at"]) == ("active", FEBRUARY, NEW_YEAR)
    staying = await api.make(path, {"cancel_at_period_end": False})
    assert not staying.keys() & {"cancel_at", "canceled_at"}
    sandbox.clock.advance(days=31)
    assert (await fresh(api, subscription))["status"] == "active"
    await api.make(path, {"cancel_at_period_end": "true"})
    sandbox.clock.advance(days=28)
    gone = await fresh(api, subscription)
    assert (gone["status"], gone["ended_at"]) == ("canceled", at("2026-03-01"))
    assert events(sandbox)[-1] == "customer.subscription.deleted"
    assert await balance(api) == 2000


async def test_cancel_at_a_time(api: Api, sandbox: Sandbox) -> None:
    subscription = await plain(api, cancel_at=NEW_YEAR + 40 * DAY)
    sandbox.clock.advance(milliseconds=40 * DAY - 1)
    assert (await fresh(api, subscription))["status"] == "active"
    sandbox.clock.advance(milliseconds=1)
    gone = await fresh(api, subscription)
    assert (gone["status"], gone["ended_at"]) == ("canceled", NEW_YEAR + 40 * DAY)
    assert len(await invoices_of(api, subscription)) == 2


@pytest.mark.parametrize("how", ["canceled", "incomplete_expired"])
async def test_what_has_ended_allows_nothing(api: Api, sandbox: Sandbox, how: str) -> None:
    subscription = await plain(api, GOOD if how == "canceled" else None)
    path = f"/v1/subscriptions/{subscription['id']}"
    if how == "canceled":
        await api.delete(path)
    else:
        sandbox.clock.advance(hours=23)
    ended = await fresh(api, subscription)
    assert ended["status"] == how
    change = [{"id": ended["items"][0]["id"], "quantity": 2}]
    for body in ({"cancel_at_period_end": True}, {"items": change}, {"metadata": {"a": "1"}}):
        refused(await api.post(path, body), 400, "subscription_unexpected_state")
    refused(await api.delete(path), 400, "subscription_unexpected_state")
    added = {"subscription": ended["id"], "price": await price(api)}
    refused(await api.post("/v1/subscription_items", added), 400, "subscription_unexpected_state")
    assert await fresh(api, subscription) == ended


async def test_the_items_of_an_incomplete_one_cannot_change(api: Api) -> None:
    subscription = await plain(api, None)
    body = {"items": [{"id": subscription["items"][0]["id"], "quantity": 2}]}
    reply = await api.post(f"/v1/subscriptions/{subscription['id']}", body)
    refused(reply, 400, "subscription_unexpected_state")


# ---- parameters


@pytest.mark.parametrize(
    ("body", "status", "code", "param"),
    [
        ({"customer": None}, 400, "parameter_missing", "customer"),
        ({"customer": "cus_1"}, 404, "resource_missing", "customer"),
        ({"items": None}, 400, "parameter_missing", "items"),
        ({"items": []}, 400, "parameter_missing", "items"),
        ({"items": [{"quantity": 1}]}, 400, "parameter_missing", "items[0][price_data]"),
        ({"items": [{"price": "price_1"}]}, 404, "resource_missing", "items[0][price]"),
        ({"currency": "eur"}, 400, "parameter_invalid", "items"),
        ({"trial_period_days": -1}, 400, "parameter_invalid_integer", "trial_period_days"),
        ({"cancel_at": NEW_YEAR - DAY}, 400, "parameter_invalid", "cancel_at"),
        ({"days_until_due": 3}, 400, "parameter_invalid", "days_until_due"),
        ({"default_payment_method": "pm_1"}, 404, "resource_missing", "default_payment_method"),
        ({"add_invoice_items": {"price": "price_1"}}, 404, "resource_missing", "add_invoice_items[price]"),
    ],
)
async def test_what_create_refuses(
    api: Api, sandbox: Sandbox, body: dict[str, Any], status: int, code: str, param: str
) -> None:
    whole = {"customer": await customer(api), "items": [{"price": await price(api)}], **body}
    before = len(sandbox.store.events())
    refused(await api.post("/v1/subscriptions", whole), status, code, param)
    assert sandbox.store.all("subscription") == sandbox.store.all("invoice") == []
    assert len(sandbox.store.events()) == before


async def test_prices_that_do_not_go_together(api: Api) -> None:
    tea = await price(api)
    owner = await customer(api)
    others = [await price(api, interval="year"), await price(api, currency="eur"), await price(api, 60_000_000)]
    for other in (*others[:2], others[2]):
        items = [{"price": tea}, {"price": other, "quantity": 2}]
        reply = await api.post("/v1/subscriptions", {"customer": owner, "items": items})
        assert (reply.status, reply.error["param"]) == (400, "items")
    once = await price(api, interval="once")
    reply = await api.post("/v1/subscriptions", {"customer": owner, "items": [{"price": once}]})
    refused(reply, 400, "price_type_invalid", "items[0][price]")


async def test_default_method_and_metadata_can_be_changed(api: Api, sandbox: Sandbox) -> None:
    subscription = await plain(api, metadata={"a": "1", "b": "2"})
    method = await attach(api, subscription["customer"])
    await attach(api, subscription["customer"], SAVED_BUT_REFUSED)
    path = f"/v1/subscriptions/{subscription['id']}"
    changed = await api.make(path, {"default_payment_method": method, "metadata": {"a": "", "c": "3"}})
    assert (changed["default_payment_method"], changed["metadata"]) == (method, {"b": "2", "c": "3"})
    assert events(sandbox)[-1] == "customer.subscription.updated"
    # The one that was chosen is charged, not the newest.
    sandbox.clock.advance(days=31)
    assert (await newest_invoice(api, subscription))["status"] == "paid"


async def test_an_unknown_subscription_is_404(api: Api) -> None:
    for reply in (
        await api.get("/v1/subscriptions/sub_1"),
        await api.post("/v1/subscriptions/sub_1", {}),
        await api.delete("/v1/subscriptions/sub_1"),
    ):
        refused(reply, 404, "resource_missing")


async def test_lists_filter_by_customer_and_price(api: Api) -> None:
    ada, bob = await customer(api), await customer(api)
    tea, cups = await price(api), await price(api)
    first, second, third = (
        await subscribe(api, ada, tea),
        await subscribe(api, ada, cups),
        await subscribe(api, bob, tea),
    )

    async def ids(**query: str) -> list[str]:
        return [entry["id"] for entry in (await api.get("/v1/subscriptions", query=query)).body["data"]]

    assert await ids() == [third["id"], second["id"], first["id"]]
    assert await ids(customer=ada) == [second["id"], first["id"]]
    assert await ids(price=tea) == [third["id"], first["id"]]
    assert await ids(customer=ada, price=tea) == [first["id"]]
    assert await ids(price="price_1") == []
    assert await ids(limit="1", starting_after=third["id"]) == [second["id"]]
    await api.delete(f"/v1/subscriptions/{first['id']}")
    assert first["id"] in await ids()
