"""All that the shop has to do with WooshPay: opening the payment page, and learning that money came."""

from __future__ import annotations

import asyncio

from wooshpay import AsyncWooshPay, RequestOptions, WooshPayError
from wooshpay.types import CheckoutSession, PaymentIntent
from wooshpay.webhooks import EventOf, SqliteInbox, WebhookReceiver, merchant_reference

from .orders import Order, Orders, settle_within


async def open_page(client: AsyncWooshPay, orders: Orders, order: Order, shop_url: str) -> str:
    """Give the address of the page where an order is paid. Asked again, it is the same page."""
    session = await client.checkout.sessions.create(
        line_items=[
            {
                "quantity": 1,
                "price_data": {
                    "currency": order.currency,
                    "unit_amount": order.amount,
                    "product_data": {"name": order.product},
                },
            }
        ],
        # The events of a session carry the first, those of its payment the second.
        client_reference_id=order.id,
        payment_intent_data={"merchant_order_id": order.id},
        success_url=f"{shop_url}/orders/{order.id}",
        cancel_url=f"{shop_url}/orders/{order.id}?canceled=1",
        # One order, one key: a second click, or a retry after a crash, gets the session that there is.
        options=RequestOptions(idempotency_key=f"order-{order.id}"),
    )
    await asyncio.to_thread(orders.set_session, order.id, session.id)
    if not session.url:
        raise RuntimeError(f"The session {session.id} has no page.")
    return session.url


async def look_up(client: AsyncWooshPay, orders: Orders, order: Order, patience: float) -> Order:
    """Ask WooshPay how an order stands, for when the customer is back before the webhook, or none ever comes.

    Args:
        client: The client.
        orders: The table.
        order: The order.
        patience: Seconds to wait for an end of it.
    """
    if order.status != "open" or order.session is None:
        return order
    try:
        result = await client.checkout.sessions.wait(order.session, timeout=patience, first_gap=min(patience, 0.5))
        if result.outcome == "expired":
            await asyncio.to_thread(orders.expire, order.id)
        elif result.object.payment_intent_id is not None:
            payment = await client.payment_intents.retrieve(result.object.payment_intent_id)
            if payment.status == "succeeded":
                await asyncio.to_thread(
                    orders.settle,
                    order.id,
                    amount=received(payment),
                    currency=payment.currency,
                    payment=payment.id,
                    told_by="return page",
                )
    except WooshPayError:
        return order  # the page asks again, and the webhook may be quicker
    return await asyncio.to_thread(orders.get, order.id) or order


def receiver_for(orders: Orders, secret: str) -> WebhookReceiver:
    """Make what takes WooshPay's events. The inbox is in the file of the orders, so that both change together."""
    inbox = SqliteInbox(orders.path)
    receiver = WebhookReceiver(secret, inbox=inbox)

    @receiver.on("payment_intent.succeeded")
    def paid(event: EventOf[PaymentIntent]) -> None:
        payment = event.data.object
        with inbox.transaction() as connection:
            settle_within(
                connection,
                merchant_reference(event) or "",
                amount=received(payment),
                currency=payment.currency,
                payment=payment.id,
                told_by="webhook",
            )

    @receiver.on("checkout.session.expired")
    def expired(event: EventOf[CheckoutSession]) -> None:
        orders.expire(merchant_reference(event) or "")

    return receiver


def received(payment: PaymentIntent) -> int:
    """Minor units that came; old answers name only what was asked for."""
    return payment.amount if payment.amount_received is None else payment.amount_received
