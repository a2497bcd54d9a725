"""Lambda functions for the tests. The environment says which gateway and which store they use."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import Any

from wooshpay import AsyncWooshPay, RequestOptions, WooshPay, WooshPayError
from wooshpay.types import PaymentIntent, Refund
from wooshpay.webhooks import (
    EventOf,
    Inbox,
    MemoryInbox,
    PostgresInbox,
    RedisInbox,
    SqliteInbox,
    WebhookReceiver,
)
from wooshpay.webhooks.adapters import lambda_handler

SECRET = os.environ["SECRET"]
# Seconds for a call, for an attempt, for the inbox and for its lease.
LIMIT = float(os.environ.get("LIMIT", "60"))


def make_inbox() -> Inbox:
    store = os.environ.get("STORE", "memory")
    if store == "memory":
        return MemoryInbox(lease=LIMIT)
    if store.startswith("postgresql"):
        return PostgresInbox(store, lease=LIMIT, timeout=LIMIT)
    if store.startswith("redis"):
        return RedisInbox(store, lease=LIMIT, timeout=LIMIT)
    return SqliteInbox(store, lease=LIMIT, timeout=LIMIT)


def limits() -> dict[str, Any]:
    return {
        "timeout": LIMIT,
        "attempt_timeout": LIMIT,
        "connect_timeout": LIMIT,
        "max_retries": int(os.environ.get("RETRIES", "2")),
    }


# Handlers have clients of their own, so that no call finds a connection that another one has just opened.
client, handlers_client = WooshPay(**limits()), WooshPay(**limits())
async_client, handlers_async_client = AsyncWooshPay(**limits()), AsyncWooshPay(**limits())


# ---- calls alone


def _told(result: Refund) -> dict[str, Any]:
    return {"id": result.id}


def _failed(error: WooshPayError) -> dict[str, Any]:
    return {"error": type(error).__name__, "outcome": error.outcome, "key": error.idempotency_key}


def call(event: dict[str, Any], context: object) -> dict[str, Any]:
    """With the synchronous client."""
    try:
        return _told(client.refunds.create(payment_intent="pi_1", options=_keyed(event)))
    except WooshPayError as error:
        return _failed(error)


async def _call(event: dict[str, Any]) -> dict[str, Any]:
    try:
        return _told(await async_client.refunds.create(payment_intent="pi_1", options=_keyed(event)))
    except WooshPayError as error:
        return _failed(error)


def _keyed(event: dict[str, Any]) -> RequestOptions:
    return RequestOptions(idempotency_key=event["key"])


def call_in_a_new_loop(event: dict[str, Any], context: object) -> dict[str, Any]:
    """With the asynchronous client, in an event loop that ends with the invocation."""
    return asyncio.run(_call(event))


loop = asyncio.new_event_loop()


def call_in_one_loop(event: dict[str, Any], context: object) -> dict[str, Any]:
    """With the asynchronous client, in an event loop of the module that stands still between invocations."""
    return loop.run_until_complete(_call(event))


def call_in_a_loop_that_is_only_closed(event: dict[str, Any], context: object) -> dict[str, Any]:
    """With the asynchronous client, in an event loop that is closed without telling anybody before."""
    own = asyncio.new_event_loop()
    try:
        return own.run_until_complete(_call(event))
    finally:
        own.close()


# ---- deliveries


def _receiver(handler: Callable[[EventOf[PaymentIntent]], object]) -> WebhookReceiver:
    receiver = WebhookReceiver(SECRET, inbox=make_inbox(), inbox_timeout=LIMIT)
    receiver.on("payment_intent.succeeded")(handler)
    return receiver


def refund(event: EventOf[PaymentIntent]) -> None:
    handlers_client.refunds.create(payment_intent="pi_1", options=RequestOptions(idempotency_key=event.id))


async def refund_async(event: EventOf[PaymentIntent]) -> None:
    await handlers_async_client.refunds.create(payment_intent="pi_1", options=RequestOptions(idempotency_key=event.id))


deliver = lambda_handler(_receiver(refund))
deliver_async = lambda_handler(_receiver(refund_async))
_awaited = _receiver(refund_async)


def _raw(event: dict[str, Any]) -> tuple[bytes, dict[str, str]]:
    return event["body"].encode(), event["headers"]


def deliver_in_a_new_loop(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Await the receiver in an event loop that ends with the invocation."""
    reply = asyncio.run(_awaited.receive(*_raw(event)))
    return {"statusCode": reply.status, "body": reply.text}


def deliver_in_one_loop(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Await the receiver in an event loop of the module that stands still between invocations."""
    reply = loop.run_until_complete(_awaited.receive(*_raw(event)))
    return {"statusCode": reply.status, "body": reply.text}


def in_turn(event: dict[str, Any], context: object) -> list[Any]:
    """Call functions of this module, each with an event of its own, in one process."""
    return [globals()[name](own, context) for name, own in event["events"].items()]
