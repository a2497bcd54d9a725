"""Dunning: failed renewals, the retries, and how a new card rescues the subscription.

An open invoice is charged with whatever is the default method at that moment: the subscription's, else the customer's.
"""

from __future__ import annotations

from typing import Any

import pytest
from sandbox.billing.desk import (
    DAY,
    SAVED_BUT_REFUSED,
    at,
    attach,
    balance,
    bill,
    customer,
    events,
    fresh,
    invoices_of,
    newest_invoice,
    price,
    refused,
    subscribe,
)
from sandbox.rig import GOOD, Api, Reply, card, card_form

from wooshpay.sandbox import Sandbox

FEBRUARY = at("2026-02-01")


async def failing(api: Api, sandbox: Sandbox, **fields: Any) -> dict[str, Any]:
    """A subscription whose renewal was just declined: its own default method is a card that is always declined."""
    buyer = await customer(api)
    subscription = await subscribe(api, buyer, await price(api), **fields)
    await set_default(api, subscription, await attach(api, buyer, SAVED_BUT_REFUSED))
    sandbox.clock.advance(days=31)
    failed = await fresh(api, subscription)
    assert failed["status"] == "past_due"
    return failed


async def set_default(api: Api, subscription: dict[str, Any], method: str) -> None:
    """Make a method the default of the subscription."""
    await api.make(f"/v1/subscriptions/{subscription['id']}", {"default_payment_method": method})


async def paid_with(api: Api, invoice: dict[str, Any]) -> str:
    """The method that paid an invoice."""
    now = await api.find(f"/v1/invoices/{invoice['id']}")
    assert now["status"] == "paid"
    charge = await api.find(f"/v1/charges/{now['charge']}")
    return str(charge["payment_method"])


# ---- the new card


async def test_the_next_retry_charges_the_new_default_of_the_subscription(api: Api, sandbox: Sandbox) -> None:
    """The failed invoice must not keep the card that the subscription had when the invoice was created."""
    subscription = await failing(api, sandbox)
    invoice = await newest_invoice(api, subscription)
    good = await attach(api, subscription["customer"])
    await set_default(api, subscription, good)
    sandbox.clock.advance(days=1)
    assert (await fresh(api, subscription))["status"] == "active"
    assert await paid_with(api, invoice) == good
    assert await balance(api) == 2000


async def test_paying_the_invoice_charges_the_new_default_of_the_subscription(api: Api, sandbox: Sandbox) -> None:
    """`invoices.pay` without a method is the shop's way not to wait for the next retry."""
    subscription = await failing(api, sandbox)
    good = await attach(api, subscription["customer"])
    await set_default(api, subscription, good)
    invoice = await api.make(f"/v1/invoices/{subscription['latest_invoice']}/pay")
    assert (await fresh(api, subscription))["status"] == "active"
    assert await paid_with(api, invoice) == good


@pytest.mark.parametrize("by_hand", [True, False], ids=["invoices.pay", "the next retry"])
async def test_a_new_default_of_the_customer_pays_if_the_subscription_has_none(
    api: Api, sandbox: Sandbox, by_hand: bool
) -> None:
    buyer = await customer(api)
    subscription = await subscribe(api, buyer, await price(api))
    bad = await attach(api, buyer, SAVED_BUT_REFUSED)
    await api.make(f"/v1/customers/{buyer}", {"payment_method": bad})
    sandbox.clock.advance(days=31)
    subscription = await fresh(api, subscription)
    assert (subscription["status"], "default_payment_method" in subscription) == ("past_due", False)
    good = await attach(api, buyer)
    await attach(api, buyer, SAVED_BUT_REFUSED)  # the newest, but not the default
    await api.make(f"/v1/customers/{buyer}", {"payment_method": good})
    invoice = await newest_invoice(api, subscription)
    if by_hand:
        await api.make(f"/v1/invoices/{invoice['id']}/pay")
    else:
        sandbox.clock.advance(days=1)
    assert await paid_with(api, invoice) == good
    assert (await fresh(api, subscription))["status"] == "active"


async def test_the_default_of_the_subscription_comes_before_that_of_the_customer(api: Api, sandbox: Sandbox) -> None:
    """A new default of the customer does not rescue a subscription that has a default of its own."""
    subscription = await failing(api, sandbox)
    good = await attach(api, subscription["customer"])
    await api.make(f"/v1/customers/{subscription['customer']}", {"payment_method": good})
    sandbox.clock.advance(days=1)
    assert (await fresh(api, subscription))["status"] == "past_due"
    # An empty text removes the subscription's own default.
    cleared = await api.make(f"/v1/subscriptions/{subscription['id']}", {"default_payment_method": ""})
    assert "default_payment_method" not in cleared
    sandbox.clock.advance(days=2)
    assert (await fresh(api, subscription))["status"] == "active"


async def test_a_detached_default_gives_way_to_the_customers(api: Api, sandbox: Sandbox) -> None:
    subscription = await failing(api, sandbox)
    good = await attach(api, subscription["customer"])
    await attach(api, subscription["customer"], SAVED_BUT_REFUSED)
    await api.make(f"/v1/customers/{subscription['customer']}", {"payment_method": good})
    await api.make(f"/v1/payment_methods/{subscription['default_payment_method']}/detach")
    # A card that was detached cannot be charged again, so it is not the default any more.
    assert "default_payment_method" not in await fresh(api, subscription)
    sandbox.clock.advance(days=1)
    assert await paid_with(api, await newest_invoice(api, subscription)) == good


async def test_the_first_invoice_is_charged_with_a_default_that_came_later(api: Api) -> None:
    buyer = await customer(api, None)
    bad = await attach(api, buyer, SAVED_BUT_REFUSED)
    subscription = await subscribe(api, buyer, await price(api), default_payment_method=bad)
    assert subscription["status"] == "incomplete"
    good = await attach(api, buyer)
    await set_default(api, subscription, good)
    invoice = await api.make(f"/v1/invoices/{subscription['latest_invoice']}/pay")
    assert await paid_with(api, invoice) == good
    assert (await fresh(api, subscription))["status"] == "active"


async def test_the_end_of_a_trial_is_charged_with_the_current_default(api: Api, sandbox: Sandbox) -> None:
    buyer = await customer(api, None)
    bad = await attach(api, buyer, SAVED_BUT_REFUSED)
    subscription = await subscribe(api, buyer, await price(api), default_payment_method=bad, trial_period_days=7)
    sandbox.clock.advance(days=7)
    assert (await fresh(api, subscription))["status"] == "past_due"
    good = await attach(api, buyer)
    await set_default(api, subscription, good)
    sandbox.clock.advance(days=1)
    assert await paid_with(api, await newest_invoice(api, subscription)) == good


async def test_the_invoice_of_a_plan_change_is_charged_with_the_current_default(api: Api, sandbox: Sandbox) -> None:
    """The card is replaced in the hour in which the invoice is open."""
    buyer = await customer(api)
    subscription = await subscribe(api, buyer, await price(api))
    await set_default(api, subscription, await attach(api, buyer, SAVED_BUT_REFUSED))
    item = {"id": subscription["items"][0]["id"], "quantity": 2}
    changes = {"items": [item], "proration_behavior": "always_invoice"}
    await api.make(f"/v1/subscriptions/{subscription['id']}", changes)
    good = await attach(api, buyer)
    await set_default(api, subscription, good)
    sandbox.clock.advance(hours=1)
    assert await paid_with(api, await newest_invoice(api, subscription)) == good


async def test_the_drafts_of_an_unpaid_subscription_are_charged_with_the_current_default(
    api: Api, sandbox: Sandbox
) -> None:
    subscription = await failing(api, sandbox)
    sandbox.clock.advance(days=30)
    assert (await fresh(api, subscription))["status"] == "unpaid"
    draft = await newest_invoice(api, subscription)
    assert draft["status"] == "draft"
    good = await attach(api, subscription["customer"])
    await set_default(api, subscription, good)
    await api.make(f"/v1/invoices/{draft['id']}/pay")
    assert await paid_with(api, draft) == good
    assert (await fresh(api, subscription))["status"] == "active"


async def test_a_method_that_was_named_for_one_invoice_stays_the_one_to_charge(api: Api) -> None:
    """`invoices.create(default_payment_method=...)` is the merchant's own choice, and nothing replaces it."""
    buyer = await customer(api)
    chosen = await attach(api, buyer)
    await attach(api, buyer, SAVED_BUT_REFUSED)
    invoice = await bill(api, buyer, 500, default_payment_method=chosen)
    assert invoice["default_payment_method"] == chosen
    await api.make(f"/v1/invoices/{invoice['id']}/pay")
    assert await paid_with(api, invoice) == chosen


# ---- the schedule


async def test_every_automatic_attempt_is_announced_with_the_time_of_the_next(api: Api, sandbox: Sandbox) -> None:
    """A shop writes "we will try again on ..." with `next_payment_attempt`; none means that the retries are over."""
    subscription = await failing(api, sandbox)
    sandbox.clock.advance(days=20)
    told = [event for event in sandbox.store.events() if event["type"] == "invoice.payment_failed"]
    assert [event["created"] for event in told] == [FEBRUARY + days * DAY for days in (0, 1, 3, 5, 7)]
    after = [event["data"]["object"].get("next_payment_attempt") for event in told]
    assert after == [*(FEBRUARY + days * DAY for days in (1, 3, 5, 7)), None]
    assert (await fresh(api, subscription))["status"] == "unpaid"


async def test_after_the_last_retry_a_new_card_waits_for_a_call(api: Api, sandbox: Sandbox) -> None:
    subscription = await failing(api, sandbox)
    sandbox.clock.advance(days=8)
    await set_default(api, subscription, await attach(api, subscription["customer"]))
    sandbox.clock.advance(days=10)
    assert (await fresh(api, subscription))["status"] == "unpaid"
    await api.make(f"/v1/invoices/{subscription['latest_invoice']}/pay")
    assert (await fresh(api, subscription))["status"] == "active"
    sandbox.clock.advance(days=10)
    assert (await newest_invoice(api, subscription))["status"] == "paid"
    assert [invoice["status"] for invoice in await invoices_of(api, subscription)] == ["paid"] * 3


async def test_a_canceled_subscription_is_not_charged_any_more(api: Api, sandbox: Sandbox) -> None:
    """Its open invoice can still be paid or voided; it is not collected."""
    subscription = await failing(api, sandbox)
    await set_default(api, subscription, await attach(api, subscription["customer"]))
    await api.delete(f"/v1/subscriptions/{subscription['id']}")
    sandbox.clock.advance(days=40)
    invoice = await newest_invoice(api, subscription)
    assert (invoice["status"], await balance(api)) == ("open", 1000)
    await api.make(f"/v1/invoices/{invoice['id']}/void")
    now = await fresh(api, subscription)
    assert (now["status"], now["latest_invoice"]) == ("canceled", invoice["id"])
    refused(await pay(api, invoice), 400, "invoice_unexpected_state")
    assert "customer.subscription.deleted" in events(sandbox)


async def pay(api: Api, invoice: dict[str, Any]) -> Reply:
    """Try to pay an invoice."""
    return await api.post(f"/v1/invoices/{invoice['id']}/pay")


# ---- what a shop hears


async def test_the_events_of_a_failed_renewal_and_of_its_rescue(api: Api, sandbox: Sandbox) -> None:
    """The table of the guide: a shop that handles these events needs nothing else."""

    def heard() -> list[str]:
        """The events since the last look, without those of payments."""
        found = events(sandbox, "customer.subscription.", "invoice.", "setup_intent.succeeded")[len(before) :]
        before.extend(found)
        return found

    before: list[str] = []
    subscription = await subscribe(api, await customer(api), await price(api))
    await set_default(api, subscription, await attach(api, subscription["customer"], SAVED_BUT_REFUSED))
    heard()
    sandbox.clock.advance(days=31)
    renewal = ["customer.subscription.updated", "invoice.created", "invoice.finalized"]
    assert heard() == [*renewal, "customer.subscription.updated", "invoice.payment_failed"]
    sandbox.clock.advance(days=6)
    assert heard() == ["invoice.payment_failed"] * 3
    sandbox.clock.advance(days=1)
    assert heard() == ["invoice.payment_failed", "customer.subscription.updated"]
    setup = {
        "customer": subscription["customer"],
        "usage": "off_session",
        "payment_method_data": card(GOOD),
        "confirm": True,
    }
    saved = await api.make("/v1/setup_intents", setup)
    await set_default(api, subscription, saved["payment_method"])
    await api.make(f"/v1/invoices/{(await newest_invoice(api, subscription))['id']}/pay")
    rescue = ["customer.subscription.updated", "invoice.paid", "invoice.payment_succeeded"]
    assert heard() == ["setup_intent.succeeded", "customer.subscription.updated", *rescue]
    await api.delete(f"/v1/subscriptions/{subscription['id']}")
    assert heard() == ["customer.subscription.deleted"]


@pytest.mark.parametrize("saved", [True, False])
async def test_a_card_that_pays_one_invoice_is_charged_again_only_if_the_settings_say_so(
    api: Api, sandbox: Sandbox, saved: bool
) -> None:
    """Paying the open invoice on its page does not rescue the next renewal by itself."""
    settings = {"payment_settings": {"save_default_payment_method": "on_subscription"}} if saved else {}
    subscription = await failing(api, sandbox, **settings)
    invoice = await newest_invoice(api, subscription)
    assert (await api.browse(invoice["hosted_invoice_url"], card_form(GOOD)))[0] in {200, 303}
    assert (await fresh(api, subscription))["status"] == "active"
    sandbox.clock.advance(days=28)
    assert (await fresh(api, subscription))["status"] == ("active" if saved else "past_due")
