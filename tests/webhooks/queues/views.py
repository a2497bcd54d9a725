"""A task of a real Celery app, as the web server has it."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, Final

from celery import Celery  # type: ignore[import-untyped]  # it has no types
from webhooks.deliver import SECRET, body_of, headers_for

from wooshpay.bulk.outbox import Outbox
from wooshpay.webhooks import MemoryInbox, WebhookReceiver
from wooshpay.webhooks.celery import receiver_task

PAID: Final = "payment_intent.succeeded"


class View:
    """A task of a real Celery app."""

    def __init__(self, broker: str, *, outbox: Outbox | None = None, **conf: Any) -> None:
        self.app: Any = Celery("shop", broker=broker, set_as_current=False)
        self.app.conf.update(conf)
        self.handled: list[str] = []
        self.fails = False
        self.receiver = WebhookReceiver(SECRET, inbox=MemoryInbox())
        self.receiver.on(PAID)(self._handle)
        self.task = receiver_task(self.app, self.receiver, outbox=outbox)

    def _handle(self, event: Any) -> None:
        self.handled.append(event.id)
        if self.fails:
            raise ValueError("out of stock")

    def deliver(self, how: str, body: bytes | None = None, headers: Any = None) -> Any:
        raw = body_of() if body is None else body
        given = headers_for(raw) if headers is None else headers
        if how == "sync":
            return self.task.receive_now(raw, given)
        return asyncio.run(self.task.receive(raw, given))

    def close(self) -> None:
        self.receiver.close_now()
        self.app.close()


@contextmanager
def opened(broker: str, **conf: Any) -> Generator[View]:
    view = View(broker, **conf)
    yield view
    view.close()
