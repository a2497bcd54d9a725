"""Webhooks in production as a user writes them: fresh objects, a queue in between, and the endpoint itself."""

from __future__ import annotations

from typing import Literal, assert_type

from wooshpay import AsyncWooshPay, WooshPay
from wooshpay.types import Event, PaymentIntent, Refund, WebhookEndpoint
from wooshpay.webhooks import EventOf, MemoryInbox, QueuedReceiver, Reply, WebhookReceiver
from wooshpay.webhooks.adapters import (
    aiohttp_handler,
    django_async_view,
    django_view,
    flask_view,
    lambda_handler,
    starlette_endpoint,
)
from wooshpay.webhooks.celery import App, ReceiverTask, receiver_task
from wooshpay.webhooks.queued import Message

receiver = WebhookReceiver("whsec_x", inbox=MemoryInbox())
plain, awaited = WooshPay("sk_test_x"), AsyncWooshPay("sk_test_x")


@receiver.on("payment_intent.succeeded", fresh=plain)
def paid(event: EventOf[PaymentIntent]) -> None:
    assert_type(event.data.object, PaymentIntent)


@receiver.on("refund.updated", fresh=awaited)
async def refunded(event: EventOf[Refund]) -> None:
    assert_type(event.data.object, Refund)


@receiver.on("customer.updated", fresh=plain)
def changed(event: Event) -> None:
    """A type that the SDK does not know."""


assert_type(receiver.types, tuple[str, ...])


def queue(messages: list[Message], app: App) -> None:
    queued = QueuedReceiver(receiver, messages.append)
    task = receiver_task(app, receiver)
    assert_type(task, ReceiverTask)
    for one in (queued, task, receiver):
        aiohttp_handler(one)
        django_view(one)
        django_async_view(one)
        flask_view(one)
        lambda_handler(one)
        starlette_endpoint(one)
    assert_type(queued.handle_now(messages[0]), Reply)


async def queue_async(messages: list[Message]) -> None:
    async def put(message: Message) -> None:
        messages.append(message)

    queued = QueuedReceiver(receiver, put)
    assert_type(await queued.receive(b"{}", {}), Reply)
    assert_type(await queued.handle(messages[0]), Reply)


async def set_up() -> None:
    found = plain.webhook_endpoints.ensure(url="https://shop.example/webhooks", enabled_events=receiver.types)
    assert_type(found.endpoint, WebhookEndpoint)
    assert_type(found.action, Literal["created", "updated", "unchanged"])
    assert_type(found.secret, str | None)
    later = await awaited.webhook_endpoints.ensure(url="https://shop.example/webhooks", enabled_events=["payout.paid"])
    assert_type(later.added, tuple[str, ...])
