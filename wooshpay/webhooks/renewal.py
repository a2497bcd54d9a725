"""Renews the claims on events while their handlers run, independently of the event loop that the handlers use.

A handler may block its event loop, or run in a thread for longer than the lease. So claims are renewed on an event loop
of their own, in a thread of their own. That loop looks at all claims a few times per lease, and only while there are
any: a delivery costs one entry in a dictionary. All times are monotonic, so a change of the system clock has no effect.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import threading
import time
from collections.abc import Callable, Coroutine
from os import getpid
from typing import Any, Final, TypeVar

from wooshpay.core.clock import monotonic_time
from wooshpay.core.log_fields import log_fields
from wooshpay.errors import InboxError
from wooshpay.webhooks.guard import GuardedInbox
from wooshpay.webhooks.inbox.contract import Claim, usable_on_any_loop
from wooshpay.webhooks.inbox.current import NotCommitted, Work

T = TypeVar("T")

# A claim is renewed when a third of its lease has passed, and after a failure four times as often.
_RENEW_AFTER: Final = 1 / 3
_LOOK_EVERY: Final = 1 / 12
# Seconds to wait before a claim counts as lost: the handler's own transaction may have just marked it as done.
_LOST_AFTER: Final = 0.2
# Seconds that `Renewals.end` may take: less than the private loop waits for its thread.
_END_WITHIN: Final = 3.0
# Seconds between looks at handlers in other threads, when the receiver is closed.
_LOOK_AGAIN: Final = 0.05
# How many events are remembered whose handler finished while the inbox failed.
MOST_HANDLED: Final = 10_000

_logger = logging.getLogger("wooshpay.webhooks")
_sleep = time.sleep


class Held:
    """An event that this process has claimed, and the state of its handler.

    The handler's thread, its event loop and the loop that renews all use it. Each field is written by one of them, in
    one assignment, so no lock is needed.

    Args:
        work: The event's claim.
        loop: The event loop that made the claim.
        began: When it was claimed, in monotonic seconds.
        lease: Seconds for which the claim holds.

    Attributes:
        stop: Called on the loop when the handler has run for too long or has lost its claim.
        in_thread: Whether a plain handler has the event now, which cannot be stopped.
        ended: Whether the handler has really ended.
        succeeded: Whether it ended without an exception.
        abandoned: Whether nobody waits any more for the handler to end.
        lost: Whether another worker took the event over.
        expired: Whether the handler has run for longer than it may.
        renew_at: When to renew the claim, in monotonic seconds.
        renewing: Whether the claim is being renewed.
        caller: The thread that called `receive_now`, if the handler runs in it.
    """

    __slots__ = (
        "abandoned",
        "began",
        "caller",
        "ended",
        "expired",
        "in_thread",
        "loop",
        "lost",
        "renew_at",
        "renewing",
        "stop",
        "succeeded",
        "work",
    )

    def __init__(self, work: Work, loop: asyncio.AbstractEventLoop, began: float, lease: float) -> None:
        self.work = work
        self.loop = loop
        self.began = began
        self.renew_at = began + lease * _RENEW_AFTER
        self.renewing = False
        self.stop: Callable[[], None] | None = None
        self.in_thread = False
        self.ended = False
        self.succeeded = False
        self.abandoned = False
        self.lost = False
        self.expired = False
        self.caller: int | None = None

    @property
    def claim(self) -> Claim:
        """Return the claim."""
        return self.work.claim

    @property
    def event_id(self) -> str:
        """Return the event's ID."""
        return self.work.claim.event_id

    def end(self, succeeded: bool) -> None:
        """Note that the handler has really ended."""
        self.succeeded = succeeded
        self.in_thread = False
        self.ended = True


class Renewals:
    """The claims of one receiver that are held now, and the events that were handled but could not be marked as done.

    Args:
        inbox: The inbox.
        limit: Seconds after which a handler that has not ended is given up.
        clock: Returns monotonic seconds.
    """

    def __init__(self, inbox: GuardedInbox, limit: float, clock: Callable[[], float] = monotonic_time) -> None:
        self._inbox = inbox
        self._limit = limit
        self._clock = clock
        self._any_loop = usable_on_any_loop(inbox.inbox)
        self._held: dict[str, Held] = {}
        self._handled: dict[str, Held] = {}
        self._process = getpid()
        self._armed = False
        self._marking = False
        self._used = False
        self._tasks: set[asyncio.Task[None]] = set()

    # ---- used by the receiver, in any thread

    def take(self, claim: Claim) -> Held:
        """Begin to renew a claim that was just made on the running event loop."""
        if self._process != getpid():
            # After a fork, the claims of the parent are the parent's to renew. Its thread does not exist here.
            self._process, self._held, self._handled, self._armed = getpid(), {}, {}, False
        work = Work(self._inbox.inbox, claim)
        held = Held(work, asyncio.get_running_loop(), self._clock(), self._inbox.lease)
        self._held[claim.token] = held
        return held

    def release(self, held: Held) -> None:
        """Stop renewing a claim."""
        self._held.pop(held.claim.token, None)
        held.stop = None

    def wait_for_callers(self) -> None:
        """Wait until handlers that run in threads which called `receive_now` have ended and their events are settled.

        The calling thread is not waited for: a signal handler may have interrupted a handler that runs in it.
        """
        ends = self._clock() + self._limit
        ignored = {None, threading.get_ident()}
        while self._clock() < ends and any(
            held.caller not in ignored and not held.abandoned and not held.expired
            for held in self._held.copy().values()
        ):
            _sleep(_LOOK_AGAIN)

    @property
    def needs_arming(self) -> bool:
        """Return whether `arm` has to be called, because nothing renews the claims yet."""
        return not self._armed

    def arm(self) -> None:
        """Look after the claims until there are none. Called on the loop that renews."""
        if not self._armed:
            self._armed = True
            # The claims of all events must not be renewed in the context of the request that came first.
            self._spawn(self._look_after(), contextvars.Context())

    def remember(self, held: Held) -> None:
        """Remember an event that was handled but could not be recorded in the inbox. It is recorded later."""
        while len(self._handled) >= MOST_HANDLED:
            oldest = next(iter(self._handled.copy()), None)
            if oldest is None or self._handled.pop(oldest, None) is None:
                continue
            _logger.error(
                "More than %d handled events could not be recorded as done. Event %s is no longer remembered: another"
                " delivery of it runs its handler again.",
                MOST_HANDLED,
                oldest,
                extra=log_fields(wooshpay_event_id=oldest),
            )
        held.renew_at = self._clock() + self._inbox.lease * _LOOK_EVERY
        self._handled[held.event_id] = held

    def handled(self, event_id: str) -> Held | None:
        """Return the claim under which this process handled an event that the inbox does not know to be done."""
        return self._handled.get(event_id)

    def forget(self, event_id: str) -> None:
        """Note that the inbox knows that an event is done."""
        self._handled.pop(event_id, None)

    # ---- on the loop that renews

    async def end(self) -> None:
        """Settle what is left, and close what the inbox opened on this loop. Called as the last thing on the loop."""
        try:
            async with asyncio.timeout(_END_WITHIN):
                await self._stop_renewing()
                for held in self._held.copy().values():
                    if _is_orphan(held) and held.ended:
                        await self._settle(held)
                await self._mark_handled()
                if self._used:
                    await self._inbox.close()
        except (InboxError, TimeoutError) as error:
            _logger.warning(
                "The inbox could not be closed: %s", error, extra=log_fields(wooshpay_error=type(error).__name__)
            )

    async def _stop_renewing(self) -> None:
        """End the tasks of this loop. One that went on would open the inbox again after it was closed."""
        loop = asyncio.get_running_loop()
        tasks = [task for task in self._tasks if task.get_loop() is loop]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._armed = False

    async def _look_after(self) -> None:
        try:
            while True:
                # Checked after it is cleared, since a delivery first adds its claim and then looks at it.
                self._armed = False
                if not self._held and not self._waiting():
                    return
                self._armed = True
                now = self._clock()
                for held in self._held.copy().values():
                    self._look_at(held, now)
                if not self._marking and any(held.renew_at <= now for held in self._waiting()):
                    self._spawn(self._mark_handled())
                await asyncio.sleep(min(self._inbox.lease * _LOOK_EVERY, self._limit / 4))
        finally:
            self._armed = False

    def _look_at(self, held: Held, now: float) -> None:
        if _is_orphan(held) and (held.ended or not held.in_thread):
            # A coroutine on a loop that was closed never goes on, so it cannot be called handled.
            self.release(held)
            self._spawn(self._settle(held))
        elif held.ended or held.work.settled or held.lost or held.expired:
            return
        elif now - held.began >= self._limit:
            self._expire(held)
        elif held.renew_at <= now and not held.renewing:
            held.renewing = True
            self._spawn(self._renew(held, now))

    def _expire(self, held: Held) -> None:
        held.expired = True
        _logger.error(
            "The handler of event %s has been running for more than %g seconds, the receiver's handler_timeout. %s Its"
            " claim is no longer renewed: the next delivery after the lease of %g seconds has ended runs the handler"
            " again.",
            held.event_id,
            self._limit,
            "It runs in a thread, so it cannot be stopped." if held.in_thread else "It is being cancelled.",
            self._inbox.lease,
            extra=log_fields(wooshpay_event_id=held.event_id, wooshpay_outcome="timed_out"),
        )
        _stop(held)

    async def _renew(self, held: Held, now: float) -> None:
        try:
            kept = await self._call(held, lambda: self._inbox.renew(held.claim))
            if not kept and not _is_over(held):
                await asyncio.sleep(min(_LOST_AFTER, self._inbox.lease * _LOOK_EVERY))
                kept = _is_over(held) or await self._call(held, lambda: self._inbox.renew(held.claim))
        except InboxError as error:
            held.renew_at = now + self._inbox.lease * _LOOK_EVERY
            if not _is_over(held):
                _logger.warning(
                    "The claim on event %s could not be renewed: %s",
                    held.event_id,
                    error,
                    extra=_fields(held, error),
                )
        else:
            held.renew_at = now + self._inbox.lease * _RENEW_AFTER
            if not kept and not _is_over(held):
                held.lost = True
                _logger.error(
                    "The claim on event %s was lost: its lease had ended.",
                    held.event_id,
                    extra=log_fields(wooshpay_event_id=held.event_id, wooshpay_outcome="taken_over"),
                )
                _stop(held)
        finally:
            held.renewing = False

    async def _settle(self, held: Held) -> None:
        """Do for a handler what the task that waited for it would have done."""
        self.release(held)
        if held.work.settled:
            return
        try:
            if held.succeeded:
                await self._mark(held)
            else:
                await self._call(held, lambda: self._inbox.give_back(held.claim))
        except InboxError as error:
            _logger.error(
                "Event %s stays claimed until its lease ends: %s", held.event_id, error, extra=_fields(held, error)
            )
            if held.succeeded:
                self.remember(held)

    def _waiting(self) -> list[Held]:
        """Return the handled events that can still be recorded in the inbox."""
        return [
            held
            for held in self._handled.copy().values()
            if not held.lost and (self._any_loop or not held.loop.is_closed())
        ]

    async def _mark_handled(self) -> None:
        """Record handled events in the inbox, oldest first, until it fails."""
        self._marking = True
        try:
            for held in self._waiting():
                try:
                    if await self._mark(held):
                        self.forget(held.event_id)
                    else:
                        # Another worker has it now. This process still knows that it was handled.
                        held.lost = True
                except InboxError as error:
                    _logger.warning(
                        "Event %s was handled but cannot be recorded as done: %s",
                        held.event_id,
                        error,
                        extra=_fields(held, error),
                    )
                    # The next round begins with another event, in case this one is the reason.
                    if self._handled.pop(held.event_id, None) is not None:
                        self.remember(held)
                    return
        finally:
            self._marking = False

    async def _mark(self, held: Held) -> bool:
        """Mark an event as done, or give it back if its rows were rolled back. Return false if the claim was lost."""
        try:
            return await self._call(held, lambda: self._inbox.done(held.claim))
        except NotCommitted as error:
            _logger.error("Event %s is given back: %s", held.event_id, error, extra=_fields(held, error))
            await self._call(held, lambda: self._inbox.give_back(held.claim))
            return True

    async def _call(self, held: Held, call: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Call the inbox: here if it may be used here, else on the event loop that made the claim."""
        loop = held.loop
        if self._any_loop:
            self._used = True
            return await call()
        step = call()
        try:
            future = asyncio.run_coroutine_threadsafe(step, loop)
        except RuntimeError:
            step.close()
            raise InboxError(
                "The event loop that made the claim is closed, and the inbox can be used nowhere else."
            ) from None
        return await asyncio.wrap_future(future)

    def _spawn(self, work: Coroutine[Any, Any, None], context: contextvars.Context | None = None) -> None:
        task = asyncio.get_running_loop().create_task(work, context=context)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _fields(held: Held, error: InboxError) -> dict[str, object]:
    return log_fields(wooshpay_event_id=held.event_id, wooshpay_error=type(error).__name__)


def _is_orphan(held: Held) -> bool:
    return held.abandoned or held.loop.is_closed()


def _is_over(held: Held) -> bool:
    """Return whether the claim needs no renewal: the handler has ended, or has marked the event as done itself."""
    return held.ended or held.work.settled


def _stop(held: Held) -> None:
    stop = held.stop
    if stop is None:
        return
    try:
        held.loop.call_soon_threadsafe(stop)
    except RuntimeError:
        pass  # the loop was closed, and the handler with it
