"""Waking a task of the event loop from any thread."""

from __future__ import annotations

import asyncio


class Wakeup:
    """A flag that a task waits for. Setting it works from any thread, and before and after the loop runs."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._event = asyncio.Event()

    def open(self) -> None:
        """Belong to the running loop from now on."""
        self._loop = asyncio.get_running_loop()

    def close(self) -> None:
        """Belong to no loop any more."""
        self._loop = None

    def set(self) -> None:
        """Wake the task."""
        loop = self._loop
        if loop is None:
            return
        try:
            loop.call_soon_threadsafe(self._event.set)
        except RuntimeError:
            pass  # the loop was closed in this very moment: nobody is left to wake

    async def wait(self, seconds: float | None) -> None:
        """Wait to be woken, but no longer than so many seconds."""
        try:
            await asyncio.wait_for(self._event.wait(), seconds)
        except TimeoutError:
            pass
        self._event.clear()
