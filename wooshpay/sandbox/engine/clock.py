"""The sandbox's own clock: real time by default, moved at will, with alarms for what falls due."""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable, Iterable
from typing import Final

import attrs

from wooshpay.sandbox.engine.guard import Guard
from wooshpay.sandbox.engine.keeping import Row, decode, encode

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

    table = "alarms"

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
        # The alarms that the state file does not hold as they are, None for one that has rung; None without a file.
        self._changed: dict[int, Alarm | None] | None = None

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
        self._tell_watchers()

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
        """Be told when the time has jumped or stands still, or an earlier alarm was set."""
        self._watchers.append(watcher)

    def set_alarm(self, due: int, name: str, subject: str) -> None:
        """Set an alarm."""
        with self._lock:
            self._count += 1
            alarm = Alarm(due, self._count, name, subject)
            heapq.heappush(self._alarms, alarm)
            if self._changed is not None:
                self._changed[alarm.number] = alarm
            earliest = self._alarms[0] is alarm
        if earliest:
            self._tell_watchers()

    def upcoming(self, most: int) -> list[Alarm]:
        """The next alarms, in order. It takes no longer with more alarms beyond them."""
        with self._lock:
            found: list[Alarm] = []
            # The alarms are a heap: what comes after one is among the two places below it.
            near = [(self._alarms[0], 0)] if self._alarms else []
            while near and len(found) < most:
                alarm, place = heapq.heappop(near)
                found.append(alarm)
                for below in (2 * place + 1, 2 * place + 2):
                    if below < len(self._alarms):
                        heapq.heappush(near, (self._alarms[below], below))
            return found

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

    def start_again(self, frozen: int | None) -> None:
        """Forget all alarms, and put the time back: to the real time, or to a moment at which the clock stands."""
        with self._lock:
            if self._changed is not None:
                self._changed.update({alarm.number: None for alarm in self._alarms})
            self._alarms.clear()
            self.put_back(0, frozen, frozen or 0)
        self._tell_watchers()

    # ---- for the state file

    def restore(self, rows: Iterable[Row]) -> None:
        """Begin with the alarms that the state file holds."""
        self._alarms = [Alarm(*decode(row.body or b"")) for row in rows]
        heapq.heapify(self._alarms)
        self._count = max((alarm.number for alarm in self._alarms), default=self._count)
        self._changed = {}

    def changes(self) -> list[Row]:
        """The alarms that the state file does not hold as they are."""
        changed, self._changed = self._changed or {}, {}
        return [
            Row(str(number), None if alarm is None else encode(attrs.astuple(alarm)), number)
            for number, alarm in changed.items()
        ]

    @property
    def setting(self) -> tuple[int, int | None]:
        """How the clock was set: milliseconds ahead of the real time, and the moment at which it stands still."""
        return self._offset, self._frozen

    @property
    def latest(self) -> int:
        """The latest time that was told."""
        return self._latest

    def put_back(self, offset: int, frozen: int | None, latest: int) -> None:
        """Let the clock be as it was."""
        self._offset, self._frozen, self._latest = offset, frozen, latest

    def _run_until(self, target: int) -> None:
        if self._held is not None:
            return  # called by an alarm: the loop below is already running
        try:
            while self._alarms and self._alarms[0].due <= target:
                alarm = heapq.heappop(self._alarms)
                if self._changed is not None:
                    self._changed[alarm.number] = None
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
