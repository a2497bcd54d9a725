"""Renewals, and how invoices are collected: on the sandbox's clock, in order, each at its own time."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

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
from sandbox.rig import Api, card

from wooshpay.sandbox import Sandbox

FEBRUARY = at("2026-02-01")
# Asks for 3-D Secure whenever it is charged, also off session.
ALWAYS_CHALLENGED = "4000002760003184"


def months(start: str, count: int) -> list[int]:
    """The first moments of so many months."""
    year, month = int(start[:4]), int(start[5:7])
    return [at(f"{year + (month + n - 1) // 12}-{(month + n - 1) % 12 + 1:02}-01") for n in range(count)]


async def failing(api: Api, sandbox: Sandbox) -> dict[str, Any]:
    """A subscription whose first renewal was just refused."""
    subscription = await plain(api)
    await attach(api, subscription["customer"], SAVED_BUT_REFUSED)
    sandbox.clock.advance(days=31)
    return await fresh(api, subscription)


async def test_a_year_is_twelve_renewals_with_their_periods(api: Api, sandbox: Sandbox) -> None:
    subscription = await plain(api)
    sandbox.clock.advance(days=365)
    invoices = await invoices_of(api, subscription)
    edges = months("2026-01-01", 14)
    assert [(i["period_start"], i["period_end"]) for i in invoices] == list(pairwise(edges))
    assert len(invoices) == 1 + 12
    assert [i["created"] for i in invoices] == edges[:-1]
    assert {i["status"] for i in invoices} == {"paid"}
    assert {i["billing_reason"] for i in invoices[1:]} == {"subscription_cycle"}
    assert await balance(api) == 13_000
    now = await fresh(api, subscription)
    assert [now["current_period_start"], now["current_period_end"]] == edges[-2:]
    assert now["latest_invoice"] == invoices[-1]["id"]


async def test_the_end_of_january_renews_at_the_ends_of_months(api: Api, sandbox: Sandbox) -> None:
    sandbox.clock.advance(days=30, hours=5)
    subscription = await plain(api)
    sandbox.clock.advance(days=130)
    ends = [invoice["period_end"] for invoice in await invoices_of(api, subscription)]
    days = ("2026-02-28", "2026-03-31", "2026-04-30", "2026-05-31", "2026-06-30")
    assert ends == [at(f"{day}T05:00") for day in days]


@pytest.mark.parametrize(
    ("interval", "count", "renewals"), [("day", 10, 40), ("week", 2, 28), ("month", 3, 4), ("year", 1, 1)]
)
async def test_every_interval(api: Api, sandbox: Sandbox, interval: str, count: int, renewals: int) -> None:
    tea = await price(api, 100, interval, count)
    subscription = await subscribe(api, await customer(api), tea)
    sandbox.clock.advance(days=400)
    invoices = await invoices_of(api, subscription)
    assert len(invoices) == 1 + renewals
    assert all(a["period_end"] == b["period_start"] for a, b in pairwise(invoices))


def told(invoices: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """What an invoice says, without its ids."""
    names = ("number", "status", "total", "amount_paid", "created", "period_start", "period_end", "billing_reason")
    return [tuple(invoice.get(name) for name in names) for invoice in invoices]


async def run(steps: list[float]) -> list[list[tuple[Any, ...]]]:
    """The invoices of several subscriptions after the clock was moved in these steps of days."""
    async with Sandbox(now=lambda: NEW_YEAR) as sandbox, aiohttp.ClientSession() as session:
        api = Api(session, sandbox.base_url, sandbox.api_key)
        tea, weekly = await price(api), await price(api, 200, "week")
        good, trial = await customer(api), await customer(api)
        kept = [
            await subscribe(api, good, tea),
            await subscribe(api, trial, tea, trial_period_days=45),
            await subscribe(api, good, weekly, cancel_at=NEW_YEAR + 100 * DAY),
            await plain(api, None),
            await plain(api, collection_method="send_invoice", days_until_due=3),
        ]
        bad = await plain(api)
        await attach(api, bad["customer"], SAVED_BUT_REFUSED)
        for step in steps:
            sandbox.clock.advance(days=step)
        records = [*kept, bad]
        assert [(await fresh(api, record))["status"] for record in records] == [
            "active",
            "active",
            "canceled",
            "incomplete_expired",
            "past_due",
            "unpaid",
        ]
        created = [event["created"] for event in sandbox.store.events()]
        assert created == sorted(created)
        return [told(await invoices_of(api, record)) for record in records]


async def test_one_step_or_many_give_the_same_invoices() -> None:
    at_once = await run([400])
    assert at_once == await run([0.25] * 40 + [1] * 100 + [10] * 29)
    assert at_once == await run([31, 369])


# ---- refused renewals


async def test_a_refused_renewal_is_past_due_and_tried_again_on_four_days(api: Api, sandbox: Sandbox) -> None:
    subscription = await failing(api, sandbox)
    assert subscription["status"] == "past_due"
    # The period goes on all the same.
    assert subscription["current_period_end"] == at("2026-03-01")
    due: list[int | None] = []
    for _ in range(5):
        invoice = await newest_invoice(api, subscription)
        assert invoice["status"] == "open"
        due.append(invoice.get("next_payment_attempt"))
        if due[-1] is not None:
            sandbox.clock.advance(milliseconds=due[-1] - sandbox.clock.now - 1)
            failures = events(sandbox).count("invoice.payment_failed")
            sandbox.clock.advance(milliseconds=1)
            assert events(sandbox).count("invoice.payment_failed") == failures + 1
    assert due == [FEBRUARY + days * DAY for days in (1, 3, 5, 7)] + [None]
    assert (await fresh(api, subscription))["status"] == "unpaid"
    assert events(sandbox)[-2:] == ["invoice.payment_failed", "customer.subscription.updated"]
    charges = (await api.get("/v1/charges/list", query={"limit": "100"})).body["data"]
    assert [charge["status"] for charge in charges] == ["failed"] * 5 + ["succeeded"]


async def test_a_retry_that_succeeds_makes_it_active_again(api: Api, sandbox: Sandbox) -> None:
    subscription = await failing(api, sandbox)
    await attach(api, subscription["customer"])
    sandbox.clock.advance(days=1)
    assert (await fresh(api, subscription))["status"] == "active"
    invoice = await newest_invoice(api, subscription)
    assert (invoice["status"], invoice["status_transitions"]["paid_at"]) == ("paid", FEBRUARY + DAY)
    assert "next_payment_attempt" not in invoice
    sandbox.clock.advance(days=20)
    assert await balance(api) == 2000


async def test_paying_by_hand_ends_the_retries(api: Api, sandbox: Sandbox) -> None:
    subscription = await failing(api, sandbox)
    method = await attach(api, subscription["customer"])
    await api.make(f"/v1/invoices/{subscription['latest_invoice']}/pay", {"payment_method": method})
    assert (await fresh(api, subscription))["status"] == "active"
    sandbox.clock.advance(days=20)
    assert await balance(api) == 2000


async def test_a_refusal_by_hand_leaves_the_days_of_the_retries(api: Api, sandbox: Sandbox) -> None:
    subscription = await failing(api, sandbox)
    before = await newest_invoice(api, subscription)
    assert (await api.post(f"/v1/invoices/{before['id']}/pay")).status == 402
    assert await newest_invoice(api, subscription) == before


async def test_voiding_the_renewal_makes_it_active_again(api: Api, sandbox: Sandbox) -> None:
    subscription = await failing(api, sandbox)
    await api.make(f"/v1/invoices/{subscription['latest_invoice']}/void")
    assert (await fresh(api, subscription))["status"] == "active"


async def test_an_older_invoice_that_is_paid_does_not_settle_the_newest(api: Api, sandbox: Sandbox) -> None:
    subscription = await failing(api, sandbox)
    sandbox.clock.advance(days=28)
    assert (await fresh(api, subscription))["status"] == "unpaid"
    older = (await invoices_of(api, subscription))[1]
    method = await attach(api, subscription["customer"])
    await api.make(f"/v1/invoices/{older['id']}/pay", {"payment_method": method})
    assert (await fresh(api, subscription))["status"] == "unpaid"


async def test_an_unpaid_one_goes_on_with_drafts_and_comes_back_with_the_newest(api: Api, sandbox: Sandbox) -> None:
    subscription = await failing(api, sandbox)
    sandbox.clock.advance(days=60)
    assert (await fresh(api, subscription))["status"] == "unpaid"
    invoices = await invoices_of(api, subscription)
    assert [invoice["status"] for invoice in invoices] == ["paid", "open", "draft", "draft"]
    assert not invoices[-1]["auto_advance"]
    # A subscription's draft is no mistake of the merchant's.
    refused(await api.delete(f"/v1/invoices/{invoices[-1]['id']}"), 400, "invoice_unexpected_state")
    method = await attach(api, subscription["customer"])
    await api.make(f"/v1/invoices/{invoices[-1]['id']}/pay", {"payment_method": method})
    assert (await fresh(api, subscription))["status"] == "active"
    sandbox.clock.advance(days=31)
    assert (await newest_invoice(api, subscription))["status"] == "paid"


async def test_a_renewal_without_any_method_fails_too(api: Api, sandbox: Sandbox) -> None:
    subscription = await plain(api)
    methods = (await api.get(f"/v1/customers/{subscription['customer']}/payment_methods")).body["data"]
    await api.make(f"/v1/payment_methods/{methods[0]['id']}/detach")
    sandbox.clock.advance(days=31)
    assert (await fresh(api, subscription))["status"] == "past_due"
    assert events(sandbox)[-1] == "invoice.payment_failed"
    await attach(api, subscription["customer"])
    sandbox.clock.advance(days=1)
    assert (await fresh(api, subscription))["status"] == "active"


async def test_a_challenge_while_the_customer_is_away_fails_the_renewal(api: Api, sandbox: Sandbox) -> None:
    subscription = await plain(api)
    await attach(api, subscription["customer"], ALWAYS_CHALLENGED)
    sandbox.clock.advance(days=31)
    invoice = await newest_invoice(api, subscription)
    intent = await api.find(f"/v1/payment_intents/{invoice['payment_intent']}")
    assert (invoice["status"], intent["status"]) == ("open", "requires_payment_method")
    assert intent["last_payment_error"]["decline_code"] == "authentication_required"
    # With the customer there, it goes through.
    await api.make(f"/v1/invoices/{invoice['id']}/pay")
    intent = await api.find(f"/v1/payment_intents/{invoice['payment_intent']}")
    await api.act("payment_intents.authenticate", payment_intent=intent["id"])
    assert (await fresh(api, subscription))["status"] == "active"


async def test_a_card_that_was_agreed_on_is_not_challenged_again(api: Api, sandbox: Sandbox) -> None:
    subscription = await plain(api, None)
    invoice = await newest_invoice(api, subscription)
    path = f"/v1/payment_intents/{invoice['payment_intent']}"
    asked = await api.make(f"{path}/confirm", {"payment_method_data": card("4000002500003155")})
    await api.act("payment_intents.authenticate", payment_intent=asked["id"])
    sandbox.clock.advance(days=31)
    assert (await newest_invoice(api, subscription))["status"] == "paid"


@pytest.mark.parametrize(("number", "status"), [("4000000000000077", "active"), ("4000000000000051", "past_due")])
async def test_a_renewal_whose_outcome_comes_later(api: Api, sandbox: Sandbox, number: str, status: str) -> None:
    subscription = await plain(api)
    await attach(api, subscription["customer"], number)
    sandbox.clock.advance(days=31)
    assert (await fresh(api, subscription))["status"] == "active"
    assert (await newest_invoice(api, subscription))["status"] == "open"
    sandbox.clock.advance(minutes=1)
    assert (await fresh(api, subscription))["status"] == status
    due = (await newest_invoice(api, subscription)).get("next_payment_attempt")
    assert due == (FEBRUARY + DAY if status == "past_due" else None)


async def test_a_sent_renewal_is_past_due_after_its_days(api: Api, sandbox: Sandbox) -> None:
    subscription = await plain(api, collection_method="send_invoice", days_until_due=40)
    await api.make(f"/v1/invoices/{subscription['latest_invoice']}/pay")
    sandbox.clock.advance(days=31)
    invoice = await newest_invoice(api, subscription)
    assert (invoice["status"], invoice["due_date"]) == ("open", FEBRUARY + 40 * DAY)
    assert events(sandbox)[-1] == "invoice.sent"
    assert (await fresh(api, subscription))["status"] == "active"


async def test_what_pays_becomes_the_default_where_the_settings_say_so(api: Api, sandbox: Sandbox) -> None:
    subscription = await plain(api, payment_settings={"save_default_payment_method": "on_subscription"})
    assert subscription["payment_settings"] == {"save_default_payment_method": "on_subscription"}
    first = subscription["default_payment_method"]
    second = await attach(api, subscription["customer"])
    sandbox.clock.advance(days=31)
    invoice = await newest_invoice(api, subscription)
    intent = await api.find(f"/v1/payment_intents/{invoice['payment_intent']}")
    assert (intent["payment_method"], second != first) == (first, True)


async def test_renewals_are_delivered_as_events_of_their_time(api: Api, sandbox: Sandbox) -> None:
    await plain(api)
    sandbox.clock.advance(days=31, hours=1)
    paid = [event for event in sandbox.store.events() if event["type"] == "invoice.paid"]
    assert [event["created"] for event in paid] == [NEW_YEAR, FEBRUARY]
    assert paid[1]["data"]["object"]["period_start"] == FEBRUARY
    # No request made it.
    assert "request" not in paid[1]
    assert sandbox.clock.now == FEBRUARY + HOUR
