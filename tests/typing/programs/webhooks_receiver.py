"""A receiver of events as a user writes it: each handler knows what its event is about."""

from __future__ import annotations

import sqlite3
from typing import assert_type

from wooshpay import webhooks
from wooshpay.types import CheckoutSession, Dispute, Event, Invoice, PaymentIntent, Payout, Refund, Subscription
from wooshpay.webhooks import (
    EventOf,
    Inbox,
    MemoryInbox,
    PostgresInbox,
    RedisInbox,
    Reply,
    SqliteInbox,
    WebhookReceiver,
)

inbox = SqliteInbox("webhooks.db", lease=30)
receiver = WebhookReceiver(["whsec_new", "whsec_old"], inbox=inbox, tolerance=None, largest_body=65_536)


@receiver.on("payment_intent.succeeded", "payment_intent.processing")
async def paid(event: EventOf[PaymentIntent]) -> None:
    assert_type(event.data.object, PaymentIntent)
    assert_type(event.data.object.amount, int)
    assert_type(event.id, str)
    assert_type(webhooks.merchant_reference(event), str | None)


@receiver.on("charge.refund.updated")
def refunded(event: EventOf[Refund]) -> int:
    assert_type(event.data.object, Refund)
    with inbox.transaction() as connection:
        assert_type(connection, sqlite3.Connection)
        connection.execute("INSERT INTO refunds VALUES (?)", (event.data.object.id,))
    return 1


@receiver.on("checkout.session.completed")
def completed(event: EventOf[CheckoutSession]) -> None:
    assert_type(event.data.object, CheckoutSession)


@receiver.on("charge.dispute.created")
def disputed(event: EventOf[Dispute]) -> None:
    assert_type(event.data.object, Dispute)


@receiver.on("invoice.paid")
def invoiced(event: EventOf[Invoice]) -> None:
    assert_type(event.data.object, Invoice)


@receiver.on("customer.subscription.updated")
def subscribed(event: EventOf[Subscription]) -> None:
    assert_type(event.data.object, Subscription)


@receiver.on("payout.paid", "payout.failed")
def paid_out(event: EventOf[Payout]) -> None:
    assert_type(event.data.object, Payout)


@receiver.on("setup_intent.succeeded")
def saved(event: Event) -> None:
    """A handler may ask for less than it gets."""


@receiver.on("galaxy.exploded")
def unheard_of(event: Event) -> None:
    """A type that the SDK does not know."""


@receiver.other
def everything_else(event: Event) -> None:
    assert_type(event, Event)


async def serve(body: bytes, headers: dict[str, str]) -> int:
    reply = await receiver.receive(body, headers)
    assert_type(reply, Reply)
    return reply.status


def serve_plainly(body: bytes, headers: dict[str, str]) -> str:
    return receiver.receive_now(body, headers).text


stores: list[Inbox] = [
    MemoryInbox(),
    inbox,
    RedisInbox("redis://127.0.0.1:6379/0"),
    PostgresInbox("postgresql://127.0.0.1/shop"),
]
