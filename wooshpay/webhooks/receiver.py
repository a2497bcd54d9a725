"""Receiving: from a delivery to its handler, and to the response that WooshPay gets.

What happened                                              status
the signature, its time or the body is wrong               400
the body is too large                                      413
no handler is registered for events of this type           200
the event was done before                                  200
the handler finished                                       200
another delivery of the event is being worked on           409, so that WooshPay delivers it again
the handler failed or did not finish in time               500, so that WooshPay delivers it again
the inbox failed or did not answer                         503, so that WooshPay delivers it again
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import math
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Final

from wooshpay.core.confined import Confined
from wooshpay.core.log_fields import log_fields
from wooshpay.core.tracebacks import discreet
from wooshpay.errors import ConfigurationError, PayloadError, WebhookError
from wooshpay.webhooks import replies
from wooshpay.webhooks.events import check_id, read_event
from wooshpay.webhooks.handlers import Handler, Handlers
from wooshpay.webhooks.inbox.contract import Inbox, retention_of
from wooshpay.webhooks.loops import OwnLoops
from wooshpay.webhooks.observing import note_event, note_refusal, observed, observed_now
from wooshpay.webhooks.once import Once
from wooshpay.webhooks.replies import Reply
from wooshpay.webhooks.running import is_cancelled, run, wait_for
from wooshpay.webhooks.signature import Body, Headers, Secrets, check, check_secrets, check_tolerance, raw_body

if TYPE_CHECKING:
    from wooshpay.api.events import Event
    from wooshpay.middleware import Telemetry
    from wooshpay.webhooks.request_threads import RequestThread

LARGEST_BODY: Final = 1024 * 1024
# WooshPay has long stopped waiting for the response by then, and still delivers the event for most of 72 hours.
HANDLER_TIMEOUT: Final = 900.0
# The stores of this package have shorter limits of their own; SQLite waits up to 30 seconds for another writer.
INBOX_TIMEOUT: Final = 35.0
CLOSE_WAIT: Final = 10.0

_check = discreet(check)
_logger = logging.getLogger("wooshpay.webhooks")


class WebhookReceiver(Confined, Handlers):
    """Verifies deliveries and hands each event to its handler: once, if it has an inbox.

        receiver = WebhookReceiver(os.environ["WOOSHPAY_WEBHOOK_SECRET"], inbox=SqliteInbox("webhooks.db"))

        @receiver.on("payment_intent.succeeded")
        async def paid(event):
            await ship(event.data.object.merchant_order_id)

    The adapters in `wooshpay.webhooks.adapters` connect it to a web framework.

    With an inbox, a handler goes on when the sender hangs up, and its event stays claimed until it has really ended.

    Args:
        secrets: The endpoint's secret (``whsec_...``), or several; one match is enough.
        inbox: Remembers which events were handled. Without one, every delivery of an event runs its handler, and
            WooshPay delivers an event up to 18 times.
        tolerance: Seconds by which the signature's time may differ from now; see `verify`. With an inbox, signatures
            that are older than the inbox's retention are refused in any case.
        largest_body: Maximum size of a body in bytes; a larger delivery is refused with 413.
        now: Returns the present time in seconds since 1970. Default: the system clock.
        handler_timeout: Seconds that a handler may take, with an inbox. After that, an async handler is cancelled. A
            plain handler in a thread cannot be stopped, but its claim is no longer renewed, so a later delivery runs
            the handler again. Default: 15 minutes.
        inbox_timeout: Seconds that one call of the inbox may take. Default: 35.
        telemetry: Reports each delivery to OpenTelemetry.

    Raises:
        ConfigurationError: There is no secret, or a setting is not valid.
    """

    _confined = "it holds the webhook secret. Create a receiver in each process, from the secret in its environment."

    @discreet
    def __init__(
        self,
        secrets: Secrets,
        *,
        inbox: Inbox | None = None,
        tolerance: float | None = None,
        largest_body: int = LARGEST_BODY,
        now: Callable[[], float] | None = None,
        handler_timeout: float = HANDLER_TIMEOUT,
        inbox_timeout: float = INBOX_TIMEOUT,
        telemetry: Telemetry | None = None,
    ) -> None:
        super().__init__()
        check_secrets(secrets)
        check_tolerance(tolerance)
        for name, seconds in (("handler_timeout", handler_timeout), ("inbox_timeout", inbox_timeout)):
            _check_seconds(name, seconds)
        self._secrets = secrets
        self._oldest = None if inbox is None else retention_of(inbox)
        self._tolerance = tolerance
        self.largest_body = largest_body
        self._now = now
        self.telemetry = telemetry
        self._loops = OwnLoops()
        self._once = (
            None
            if inbox is None
            else Once(inbox, self._loops, handler_timeout=handler_timeout, inbox_timeout=inbox_timeout)
        )

    def __repr__(self) -> str:
        return f"<WebhookReceiver of {', '.join(sorted(self._handlers)) or 'nothing'}>"

    # ---- receiving

    @property
    def has_inbox(self) -> bool:
        """Return whether the receiver has an inbox, so that each event is handled once."""
        return self._once is not None

    def now(self) -> float:
        """Return the present time of the receiver's clock, in seconds since 1970."""
        return time.time() if self._now is None else self._now()

    def check(self, body: Body, headers: Headers) -> Event | Reply:
        """Verify a delivery without handling its event, as code that puts deliveries into a queue does.

        Args:
            body: The raw body.
            headers: The request's headers, in any form; see `verify`.

        Returns:
            The event if it has to be handled. Otherwise the response: the delivery is refused, or no handler is
            registered for its event.
        """
        found = self._open(body, headers)
        return found if isinstance(found, Reply) else found[0]

    @observed
    async def receive(
        self, body: Body, headers: Headers, *, received: float | None = None, thread: RequestThread | None = None
    ) -> Reply:
        """Handle a delivery. A plain ``def`` handler runs on a thread, so that the event loop goes on.

        Args:
            body: The raw body.
            headers: The request's headers, in any form; see `verify`.
            received: When the delivery arrived, in seconds since 1970, if it has waited in a queue. `tolerance` counts
                up to that moment. Default: now.
            thread: Runs plain handlers in the thread that a web framework has reserved for the request. The adapters
                for Django pass it. Default: a thread of the event loop's pool.

        Returns:
            What to answer.
        """
        try:
            found = self._open(body, headers, received)
        finally:
            del body, headers  # a report of the handler's error would keep them
        if isinstance(found, Reply):
            return found
        event, handler = found
        if self._once is not None:
            return await self._once.receive(event, handler, thread)
        try:
            await run(handler, event, thread=thread)
        except asyncio.CancelledError as error:
            if is_cancelled():
                raise
            return replies.failed(event, error)
        except Exception as error:
            return replies.failed(event, error)
        return replies.done(event)

    @observed_now
    def receive_now(
        self, body: Body, headers: Headers, *, received: float | None = None, thread: RequestThread | None = None
    ) -> Reply:
        """Handle a delivery in code without an event loop, such as Flask. A plain handler runs in the calling thread.

        Args:
            body: The raw body.
            headers: The request's headers, in any form; see `verify`.
            received: When the delivery arrived, in seconds since 1970, if it has waited in a queue; see `receive`.
            thread: Runs what async handlers and the inbox send to the calling thread while that thread waits for them.
                The adapters for Django pass it. Default: nothing is sent to the calling thread.

        Returns:
            What to answer.
        """
        try:
            found = self._open(body, headers, received)
        finally:
            del body, headers  # a report of the handler's error would keep them
        if isinstance(found, Reply):
            return found
        event, handler = found
        if self._once is not None:
            return self._once.receive_now(event, handler, thread)
        try:
            answer = handler(event)
            if inspect.isawaitable(answer):
                self._loops.run_for(thread, partial(wait_for, answer))
        except Exception as error:
            return replies.failed(event, error)
        return replies.done(event)

    async def close(self, *, wait: float = CLOSE_WAIT) -> None:
        """Wait for handlers that still run, then close the inbox and the threads of the receiver.

        Args:
            wait: Seconds after which async handlers that still run are cancelled. Their events are given back. Plain
                handlers in threads cannot be cancelled, so they are waited for.
        """
        if self._once is not None:
            await self._once.close(wait)
        self._loops.close()

    def close_now(self, *, wait: float = CLOSE_WAIT) -> None:
        """Do what `close` does, from code without an event loop.

        Args:
            wait: Seconds after which async handlers that still run are cancelled.
        """
        if self._once is not None:
            self._once.close_now(wait)
        self._loops.close()

    # ---- the steps

    def _open(self, body: Body, headers: Headers, received: float | None = None) -> tuple[Event, Handler] | Reply:
        try:
            raw = raw_body(body)
            if len(raw) > self.largest_body:
                return Reply(413, f"The body is larger than {self.largest_body} bytes.")
            now = self.now()
            tolerance = self._tolerance
            if received is not None:
                # The tolerance does not count the time in the queue. The retention does: when the handler is about to
                # run, the inbox must still know whether it ran before.
                _check(raw, headers, self._secrets, tolerance, received)
                tolerance = math.inf
            _check(raw, headers, self._secrets, tolerance, now, self._oldest)
        except WebhookError as error:
            note_refusal(error)
            _logger.warning("A delivery was refused: %s", error, extra=_refusal_fields(error))
            return Reply(400, str(error))
        try:
            event = read_event(raw)
            check_id(event)
        except PayloadError as error:
            # Its signature is valid, so it may be about money, and no later delivery will be any better.
            note_refusal(error)
            _logger.error(
                "A delivery with a valid signature was refused, and no handler gets it: %s",
                error,
                extra=_refusal_fields(error),
            )
            return Reply(400, str(error))
        note_event(event, now)
        handler = self.handler_of(event)
        if handler is not None:
            return event, handler
        return replies.not_about_its_type(event) if self.handles(event.type) else replies.not_handled(event)


def _refusal_fields(error: WebhookError) -> dict[str, object]:
    return log_fields(wooshpay_status=400, wooshpay_outcome="refused", wooshpay_error=type(error).__name__)


def _check_seconds(name: str, seconds: float) -> None:
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not seconds > 0:  # pyright: ignore[reportUnnecessaryIsInstance]  # callers are not all typed
        raise ConfigurationError(f"{name} must be a number of seconds above 0, not {seconds!r}.")
