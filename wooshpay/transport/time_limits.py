"""Time limits for many attempts at a time, with one timer for all of them.

A timer for each attempt, as `asyncio.timeout` and aiohttp's own limit have it, is set and cancelled with every call,
although hardly any ever fires. Here the loop has one timer, which is set for the earliest of the limits.
"""

from __future__ import annotations

import asyncio
import math
from types import TracebackType
from typing import Final, Self

# Seconds for which a limit that has passed lets the loop read on, while there is something to read.
_EXTENSION: Final = 1.0


class TimeLimits:
    """The time limits of one event loop.

    Attributes:
        loop: The loop.
        watched: The limits of blocks that run now.
        next: When the timer fires, on the loop's clock.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.watched: set[TimeLimit] = set()
        # When the timer fires. It stays set when no limit is watched, because the next call will need it.
        self.next = math.inf
        self._timer: asyncio.TimerHandle | None = None

    def set_timer(self, when: float) -> None:
        """Set the timer for an earlier time than before."""
        if self._timer is not None:
            self._timer.cancel()
        self.next = when
        self._timer = self.loop.call_at(when, self._fire)

    def check_again(self, limit: TimeLimit) -> None:
        """Check a limit that has passed once more, after the loop has read what has arrived."""
        self.loop.call_soon(self._check, limit)

    def _check(self, limit: TimeLimit) -> None:
        if limit in self.watched:
            limit.expire()

    def _fire(self) -> None:
        self._timer = None
        # The loop fires timers up to a tick of its clock too early.
        now = max(self.loop.time(), self.next)
        self.next = math.inf
        later: list[float] = []
        for limit in list(self.watched):
            if limit.when > now:
                later.append(limit.when)
            elif not limit.passed:
                limit.expire()
        if later:
            self.set_timer(min(later))


class TimeLimit:
    """A block of work that must end in time: use it in a ``with`` statement, in a task of the limits' loop.

    When the time has passed the task is cancelled, and the block ends with a `TimeoutError` whose cause is the
    cancellation. Where the loop was blocked or the process was suspended, the limit can pass although what the block
    waits for has arrived: `has_input` decides whether the loop reads that first.
    """

    __slots__ = ("_cancellations", "_expired", "_last", "_limits", "_task", "passed", "when")

    def __init__(self, limits: TimeLimits, seconds: float) -> None:
        """Set the limit; the time runs from now.

        Args:
            limits: The limits of the running loop.
            seconds: How long the block may take.
        """
        self._limits = limits
        self.when = limits.loop.time() + seconds
        self.passed = False
        self._expired = False
        self._last = 0.0

    def is_current(self) -> bool:
        """Return whether the task of this limit is the one that runs."""
        return asyncio.current_task() is self._task

    def has_input(self) -> bool:
        """Return whether something has arrived that the block did not see yet. It is asked when the limit passes."""
        return False

    def expire(self) -> None:
        """Cancel the work because its time has passed, unless there is input to read first."""
        now = self._limits.loop.time()
        if not self.passed:
            self.passed = True
            self._last = now + _EXTENSION
        if now < self._last and self.has_input():
            self._limits.check_again(self)
            return
        self._limits.watched.discard(self)
        self._expired = True
        self._task.cancel()

    def __enter__(self) -> Self:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("A time limit must be used inside a task.")
        self._task: asyncio.Task[object] = task
        self._cancellations = task.cancelling()
        limits = self._limits
        limits.watched.add(self)
        if self.when < limits.next:
            limits.set_timer(self.when)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._limits.watched.discard(self)
        task = self._task
        del self._task  # a task keeps its error, whose traceback can keep this limit
        if not self._expired:
            return
        # A cancellation that somebody else asked for as well must go on.
        only_ours = task.uncancel() <= self._cancellations
        if only_ours and isinstance(error, asyncio.CancelledError):
            raise TimeoutError from error
