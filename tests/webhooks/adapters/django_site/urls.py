"""The endpoints of the test site: each kind of view with each kind of inbox.

The type of an event says which handler it is for. All of them write an order whose number is the event's ID.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from asgiref.sync import async_to_sync, sync_to_async
from django.db import connection, transaction
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from webhooks.adapters.django_site.inbox import OrmInbox
from webhooks.adapters.django_site.models import Customer, Order
from webhooks.deliver import SECRET

from wooshpay.types import Event
from wooshpay.webhooks import MemoryInbox, PostgresInbox, SqliteInbox, WebhookReceiver
from wooshpay.webhooks.adapters import django_async_view, django_view

FOLDER = Path(os.environ["SITE_FOLDER"])
INBOXES: dict[str, Callable[[], Any]] = {
    "none": lambda: None,
    "memory": MemoryInbox,
    "sqlite": lambda: SqliteInbox(FOLDER / "inbox.db"),
    "orm": OrmInbox,
}
if "SITE_POSTGRES_INBOX" in os.environ:
    INBOXES["postgres"] = lambda: PostgresInbox(os.environ["SITE_POSTGRES_INBOX"])


def write(event: Event, **fields: Any) -> None:
    """Write the order of an event."""
    Order.objects.create(**{"number": event.id, "customer_id": event.id, **fields})


def may_end(event: Event) -> bool:
    """Return whether the test has allowed the handler of an event to end."""
    return (FOLDER / f"{event.id}.may_end").exists()


def begun(event: Event) -> None:
    """Tell the test that the handler of an event has begun."""
    (FOLDER / f"{event.id}.begun").touch()


def plain(event: Event) -> None:
    """Write an order with autocommit."""
    write(event)


def atomic(event: Event) -> None:
    """Write two orders or none."""
    with transaction.atomic():
        write(event)
        write(event, number=f"{event.id} again")


async def asynchronous(event: Event) -> None:
    """Write an order from async code."""
    await Order.objects.acreate(number=event.id, customer_id=event.id)


async def asynchronous_atomic(event: Event) -> None:
    """Write two orders or none, as Django's documentation says."""
    await sync_to_async(atomic)(event)


def returns_awaitable(event: Event) -> Any:
    """Write an order later."""
    return asynchronous(event)


def slow(event: Event) -> None:
    """Use the database before and after a long wait."""
    assert Customer.objects.filter(name=event.id).exists()
    begun(event)
    while not may_end(event):
        time.sleep(0.01)
    write(event)


async def asynchronous_slow(event: Event) -> None:
    """Use the database before and after a long wait."""
    import asyncio

    assert await Customer.objects.filter(name=event.id).aexists()
    begun(event)
    while not may_end(event):
        await asyncio.sleep(0.01)
    await asynchronous(event)


def where(event: Event) -> None:
    """Note on which connection of the database server, and in which thread, the handler runs."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        [pid] = cursor.fetchone()
    (FOLDER / f"{event.id}.where").write_text(f"{pid} {threading.get_ident()}")


HANDLERS: dict[str, Callable[[Event], Any]] = {
    "plain": plain,
    "atomic": atomic,
    "async": asynchronous,
    "async-atomic": asynchronous_atomic,
    "awaitable": returns_awaitable,
    "slow": slow,
    "async-slow": asynchronous_slow,
    "where": where,
}


def receiver_with(inbox: Any) -> WebhookReceiver:
    """Make a receiver with all the handlers."""
    receiver = WebhookReceiver(SECRET, inbox=inbox)
    for name, handler in HANDLERS.items():
        receiver.on(f"order.{name}")(handler)
    return receiver


RECEIVERS = {name: receiver_with(make()) for name, make in INBOXES.items()}


async def loop_thread() -> int:
    """Return the thread of the event loop on which `async_to_sync` runs a coroutine."""
    return threading.get_ident()


def beside_other_code(request: HttpRequest) -> HttpResponse:
    """Call the view from a view that uses `async_to_sync` itself."""
    before = async_to_sync(loop_thread)()
    response = RECEIVING(request)
    response["Same-Loop"] = str(async_to_sync(loop_thread)() == before)
    return response


RECEIVING = django_view(RECEIVERS["memory"])
urlpatterns = [
    *(path(f"view/{name}", django_view(receiver)) for name, receiver in RECEIVERS.items()),
    *(path(f"async-view/{name}", django_async_view(receiver)) for name, receiver in RECEIVERS.items()),
    path("exempt", csrf_exempt(django_view(RECEIVERS["memory"]))),
    path("in-a-transaction", transaction.atomic(django_view(RECEIVERS["memory"]))),
    path("beside", csrf_exempt(beside_other_code)),
]
