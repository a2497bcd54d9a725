"""Django's thread for a request, in which handlers and inboxes that use Django's ORM have to run."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Generator
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from functools import partial
from typing import Any, Generic, TypeVar

from asgiref.sync import SyncToAsync, async_to_sync, sync_to_async

from wooshpay.core.loops import threads_are_greenlets
from wooshpay.webhooks.request_threads import LoopRunner

T = TypeVar("T")


class DjangoThread:
    """Runs code in the thread in which Django handles a request, as `sync_to_async` and `async_to_sync` do."""

    async def run(self, call: Callable[[], None]) -> None:
        """Run a plain handler in the request's thread, and wait until it has ended."""
        await sync_to_async(call, thread_sensitive=True)()

    def wait(self, loop: LoopRunner, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Run a coroutine function on the receiver's event loop, and meanwhile run its thread-sensitive code here."""
        if threads_are_greenlets() or _runs_an_event_loop():
            # Under gevent, the receiver's event loop runs in this very thread. `async_to_sync` refuses to work in the
            # thread of an event loop.
            return loop.run(work)
        return _Call(work).wait(loop)

    async def tidy(self) -> None:
        """Close the connections that a handler left open after its request had ended."""
        await sync_to_async(_close_connections, thread_sensitive=True)()


class _Call(Executor, Generic[T]):
    """A coroutine function that runs on the receiver's event loop for a thread that waits and serves it meanwhile.

    `async_to_sync` makes the waiting thread run the thread-sensitive code of the coroutine. It takes the running event
    loop if the thread runs code for `sync_to_async` of that loop, and otherwise starts one for each call, on which no
    inbox could keep its connections. So the loop first sends the call of `async_to_sync` to the waiting thread with
    `sync_to_async`. This object is the executor for that: it keeps the call until the thread carries it out.
    """

    def __init__(self, work: Callable[[], Coroutine[Any, Any, T]]) -> None:
        self._work = work
        self._over: Future[Any] = Future()
        self._over.set_running_or_notify_cancel()  # from now on, nobody but the waiting thread can end it
        self._call: asyncio.Future[Callable[[], T]] | None = None
        self._sending: asyncio.Future[T] | None = None
        self._running: tuple[asyncio.AbstractEventLoop, asyncio.Task[Any] | None] | None = None

    def wait(self, loop: LoopRunner) -> T:
        """Run the coroutine function on the loop, and return its result."""
        try:
            call = loop.run(self._send)
            with _same_event_loop_afterwards():
                return call()
        except BaseException:
            self._cancel()  # this thread was interrupted, or the coroutine has ended with that error
            raise
        finally:
            self._over.set_result(None)

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Keep a call for the waiting thread."""
        if self._call is not None and not self._call.done():
            self._call.set_result(partial(fn, *args, **kwargs))
        return self._over

    async def _send(self) -> Callable[[], T]:
        self._call = asyncio.get_running_loop().create_future()
        executor: Any = self
        send = sync_to_async(self._wait, thread_sensitive=False, executor=executor)
        self._sending = asyncio.ensure_future(send())
        self._sending.add_done_callback(self._sent)
        return await self._call

    def _sent(self, sending: asyncio.Future[T]) -> None:
        """Raise what went wrong, if no call came."""
        if self._call is not None and not self._call.done():
            error = None if sending.cancelled() else sending.exception()
            self._call.set_exception(error or asyncio.CancelledError())

    def _wait(self) -> T:
        return async_to_sync(self._run)()

    async def _run(self) -> T:
        self._running = asyncio.get_running_loop(), asyncio.current_task()
        return await self._work()

    def _cancel(self) -> None:
        if self._running is not None:
            loop, task = self._running
            try:
                if task is not None:
                    loop.call_soon_threadsafe(task.cancel)
            except RuntimeError:
                pass  # the loop was closed meanwhile


@contextmanager
def _same_event_loop_afterwards() -> Generator[None]:
    """Restore what asgiref remembers about this thread: on which event loop `async_to_sync` runs coroutines."""
    remembered = vars(getattr(SyncToAsync, "threadlocal", threading.local()))
    before = dict(remembered)
    try:
        yield
    finally:
        remembered.clear()
        remembered.update(before)


def _runs_an_event_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _close_connections() -> None:
    from django.db import connections

    for connection in connections.all(initialized_only=True):
        if not connection.in_atomic_block:  # such as the transaction of a test
            connection.close()
