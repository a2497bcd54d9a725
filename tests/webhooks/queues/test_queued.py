"""Deliveries through any queue: what the web server answers, in every framework, and what the worker does with it."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from contextlib import closing
from http.client import HTTPConnection
from typing import Any, Final
from urllib.parse import urlsplit

import pytest
from webhooks.adapters.frameworks import FRAMEWORKS
from webhooks.deliver import SECRET, body_of, headers_for

from wooshpay import ConfigurationError, PayloadError
from wooshpay.webhooks import MemoryInbox, QueuedReceiver, WebhookReceiver
from wooshpay.webhooks.queued import Message

PAID: Final = "payment_intent.succeeded"


class Shop:
    """A receiver behind a queue that is a list."""

    def __init__(self) -> None:
        self.handled: list[str] = []
        self.queue: list[Message] = []
        self.receiver = WebhookReceiver(SECRET, inbox=MemoryInbox())
        self.receiver.on(PAID)(lambda event: self.handled.append(event.id))
        self.webhooks = QueuedReceiver(self.receiver, self.queue.append)


def posted(url: str, body: bytes, headers: dict[str, str]) -> int:
    parts = urlsplit(url)
    with closing(HTTPConnection(parts.hostname or "", parts.port, timeout=20)) as connection:
        connection.request("POST", parts.path, body, headers)
        return connection.getresponse().status


@pytest.mark.parametrize("framework", list(FRAMEWORKS))
def test_every_adapter_takes_it_in_place_of_a_receiver(framework: str) -> None:
    """The handler runs in the worker only, and only what has to be handled gets there."""
    shop, body = Shop(), body_of()
    webhooks: Any = shop.webhooks
    with FRAMEWORKS[framework](webhooks) as url:
        assert posted(url, body, headers_for(body)) == 200
        assert posted(url, body, headers_for(body, secret="whsec_other")) == 400
        assert posted(url, b"x" * (shop.webhooks.largest_body + 1), {}) == 413
    assert (len(shop.queue), shop.handled) == (1, [])
    assert shop.webhooks.handle_now(shop.queue[0]) == (200, "Done.", "evt_1")
    assert shop.webhooks.handle_now(shop.queue[0]) == (200, "This event was done before.", "evt_1")
    assert shop.handled == ["evt_1"]
    shop.receiver.close_now()


def raising(*_: object) -> None:
    raise OSError("the queue is away")


async def raising_later(*_: object) -> None:
    raise OSError("the queue is away")


def raising_hidden(message: Message) -> object:
    return raising_later()


@pytest.mark.parametrize("put", [raising, raising_later, raising_hidden])
async def test_a_queue_that_is_down_is_a_503(put: Callable[[Message], object]) -> None:
    """Also where the function that fails is awaited. With a 200, WooshPay would not deliver the event again."""
    body, webhooks = body_of(), QueuedReceiver(Shop().receiver, put)
    expected = (503, "The queue cannot be reached; deliver this event again.", "evt_1")
    assert await webhooks.receive(body, headers_for(body)) == expected
    if put is raising:
        assert webhooks.receive_now(body, headers_for(body)) == expected


async def test_an_async_function_may_put_the_message_where_there_is_an_event_loop() -> None:
    """Without one, nobody would await it, and the message would be lost behind a 200."""
    shop, body = Shop(), body_of()

    async def put(message: Message) -> None:
        shop.queue.append(message)

    webhooks = QueuedReceiver(shop.receiver, put)
    assert (await webhooks.receive(body, headers_for(body))).status == 200
    assert (await webhooks.handle(shop.queue[0])).text == "Done."
    with pytest.raises(ConfigurationError, match="put is an async function"):
        webhooks.receive_now(body, headers_for(body))
    hidden = QueuedReceiver(shop.receiver, lambda message: put(message))
    assert hidden.receive_now(body, headers_for(body)).status == 503
    await shop.receiver.close()


def test_what_cannot_work_is_refused() -> None:
    """A queue delivers twice; another process has another receiver; not every message is a delivery."""
    with pytest.raises(ConfigurationError, match="has no inbox"):
        QueuedReceiver(WebhookReceiver(SECRET), print)
    shop = Shop()
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(shop.webhooks)
    with pytest.raises(PayloadError, match="not one that a QueuedReceiver put"):
        shop.webhooks.handle_now({"body": "e30="})
