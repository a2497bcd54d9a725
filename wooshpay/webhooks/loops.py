"""The event loops of a receiver, each in a thread of its own that starts when it is first needed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from wooshpay.core.loops import threads_are_greenlets
from wooshpay.errors import TransportError
from wooshpay.webhooks.inbox.current import mark_own_loop

if TYPE_CHECKING:
    from wooshpay.transport.loop import PrivateLoop
    from wooshpay.webhooks.request_threads import RequestThread

T = TypeVar("T")


class OwnLoops:
    """One loop for calls from code without an event loop, and one that renews claims whatever handlers do to theirs."""

    def __init__(self) -> None:
        self._loops: dict[Literal["calls", "renewals"], PrivateLoop] = {}

    def __bool__(self) -> bool:
        return bool(self._loops)

    @property
    def used(self) -> bool:
        """Return whether there were calls from code without an event loop."""
        return "calls" in self._loops

    def run(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Run a coroutine function and wait for its result."""
        return self._get("calls", _nothing).run(_call, work)

    def run_for(self, thread: RequestThread | None, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Run a coroutine function that may need the calling thread, and wait for its result.

        Args:
            thread: Runs what the coroutine sends to the calling thread. Without it, the thread only waits.
            work: The coroutine function.
        """
        if thread is None:
            return self.run(work)
        loop = self._get("calls", _nothing)
        try:
            return thread.wait(self, work)
        except asyncio.CancelledError as error:
            if loop.closed:
                raise TransportError("The receiver was closed during the delivery.", failure="broken") from error
            raise

    def post(self, at_end: Callable[[], Coroutine[Any, Any, None]], callback: Callable[[], None]) -> None:
        """Call a function on the loop that renews claims, without waiting for it.

        Args:
            at_end: Run on that loop as the last thing.
            callback: The function.
        """
        if threads_are_greenlets():
            self._get("calls", _nothing).post(callback)
        else:
            self._get("renewals", at_end).post(callback)

    def close_renewals(self) -> None:
        """Stop the loop that renews claims. It may still use the other one for that."""
        loop = self._loops.pop("renewals", None)
        if loop is not None:
            loop.close()

    def close(self) -> None:
        """Stop both loops. They start again when they are needed again."""
        self.close_renewals()
        loop = self._loops.pop("calls", None)
        if loop is not None:
            loop.close()

    def _get(self, name: Literal["calls", "renewals"], at_end: Callable[[], Coroutine[Any, Any, None]]) -> PrivateLoop:
        loop = self._loops.get(name)
        if loop is None:
            from wooshpay.transport.loop import PrivateLoop

            # Two threads may come here at once. A loop that is not used has no thread.
            loop = self._loops.setdefault(name, PrivateLoop(at_end))
        return loop


async def _call(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    mark_own_loop()
    return await work()


async def _nothing() -> None:
    """Do nothing when the loop ends: there is nothing to close on it."""
