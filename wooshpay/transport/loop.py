"""The synchronous world: an event loop in a daemon thread, private to one client.

Its rules: the thread starts with the first request; waiting can be interrupted, and then the call is
cancelled; it works inside a running loop, after a fork, and under any number of threads; it never
outlives the interpreter, and nothing that the garbage collector runs ever waits.
"""

from __future__ import annotations

import asyncio
import atexit
import contextvars
import os
import sys
import threading
import warnings
import weakref
from collections.abc import Callable, Coroutine
from typing import Any, Final, Generic, TypeVar

from wooshpay.errors import ConfigurationError, TransportError
from wooshpay.transport.fork import abandon

A = TypeVar("A")
T = TypeVar("T")

# Seconds. How long an interrupted caller waits for its call to be cancelled, and an exit for the thread to end.
_CANCEL_WAIT: Final = 1.0
_CLOSE_WAIT: Final = 5.0


class _Job(Generic[T]):
    """One call under way on the loop, and the lock on which its caller waits."""

    __slots__ = ("_argument", "_context", "_owner", "_work", "cancelled", "done", "error", "over", "result", "task")

    def __init__(self, owner: PrivateLoop, work: Callable[[A], Coroutine[Any, Any, T]], argument: A) -> None:
        self._owner = owner
        self._work: Callable[[Any], Coroutine[Any, Any, T]] = work
        self._argument = argument
        self._context = contextvars.copy_context()
        self.done = threading.Lock()
        self.done.acquire()
        self.task: asyncio.Task[None] | None = None
        self.cancelled = False
        self.over = False
        self.error: BaseException | None = None
        self.result: T | None = None

    def start(self) -> None:
        """Begin the work; runs on the loop."""
        if self.cancelled or self._owner.closed:
            self.lose()
        else:
            self.task = asyncio.get_running_loop().create_task(self._drive(), context=self._context)

    async def _drive(self) -> None:
        try:
            self.result = await self._work(self._argument)
        except BaseException as error:  # handed to the waiting thread, whatever it is
            self.error = error
        finally:
            self.task = None
            self.over = True
            self.done.release()

    def cancel(self) -> None:
        """Stop the work; runs on the loop."""
        self.cancelled = True
        if self.task is not None:
            self.task.cancel()

    def lose(self) -> None:
        """Release the caller of a call that the closing loop will not carry out."""
        if not self.over:
            self.over = True
            self.error = _closed() if self.task is None else asyncio.CancelledError()
            self.done.release()


class PrivateLoop:
    """An event loop in a daemon thread of its own. Any thread may run coroutines on it."""

    def __init__(self, at_end: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Set the loop up; its thread starts with the first call.

        Args:
            at_end: Run on the loop as the last thing, to close what lives on it.
        """
        self._at_end = at_end
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._jobs: set[_Job[Any]] = set()
        self._closed = False
        self._warned = False
        _loops.add(self)

    def run(self, work: Callable[[A], Coroutine[Any, Any, T]], argument: A) -> T:
        """Run a coroutine function on the loop, and wait for its result.

        Args:
            work: The coroutine function.
            argument: Its argument.

        Raises:
            ConfigurationError: The loop is closed, or this is its own thread.
            BaseException: What the coroutine raised, or what interrupted the wait; the coroutine is then cancelled.
        """
        loop = self._loop or self._start()
        thread = self._thread
        if thread is not None and thread.ident == threading.get_ident():
            raise ConfigurationError(
                "A synchronous client was called from its own event loop thread, where waiting would never end."
                " Inside middlewares and callbacks, use AsyncWooshPay."
            )
        if not self._warned:
            self._warn_if_blocking(loop)
        job: _Job[T] = _Job(self, work, argument)
        self._jobs.add(job)
        entered = False
        try:
            loop.call_soon_threadsafe(job.start)
            entered = True
            job.done.acquire()
        except BaseException as interruption:
            if not entered and isinstance(interruption, RuntimeError) and loop.is_closed():
                raise _closed() from interruption
            self._cancel(loop, job)
            raise
        finally:
            self._jobs.discard(job)
        return self._outcome(job)

    def post(self, callback: Callable[[], object]) -> None:
        """Call a function on the loop soon, without waiting for it. Any thread may do so, and any running loop.

        Args:
            callback: The function. What it returns is ignored.

        Raises:
            ConfigurationError: The loop is closed.
        """
        loop = self._loop or self._start()
        try:
            loop.call_soon_threadsafe(callback)
        except RuntimeError as error:
            if loop.is_closed():
                raise _closed() from error
            raise

    def _outcome(self, job: _Job[T]) -> T:
        error = job.error
        if error is None:
            return job.result  # type: ignore[return-value]  # a job without error has its result
        try:
            if isinstance(error, asyncio.CancelledError) and self._closed:
                raise TransportError("The client was closed while the call was under way.", failure="broken") from error
            raise error
        finally:
            # The traceback refers to this frame: without this, every error would be a reference cycle.
            del error, job

    @staticmethod
    def _cancel(loop: asyncio.AbstractEventLoop, job: _Job[Any]) -> None:
        try:
            loop.call_soon_threadsafe(job.cancel)
        except RuntimeError:
            return
        job.done.acquire(timeout=_CANCEL_WAIT)

    def _warn_if_blocking(self, own: asyncio.AbstractEventLoop) -> None:
        try:
            running = asyncio.get_running_loop()
        except RuntimeError:
            return
        if running is own:
            return
        self._warned = True
        warnings.warn(
            "A synchronous WooshPay client was called inside a running event loop, which stands still meanwhile."
            " In asynchronous code, use AsyncWooshPay.",
            RuntimeWarning,
            stacklevel=_stacklevel_of_user(),
        )

    def _start(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._closed:
                raise _closed()
            if self._loop is None:
                _check_uwsgi()
                loop = asyncio.new_event_loop()
                thread = threading.Thread(
                    target=_serve, args=(loop, self._jobs, self._at_end), name="wooshpay-loop", daemon=True
                )
                try:
                    thread.start()
                except RuntimeError:
                    # The process may have no more threads. The next call tries again, with a loop of its own.
                    loop.close()
                    raise
                weakref.finalize(self, _stop, loop).atexit = False
                self._thread = thread
                self._loop = loop
            return self._loop

    def close(self, timeout: float = _CLOSE_WAIT) -> None:
        """Stop the loop. Calls under way are cancelled; their callers get an error. May be called again.

        Args:
            timeout: Seconds to wait for the thread to end.
        """
        with self._lock:
            self._closed = True
            loop, thread = self._loop, self._thread
            self._loop = None
        if loop is None or thread is None:
            return
        _stop(loop)
        if thread.ident != threading.get_ident():
            thread.join(timeout)

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._closed

    def after_fork(self) -> None:
        """In a forked child: start anew with the next request, and leave the parent's loop alone."""
        abandon((self._loop, self._thread, self._jobs))
        self._lock = threading.Lock()
        self._loop = None
        self._thread = None
        self._jobs = set()


def _serve(
    loop: asyncio.AbstractEventLoop, jobs: set[_Job[Any]], at_end: Callable[[], Coroutine[Any, Any, None]]
) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
        tasks = asyncio.all_tasks(loop)
        for task in tasks:
            task.cancel()
        if tasks:
            loop.run_until_complete(asyncio.wait(tasks, timeout=_CANCEL_WAIT))
        loop.run_until_complete(at_end())
        loop.run_until_complete(loop.shutdown_asyncgens())
    finally:
        asyncio.set_event_loop(None)
        loop.close()
        for job in list(jobs):
            job.lose()


def _stop(loop: asyncio.AbstractEventLoop) -> None:
    try:
        loop.call_soon_threadsafe(loop.stop)
    except RuntimeError:
        pass  # closed already


def _closed() -> ConfigurationError:
    return ConfigurationError("This client is closed. Make a new one, or close it later.")


def _check_uwsgi() -> None:
    """Refuse to start under uWSGI without threads, where the loop's thread would never run."""
    uwsgi: Any = sys.modules.get("uwsgi")
    options: Any = getattr(uwsgi, "opt", None)
    if options is not None and not ({"enable-threads", "threads", b"enable-threads", b"threads"} & set(options)):
        raise ConfigurationError(
            "uWSGI runs without threads, so the synchronous client cannot work: start uWSGI with --enable-threads."
        )


def _stacklevel_of_user() -> int:
    """Count the frames up to the first one outside this package, for a warning that points at the user's line."""
    level = 1
    frame = sys._getframe(1)  # pyright: ignore[reportPrivateUsage]  # the only way to see the stack cheaply
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("wooshpay."):
        frame = frame.f_back
        level += 1
    return level


_loops: weakref.WeakSet[PrivateLoop] = weakref.WeakSet()


@atexit.register
def _close_all() -> None:
    for loop in list(_loops):
        loop.close()


def _after_fork() -> None:
    for loop in list(_loops):
        loop.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
