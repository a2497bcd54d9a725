"""A merchant in a sandbox, with customers and banks: what the scenes of events begin with."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

import attrs

from wooshpay import WooshPay
from wooshpay.api.disputes import Dispute
from wooshpay.api.invoices import Invoice
from wooshpay.api.issuing.authorizations import IssuingAuthorization
from wooshpay.api.issuing.cardholders import IssuingCardholder
from wooshpay.api.issuing.cards import IssuingCard
from wooshpay.api.payment_intents import PaymentIntent
from wooshpay.api.payment_links import PaymentLink
from wooshpay.api.payouts import Payout
from wooshpay.api.refunds import Refund
from wooshpay.api.shared import AddressParam, LineItemParam, PaymentMethodDataParam
from wooshpay.api.subscriptions import NewSubscriptionItemParam, Subscription
from wooshpay.core.unset import UNSET, Unset
from wooshpay.sandbox import Sandbox, SyncSandbox

GOOD: Final = "4111111111111111"
POOR: Final = "4000000000009995"
CHALLENGED: Final = "4761344136141390"
SLOW: Final = "4000000000000077"
REFUNDED_LATER: Final = "4000000000007726"
SAVED_BUT_REFUSED: Final = "4000000000000341"

PRICE: Final = 1999
SHOP: Final = "https://shop.example"
TEAPOT: Final[LineItemParam] = {
    "price_data": {"currency": "USD", "unit_amount": PRICE, "product_data": {"name": "Teapot"}},
    "quantity": 1,
}


@attrs.frozen
class Stage:
    """Where scenes play.

    Attributes:
        sandbox: WooshPay.
        client: The merchant's client.
    """

    sandbox: SyncSandbox
    client: WooshPay

    def pay(self, number: str = GOOD, *, manual: bool = False) -> PaymentIntent:
        """Take a payment by card."""
        return self.client.payment_intents.create(
            amount=PRICE,
            currency="USD",
            confirm=True,
            capture_method="manual" if manual else "automatic",
            merchant_order_id="order-1001",
            metadata={"order": "order-1001"},
            payment_method_data=card(number),
        )

    def refund(self, number: str = GOOD) -> Refund:
        """Give a payment back."""
        payment = self.pay(number)
        return self.client.refunds.create(payment_intent=payment.id, reason="requested_by_customer")

    def dispute(self) -> Dispute:
        """Let a customer dispute a payment."""
        found = self.sandbox.act("disputes.create", payment_intent=self.pay().id, reason="product_not_received")
        return self.client.disputes.retrieve(found["id"])

    def payout(self) -> Payout:
        """Pay somebody out."""
        self.sandbox.act("balance.top_up", amount=100_000, currency="USD")
        return self.client.payouts.create(
            payment_amount=5500,
            payment_currency="USD",
            source_currency="USD",
            merchant_payout_id="payout-1001",
            beneficiary_data={
                "nickname": "Grace",
                "destination_data": {
                    "destination_type": "bank_account",
                    "bank_account": {
                        "account_holder_name": "Grace Hopper",
                        "account_number": "5500123456",
                        "country": "US",
                        "routing_type": "aba",
                        "routing_number": "00290019",
                    },
                },
            },
        )

    def customer(self, number: str = GOOD) -> str:
        """A customer with a saved card; its id."""
        customer = self.client.customers.create(email="ada@example.com", name="Ada Lovelace")
        method = self.client.payment_methods.create(
            type="card", card={"number": number, "exp_month": "12", "exp_year": "2034", "cvc": "123"}
        )
        self.client.payment_methods.attach(method.id, customer=customer.id)
        return customer.id

    def invoice(self, number: str = GOOD, *, sent: bool = False) -> Invoice:
        """A draft that asks a customer for money."""
        customer = self.customer(number)
        self.client.invoice_items.create(customer=customer, amount=PRICE, currency="USD", description="Teapot")
        if sent:
            return self.client.invoices.create(customer=customer, collection_method="send_invoice", days_until_due=30)
        return self.client.invoices.create(customer=customer, auto_advance=False)

    def subscription(self, *, trial_days: int | Unset = UNSET) -> Subscription:
        """A customer who pays every month."""
        price = self.client.prices.create(
            currency="USD", unit_amount=PRICE, recurring={"interval": "month"}, product_data={"name": "Tea club"}
        )
        items: list[NewSubscriptionItemParam] = [{"price": price.id, "quantity": 1}]
        return self.client.subscriptions.create(customer=self.customer(), items=items, trial_period_days=trial_days)

    def link(self, number: str) -> PaymentLink:
        """A payment link that a customer has followed, and tried to pay with a card."""
        link = self.client.payment_links.create(line_items=[TEAPOT], metadata={"order": "order-1001"})
        self.sandbox.act("payment_links.pay", payment_link=link.id, card=number, email="ada@example.com")
        return self.client.payment_links.retrieve(link.id)

    def cardholder(self) -> IssuingCardholder:
        """Somebody who may get a card from the merchant."""
        address: AddressParam = {"line1": "1 Test Street", "city": "London", "postal_code": "N1 7AA", "country": "GB"}
        return self.client.issuing.cardholders.create(name="Ada Lovelace", billing={"address": address})

    def issued(self) -> IssuingCard:
        """A card for them."""
        return self.client.issuing.cards.create(
            cardholder=self.cardholder().id, currency="usd", type="virtual", status="active"
        )

    def used(self) -> IssuingAuthorization:
        """A payment with that card at somebody's shop."""
        found = self.sandbox.act("issuing.authorize", card=self.issued().id, amount=PRICE)
        return self.client.issuing.authorizations.retrieve(found["id"])


@contextmanager
def open_stage() -> Generator[Stage]:
    """A new sandbox, and a client for it."""
    with Sandbox() as sandbox, WooshPay(sandbox.api_key, base_url=sandbox.base_url) as client:
        yield Stage(sandbox, client)


def card(number: str) -> PaymentMethodDataParam:
    """A card as the customer types it."""
    return {"type": "card", "card": {"number": number, "exp_month": "12", "exp_year": "2034", "cvc": "123"}}
