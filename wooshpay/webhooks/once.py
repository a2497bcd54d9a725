"""Handles each event once: claims it in the inbox, runs its handler, and marks it as done or gives it back."""

from __future__ import annotations

import asyncio
import inspect
import logging
import threading
from functools import partial
from typing import TYPE_CHECKING, Any

from wooshpay.errors import ConfigurationError, InboxError, TransportError
from wooshpay.webhooks import replies
from wooshpay.webhooks.guard import GuardedInbox
from wooshpay.webhooks.inbox.current import NotCommitted, Work, work_on, working
from wooshpay.webhooks.loops import OwnLoops
from wooshpay.webhooks.observing import followed
from wooshpay.webhooks.records import event_fields
from wooshpay.webhooks.renewal import Held, Renewals
from wooshpay.webhooks.replies import Reply
from wooshpay.webhooks.running import detached, is_cancelled, run, stop, to_the_end, wait_for

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from wooshpay.api.events import Event
    from wooshpay.webhooks.handlers import Handler
    from wooshpay.webhooks.inbox.contract import Claim, Inbox
    from wooshpay.webhooks.request_threads import RequestThread

_logger = logging.getLogger("wooshpay.webhooks")


class Once:
    """Handles events under claims in an inbox. A handler goes on when its delivery is cancelled.

    Args:
        inbox: The inbox.
        loops: The event loops of the receiver.
        handler_timeout: Seconds that a handler may take.
        inbox_timeout: Seconds that one call of the inbox may take.
    """

    def __init__(self, inbox: Inbox, loops: OwnLoops, *, handler_timeout: float, inbox_timeout: float) -> None:
        self._inbox = GuardedInbox(inbox, inbox_timeout)
        self._loops = loops
        self._limit = handler_timeout
        self._renewals = Renewals(self._inbox, handler_timeout)
        # The tasks of handlers; one may outlive the request that brought its event.
        self._tasks: set[asyncio.Task[None]] = set()

    async def receive(self, event: Event, handler: Handler, thread: RequestThread | None = None) -> Reply:
        """Handle a delivery of an event."""
        tidy = None if thread is None else thread.tidy
        return await detached(followed(partial(self._receive, event, handler, thread)), self._tasks, tidy)

    def receive_now(self, event: Event, handler: Handler, thread: RequestThread | None = None) -> Reply:
        """Handle a delivery of an event in code without an event loop."""
        try:
            if inspect.iscoroutinefunction(handler):
                return self._loops.run_for(thread, partial(self.receive, event, handler))
            return self._receive_now(event, handler, thread)
        except (ConfigurationError, TransportError) as error:
            # The receiver was closed meanwhile.
            return replies.unreachable(event, InboxError(str(error)))

    async def close(self, wait: float) -> None:
        """Wait for handlers that still run, and close the inbox."""
        await self._drain(wait)
        if self._loops:
            await asyncio.to_thread(self._close_loops, wait)
        await self._inbox.inbox.close()

    def close_now(self, wait: float) -> None:
        """Do what `close` does, from code without an event loop."""
        self._close_loops(wait, even_unused=True)

    # ---- the steps

    async def _receive(
        self, event: Event, handler: Handler, thread: RequestThread | None, reply: asyncio.Future[Reply]
    ) -> Reply:
        held = await self._take(event)
        if isinstance(held, Reply):
            return held
        return await self._conclude(held, event, run(handler, event, held, thread), reply)

    def _receive_now(self, event: Event, handler: Handler, thread: RequestThread | None) -> Reply:
        waiter = _Waiter()
        try:
            held = self._loops.run_for(thread, partial(self._take_for, waiter, event))
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
            held.in_thread, held.caller = False, None
            rest = partial(self._conclude, held, event, wait_for(answer))
            reply: Reply = self._loops.run_for(thread, partial(detached, followed(rest), self._tasks))
            return reply
        held.end(error is None)
        settle = partial(self._settle, held, event, error)
        try:
            if error is None and held.work.settled:
                # The handler's own transaction has recorded it, so the inbox has nothing to do.
                self._renewals.release(held)
                return replies.done(event)
            found: Reply | None = self._loops.run_for(thread, partial(detached, settle, self._tasks))
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
            held.caller = waiter.thread
            waiter.held = held
            if waiter.gone:
                waiter.leave()
        return held

    async def _take(self, event: Event) -> Held | Reply:
        """Claim an event and begin to renew the claim."""
        try:
            taken = await self._claim(event)
            if isinstance(taken, Reply):
                return taken
            held = self._renewals.take(taken)
            try:
                if self._renewals.needs_arming:
                    self._loops.post(self._renewals.end, self._renewals.arm)
            except Exception as error:
                self._renewals.release(held)
                await self._inbox.give_back(taken)
                raise InboxError(f"The claim cannot be renewed ({type(error).__name__}: {error}).") from error
        except InboxError as error:
            return replies.unreachable(event, error)
        return held

    async def _claim(self, event: Event) -> Claim | Reply:
        handled = self._renewals.handled(event.id)
        if handled is not None and not handled.lost:
            try:
                if await self._inbox.done(handled.claim):
                    self._renewals.forget(event.id)
                    return replies.done_before(event)
                handled.lost = True
            except NotCommitted:
                await self._inbox.give_back(handled.claim)
                self._renewals.forget(event.id)
                handled = None
        taken = await self._inbox.claim(event.id)
        if taken == "done":
            self._renewals.forget(event.id)
            return replies.done_before(event)
        if taken == "held":
            return replies.held(event)
        if handled is None:
            return taken
        # This process handled the event, lost the claim while the inbox failed, and has it again now.
        handled.work, handled.lost = Work(self._inbox.inbox, taken), False
        if not await self._inbox.done(taken):
            return replies.taken_over(event)
        self._renewals.forget(event.id)
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
        if error is None:
            try:
                found = await self._finish(held, event)
            except NotCommitted as raised:
                error = RuntimeError(str(raised))
            else:
                self._renewals.release(held)
                return found
        if not held.work.settled:
            try:
                await self._inbox.give_back(held.claim)
            except InboxError as failure:
                _logger.warning(
                    "Event %s stays claimed until its lease ends: %s", event.id, failure, extra=event_fields(event)
                )
        self._renewals.release(held)
        if isinstance(error, asyncio.CancelledError):
            if held.lost:
                return replies.taken_over(event)
            if held.expired:
                return replies.timed_out(event.id, self._limit)
            return None if is_cancelled() else replies.failed(event, error)
        return replies.failed(event, error) if isinstance(error, Exception) else None

    async def _finish(self, held: Held, event: Event) -> Reply:
        if held.work.settled:
            return replies.done(event)
        try:
            if await self._inbox.done(held.claim):
                return replies.done(event)
        except NotCommitted:
            raise
        except InboxError as error:
            self._renewals.remember(held)
            _logger.error(
                "Event %s was handled, but the inbox could not record it. This process tries again until it succeeds."
                " If the process ends first, the next delivery after the lease of %g seconds runs the handler again.",
                event.id,
                self._inbox.lease,
                extra=event_fields(event),
            )
            return replies.unreachable(event, error)
        return replies.taken_over(event)

    # ---- the end

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

    def _close_loops(self, wait: float, even_unused: bool = False) -> None:
        used = self._loops.used or even_unused
        self._renewals.wait_for_callers()
        if used:
            self._loops.run(partial(self._drain, wait))
        self._loops.close_renewals()
        if used:
            self._loops.run(self._inbox.inbox.close)
        self._loops.close()


class _Waiter:
    """A thread that waits for a claim, and may be interrupted before it gets it."""

    def __init__(self) -> None:
        self.held: Held | None = None
        self.gone = False
        self.thread = threading.get_ident()

    def leave(self) -> None:
        """Give up the claim, now or when it is made: no handler will run."""
        self.gone = True
        held = self.held
        if held is not None:
            held.end(False)
            held.abandoned = True
