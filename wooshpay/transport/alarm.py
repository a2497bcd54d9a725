"""Time limits for many attempts at a time, with one timer for all of them.

A timer for each attempt, as `asyncio.timeout` and aiohttp's own limit have it, is set and taken back with every
call, although hardly any ever rings. Here the loop has one timer, set for the earliest of the limits.
"""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self


class Alarm:
    """The time limits of one event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._limits: set[_Limit] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._next = 0.0

    def within(self, seconds: float) -> _Limit:
        """Limit what runs in the ``with`` block, in a task of this loop.

        Args:
            seconds: How long it may take. Then the task is cancelled, and the block ends with a `TimeoutError`, whose
                cause is the cancellation.
        """
        return _Limit(self, self._loop.time() + seconds)

    def add(self, limit: _Limit) -> None:
        """Watch a limit."""
        self._limits.add(limit)
        if self._timer is None or limit.when < self._next:
            self._set(limit.when)

    def discard(self, limit: _Limit) -> None:
        """Watch a limit no longer; the timer stays, as the next call will want it."""
        self._limits.discard(limit)

    def _set(self, when: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._next = when
        self._timer = self._loop.call_at(when, self._ring)

    def _ring(self) -> None:
        self._timer = None
        # The loop rings up to a tick of its clock too early.
        now = max(self._loop.time(), self._next)
        for limit in [limit for limit in self._limits if limit.when <= now]:
            self._limits.discard(limit)
            limit.pass_by()
        if self._limits:
            self._set(min(limit.when for limit in self._limits))


class _Limit:
    """One block of work that must end in time."""

    __slots__ = ("_alarm", "_cancellations", "_passed", "_task", "when")

    def __init__(self, alarm: Alarm, when: float) -> None:
        self._alarm = alarm
        self.when = when
        self._passed = False

    def pass_by(self) -> None:
        """Cancel the work, as its time is over."""
        self._passed = True
        self._task.cancel()

    def __enter__(self) -> Self:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("A time limit must be used inside a task.")
        self._task: asyncio.Task[object] = task
        self._cancellations = task.cancelling()
        self._alarm.add(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._alarm.discard(self)
        if not self._passed:
            return
        # One that somebody else asked for as well must go on.
        only_ours = self._task.uncancel() <= self._cancellations
        if only_ours and isinstance(error, asyncio.CancelledError):
            raise TimeoutError from error
