"""Event loops of asyncio: whether one is running, and connections that belong to one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Generic, TypeVar
from weakref import WeakKeyDictionary

from wooshpay.errors import ConfigurationError

T = TypeVar("T")


class PerLoop(Generic[T]):
    """Makes one object for each event loop, when the loop first needs it.

    Several threads may use it at once, each with an event loop of its own.

    Args:
        make: Makes the object.
        close: Closes it.
    """

    def __init__(self, make: Callable[[], Awaitable[T]], close: Callable[[T], Awaitable[None]]) -> None:
        self._make = make
        self._close = close
        self._made: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Task[T]] = WeakKeyDictionary()

    async def get(self) -> T:
        """Return the object of the running loop. If it could not be made, the next call tries again."""
        loop = asyncio.get_running_loop()
        task = self._made.get(loop)
        if task is None or _failed(task):
            task = self._made[loop] = asyncio.ensure_future(self._call())
            # If every caller stops waiting, nobody reads the error. asyncio would log it as one that was forgotten.
            task.add_done_callback(_failed)
        # Several callers may wait for the first one's connection; none of them cancels it for the others.
        return await asyncio.shield(task)

    async def _call(self) -> T:
        return await self._make()

    async def close(self) -> None:
        """Close the object of the running loop. Those of other loops stay open."""
        task = self._made.pop(asyncio.get_running_loop(), None)
        if task is None:
            return
        try:
            made = await task
        except Exception:
            return  # it was never made
        await self._close(made)


def in_event_loop() -> bool:
    """Return whether an event loop of asyncio is running in this thread."""
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


def _failed(task: asyncio.Task[Any]) -> bool:
    return task.done() and (task.cancelled() or task.exception() is not None)
