"""An invoice is not charged a second time while a payment of it is under way."""

from __future__ import annotations

import pytest

from wooshpay import InvalidRequestError, WooshPay
from wooshpay.sandbox import Sandbox, SandboxError


def test_an_invoice_whose_payment_is_processing_is_refused_in_terms_of_the_invoice() -> None:
    """Without this, the caller is told about the states of a PaymentIntent that the caller never named."""
    with Sandbox(seed=7) as sandbox, WooshPay(sandbox.api_key, base_url=sandbox.base_url) as client:
        customer = client.customers.create(email="ada@example.com")
        client.payment_methods.attach("pm_card_pending", customer=customer.id)
        client.invoice_items.create(customer=customer.id, amount=700, currency="USD")
        invoice = client.invoices.finalize(client.invoices.create(customer=customer.id, auto_advance=False).id)
        client.invoices.pay(invoice.id)

        reason = "This invoice could not be paid because a payment of it is processing; wait for its outcome."
        with pytest.raises(InvalidRequestError, match=reason) as refused:
            client.invoices.pay(invoice.id)
        assert refused.value.code == "invoice_unexpected_state"
        with pytest.raises(InvalidRequestError, match=reason):
            client.invoices.pay(invoice.id, payment_method="pm_card_visa")
        with pytest.raises(SandboxError, match=reason):
            sandbox.act("invoices.pay_page", invoice=invoice.id)

        sandbox.clock.advance(minutes=5)
        assert client.invoices.retrieve(invoice.id).status == "paid"
        assert client.balance.retrieve().available[0].amount == 700
