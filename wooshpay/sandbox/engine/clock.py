"""The sandbox's own clock: real time by default, moved at will, with alarms for what falls due."""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable
from typing import Final

import attrs

from wooshpay.sandbox.engine.guard import Guard

MILLISECONDS_PER_DAY: Final = 86_400_000


def real_time() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000


@attrs.frozen(order=True)
class Alarm:
    """Something to do at a time. It is data, not code, so that it can be kept with the objects.

    Attributes:
        due: When, in milliseconds since 1970.
        number: Keeps alarms of one millisecond in the order in which they were set.
        name: What to do.
        subject: The id of the object to do it to.
    """

    due: int
    number: int
    name: str
    subject: str


class Clock:
    """Time in the sandbox, in milliseconds since 1970. It never goes back.

    Args:
        source: The real time, in milliseconds.
        lock: Held while alarms run; the same lock that guards the objects.
    """

    def __init__(self, source: Callable[[], int] = real_time, *, lock: Guard | None = None) -> None:
        self._source = source
        self._lock = lock or Guard()
        self._offset = 0
        self._latest = 0
        self._held: int | None = None
        self._frozen: int | None = None
        self._alarms: list[Alarm] = []
        self._count = 0
        self._ring: Callable[[Alarm], None] = _ignore
        self._watchers: list[Callable[[], None]] = []

    @property
    def now(self) -> int:
        """The time, in milliseconds since 1970."""
        with self._lock:
            if self._held is not None:
                return self._held
            now = self._frozen if self._frozen is not None else self._source() + self._offset
            self._latest = max(self._latest, now)
            return self._latest

    @property
    def frozen(self) -> bool:
        """Whether it stands still by itself."""
        return self._frozen is not None

    @property
    def second(self) -> int:
        """The time as WooshPay writes ``created``: milliseconds, but the nearest whole second."""
        return (self.now + 500) // 1000 * 1000

    def advance(
        self, *, days: float = 0, hours: float = 0, minutes: float = 0, seconds: float = 0, milliseconds: int = 0
    ) -> int:
        """Move the clock forward; whatever falls due on the way happens, in order, each at its own time.

        Deliveries to webhook endpoints go over the network: `Sandbox.settle` waits for them.

        Returns:
            The new time.
        """
        step = round((((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 1000) + milliseconds
        if step < 0:
            raise ValueError("The sandbox's clock only moves forward; advance() takes no negative time.")
        with self._lock:
            target = self.now + step
            self._offset += step
            if self._frozen is not None:
                self._frozen += step
            self._run_until(target)
            now = self.now
        self._tell_watchers()
        return now

    def freeze(self) -> None:
        """Stop the clock; `advance` still moves it."""
        with self._lock:
            self._frozen = self.now

    def resume(self) -> None:
        """Let a frozen clock run on from where it stands."""
        with self._lock:
            if self._frozen is not None:
                self._offset = self._frozen - self._source()
                self._frozen = None
        self._tell_watchers()

    # ---- alarms, for the sandbox itself

    def on_alarm(self, ring: Callable[[Alarm], None]) -> None:
        """Say what happens when an alarm falls due."""
        self._ring = ring

    def watch(self, watcher: Callable[[], None]) -> None:
        """Be told when the time has jumped or an earlier alarm was set."""
        self._watchers.append(watcher)

    def set_alarm(self, due: int, name: str, subject: str) -> None:
        """Set an alarm."""
        with self._lock:
            self._count += 1
            alarm = Alarm(due, self._count, name, subject)
            heapq.heappush(self._alarms, alarm)
            earliest = self._alarms[0] is alarm
        if earliest:
            self._tell_watchers()

    def run_due(self) -> None:
        """Run every alarm that has fallen due."""
        with self._lock:
            self._run_until(self.now)

    def seconds_to_next(self) -> float | None:
        """Real seconds until the next alarm; ``None`` where none will fall due by itself."""
        with self._lock:
            return self.seconds_until(self._alarms[0].due) if self._alarms else None

    def seconds_until(self, due: int) -> float | None:
        """Real seconds until a time; ``None`` where a frozen clock will not get there by itself."""
        with self._lock:
            wait = (due - self.now) / 1000
            return None if wait > 0 and self._frozen is not None else max(0.0, wait)

    def _run_until(self, target: int) -> None:
        if self._held is not None:
            return  # called by an alarm: the loop below is already running
        try:
            while self._alarms and self._alarms[0].due <= target:
                alarm = heapq.heappop(self._alarms)
                self._latest = max(self._latest, alarm.due)
                self._held = self._latest
                self._ring(alarm)
        finally:
            self._held = None

    def _tell_watchers(self) -> None:
        for watcher in self._watchers:
            watcher()


def _ignore(alarm: Alarm) -> None:
    """Before the sandbox is put together nothing happens."""
