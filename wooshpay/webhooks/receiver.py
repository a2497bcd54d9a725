"""Receiving: from a delivery to the handler that it is for, and to the answer that WooshPay gets.

What happened                                              status
the signature, the time or the body is wrong               400
the body is too large                                      413
nobody handles events of this type                         200
the event was done before                                  200
the handler is done                                        200
another delivery of the event is being worked on           409, so that WooshPay comes again
the handler failed                                         500, so that WooshPay comes again
the inbox cannot be reached                                503, so that WooshPay comes again
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import threading
from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

from wooshpay.core.clock import wall_time
from wooshpay.core.tracebacks import discreet
from wooshpay.errors import ClaimLost, InboxError, WebhookError
from wooshpay.webhooks.events import construct
from wooshpay.webhooks.handlers import Handler, Handlers
from wooshpay.webhooks.inbox.contract import Claim, Inbox
from wooshpay.webhooks.inbox.current import Work, working
from wooshpay.webhooks.signature import Body, Headers, Secrets, check_secrets, raw_body

if TYPE_CHECKING:
    from wooshpay.api.events import Event
    from wooshpay.transport.loop import PrivateLoop

T = TypeVar("T")

LARGEST_BODY: Final = 1024 * 1024

_logger = logging.getLogger("wooshpay.webhooks")


class Reply(NamedTuple):
    """What to answer a delivery with.

    Attributes:
        status: The HTTP status.
        text: A short sentence for the body, free of secrets; WooshPay does not read it.
        event_id: The event; ``None`` where the delivery could not be verified.
    """

    status: int
    text: str
    event_id: str | None = None


class WebhookReceiver(Handlers):
    """Verifies deliveries and hands each event to its handler: once, if it has an inbox.

        receiver = WebhookReceiver(os.environ["WOOSHPAY_WEBHOOK_SECRET"], inbox=SqliteInbox("webhooks.db"))

        @receiver.on("payment_intent.succeeded")
        async def paid(event):
            await ship(event.data.object.merchant_order_id)

    The adapters in `wooshpay.webhooks.adapters` put it into a web framework.

    Args:
        secrets: The endpoint's secret (``whsec_...``), or several; one match is enough.
        inbox: Remembers what was done. Without one, every delivery of an event runs its handler, and WooshPay delivers
            an event up to 18 times.
        tolerance: Seconds by which the signature's time may differ from now; see `verify`.
        largest_body: Bytes; a larger delivery is refused with 413.
        now: The present time in seconds since 1970.

    Raises:
        ConfigurationError: There is no secret, or it cannot be one.
    """

    @discreet
    def __init__(
        self,
        secrets: Secrets,
        *,
        inbox: Inbox | None = None,
        tolerance: float | None = None,
        largest_body: int = LARGEST_BODY,
        now: Callable[[], float] = wall_time,
    ) -> None:
        super().__init__()
        check_secrets(secrets)
        self._secrets = secrets
        self._inbox = inbox
        self._tolerance = tolerance
        self.largest_body = largest_body
        self._now = now
        # Events whose handler is through while the inbox could not be told.
        self._unmarked: dict[str, Claim] = {}
        self._loop: PrivateLoop | None = None
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"<WebhookReceiver of {', '.join(sorted(self._handlers)) or 'nothing'}>"

    # ---- receiving

    async def receive(self, body: Body, headers: Headers) -> Reply:
        """Take a delivery. A plain ``def`` handler runs on a thread, so that the event loop goes on.

        Args:
            body: The raw body.
            headers: The request's headers, in any form; see `verify`.

        Returns:
            What to answer.
        """
        try:
            found = self._open(body, headers)
        finally:
            del body, headers  # a report of the handler's error would keep them
        if isinstance(found, Reply):
            return found
        event, handler = found
        if self._inbox is None:
            try:
                await _run(handler, event)
            except Exception:
                return _failed(event)
            return _done(event)
        return await self._receive_once(self._inbox, event, handler)

    def receive_now(self, body: Body, headers: Headers) -> Reply:
        """Take a delivery in code without an event loop, such as Flask. A plain handler runs in the calling thread.

        Args:
            body: The raw body.
            headers: The request's headers, in any form; see `verify`.

        Returns:
            What to answer.
        """
        try:
            found = self._open(body, headers)
        finally:
            del body, headers  # a report of the handler's error would keep them
        if isinstance(found, Reply):
            return found
        event, handler = found
        if self._inbox is None:
            try:
                self._run_now(handler, event)
            except Exception:
                return _failed(event)
            return _done(event)
        return self._receive_once_now(self._inbox, event, handler)

    async def close(self) -> None:
        """Close the inbox, and the thread of `receive_now`."""
        if self._inbox is not None:
            await self._inbox.close()
        self._close_loop()

    def close_now(self) -> None:
        """Close the inbox, and the thread of `receive_now`, from code without an event loop."""
        if self._inbox is not None:
            self._await(self._inbox.close)
        self._close_loop()

    # ---- the steps

    def _open(self, body: Body, headers: Headers) -> tuple[Event, Handler] | Reply:
        try:
            raw = raw_body(body)
            if len(raw) > self.largest_body:
                return Reply(413, f"The body is larger than {self.largest_body} bytes.")
            event = construct(raw, headers, self._secrets, tolerance=self._tolerance, now=self._now())
        except WebhookError as error:
            _logger.warning("A delivery was refused: %s", error)
            return Reply(400, str(error))
        handler = self.handler_of(event)
        if handler is not None:
            return event, handler
        if not self.handles(event.type):
            return Reply(200, f"Nobody handles {event.type} here.", event.id)
        _logger.error("Event %s of type %s is not about what events of its type are about.", event.id, event.type)
        return Reply(500, "The event is not about what events of its type are about.", event.id)

    async def _receive_once(self, inbox: Inbox, event: Event, handler: Handler) -> Reply:
        try:
            taken = await self._claim(inbox, event)
        except InboxError as error:
            return _unreachable(event, error)
        if isinstance(taken, Reply):
            return taken
        work = Work(inbox, taken)
        heart = asyncio.create_task(_renew(inbox, taken, asyncio.current_task()))
        try:
            with working(work):
                await _run(handler, event)
        except asyncio.CancelledError:
            await asyncio.shield(self._give_back(work))
            if not heart.done():
                raise
            return _taken_over(event)  # the claim was lost, and the handler stopped for it
        except Exception as error:
            await self._give_back(work)
            return _failed(event, error)
        except BaseException:
            await self._give_back(work)
            raise
        finally:
            heart.cancel()
        return await self._finish(work, event)

    def _receive_once_now(self, inbox: Inbox, event: Event, handler: Handler) -> Reply:
        try:
            taken = self._await(lambda: self._claim(inbox, event))
        except InboxError as error:
            return _unreachable(event, error)
        if isinstance(taken, Reply):
            return taken
        work = Work(inbox, taken)
        heart = self._await(lambda: _start(_renew(inbox, taken, None)))
        try:
            with working(work):
                self._run_now(handler, event)
        except Exception as error:
            self._await(lambda: self._give_back(work))
            return _failed(event, error)
        except BaseException:
            self._await(lambda: self._give_back(work))
            raise
        finally:
            self._await(lambda: _stop(heart))
        return self._await(lambda: self._finish(work, event))

    async def _claim(self, inbox: Inbox, event: Event) -> Claim | Reply:
        unmarked = self._unmarked.get(event.id)
        if unmarked is not None:
            marked = await inbox.done(unmarked)
            del self._unmarked[event.id]
            if marked:
                return _before(event)
        taken = await inbox.claim(event.id)
        if taken == "done":
            return _before(event)
        if taken == "held":
            return Reply(409, "Another delivery of this event is being worked on.", event.id)
        return taken

    async def _finish(self, work: Work, event: Event) -> Reply:
        if work.settled:
            return _done(event)
        try:
            if await work.inbox.done(work.claim):
                return _done(event)
        except InboxError as error:
            self._unmarked[event.id] = work.claim
            _logger.error(
                "Event %s was handled, but the inbox could not be told. Unless a delivery reaches this process first,"
                " it runs again when its lease of %g seconds has ended.",
                event.id,
                work.inbox.lease,
            )
            return _unreachable(event, error)
        return _taken_over(event)

    async def _give_back(self, work: Work) -> None:
        if work.settled:
            return
        try:
            await work.inbox.give_back(work.claim)
        except InboxError as error:
            _logger.warning("Event %s stays claimed until its lease ends: %s", work.claim.event_id, error)

    # ---- without an event loop

    def _run_now(self, handler: Handler, event: Event) -> None:
        answer = handler(event)
        if inspect.isawaitable(answer):
            self._await(lambda: _wait_for(answer))

    def _await(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        loop = self._loop
        if loop is None:
            from wooshpay.transport.loop import PrivateLoop

            with self._lock:
                loop = self._loop = self._loop or PrivateLoop(_nothing)
        return loop.run(_call, work)

    def _close_loop(self) -> None:
        with self._lock:
            loop, self._loop = self._loop, None
        if loop is not None:
            loop.close()


async def _run(handler: Handler, event: Event) -> None:
    if inspect.iscoroutinefunction(handler):
        await handler(event)
        return
    answer = await asyncio.to_thread(handler, event)
    if inspect.isawaitable(answer):
        await answer


async def _renew(inbox: Inbox, claim: Claim, handling: asyncio.Task[Any] | None) -> None:
    """Hold the claim while the handler works; stop the handler if it is lost all the same."""
    while True:
        await asyncio.sleep(inbox.lease / 3)
        try:
            if await inbox.renew(claim):
                continue
        except InboxError as error:
            _logger.warning("The claim on event %s could not be renewed: %s", claim.event_id, error)
            continue
        _logger.error("The claim on event %s was lost: its lease had ended.", claim.event_id)
        if handling is not None:
            handling.cancel()
        return


async def _call(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    return await work()


async def _wait_for(answer: Awaitable[object]) -> None:
    await answer


async def _start(work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    return asyncio.create_task(work)


async def _stop(task: asyncio.Task[None]) -> None:
    task.cancel()


async def _nothing() -> None:
    """Nothing lives on the loop that would have to be closed."""


def _done(event: Event) -> Reply:
    return Reply(200, "Done.", event.id)


def _before(event: Event) -> Reply:
    return Reply(200, "This event was done before.", event.id)


def _taken_over(event: Event) -> Reply:
    return Reply(409, "Another worker took this event over.", event.id)


def _unreachable(event: Event, error: InboxError) -> Reply:
    _logger.error("Event %s has to come again: %s", event.id, error)
    return Reply(503, "The inbox cannot be reached; deliver this event again.", event.id)


def _failed(event: Event, error: Exception | None = None) -> Reply:
    if isinstance(error, ClaimLost):
        return _taken_over(event)
    if isinstance(error, InboxError):
        return _unreachable(event, error)
    _logger.exception("The handler of event %s of type %s failed; WooshPay delivers it again.", event.id, event.type)
    return Reply(500, "The handler failed; deliver this event again.", event.id)
