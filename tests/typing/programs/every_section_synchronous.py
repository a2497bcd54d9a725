"""Every operation of every section on the synchronous client, as a user would call it. Checked, never run."""

from __future__ import annotations

from typing import Any, assert_type

from wooshpay import ListObject, Pager, WooshPay
from wooshpay.api.events import EventType
from wooshpay.types import (
    Balance,
    Beneficiary,
    Charge,
    CheckoutSession,
    Coupon,
    Customer,
    DeletedBeneficiary,
    DeletedCoupon,
    DeletedObject,
    DeletedWebhookEndpoint,
    Dispute,
    Event,
    File,
    FxQuote,
    Invoice,
    InvoiceItem,
    IssuingAuthorization,
    IssuingCard,
    IssuingCardholder,
    IssuingCardLimits,
    IssuingTransaction,
    LineItem,
    PaymentIntent,
    PaymentLink,
    PaymentMethod,
    Payout,
    Price,
    Product,
    PromotionCode,
    Refund,
    SetupAttempt,
    SetupIntent,
    Subscription,
    SubscriptionItem,
    WebhookEndpoint,
)

client = WooshPay("sk_test_x")


def payments() -> None:
    intent = client.payment_intents.create(
        amount=1999,
        currency="USD",
        confirm=True,
        payment_method_types=["card", "gcash"],
        payment_method_options={"card": {"request_three_d_secure": "any"}, "wechat_pay": {"terminal_type": "WEB"}},
        shipping={"name": "Jo", "address": {"country": "DE", "postal_code": "10115"}},
        metadata={"order": "17"},
        off_session=True,
    )
    assert_type(intent, PaymentIntent)
    assert_type(intent.customer, str | Customer | None)
    assert_type(intent.invoice, str | Invoice | None)
    assert_type(intent.payment_method_types, list[str] | None)
    assert_type(client.payment_intents.retrieve("pi_1", client_secret="pi_1_secret_x"), PaymentIntent)
    assert_type(client.payment_intents.update("pi_1", metadata=None, quantity=2), PaymentIntent)
    assert_type(client.payment_intents.confirm("pi_1", return_url="https://shop.example"), PaymentIntent)
    assert_type(client.payment_intents.capture("pi_1", amount_to_capture=500), PaymentIntent)
    assert_type(client.payment_intents.cancel("pi_1", cancellation_reason="changed their mind"), PaymentIntent)
    assert_type(client.payment_intents.list(created={"gte": 1700000000000}, limit=5), Pager[PaymentIntent])
    assert_type(client.payment_intents.search(query="merchant_order_id:'17'"), Pager[PaymentIntent])

    charge = client.charges.retrieve("ch_1")
    assert_type(charge, Charge)
    assert_type(charge.refunds, ListObject[Refund] | None)
    assert_type(charge.payment_intent, str | PaymentIntent | None)
    assert_type(client.charges.list(payment_intent="pi_1"), Pager[Charge])

    refund = client.refunds.create(payment_intent="pi_1", amount=500, reason="requested_by_customer")
    assert_type(refund, Refund)
    assert_type(client.refunds.retrieve("re_1"), Refund)


def checkout() -> None:
    session = client.checkout.sessions.create(
        success_url="https://shop.example/thanks",
        mode="subscription",
        line_items=[
            {
                "quantity": 1,
                "price_data": {
                    "currency": "USD",
                    "unit_amount": 500,
                    "product_data": {"name": "Tea", "images": ["https://shop.example/tea.png"]},
                    "recurring": {"interval": "month"},
                },
            }
        ],
        subscription_data={"trial_period_days": 14},
        discounts=[{"coupon": "co_1"}],
    )
    assert_type(session, CheckoutSession)
    assert_type(session.url, str | None)
    assert_type(session.subscription, str | Subscription | None)
    assert_type(session.line_items, ListObject[LineItem] | None)
    assert_type(client.checkout.sessions.retrieve("cs_1"), CheckoutSession)
    assert_type(client.checkout.sessions.expire("cs_1"), CheckoutSession)
    sessions = client.checkout.sessions.list(customer_details={"email": "jo@example.com"})
    assert_type(sessions, Pager[CheckoutSession])
    assert_type(client.checkout.sessions.list_line_items("cs_1", limit=100), Pager[LineItem])

    link = client.payment_links.create(
        line_items=[{"price": "price_1", "quantity": 2}],
        after_completion={"type": "redirect", "redirect": {"url": "https://shop.example"}},
        shipping_address_collection={"allowed_countries": ["DE", "FR"]},
    )
    assert_type(link, PaymentLink)
    assert_type(client.payment_links.retrieve("pl_1"), PaymentLink)
    assert_type(client.payment_links.update("pl_1", active=False), PaymentLink)
    assert_type(client.payment_links.list(active=True), Pager[PaymentLink])
    assert_type(client.payment_links.list_line_items("pl_1"), Pager[LineItem])

    product = client.products.create(name="Tea", images=("https://shop.example/tea.png",), active=True)
    assert_type(product, Product)
    assert_type(client.products.retrieve("prod_1"), Product)
    assert_type(client.products.update("prod_1", description="Green"), Product)
    assert_type(client.products.list(active=True), Pager[Product])

    price = client.prices.create(currency="USD", unit_amount=500, product_data={"name": "Tea"})
    assert_type(price, Price)
    assert_type(price.product, str | Product | None)
    assert_type(client.prices.retrieve("price_1"), Price)
    assert_type(client.prices.update("price_1", nickname="monthly", metadata={"a": ""}), Price)

    assert_type(client.coupons.create(percent_off=12.5, duration="once"), Coupon)
    assert_type(client.coupons.retrieve("co_1"), Coupon)
    deleted = client.coupons.delete("co_1")
    assert_type(deleted, DeletedCoupon)
    assert_type(deleted.deleted, bool)

    code = client.promotion_codes.create(coupon="co_1", restrictions={"minimum_amount": 1000})
    assert_type(code, PromotionCode)
    assert_type(client.promotion_codes.update("promo_1", active=False), PromotionCode)


def customers() -> None:
    assert_type(client.accounts.list_payment_methods(), Any)

    customer = client.customers.create(email="jo@example.com", address={"line1": "Way 1", "country": "DE"})
    assert_type(customer, Customer)
    assert_type(customer.id, str)
    assert_type(client.customers.retrieve("cus_1"), Customer)
    assert_type(client.customers.update("cus_1", metadata=None), Customer)
    assert_type(client.customers.list_payment_methods("cus_1", type="card"), Pager[PaymentMethod])
    assert_type(client.customers.retrieve_payment_method("cus_1", "pm_1"), PaymentMethod)

    method = client.payment_methods.create(
        type="card", card={"number": "4242424242424242", "exp_month": 12, "exp_year": 2030, "cvc": "123"}
    )
    assert_type(method, PaymentMethod)
    assert_type(method.customer, str | Customer | None)
    assert_type(client.payment_methods.retrieve("pm_1"), PaymentMethod)
    assert_type(client.payment_methods.update("pm_1", card={"exp_month": 1, "exp_year": 2031}), PaymentMethod)
    assert_type(client.payment_methods.attach("pm_1", customer="cus_1"), PaymentMethod)
    assert_type(client.payment_methods.detach("pm_1"), PaymentMethod)
    assert_type(client.payment_methods.list(customer="cus_1", type="card"), Pager[PaymentMethod])

    setup = client.setup_intents.create(customer="cus_1", payment_method_types=["card"], usage="off_session")
    assert_type(setup, SetupIntent)
    assert_type(client.setup_intents.retrieve("seti_1"), SetupIntent)
    assert_type(client.setup_intents.update("seti_1", description="for later"), SetupIntent)
    assert_type(client.setup_intents.confirm("seti_1", return_url="https://shop.example"), SetupIntent)
    assert_type(client.setup_intents.cancel("seti_1", cancellation_reason="abandoned"), SetupIntent)
    assert_type(client.setup_intents.list(customer="cus_1"), Pager[SetupIntent])
    assert_type(client.setup_attempts.list(setup_intent="seti_1"), Pager[SetupAttempt])


def billing() -> None:
    subscription = client.subscriptions.create(
        customer="cus_1",
        items=[{"price": "price_1", "quantity": 2}],
        collection_method="charge_automatically",
        payment_settings={"payment_method_types": ["card"]},
    )
    assert_type(subscription, Subscription)
    assert_type(subscription.latest_invoice, str | Invoice | None)
    assert_type(client.subscriptions.retrieve("sub_1"), Subscription)
    changed = client.subscriptions.update(
        "sub_1",
        items=[{"id": "si_1", "deleted": True}, {"price": "price_2"}],
        line_items=[{"price": "price_2", "quantity": 1}],
        proration_behavior="always_invoice",
    )
    assert_type(changed, Subscription)
    assert_type(client.subscriptions.cancel("sub_1", invoice_now=True, prorate=False), Subscription)
    assert_type(client.subscriptions.list(price="price_1"), Pager[Subscription])

    assert_type(client.subscription_items.create(subscription="sub_1", price="price_1"), SubscriptionItem)
    assert_type(client.subscription_items.retrieve("si_1"), SubscriptionItem)
    assert_type(client.subscription_items.delete("si_1", proration_behavior="none"), DeletedObject)

    invoice = client.invoices.create(customer="cus_1", collection_method="send_invoice", days_until_due=30)
    assert_type(invoice, Invoice)
    assert_type(invoice.subscription, str | Subscription | None)
    assert_type(client.invoices.retrieve("in_1"), Invoice)
    assert_type(client.invoices.add_lines("in_1", lines=[{"amount": 500, "description": "Tea"}]), Invoice)
    assert_type(client.invoices.finalize("in_1", auto_advance=False), Invoice)
    assert_type(client.invoices.send("in_1"), Invoice)
    assert_type(client.invoices.pay("in_1", payment_method="pm_1"), Invoice)
    assert_type(client.invoices.void("in_1"), Invoice)
    assert_type(client.invoices.delete("in_1"), DeletedObject)
    assert_type(client.invoices.list(customer="cus_1"), Pager[Invoice])

    item = client.invoice_items.create(customer="cus_1", unit_amount=500, quantity=2, currency="USD")
    assert_type(item, InvoiceItem)
    assert_type(client.invoice_items.retrieve("ii_1"), InvoiceItem)


def money() -> None:
    assert_type(client.balance.retrieve(), Balance)

    beneficiary = client.beneficiaries.create(
        destination_data={
            "destination_type": "bank_account",
            "bank_account": {"account_number": "DE12500105170648489890", "country": "DE", "currency": "EUR"},
        },
        entity={"type": "individual", "individual": {"address": {"country": "DE"}}},
        nickname="Jo",
    )
    assert_type(beneficiary, Beneficiary)
    assert_type(client.beneficiaries.retrieve("bf_1"), Beneficiary)
    assert_type(client.beneficiaries.update("bf_1", nickname="Joe"), Beneficiary)
    assert_type(client.beneficiaries.delete("bf_1"), DeletedBeneficiary)
    assert_type(client.beneficiaries.list(limit=100), Pager[Beneficiary])

    payout = client.payouts.create(
        payment_currency="EUR", source_currency="USD", payment_amount=10000, beneficiary="bf_1"
    )
    assert_type(payout, Payout)
    assert_type(client.payouts.retrieve("po_1"), Payout)
    assert_type(client.payouts.update("po_1", metadata={"order": "17"}), Payout)
    assert_type(client.payouts.list(status="paid"), Pager[Payout])

    quote = client.fx_quotes.create(from_currencies=["USD"], to_currency="EUR", usage={"type": "payin"})
    assert_type(quote, FxQuote)

    file = client.files.create(file=b"...", purpose="dispute_evidence", filename="slip.png")
    assert_type(file, File)
    assert_type(file.size, int)
    assert_type(client.files.retrieve("file_1"), File)

    dispute = client.disputes.update("dp_1", evidence={"receipt": file.id, "customer_name": "Jo"}, submit=True)
    assert_type(dispute, Dispute)
    assert_type(client.disputes.retrieve("dp_1"), Dispute)
    assert_type(client.disputes.close("dp_1"), Dispute)
    assert_type(client.disputes.list(charge="ch_1"), Pager[Dispute])


def issuing() -> None:
    holder = client.issuing.cardholders.create(
        name="Jo Doe",
        billing={"address": {"line1": "Way 1", "country": "DE"}},
        type="individual",
        individual={"first_name": "Jo", "last_name": "Doe", "dob": {"day": 1, "month": 2, "year": 1990}},
        spending_controls={"spending_limits": [{"amount": 10000, "interval": "monthly"}]},
    )
    assert_type(holder, IssuingCardholder)
    assert_type(client.issuing.cardholders.retrieve("ich_1"), IssuingCardholder)
    assert_type(client.issuing.cardholders.update("ich_1", status="inactive"), IssuingCardholder)
    assert_type(client.issuing.cardholders.list(email="jo@example.com"), Pager[IssuingCardholder])

    card = client.issuing.cards.create(cardholder="ich_1", currency="USD", type="virtual")
    assert_type(card, IssuingCard)
    assert_type(client.issuing.cards.retrieve("ic_1", expand=["issuing_card.number", "issuing_card.cvc"]), IssuingCard)
    assert_type(client.issuing.cards.retrieve_limits("ic_1"), IssuingCardLimits)
    assert_type(client.issuing.cards.update("ic_1", status="canceled", cancellation_reason="lost"), IssuingCard)
    assert_type(client.issuing.cards.list(cardholder="ich_1", last4="4242"), Pager[IssuingCard])

    authorization = client.issuing.authorizations.retrieve("iauth_1")
    assert_type(authorization, IssuingAuthorization)
    assert_type(client.issuing.authorizations.list(card="ic_1"), Pager[IssuingAuthorization])
    assert_type(client.issuing.transactions.retrieve("ipi_1"), IssuingTransaction)
    assert_type(client.issuing.transactions.update("ipi_1", metadata=None), IssuingTransaction)
    assert_type(client.issuing.transactions.list(cardholder="ich_1"), Pager[IssuingTransaction])


def events() -> None:
    event = client.events.retrieve("evt_1")
    assert_type(event, Event)
    assert_type(event.type, EventType | str)

    endpoint = client.webhook_endpoints.create(
        url="https://shop.example/hook", enabled_events=["payment_intent.succeeded", "an.event.of.tomorrow"]
    )
    assert_type(endpoint, WebhookEndpoint)
    assert_type(endpoint.secret, str | None)
    assert_type(client.webhook_endpoints.retrieve("we_1"), WebhookEndpoint)
    assert_type(client.webhook_endpoints.update("we_1", disabled=True), WebhookEndpoint)
    assert_type(client.webhook_endpoints.delete("we_1"), DeletedWebhookEndpoint)
    assert_type(client.webhook_endpoints.list(), Pager[WebhookEndpoint])


def lists() -> None:
    for payout in client.payouts.list(limit=100):
        assert_type(payout, Payout)
    for page in client.invoices.list().pages():
        assert_type(page, ListObject[Invoice])
    assert_type(client.disputes.list().to_list(50), list[Dispute])
