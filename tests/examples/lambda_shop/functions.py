"""The handlers. What is made outside of them is kept while Lambda keeps the process, also while it is frozen."""

from __future__ import annotations

import json
import os
import uuid
from typing import Any

import psycopg

from wooshpay import RequestOptions, WooshPay
from wooshpay.types import PaymentIntent
from wooshpay.webhooks import EventOf, PostgresInbox, WebhookReceiver, merchant_reference
from wooshpay.webhooks.adapters import lambda_handler

DATABASE = os.environ["DATABASE_URL"]
SCHEMA = "CREATE TABLE IF NOT EXISTS orders (id text PRIMARY KEY, amount integer NOT NULL, paid_with text)"

# The limits are below the function's own timeout, so that it can still answer before Lambda ends it.
client = WooshPay(timeout=20, attempt_timeout=9)
inbox = PostgresInbox(DATABASE)
receiver = WebhookReceiver(os.environ["WOOSHPAY_WEBHOOK_SECRET"], inbox=inbox, handler_timeout=25)


def checkout(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Place an order, and redirect the customer to the payment page."""
    amount = int(json.loads(event["body"])["amount"])
    order = uuid.uuid4().hex
    with psycopg.connect(DATABASE) as connection:
        connection.execute(SCHEMA)
        connection.execute("INSERT INTO orders (id, amount) VALUES (%s, %s)", (order, amount))
    shop = os.environ["SHOP_URL"]
    session = client.checkout.sessions.create(
        line_items=[
            {
                "quantity": 1,
                "price_data": {"currency": "USD", "unit_amount": amount, "product_data": {"name": "Teapot"}},
            }
        ],
        client_reference_id=order,
        payment_intent_data={"merchant_order_id": order},
        success_url=f"{shop}/orders/{order}",
        cancel_url=shop,
        options=RequestOptions(idempotency_key=order),
    )
    return {"statusCode": 303, "headers": {"Location": session.url}}


@receiver.on("payment_intent.succeeded")
def paid(event: EventOf[PaymentIntent]) -> None:
    """Note that an order is paid. This and "done" are one transaction, also if Lambda ends the process in between."""
    payment = event.data.object
    with inbox.transaction_now() as connection:
        connection.execute(
            "UPDATE orders SET paid_with = %s WHERE id = %s AND amount = %s AND paid_with IS NULL",
            (payment.id, merchant_reference(event), payment.amount_received),
        )


webhooks = lambda_handler(receiver)
