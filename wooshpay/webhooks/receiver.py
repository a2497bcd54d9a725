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
import time
from collections.abc import Callable, Coroutine
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

from wooshpay.core.tracebacks import discreet
from wooshpay.errors import ConfigurationError, InboxError, PayloadError, TransportError, WebhookError
from wooshpay.webhooks import replies
from wooshpay.webhooks.events import read_event
from wooshpay.webhooks.guard import GuardedInbox
from wooshpay.webhooks.handlers import Handler, Handlers
from wooshpay.webhooks.inbox.contract import Claim, Inbox, retention_of
from wooshpay.webhooks.inbox.current import Work, work_on, working
from wooshpay.webhooks.renewal import Held, Renewals
from wooshpay.webhooks.replies import Reply as Reply
from wooshpay.webhooks.running import detached, run, stop, to_the_end, wait_for
from wooshpay.webhooks.signature import Body, Headers, Secrets, check, check_secrets, check_tolerance, raw_body

if TYPE_CHECKING:
    from wooshpay.api.events import Event
    from wooshpay.transport.loop import PrivateLoop

T = TypeVar("T")

LARGEST_BODY: Final = 1024 * 1024
# WooshPay has long stopped waiting for the response by then, and still delivers the event for most of 72 hours.
HANDLER_TIMEOUT: Final = 900.0
# The stores of this package have shorter limits of their own; SQLite waits up to 30 seconds for another writer.
INBOX_TIMEOUT: Final = 35.0
CLOSE_WAIT: Final = 10.0

_check = discreet(check)
_logger = logging.getLogger("wooshpay.webhooks")


class WebhookReceiver(Handlers):
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

    Raises:
        ConfigurationError: There is no secret, or a setting is not valid.
    """

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
    ) -> None:
        super().__init__()
        check_secrets(secrets)
        check_tolerance(tolerance)
        for name, seconds in (("handler_timeout", handler_timeout), ("inbox_timeout", inbox_timeout)):
            _check_seconds(name, seconds)
        self._secrets = secrets
        self._inbox = None if inbox is None else GuardedInbox(inbox, inbox_timeout)
        self._oldest = None if inbox is None else retention_of(inbox)
        self._tolerance = tolerance
        self.largest_body = largest_body
        self._now = now
        self._limit = handler_timeout
        self._renewals = None if self._inbox is None else Renewals(self._inbox, handler_timeout)
        # The tasks of handlers; one may outlive the request that brought its event.
        self._tasks: set[asyncio.Task[None]] = set()
        # "calls" is for code without an event loop, "renewals" renews claims whatever handlers do to their loop.
        self._loops: dict[str, PrivateLoop] = {}

    def __repr__(self) -> str:
        return f"<WebhookReceiver of {', '.join(sorted(self._handlers)) or 'nothing'}>"

    # ---- receiving

    async def receive(self, body: Body, headers: Headers) -> Reply:
        """Handle a delivery. A plain ``def`` handler runs on a thread, so that the event loop goes on.

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
        if self._inbox is not None:
            return await detached(partial(self._receive_once, event, handler), self._tasks)
        try:
            await run(handler, event)
        except asyncio.CancelledError as error:
            if _is_cancelled():
                raise
            return replies.failed(event, error)
        except Exception as error:
            return replies.failed(event, error)
        return replies.done(event)

    def receive_now(self, body: Body, headers: Headers) -> Reply:
        """Handle a delivery in code without an event loop, such as Flask. A plain handler runs in the calling thread.

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
        if self._inbox is not None:
            try:
                return self._receive_once_now(event, handler)
            except (ConfigurationError, TransportError) as error:
                # The receiver was closed meanwhile.
                return replies.unreachable(event, InboxError(str(error)))
        try:
            answer = handler(event)
            if inspect.isawaitable(answer):
                self._await(lambda: wait_for(answer))
        except Exception as error:
            return replies.failed(event, error)
        return replies.done(event)

    async def close(self, *, wait: float = CLOSE_WAIT) -> None:
        """Wait for handlers that still run, then close the inbox and the threads of the receiver.

        Args:
            wait: Seconds after which async handlers that still run are cancelled. Their events are given back. Plain
                handlers in threads cannot be cancelled, so they are waited for.
        """
        await self._drain(wait)
        if self._loops:
            await asyncio.to_thread(self._close_loops, wait)
        if self._inbox is not None:
            await self._inbox.inbox.close()

    def close_now(self, *, wait: float = CLOSE_WAIT) -> None:
        """Do what `close` does, from code without an event loop.

        Args:
            wait: Seconds after which async handlers that still run are cancelled.
        """
        if self._inbox is not None:
            self._private("calls", _nothing)
        self._close_loops(wait)

    # ---- the steps

    def _open(self, body: Body, headers: Headers) -> tuple[Event, Handler] | Reply:
        try:
            raw = raw_body(body)
            if len(raw) > self.largest_body:
                return Reply(413, f"The body is larger than {self.largest_body} bytes.")
            now = time.time() if self._now is None else self._now()
            _check(raw, headers, self._secrets, self._tolerance, now, self._oldest)
        except WebhookError as error:
            _logger.warning("A delivery was refused: %s", error)
            return Reply(400, str(error))
        try:
            event = read_event(raw)
        except PayloadError as error:
            # Its signature is valid, so it may be about money, and no later delivery will be any better.
            _logger.error("A delivery with a valid signature was refused, and no handler gets it: %s", error)
            return Reply(400, str(error))
        handler = self.handler_of(event)
        if handler is not None:
            return event, handler
        return replies.not_about_its_type(event) if self.handles(event.type) else replies.not_handled(event)

    async def _receive_once(self, event: Event, handler: Handler, reply: asyncio.Future[Reply]) -> Reply:
        held = await self._take(event)
        if isinstance(held, Reply):
            return held
        return await self._conclude(held, event, run(handler, event, held), reply)

    def _receive_once_now(self, event: Event, handler: Handler) -> Reply:
        if inspect.iscoroutinefunction(handler):
            return self._await(lambda: detached(partial(self._receive_once, event, handler), self._tasks))
        waiter = _Waiter()
        try:
            held = self._await(lambda: self._take_for(waiter, event))
        except BaseException:
            waiter.leave()
            raise
        if isinstance(held, Reply):
            return held
        answer: object = None
        error: BaseException | None = None
        try:
            with working(held.work):
                answer = handler(event)
        except BaseException as raised:
            error = raised
        if error is None and inspect.isawaitable(answer):
            held.in_thread = False
            rest = partial(self._conclude, held, event, wait_for(answer))
            return self._await(lambda: detached(rest, self._tasks))
        held.end(error is None)
        settle = partial(self._settle, held, event, error)
        try:
            found = self._await(partial(detached, settle, self._tasks))
            if found is not None:
                return found
            assert error is not None
            raise error
        except BaseException:
            held.abandoned = True  # if this thread was interrupted before it could settle the event
            raise
        finally:
            del error, settle  # the traceback refers to this frame

    async def _take_for(self, waiter: _Waiter, event: Event) -> Held | Reply:
        held = await self._take(event)
        if isinstance(held, Held):
            held.in_thread = True
            waiter.held = held
            if waiter.gone:
                waiter.leave()
        return held

    async def _take(self, event: Event) -> Held | Reply:
        """Claim an event and begin to renew the claim."""
        inbox, renewals = self._once()
        try:
            taken = await self._claim(event)
            if isinstance(taken, Reply):
                return taken
            held = renewals.take(taken)
            try:
                if renewals.needs_arming:
                    self._private("renewals", renewals.end).post(renewals.arm)
            except Exception as error:
                renewals.release(held)
                await inbox.give_back(taken)
                raise InboxError(f"The claim cannot be renewed ({type(error).__name__}: {error}).") from error
        except InboxError as error:
            return replies.unreachable(event, error)
        return held

    async def _claim(self, event: Event) -> Claim | Reply:
        inbox, renewals = self._once()
        handled = renewals.handled(event.id)
        if handled is not None and not handled.lost:
            if await inbox.done(handled.claim):
                renewals.forget(event.id)
                return replies.done_before(event)
            handled.lost = True
        taken = await inbox.claim(event.id)
        if taken == "done":
            renewals.forget(event.id)
            return replies.done_before(event)
        if taken == "held":
            return replies.held(event)
        if handled is None:
            return taken
        # This process handled the event, lost the claim while the inbox failed, and has it again now.
        handled.work, handled.lost = Work(inbox.inbox, taken), False
        if not await inbox.done(taken):
            return replies.taken_over(event)
        renewals.forget(event.id)
        return replies.done_before(event)

    async def _conclude(
        self, held: Held, event: Event, running: Coroutine[Any, Any, None], reply: asyncio.Future[Reply]
    ) -> Reply:
        """Wait until the handler has really ended, and settle its event accordingly."""
        held.stop = partial(stop, held, asyncio.current_task(), reply, self._limit)
        work_on(held.work)
        error: BaseException | None = None
        try:
            await running
        except GeneratorExit:
            raise  # the event loop was closed while it ran
        except BaseException as raised:
            error = raised
        try:
            if held.abandoned and error is not None:
                raise error  # a thread still runs; the event is settled when that has ended
            held.end(error is None)
            found = await to_the_end(partial(self._settle, held, event, error))
            if found is not None:
                return found
            assert error is not None
            raise error
        finally:
            del error  # the traceback refers to this frame

    async def _settle(
        self, held: Held, event: Event, error: BaseException | None, reply: object = None
    ) -> Reply | None:
        """Mark an event as done, or give it back. Return ``None`` if the handler's exception has to be raised."""
        inbox, renewals = self._once()
        if error is None:
            found = await self._finish(held, event)
            renewals.release(held)
            return found
        if not held.work.settled:
            try:
                await inbox.give_back(held.claim)
            except InboxError as failure:
                _logger.warning("Event %s stays claimed until its lease ends: %s", event.id, failure)
        renewals.release(held)
        if isinstance(error, asyncio.CancelledError):
            if held.lost:
                return replies.taken_over(event)
            if held.expired:
                return replies.timed_out(event.id, self._limit)
            return None if _is_cancelled() else replies.failed(event, error)
        return replies.failed(event, error) if isinstance(error, Exception) else None

    async def _finish(self, held: Held, event: Event) -> Reply:
        inbox, renewals = self._once()
        if held.work.settled:
            return replies.done(event)
        try:
            if await inbox.done(held.claim):
                return replies.done(event)
        except InboxError as error:
            renewals.remember(held)
            _logger.error(
                "Event %s was handled, but the inbox could not record it. This process tries again until it succeeds."
                " If the process ends first, the next delivery after the lease of %g seconds runs the handler again.",
                event.id,
                inbox.lease,
            )
            return replies.unreachable(event, error)
        return replies.taken_over(event)

    def _once(self) -> tuple[GuardedInbox, Renewals]:
        assert self._inbox is not None
        assert self._renewals is not None
        return self._inbox, self._renewals

    # ---- the event loops of the receiver

    def _await(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        return self._private("calls", _nothing).run(_call, work)

    def _private(self, name: str, at_end: Callable[[], Coroutine[Any, Any, None]]) -> PrivateLoop:
        loop = self._loops.get(name)
        if loop is None:
            from wooshpay.transport.loop import PrivateLoop

            # Two threads may come here at once. A loop that is not used has no thread.
            loop = self._loops.setdefault(name, PrivateLoop(at_end))
        return loop

    async def _drain(self, wait: float) -> None:
        """Wait until the handlers on the running event loop have ended."""
        loop, own = asyncio.get_running_loop(), asyncio.current_task()
        tasks = {task for task in self._tasks.copy() if task.get_loop() is loop and task is not own}
        if not tasks:
            return
        _, running = await asyncio.wait(tasks, timeout=wait)
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running, timeout=self._limit)

    def _close_loops(self, wait: float) -> None:
        calls = self._loops.get("calls")
        if calls is not None:
            calls.run(self._drain, wait)
        renewals = self._loops.pop("renewals", None)
        if renewals is not None:
            renewals.close()
        calls = self._loops.pop("calls", None)
        if calls is not None:
            if self._inbox is not None:
                calls.run(_call, self._inbox.inbox.close)
            calls.close()


class _Waiter:
    """A thread that waits for a claim, and may be interrupted before it gets it."""

    def __init__(self) -> None:
        self.held: Held | None = None
        self.gone = False

    def leave(self) -> None:
        """Give the claim up, now or when it comes: no handler will run."""
        self.gone = True
        held = self.held
        if held is not None:
            held.end(False)
            held.abandoned = True


async def _call(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    return await work()


async def _nothing() -> None:
    """Nothing lives on the loop that would have to be closed."""


def _is_cancelled() -> bool:
    """Whether somebody cancelled the running task, as opposed to a handler that raised the error by itself."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _check_seconds(name: str, seconds: float) -> None:
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not seconds > 0:  # pyright: ignore[reportUnnecessaryIsInstance]  # callers are not all typed
        raise ConfigurationError(f"{name} must be a number of seconds above 0, not {seconds!r}.")
