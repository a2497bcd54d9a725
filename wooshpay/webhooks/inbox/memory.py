"""An inbox in the memory of one process: for tests, and for a single worker that may forget at a restart."""

from __future__ import annotations

import threading
from collections.abc import Callable

from wooshpay.core.clock import monotonic_time
from wooshpay.webhooks.inbox.contract import LEASE, RETENTION, Claim, Counts, Taken, check_times, new_claim


class MemoryInbox:
    """Keeps the events in this process. Any thread and any event loop may use it.

    Args:
        lease: Seconds for which a claim holds unless it is renewed.
        retention: Seconds for which done events are remembered; at least 72 hours.
        now: A clock that gives seconds. Default: `time.monotonic`, which setting the machine's time does not change.
    """

    def __init__(
        self, *, lease: float = LEASE, retention: float = RETENTION, now: Callable[[], float] = monotonic_time
    ) -> None:
        check_times(lease, retention)
        self.lease = lease
        self.retention, self.any_loop = retention, True
        self._now = now
        self._lock = threading.Lock()
        # Event id -> token of the holder and end of the lease.
        self._held: dict[str, tuple[str, float]] = {}
        # Event id -> token of the last holder and end of the retention, in the order of their end.
        self._done: dict[str, tuple[str, float]] = {}

    async def claim(self, event_id: str) -> Claim | Taken:
        """Take an event."""
        with self._lock:
            now = self._now()
            self._forget(now)
            if event_id in self._done:
                return "done"
            _, until = self._held.get(event_id, ("", now))
            if until > now:
                return "held"
            claim = new_claim(event_id)
            self._held[event_id] = (claim.token, now + self.lease)
            return claim

    async def renew(self, claim: Claim) -> bool:
        """Hold an event for another lease."""
        with self._lock:
            if not self._holds(claim):
                return False
            self._held[claim.event_id] = (claim.token, self._now() + self.lease)
            return True

    async def done(self, claim: Claim) -> bool:
        """Note that an event is done."""
        with self._lock:
            if not self._holds(claim):
                return self._done.get(claim.event_id, ("", 0.0))[0] == claim.token
            del self._held[claim.event_id]
            self._done[claim.event_id] = (claim.token, self._now() + self.retention)
            return True

    async def give_back(self, claim: Claim) -> None:
        """Let the next delivery run the event again."""
        with self._lock:
            if self._holds(claim):
                del self._held[claim.event_id]

    async def counts(self) -> Counts:
        """How many events there are."""
        with self._lock:
            return Counts(len(self._held), len(self._done))

    async def forget_old(self) -> int:
        """Forget the events whose retention has ended."""
        with self._lock:
            return self._forget(self._now())

    async def close(self) -> None:
        """There is nothing to close."""

    def _holds(self, claim: Claim) -> bool:
        return self._held.get(claim.event_id, ("", 0.0))[0] == claim.token

    def _forget(self, now: float) -> int:
        count = 0
        while self._done:
            event_id, (_, until) = next(iter(self._done.items()))
            if until > now:
                break
            del self._done[event_id]
            count += 1
        return count
