"""A shop's life in 60 lines: all that a subscription shop meets in a year, tested with the public API alone.

There is no browser, no network and no waiting, and nothing is imported but what the documents name.
"""

from __future__ import annotations

import inspect
from typing import Any

from wooshpay import WooshPay
from wooshpay.sandbox import SyncSandbox

SHOP = "https://shop.example"


def item(amount: int, **price: Any) -> Any:
    data: dict[str, Any] = {"currency": "USD", "unit_amount": amount, "product_data": {"name": "Tea"}, **price}
    return {"quantity": 1, "price_data": data}


def test_a_shops_life(wooshpay_client: WooshPay, wooshpay_sandbox: SyncSandbox) -> None:
    client, sandbox = wooshpay_client, wooshpay_sandbox
    # A customer is declined, tries again with another card, passes 3-D Secure, and gets some of the money back.
    order = client.checkout.sessions.create(line_items=[item(4900)], success_url=f"{SHOP}/thanks")
    page = sandbox.act("checkout.sessions.pay", session=order.id, card="pm_card_insufficient_funds")
    assert (page["status"], page["session"]["status"]) == ("declined", "open")
    page = sandbox.act("checkout.sessions.pay", session=order.id, card="pm_card_3ds")
    assert page["status"] == "challenge"
    page = sandbox.act("payment_intents.authenticate", payment_intent=page["payment_intent"]["id"])
    assert (page["status"], page["url"]) == ("paid", f"{SHOP}/thanks")
    payment = page["payment_intent"]["id"]
    assert client.refunds.create(payment_intent=payment, amount=900).status == "succeeded"

    # Another one subscribes, and pays for the second month.
    sale = client.checkout.sessions.create(
        mode="subscription", line_items=[item(1000, recurring={"interval": "month"})], success_url=SHOP
    )
    page = sandbox.act("checkout.sessions.pay", session=sale.id, email="ada@example.com")
    subscription, customer = page["subscription"]["id"], page["session"]["customer"]
    sandbox.clock.advance(days=32)
    assert [invoice.status for invoice in client.invoices.list(subscription=subscription)] == ["paid", "paid"]

    # Her card changes to one without money, and the third month fails. A good card rescues it.
    def use_card(card: str) -> None:
        change = client.checkout.sessions.create(mode="setup", customer=customer, success_url=SHOP)
        page = sandbox.act("checkout.sessions.pay", session=change.id, card=card)
        client.subscriptions.update(subscription, default_payment_method=page["setup_intent"]["payment_method"])

    use_card("pm_card_declined_after_saving")
    sandbox.clock.advance(days=32)
    assert client.subscriptions.retrieve(subscription).status == "past_due"
    use_card("pm_card_visa")
    sandbox.clock.advance(days=2)
    assert client.subscriptions.retrieve(subscription).status == "active"

    # She takes the dearer plan, and pays the difference at once.
    pro = client.prices.create(
        currency="USD", unit_amount=3000, recurring={"interval": "month"}, product_data={"name": "Pro"}
    )
    plan = client.subscriptions.retrieve(subscription).items[0].id
    changed = client.subscriptions.update(
        subscription, proration_behavior="always_invoice", line_items=[{"id": plan, "price": pro.id, "quantity": 1}]
    )
    assert client.invoices.pay(changed.latest_invoice_id or "").status == "paid"

    # The first customer disputes the payment, the evidence wins, and the shop pays out what it earned.
    dispute = sandbox.act("disputes.create", payment_intent=payment, reason="product_not_received")["id"]
    client.disputes.update(dispute, evidence={"uncategorized_text": "winning_evidence"})
    sandbox.clock.advance(hours=1)
    assert client.disputes.retrieve(dispute).status == "won"
    earned = client.balance.retrieve().available[0].amount
    bank: Any = {
        "account_holder_name": "Tea Ltd",
        "account_number": "5500123456",
        "country": "US",
        "routing_type": "aba",
        "routing_number": "00290019",
    }
    payout = client.payouts.create(
        source_amount=earned,
        source_currency="USD",
        payment_currency="USD",
        beneficiary_data={"destination_data": {"destination_type": "bank_account", "bank_account": bank}},
    )
    assert sandbox.act("payouts.pay", payout=payout.id)["status"] == "paid"
    assert client.balance.retrieve().available[0].amount == 0


def test_it_has_at_most_60_lines_of_code() -> None:
    """If an action or a default goes missing, the same life takes more lines than a reader has patience for."""
    lines = inspect.getsource(test_a_shops_life).splitlines()
    code = [line for line in lines if line.strip() and not line.strip().startswith("#")]
    assert len(code) <= 60
    ours = {name for name, value in globals().items() if getattr(value, "__module__", "").startswith("wooshpay")}
    assert ours == {"WooshPay", "SyncSandbox"}
