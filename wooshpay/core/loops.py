"""Event loops of asyncio: whether one runs here, and connections that belong to one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

from wooshpay.errors import ConfigurationError

T = TypeVar("T")


class PerLoop(Generic[T]):
    """Makes a thing on first use in each event loop.

    Args:
        make: Makes it.
        close: Closes it.
    """

    def __init__(self, make: Callable[[], Awaitable[T]], close: Callable[[T], Awaitable[None]]) -> None:
        self._make = make
        self._close = close
        self._made: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Task[T]] = WeakKeyDictionary()

    async def get(self) -> T:
        """The running loop's own."""
        loop = asyncio.get_running_loop()
        task = self._made.get(loop)
        if task is None:
            task = self._made[loop] = asyncio.ensure_future(self._call())
        try:
            # Several callers may wait for the first one's connection; none of them cancels it for the others.
            return await asyncio.shield(task)
        except BaseException:
            if task.done() and self._made.get(loop) is task and (task.cancelled() or task.exception() is not None):
                del self._made[loop]
            raise

    async def _call(self) -> T:
        return await self._make()

    async def close(self) -> None:
        """Close the running loop's own."""
        task = self._made.pop(asyncio.get_running_loop(), None)
        if task is None:
            return
        try:
            made = await task
        except Exception:
            return  # it never came to be
        await self._close(made)


def in_event_loop() -> bool:
    """Whether an event loop of asyncio runs here."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def without_event_loop() -> ConfigurationError:
    """Return the error of a call outside asyncio."""
    return ConfigurationError(
        "AsyncWooshPay needs a running event loop of asyncio, and there is none here. Start one with asyncio.run(...)."
        " Under trio, call the synchronous WooshPay in a thread: await trio.to_thread.run_sync(...)."
    )
