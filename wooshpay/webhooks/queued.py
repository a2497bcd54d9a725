"""Deliveries through a queue: the web server verifies and enqueues them, and a worker handles their events.

    web server  receives a delivery
                  not valid, or without a handler  -> the response of the receiver
                  put into the queue               -> 200
                  the queue cannot be reached      -> 503, so that WooshPay delivers the event again
    worker      handles a message
                  200                              -> done
                  anything else                    -> the message has to be handled again later

A queue delivers a message more than once, so the receiver needs an inbox.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import inspect
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypedDict

from wooshpay.core.confined import Confined
from wooshpay.core.tracebacks import discreet
from wooshpay.errors import ConfigurationError, PayloadError
from wooshpay.webhooks.observing import observed, observed_now
from wooshpay.webhooks.replies import Reply, not_queued, queued
from wooshpay.webhooks.signature import find_signature

if TYPE_CHECKING:
    from wooshpay.webhooks.receiver import WebhookReceiver
    from wooshpay.webhooks.signature import Body, Headers


_ASYNC: Final = (
    "put is an async function, and this adapter has no event loop for it. Pass a plain function, or use the adapter of"
    " an async framework."
)


class Message(TypedDict):
    """A delivery in a queue. Every serializer can write it, JSON included.

    Attributes:
        body: The raw body in base64, so that it arrives byte for byte.
        signature: The value of the signature header.
        received: When the delivery arrived, in seconds since 1970.
        event_id: The ID of the event, for logs and for queues that recognise duplicates. The worker does not rely on
            it: it is not signed.
    """

    body: str
    signature: str
    received: float
    event_id: str


Put: TypeAlias = Callable[[Message], object]
"""Puts a message into a queue. It returns when the queue has the message, and raises an exception if it has not."""


class QueuedReceiver(Confined):
    """Puts deliveries into a queue. All adapters accept one in place of a `WebhookReceiver`.

        webhooks = QueuedReceiver(receiver, queue.put)
        app.post("/webhooks")(flask_view(webhooks))     # in the web server
        reply = webhooks.handle_now(queue.get())        # in the worker

    For Celery, use `wooshpay.webhooks.celery.receiver_task`.

    Args:
        receiver: Verifies deliveries in the web server, and handles events in the worker. It needs an inbox.
        put: Puts a message into the queue. It returns when the queue has the message, and raises an exception if it has
            not. An async function works with the adapters of async frameworks.

    Raises:
        ConfigurationError: The receiver has no inbox.
    """

    _confined = "its receiver holds the webhook secret. Create both in each process, from the environment."

    def __init__(self, receiver: WebhookReceiver, put: Put) -> None:
        check_inbox(receiver)
        self._receiver = receiver
        self._put = put
        self.largest_body = receiver.largest_body
        self.telemetry = receiver.telemetry

    # ---- in the web server

    @observed
    async def receive(self, body: Body, headers: Headers, *, thread: object = None) -> Reply:
        """Verify a delivery and put it into the queue, on a thread if `put` is a plain function.

        Args:
            body: The raw body.
            headers: The request's headers, in any form; see `verify`.
            thread: Not used: no handler runs here. Adapters may pass the thread of the request.

        Returns:
            What to answer: 200 when the queue has the delivery, and 503 when it cannot take it.
        """
        found = self._checked(body, headers)
        if isinstance(found, Reply):
            return found
        event_id, message = found
        try:
            if inspect.iscoroutinefunction(self._put):
                answer: object = await self._put(message)
            else:
                answer = await asyncio.to_thread(self._put, message)
                if inspect.isawaitable(answer):
                    answer = await answer
        except Exception as error:
            return not_queued(event_id, error)
        return answer if isinstance(answer, Reply) else queued(event_id)

    @observed_now
    def receive_now(self, body: Body, headers: Headers, *, thread: object = None) -> Reply:
        """Verify a delivery and put it into the queue, in code without an event loop.

        Args:
            body: The raw body.
            headers: The request's headers, in any form; see `verify`.
            thread: Not used: no handler runs here. Adapters may pass the thread of the request.

        Returns:
            What to answer: 200 when the queue has the delivery, and 503 when it cannot take it.

        Raises:
            ConfigurationError: `put` is an async function.
        """
        if inspect.iscoroutinefunction(self._put):
            raise ConfigurationError(_ASYNC)
        found = self._checked(body, headers)
        if isinstance(found, Reply):
            return found
        event_id, message = found
        try:
            answer = self._put(message)
            if inspect.iscoroutine(answer):
                answer.close()
                raise ConfigurationError(_ASYNC)
        except Exception as error:
            return not_queued(event_id, error)
        return answer if isinstance(answer, Reply) else queued(event_id)

    def _checked(self, body: Body, headers: Headers) -> tuple[str, Message] | Reply:
        found = self._receiver.check(body, headers)
        if isinstance(found, Reply):
            return found
        text = base64.b64encode(body).decode("ascii")
        signature, received = find_signature(headers), self._receiver.now()
        return found.id, Message(body=text, signature=signature, received=received, event_id=found.id)

    # ---- in the worker

    async def handle(self, message: Mapping[str, Any]) -> Reply:
        """Handle the event in a message, as `WebhookReceiver.receive` does. The signature is verified again.

        Args:
            message: The message, as it came out of the queue.

        Returns:
            The result. The work is done if its status is 200. Otherwise, handle the message again later.

        Raises:
            PayloadError: It is not a message that was put into the queue by a `QueuedReceiver`.
        """
        body, signature, received = _opened(message)
        return await self._receiver.receive(body, signature, received=received)

    def handle_now(self, message: Mapping[str, Any]) -> Reply:
        """Handle the event in a message, as `WebhookReceiver.receive_now` does. The signature is verified again.

        Args:
            message: The message, as it came out of the queue.

        Returns:
            The result. The work is done if its status is 200. Otherwise, handle the message again later.

        Raises:
            PayloadError: It is not a message that was put into the queue by a `QueuedReceiver`.
        """
        body, signature, received = _opened(message)
        return self._receiver.receive_now(body, signature, received=received)


def check_inbox(receiver: WebhookReceiver) -> None:
    """Refuse a receiver that would handle an event as often as the queue delivers it.

    Raises:
        ConfigurationError: The receiver has no inbox.
    """
    if not receiver.has_inbox:
        raise ConfigurationError(
            "The receiver has no inbox. A queue may deliver a message more than once, and without an inbox its event"
            " would be handled each time. Pass an inbox: WebhookReceiver(secret, inbox=...)."
        )


@discreet
def _opened(message: Mapping[str, Any]) -> tuple[bytes, str, float]:
    try:
        body = base64.b64decode(message["body"], validate=True)
        received = message["received"]
        texts = isinstance(message["signature"], str) and isinstance(message["event_id"], str)
        if texts and isinstance(received, (int, float)) and not isinstance(received, bool):
            return body, message["signature"], float(received)
    except (KeyError, TypeError, ValueError, binascii.Error):
        pass
    raise PayloadError(
        "The message is not one that a QueuedReceiver put into the queue: it needs `body` in base64, `signature`,"
        " `received` and `event_id`."
    )
