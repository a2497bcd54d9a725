"""Handlers and receivers for tests about what happens while a handler runs."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

from webhooks.deliver import SECRET, body_of, headers_for

from wooshpay.webhooks import Reply, WebhookReceiver
from wooshpay.webhooks.inbox import Inbox

PAID: Final = "payment_intent.succeeded"
# Seconds that no test waits for unless it is about to fail.
PATIENCE: Final = 20.0


class Slow:
    """A plain handler that runs until it is allowed to end, and counts how often it was begun."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.begun = threading.Event()
        self.may_end = threading.Event()
        self.runs = 0
        self._error = error

    def __call__(self, event: Any) -> None:
        self.runs += 1
        self.begun.set()
        assert self.may_end.wait(PATIENCE)
        if self._error is not None and self.runs == 1:
            raise self._error


@asynccontextmanager
async def opened(inbox: Inbox, **settings: Any) -> AsyncGenerator[WebhookReceiver]:
    """Open a receiver, and close it with all that it opened."""
    receiver = WebhookReceiver(SECRET, inbox=inbox, **settings)
    try:
        yield receiver
    finally:
        await receiver.close()


async def deliver(receiver: WebhookReceiver, event_id: str = "evt_1") -> Reply:
    """Deliver an event to a receiver as a web framework does."""
    body = body_of(event_id)
    return await receiver.receive(body, headers_for(body))


async def until(condition: Callable[[], bool]) -> None:
    """Wait until something has happened."""
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await asyncio.sleep(0.005)


async def until_settled(receiver: WebhookReceiver, event_id: str = "evt_1") -> Reply:
    """Deliver an event until it is no longer being worked on; give the last response."""
    async with asyncio.timeout(PATIENCE):
        while (reply := await deliver(receiver, event_id)).status == 409:
            await asyncio.sleep(0.005)
        return reply
