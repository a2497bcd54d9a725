"""The change of plan that the guide shows, with both kinds of account: nobody gets a dearer plan that is not paid."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import pytest
from sandbox.billing.desk import NEW_YEAR, SAVED_BUT_REFUSED
from sandbox.rig import GOOD

from wooshpay import CardError, WooshPay
from wooshpay.sandbox import AccountOptions, Sandbox
from wooshpay.types import Subscription

PLUS, PRO = 1000, 3000


@pytest.fixture(params=["invoice", "charge"])
def client(request: pytest.FixtureRequest) -> Iterator[WooshPay]:
    """A client of an account that leaves the invoice of a change open, and of one that charges it at once."""
    which: Literal["invoice", "charge"] = request.param
    with (
        Sandbox(now=lambda: NEW_YEAR, account=AccountOptions(plan_changes=which)) as sandbox,
        WooshPay(sandbox.api_key, base_url=sandbox.base_url) as client,
    ):
        yield client


def subscribe(client: WooshPay, amount: int = PLUS) -> Subscription:
    customer = client.customers.create(email="ada@example.com")
    card = attach(client, customer.id, GOOD)
    return client.subscriptions.create(
        customer=customer.id, default_payment_method=card, items=[{"price": price(client, amount), "quantity": 1}]
    )


def attach(client: WooshPay, customer: str, number: str) -> str:
    method = client.payment_methods.create(type="card", card={"number": number, "exp_month": 12, "exp_year": 2034})
    return client.payment_methods.attach(method.id, customer=customer).id


def price(client: WooshPay, amount: int) -> str:
    made = client.prices.create(
        currency="USD", unit_amount=amount, recurring={"interval": "month"}, product_data={"name": "Tea"}
    )
    return made.id


def change_plan(client: WooshPay, subscription: Subscription, price_id: str) -> bool:
    """As in the guide: True if the new plan is paid."""
    changed = client.subscriptions.update(
        subscription.id,
        proration_behavior="always_invoice",
        line_items=[{"id": subscription.items[0].id, "price": price_id, "quantity": 1}],
    )
    assert changed.latest_invoice_id not in {None, subscription.latest_invoice_id}
    invoice = client.invoices.retrieve(changed.latest_invoice_id or "")
    if invoice.status == "open":
        invoice = client.invoices.pay(changed.latest_invoice_id or "")
    return invoice.status == "paid"


def available(client: WooshPay) -> int:
    return sum(entry.amount or 0 for entry in client.balance.retrieve().available)


def test_the_dearer_plan_is_paid_when_the_customer_gets_it(client: WooshPay) -> None:
    assert change_plan(client, subscribe(client), price(client, PRO))
    assert available(client) == PRO


def test_a_declined_card_is_a_card_error_before_the_customer_gets_anything(client: WooshPay) -> None:
    subscription = subscribe(client)
    bad = attach(client, subscription.customer_id or "", SAVED_BUT_REFUSED)
    client.subscriptions.update(subscription.id, default_payment_method=bad)
    with pytest.raises(CardError):
        change_plan(client, subscription, price(client, PRO))
    # The way back: nothing is owed for a plan that nobody got.
    client.invoices.void(client.subscriptions.retrieve(subscription.id).latest_invoice_id or "")
    item = subscription.items[0]
    restored = client.subscriptions.update(
        subscription.id,
        proration_behavior="none",
        line_items=[{"id": item.id, "price": item.price_id or "", "quantity": 1}],
    )
    assert (restored.status, restored.items[0].price_id) == ("active", item.price_id)
    assert available(client) == PLUS


def test_nothing_is_due_after_a_downgrade(client: WooshPay) -> None:
    assert change_plan(client, subscribe(client, PRO), price(client, PLUS))
    assert available(client) == PRO
