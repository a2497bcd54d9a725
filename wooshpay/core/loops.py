"""Event loops of asyncio: whether one is running, and connections that belong to one."""

from __future__ import annotations

import _thread
import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from types import BuiltinFunctionType
from typing import Any, Generic, NamedTuple, TypeVar

from wooshpay.errors import ConfigurationError

T = TypeVar("T")


class _Held(NamedTuple, Generic[T]):
    """The object of one loop, as soon as it is made, and the generator that closes it."""

    task: asyncio.Task[T]
    lifetime: AsyncGenerator[None, None]


class PerLoop(Generic[T]):
    """Makes one object for each event loop, when the loop first needs it.

    The object is closed by `close`, or when its loop shuts down its asynchronous generators, as `asyncio.run` does.
    Several threads may use it at once, each with an event loop of its own.

    Args:
        make: Makes the object.
        close: Closes it.
    """

    def __init__(self, make: Callable[[], Awaitable[T]], close: Callable[[T], Awaitable[None]]) -> None:
        self._make = make
        self._close = close
        self._held: dict[asyncio.AbstractEventLoop, _Held[T]] = {}

    async def get(self) -> T:
        """Return the object of the running loop. If it could not be made, the next call tries again."""
        loop = asyncio.get_running_loop()
        held = self._held.get(loop)
        if held is None or _failed(held.task):
            held = await self._hold(loop)
        # Several callers may wait for the first one's connection; none of them cancels it for the others.
        return await asyncio.shield(held.task)

    async def _hold(self, loop: asyncio.AbstractEventLoop) -> _Held[T]:
        for other in list(self._held):
            if other.is_closed():  # it was closed under its object, which nothing can close any more
                self._held.pop(other, None)
        task = asyncio.ensure_future(self._call())
        # If every caller stops waiting, nobody reads the error. asyncio would log it as one that was forgotten.
        task.add_done_callback(_failed)
        held = self._held[loop] = _Held(task, self._until_the_loop_ends(loop, task))
        await anext(held.lifetime)
        return held

    async def _call(self) -> T:
        return await self._make()

    async def _until_the_loop_ends(
        self, loop: asyncio.AbstractEventLoop, task: asyncio.Task[T]
    ) -> AsyncGenerator[None, None]:
        try:
            yield
        finally:
            held = self._held.get(loop)
            if held is not None and held.task is task:
                del self._held[loop]
            await asyncio.wait([task])
            if not _failed(task):
                await self._close(task.result())

    async def close(self) -> None:
        """Close the object of the running loop. Those of other loops stay open."""
        held = self._held.get(asyncio.get_running_loop())
        if held is not None:
            await held.lifetime.aclose()


def threads_are_greenlets() -> bool:
    """Return whether gevent or eventlet has replaced threads. Then only one event loop can run in the process."""
    return not isinstance(_thread.start_new_thread, BuiltinFunctionType)


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
