"""All that the shop has to do with WooshPay."""

from __future__ import annotations

import logging
import os
from functools import cache

from wooshpay import RequestOptions, WooshPay
from wooshpay.types import PaymentIntent
from wooshpay.webhooks import DjangoInbox, EventOf, WebhookReceiver, merchant_reference

from .models import Order

logger = logging.getLogger(__name__)


@cache
def client() -> WooshPay:
    """The one client of this process; any number of threads share it."""
    return WooshPay()


def open_page(order: Order, shop_url: str) -> str:
    """Give the address of the page where an order is paid. Asked again, it is the same page."""
    session = client().checkout.sessions.create(
        line_items=[
            {
                "quantity": 1,
                "price_data": {
                    "currency": order.currency,
                    "unit_amount": order.amount,
                    "product_data": {"name": order.article},
                },
            }
        ],
        payment_intent_data={"merchant_order_id": order.number},
        success_url=f"{shop_url}/orders/{order.number}",
        cancel_url=f"{shop_url}/",
        options=RequestOptions(idempotency_key=f"order-{order.number}"),
    )
    order.session = session.id
    order.save(update_fields=["session"])
    return session.url or ""


def look_up(order: Order) -> None:
    """Ask WooshPay whether an order is paid, for when the customer is back before the webhook."""
    session = client().checkout.sessions.retrieve(order.session)
    if session.payment_intent_id is not None:
        settle(order.number, client().payment_intents.retrieve(session.payment_intent_id))


def settle(number: str, payment: PaymentIntent) -> None:
    """Note a payment. However often it is told, by whomever, it changes the row once."""
    if payment.status != "succeeded":
        return
    order = Order.objects.filter(number=number, amount=payment.amount_received, currency=payment.currency.upper())
    if order.exists():
        order.filter(paid=False).update(paid=True, payment=payment.id)
    else:
        logger.error("Payment %s came, but not as the sum of an order: %s", payment.id, number)


def receiver() -> WebhookReceiver:
    """Make the receiver of WooshPay's events.

    Its inbox is a table beside the orders, so that an order is marked as paid and its event as done in one transaction.
    """
    inbox = DjangoInbox()
    receiver = WebhookReceiver(os.environ["WOOSHPAY_WEBHOOK_SECRET"], inbox=inbox)

    @receiver.on("payment_intent.succeeded")
    def paid(event: EventOf[PaymentIntent]) -> None:
        with inbox.transaction():
            settle(merchant_reference(event) or "", event.data.object)

    return receiver
