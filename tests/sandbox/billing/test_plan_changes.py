"""Changes of plan: credit for what is unused, charge for the new, to the second; and discounts over time."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any, Literal

import aiohttp
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
from sandbox.rig import CHALLENGED, Api

from wooshpay.sandbox import AccountOptions, Sandbox

FEBRUARY = at("2026-02-01")
JANUARY_SECONDS = 31 * 86_400


async def change(api: Api, subscription: dict[str, Any], name: str = "items", **fields: Any) -> dict[str, Any]:
    """Change the first item of a subscription."""
    behavior = {"proration_behavior": fields.pop("proration_behavior")} if "proration_behavior" in fields else {}
    body = {name: [{"id": subscription["items"][0]["id"], **fields}], **behavior}
    made: dict[str, Any] = await api.make(f"/v1/subscriptions/{subscription['id']}", body)
    return made


async def waiting(api: Api, subscription: dict[str, Any]) -> list[dict[str, Any]]:
    """The invoice items that wait for a subscription, as the next invoice would take them."""
    body = {"customer": subscription["customer"], "subscription": subscription["id"]}
    draft = await api.make("/v1/invoices", body)
    await api.delete(f"/v1/invoices/{draft['id']}")
    lines: list[dict[str, Any]] = draft["lines"]["data"]
    return lines


def amounts(invoice: dict[str, Any]) -> list[int]:
    return [line["amount"] for line in invoice["lines"]["data"]]


# ---- create_prorations


async def test_an_upgrade_waits_for_the_next_invoice(api: Api, sandbox: Sandbox) -> None:
    subscription = await plain(api, amount=3100)
    better = await price(api, 6200)
    sandbox.clock.advance(days=10)
    changed = await change(api, subscription, price=better)
    assert changed["items"][0]["price"]["id"] == better
    assert (changed["items"][0]["id"], changed["current_period_end"]) == (subscription["items"][0]["id"], FEBRUARY)
    lines = await waiting(api, subscription)
    assert [(line["amount"], line["proration"]) for line in lines] == [(-2100, True), (4200, True)]
    assert lines[0]["period"] == {"start": NEW_YEAR + 10 * DAY, "end": FEBRUARY}
    assert lines[0]["description"] == "Unused time on 1 of Tea club after 11 Jan 2026"
    assert lines[1]["description"] == "Remaining time on 1 of Tea club after 11 Jan 2026"
    assert len(await invoices_of(api, subscription)) == 1
    sandbox.clock.advance(days=21)
    renewal = await newest_invoice(api, subscription)
    assert (amounts(renewal), renewal["total"], renewal["status"]) == ([6200, -2100, 4200], 8300, "paid")


async def test_it_is_counted_to_the_second(api: Api, sandbox: Sandbox) -> None:
    # One minor unit for each second of January.
    subscription = await plain(api, amount=JANUARY_SECONDS)
    sandbox.clock.advance(days=10, hours=3, minutes=25, seconds=45)
    await change(api, subscription, quantity=2)
    left = JANUARY_SECONDS - (10 * 86_400 + 3 * 3600 + 25 * 60 + 45)
    assert [line["amount"] for line in await waiting(api, subscription)] == [-left, 2 * left]


async def test_a_downgrade_below_zero_is_credit_for_the_renewals(api: Api, sandbox: Sandbox) -> None:
    subscription = await plain(api, amount=31_000)
    cheap = await price(api, 310)
    sandbox.clock.advance(days=1)
    await change(api, subscription, price=cheap)
    sandbox.clock.advance(days=30)
    renewal = await newest_invoice(api, subscription)
    assert amounts(renewal) == [310, -30_000, 300]
    assert (renewal["total"], renewal["amount_due"], renewal["status"]) == (-29_390, 0, "paid")
    sandbox.clock.advance(days=28)
    second = await newest_invoice(api, subscription)
    assert (second["starting_balance"], second["amount_due"], second["status"]) == (-29_390, 0, "paid")
    assert await balance(api) == 31_000


async def test_there_and_back_within_a_second_costs_nothing(api: Api, sandbox: Sandbox) -> None:
    subscription = await plain(api, amount=777)
    first, other = subscription["items"][0]["price"]["id"], await price(api, 1313)
    sandbox.clock.advance(days=7, seconds=13)
    await change(api, subscription, price=other, quantity=3)
    await change(api, subscription, price=first)
    assert sum(line["amount"] for line in await waiting(api, subscription)) == 0


async def test_many_changes_add_up_to_what_was_used(api: Api, sandbox: Sandbox) -> None:
    subscription = await plain(api, amount=JANUARY_SECONDS)
    for quantity in (2, 5, 1, 3):
        sandbox.clock.advance(days=5, seconds=7)
        await change(api, subscription, quantity=quantity)
    step = 5 * 86_400 + 7
    used = step * (1 + 2 + 5 + 1) + (JANUARY_SECONDS - 4 * step) * 3
    assert JANUARY_SECONDS + sum(line["amount"] for line in await waiting(api, subscription)) == used


# ---- always_invoice


async def test_always_invoice_bills_the_difference_and_leaves_an_hour_to_pay(api: Api, sandbox: Sandbox) -> None:
    subscription = await plain(api, amount=3100)
    better = await price(api, 6200)
    sandbox.clock.advance(days=10)
    changed = await change(api, subscription, "line_items", price=better, proration_behavior="always_invoice")
    invoice = await newest_invoice(api, subscription)
    assert changed["latest_invoice"] == invoice["id"]
    assert (invoice["status"], invoice["billing_reason"], amounts(invoice)) == (
        "open",
        "subscription_update",
        [-2100, 4200],
    )
    assert invoice["next_payment_attempt"] == NEW_YEAR + 10 * DAY + HOUR
    # The last call of the guide.
    assert (await api.make(f"/v1/invoices/{invoice['id']}/pay"))["status"] == "paid"
    sandbox.clock.advance(hours=1)
    assert await balance(api) == 3100 + 2100


async def test_always_invoice_is_collected_by_itself_in_the_end(api: Api, sandbox: Sandbox) -> None:
    subscription = await plain(api, amount=3100)
    await change(api, subscription, quantity=2, proration_behavior="always_invoice")
    sandbox.clock.advance(minutes=59)
    assert (await newest_invoice(api, subscription))["status"] == "open"
    sandbox.clock.advance(minutes=1)
    assert (await newest_invoice(api, subscription))["status"] == "paid"
    assert await balance(api) == 6200


async def test_a_difference_that_is_refused_is_past_due(api: Api, sandbox: Sandbox) -> None:
    subscription = await plain(api, amount=3100)
    await attach(api, subscription["customer"], SAVED_BUT_REFUSED)
    await change(api, subscription, quantity=2, proration_behavior="always_invoice")
    sandbox.clock.advance(hours=1)
    assert (await fresh(api, subscription))["status"] == "past_due"
    invoice = await newest_invoice(api, subscription)
    assert invoice["next_payment_attempt"] == NEW_YEAR + HOUR + DAY


async def test_always_invoice_of_a_downgrade_gives_credit_at_once(api: Api, sandbox: Sandbox) -> None:
    subscription = await plain(api, amount=3100)
    sandbox.clock.advance(days=21)
    await change(api, subscription, quantity=0, proration_behavior="always_invoice")
    invoice = await newest_invoice(api, subscription)
    assert (invoice["total"], invoice["status"]) == (-1000, "paid")


# ---- plan_changes="charge": the account charges the invoice of a change at once, as Stripe does


@pytest.fixture
async def charging() -> AsyncIterator[Api]:
    """Plain HTTP with a sandbox whose account charges changes of plan at once."""
    options = AccountOptions(plan_changes="charge")
    async with (
        Sandbox(now=lambda: NEW_YEAR, account=options) as sandbox,
        aiohttp.ClientSession() as session,
    ):
        yield Api(session, sandbox.base_url, sandbox.api_key)


async def test_an_account_that_charges_at_once_has_the_difference_when_the_call_returns(charging: Api) -> None:
    subscription = await plain(charging, amount=3100)
    changed = await change(charging, subscription, quantity=2, proration_behavior="always_invoice")
    invoice = await charging.find(f"/v1/invoices/{changed['latest_invoice']}")
    assert (changed["status"], invoice["status"], invoice["billing_reason"]) == (
        "active",
        "paid",
        "subscription_update",
    )
    assert await balance(charging) == 6200


async def test_a_declined_charge_leaves_the_new_plan_past_due_as_at_stripe(charging: Api) -> None:
    """Stripe's default (allow_incomplete) is no error: whoever looks at the items only gives the dearer plan away."""
    subscription = await plain(charging, amount=3100)
    await attach(charging, subscription["customer"], SAVED_BUT_REFUSED)
    changed = await change(charging, subscription, quantity=2, proration_behavior="always_invoice")
    invoice = await charging.find(f"/v1/invoices/{changed['latest_invoice']}")
    assert (changed["status"], changed["items"][0]["quantity"]) == ("past_due", 2)
    assert (invoice["status"], invoice["next_payment_attempt"]) == ("open", NEW_YEAR + DAY)
    # A new card, and the call that pays at once.
    await attach(charging, subscription["customer"])
    await charging.make(f"/v1/invoices/{invoice['id']}/pay")
    assert (await fresh(charging, subscription))["status"] == "active"
    assert await balance(charging) == 6200


async def test_a_charge_at_once_may_ask_the_customer_to_authenticate(charging: Api) -> None:
    """The customer is there when a plan is changed, so that 3-D Secure is a page to visit and not a decline."""
    subscription = await plain(charging, amount=3100)
    await attach(charging, subscription["customer"], CHALLENGED)
    changed = await change(charging, subscription, quantity=2, proration_behavior="always_invoice")
    invoice = await charging.find(f"/v1/invoices/{changed['latest_invoice']}")
    intent = await charging.find(f"/v1/payment_intents/{invoice['payment_intent']}")
    assert (changed["status"], invoice["status"], intent["status"]) == ("past_due", "open", "requires_action")
    await charging.browse(intent["next_action"]["challenge_redirect"]["url"], {"outcome": "authenticate"})
    assert (await fresh(charging, subscription))["status"] == "active"


@pytest.mark.parametrize("behavior", ["create_prorations", "always_invoice", "none"])
async def test_another_interval_is_charged_at_once_whatever_the_behavior(charging: Api, behavior: str) -> None:
    subscription = await plain(charging, amount=3100)
    yearly = await price(charging, 12_000, "year")
    changed = await change(charging, subscription, price=yearly, proration_behavior=behavior)
    invoice = await charging.find(f"/v1/invoices/{changed['latest_invoice']}")
    assert (invoice["status"], invoice["period_end"]) == ("paid", at("2027-01-01"))


@pytest.mark.parametrize("behavior", ["create_prorations", "none"])
async def test_only_always_invoice_is_charged_at_once(charging: Api, behavior: str) -> None:
    subscription = await plain(charging, amount=3100)
    changed = await change(charging, subscription, quantity=2, proration_behavior=behavior)
    assert changed["latest_invoice"] == subscription["latest_invoice"]
    assert await balance(charging) == 3100


@pytest.mark.parametrize("which", ["invoice", "charge"])
async def test_taking_an_item_away_gives_its_credit_at_once_either_way(which: Literal["invoice", "charge"]) -> None:
    options = AccountOptions(plan_changes=which)
    async with Sandbox(now=lambda: NEW_YEAR, account=options) as sandbox, aiohttp.ClientSession() as session:
        api = Api(session, sandbox.base_url, sandbox.api_key)
        items = [{"price": await price(api, amount)} for amount in (3100, 310)]
        subscription = await api.make("/v1/subscriptions", {"customer": await customer(api), "items": items})
        path = f"/v1/subscription_items/{subscription['items'][1]['id']}"
        assert (await api.send("DELETE", path, {"proration_behavior": "always_invoice"})).status == 200
        invoice = await newest_invoice(api, subscription)
        assert (invoice["billing_reason"], invoice["total"], invoice["status"]) == ("subscription_update", -310, "paid")


# ---- none


async def test_none_changes_the_next_renewal_only(api: Api, sandbox: Sandbox) -> None:
    subscription = await plain(api, amount=3100)
    sandbox.clock.advance(days=10)
    await change(api, subscription, quantity=2, proration_behavior="none")
    assert await waiting(api, subscription) == []
    sandbox.clock.advance(days=21)
    assert amounts(await newest_invoice(api, subscription)) == [6200]


# ---- another interval


@pytest.mark.parametrize(("behavior", "lines"), [("create_prorations", [12_000, -2100]), ("none", [12_000])])
async def test_another_interval_starts_a_new_period_now(
    api: Api, sandbox: Sandbox, behavior: str, lines: list[int]
) -> None:
    subscription = await plain(api, amount=3100)
    yearly = await price(api, 12_000, "year")
    sandbox.clock.advance(days=10)
    now = NEW_YEAR + 10 * DAY
    changed = await change(api, subscription, price=yearly, proration_behavior=behavior)
    facts = {
        "current_period_start": now,
        "current_period_end": at("2027-01-11"),
        "billing_cycle_anchor": now,
        "status": "active",
    }
    assert {name: changed[name] for name in facts} == facts
    invoice = await newest_invoice(api, subscription)
    assert (amounts(invoice), invoice["billing_reason"]) == (lines, "subscription_update")
    assert (invoice["period_start"], invoice["period_end"]) == (now, at("2027-01-11"))
    # The alarm of the old period means nothing any more.
    sandbox.clock.advance(days=200)
    assert len(await invoices_of(api, subscription)) == 2
    sandbox.clock.advance(days=165)
    assert (await fresh(api, subscription))["current_period_start"] == at("2027-01-11")


async def test_another_interval_moves_the_end_that_was_asked_for(api: Api, sandbox: Sandbox) -> None:
    subscription = await plain(api)
    await api.make(f"/v1/subscriptions/{subscription['id']}", {"cancel_at_period_end": True})
    await change(api, subscription, price=await price(api, 500, "week"))
    sandbox.clock.advance(days=6)
    assert (await fresh(api, subscription))["status"] == "active"
    sandbox.clock.advance(days=1)
    gone = await fresh(api, subscription)
    assert (gone["status"], gone["ended_at"]) == ("canceled", NEW_YEAR + 7 * DAY)


async def test_a_change_in_a_trial_costs_nothing(api: Api, sandbox: Sandbox) -> None:
    subscription = await plain(api, trial_period_days=10)
    yearly = await price(api, 12_000, "year")
    sandbox.clock.advance(days=5)
    changed = await change(api, subscription, price=yearly, proration_behavior="always_invoice")
    assert (changed["status"], changed["current_period_end"]) == ("trialing", NEW_YEAR + 10 * DAY)
    sandbox.clock.advance(days=5)
    assert [invoice["total"] for invoice in await invoices_of(api, subscription)] == [0, 12_000]
    assert (await fresh(api, subscription))["current_period_end"] == at("2027-01-11")


# ---- what a change may be


async def test_another_price_puts_the_quantity_back_to_one(api: Api) -> None:
    subscription = await subscribe(api, await customer(api), await price(api), 5)
    changed = await change(api, subscription, price=await price(api, 2000))
    assert changed["items"][0]["quantity"] == 1
    changed = await change(api, changed, quantity=4)
    assert changed["items"][0]["quantity"] == 4
    changed = await change(api, changed, price=await price(api, 3000), quantity=2)
    assert changed["items"][0]["quantity"] == 2


async def test_the_sample_of_the_guide_with_an_inline_price(api: Api) -> None:
    subscription = await plain(api)
    inline = {
        "currency": "USD",
        "product_data": {"name": "Pro plan"},
        "unit_amount": 5000,
        "recurring": {"interval": "month", "interval_count": 1, "usage_type": "licensed"},
    }
    changed = await change(api, subscription, "line_items", price_data=inline, quantity=1)
    assert changed["items"][0]["price"]["product"]["name"] == "Pro plan"


async def test_items_come_and_go_in_one_change(api: Api, sandbox: Sandbox) -> None:
    subscription = await plain(api, amount=3100)
    extra = await price(api, 310)
    sandbox.clock.advance(days=21)
    body = {"items": [{"id": subscription["items"][0]["id"], "deleted": True}, {"price": extra, "quantity": 2}]}
    changed = await api.make(f"/v1/subscriptions/{subscription['id']}", body)
    assert [(item["price"]["id"], item["quantity"]) for item in changed["items"]] == [(extra, 2)]
    assert [line["amount"] for line in await waiting(api, subscription)] == [-1000, 200]


@pytest.mark.parametrize(
    ("body", "status", "param"),
    [
        ({"items": [{"id": "si_1", "quantity": 2}]}, 404, "items[0][id]"),
        ({"items": [{"quantity": 2}]}, 400, "items[0][price_data]"),
        ({"items": [{"deleted": True}]}, 400, "items[0][id]"),
        ({"items": [{"id": "ITEM", "deleted": True}]}, 400, "items"),
        ({"items": [{"id": "OTHER", "quantity": 2}]}, 400, "items[0][id]"),
        ({"items": [{"id": "ITEM", "quantity": 2}, {"id": "ITEM", "quantity": 3}]}, 400, "items"),
        ({"items": [{"id": "ITEM", "price": "ONCE"}]}, 400, "items[0][price]"),
        ({"items": [{"id": "ITEM", "price": "EUROS"}]}, 400, "items"),
        ({"items": [{"price": "YEARLY"}]}, 400, "items"),
        ({"items": [{"id": "ITEM", "quantity": 99_999_999}]}, 400, "items"),
        ({"items": [{"id": "ITEM"}], "line_items": [{"id": "ITEM"}]}, 400, "line_items"),
        ({"proration_behavior": "some"}, 400, "proration_behavior"),
        ({"default_payment_method": "pm_1"}, 404, "default_payment_method"),
    ],
)
async def test_what_a_change_refuses_leaves_no_trace(
    api: Api, sandbox: Sandbox, body: dict[str, Any], status: int, param: str
) -> None:
    subscription, other = await plain(api), await plain(api)
    names = {
        "ITEM": subscription["items"][0]["id"],
        "OTHER": other["items"][0]["id"],
        "ONCE": await price(api, interval="once"),
        "EUROS": await price(api, currency="eur"),
        "YEARLY": await price(api, interval="year"),
    }
    text = json.dumps(body)
    for name, id in names.items():
        text = text.replace(f'"{name}"', f'"{id}"')
    filled: dict[str, Any] = json.loads(text)
    before = len(sandbox.store.events())
    reply = await api.post(
        f"/v1/subscriptions/{subscription['id']}", {"metadata": {"a": "1"}, "cancel_at_period_end": True, **filled}
    )
    assert (reply.status, reply.error["param"]) == (status, param), reply.body
    assert await fresh(api, subscription) == subscription
    assert len(sandbox.store.events()) == before


# ---- subscription items


async def test_an_item_is_added_found_and_taken_away(api: Api, sandbox: Sandbox) -> None:
    subscription = await plain(api, amount=3100)
    extra = await price(api, 310)
    sandbox.clock.advance(days=21)
    item = await api.make(
        "/v1/subscription_items",
        {"subscription": subscription["id"], "price": extra, "quantity": 2, "metadata": {"a": "1"}},
    )
    assert (item["price"]["id"], item["quantity"], item["metadata"]) == (extra, 2, {"a": "1"})
    assert await api.find(f"/v1/subscription_items/{item['id']}") == item
    assert [entry["id"] for entry in (await fresh(api, subscription))["items"]][1] == item["id"]
    assert events(sandbox)[-1] == "customer.subscription.updated"
    gone = (await api.delete(f"/v1/subscription_items/{item['id']}")).body
    assert gone == {"id": item["id"], "object": "subscription_item", "deleted": True}
    assert [line["amount"] for line in await waiting(api, subscription)] == [200, -200]
    refused(await api.get(f"/v1/subscription_items/{item['id']}"), 404, "resource_missing")


async def test_taking_an_item_away_without_credit(api: Api) -> None:
    subscription = await plain(api, amount=3100)
    item = await api.make(
        "/v1/subscription_items", {"subscription": subscription["id"], "price": await price(api, 310)}
    )
    path = f"/v1/subscription_items/{item['id']}"
    assert (await api.send("DELETE", path, {"proration_behavior": "none"})).status == 200
    assert [line["amount"] for line in await waiting(api, subscription)] == [310]


async def test_what_subscription_items_refuse(api: Api) -> None:
    subscription = await plain(api)
    last = subscription["items"][0]["id"]
    refused(await api.delete(f"/v1/subscription_items/{last}"), 400, "parameter_invalid")
    refused(await api.delete("/v1/subscription_items/si_1"), 404, "resource_missing")
    tea = await price(api)
    cases: list[tuple[dict[str, Any], int, str, str]] = [
        ({"price": tea}, 400, "parameter_missing", "subscription"),
        ({"subscription": "sub_1", "price": tea}, 404, "resource_missing", "subscription"),
        ({"subscription": subscription["id"]}, 400, "parameter_missing", "price_data"),
        (
            {"subscription": subscription["id"], "price": await price(api, interval="week")},
            400,
            "parameter_invalid",
            "price",
        ),
    ]
    for body, status, code, param in cases:
        refused(await api.post("/v1/subscription_items", body), status, code, param)
    assert await fresh(api, subscription) == subscription
