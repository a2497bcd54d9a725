"""A limit on the number of requests that are under way at the same time on one event loop."""

from __future__ import annotations

import asyncio
from collections import deque


class ConnectionSlots:
    """A semaphore whose usual case, a free slot, is one comparison and one subtraction.

    Waiters get slots in the order in which they came, and a slot that is given back goes to the first of them.
    """

    def __init__(self, count: int) -> None:
        self._free = count
        self._waiters: deque[asyncio.Future[None]] = deque()

    def acquire_now(self) -> bool:
        """Take a slot if one is free and nobody waits for it."""
        if self._free > 0:
            self._free -= 1
            return True
        return False

    async def acquire(self) -> None:
        """Wait for a slot and take it."""
        waiter = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        try:
            await waiter
        except asyncio.CancelledError:
            if not waiter.cancelled():
                self.release()  # the slot came together with the cancellation: the next waiter gets it
            raise

    def release(self) -> None:
        """Return a slot. The first waiter gets it if there is one; waiters that gave up are skipped."""
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return
        self._free += 1
