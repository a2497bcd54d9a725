"""The thread that a web framework has reserved for a request, for code that may run in no other thread.

Django's connections to the database belong to threads. Django looks after those of the thread in which it handles a
request: it replaces the ones that broke, closes them when the request ends, and opens a test's transaction on them. So
code that uses Django's ORM must run there. The receiver does not know Django: the adapter passes it a `RequestThread`.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Protocol, TypeVar

T = TypeVar("T")


class LoopRunner(Protocol):
    """Runs coroutine functions on an event loop of the receiver, while the calling thread waits."""

    def run(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Run a coroutine function and wait for its result."""
        ...


class RequestThread(Protocol):
    """Runs code in the thread of the request that delivered the event."""

    async def run(self, call: Callable[[], None]) -> None:
        """Run a plain handler in the request's thread, and wait until it has ended. Used by `receive`."""
        ...

    def wait(self, loop: LoopRunner, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Run a coroutine function on the receiver's event loop while this thread waits. Used by `receive_now`.

        The coroutine may need the waiting thread, so the thread has to run what the coroutine sends to it.
        """
        ...

    async def tidy(self) -> None:
        """Close what a handler opened in the request's thread. Called when the handler has ended after its request."""
        ...
