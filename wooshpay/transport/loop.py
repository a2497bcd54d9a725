"""The synchronous world: an event loop in a daemon thread, private to one client.

Its rules: the thread starts with the first request; waiting can be interrupted, and then the call is
cancelled; it works inside a running loop, after a fork, and under any number of threads; it never
outlives the interpreter, and nothing that the garbage collector runs ever waits.

Signal handlers and finalizers run between any two lines of what they interrupt, in the same thread, and they may close
the client or call it. So nothing here waits for a lock that the interrupted code may hold: what must happen once is
decided by `dict.setdefault`, which nothing can interrupt.
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

import attrs

from wooshpay.errors import ConfigurationError, ConnectError, TransportError
from wooshpay.transport.fork import abandon

A = TypeVar("A")
T = TypeVar("T")

# Seconds. How long an interrupted caller waits for its call to be cancelled, an exit for the thread to end, and a
# first call for that of another thread, which starts the loop for both.
_CANCEL_WAIT: Final = 1.0
_CLOSE_WAIT: Final = 5.0
_START_WAIT: Final = 1.0

_THE_ONE: Final = "running"


class Job(Generic[T]):
    """One call under way on the loop, and the lock on which its caller waits.

    Attributes:
        over: Whether the work has ended.
        result: What it returned, also when the caller was interrupted and did not get it.
        error: What it raised.
        begun: Whether the work has begun. What is over without having begun never will.
    """

    __slots__ = (
        *("_argument", "_context", "_owner", "_work"),
        *("begun", "cancelled", "done", "error", "over", "result", "task"),
    )

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
        self.begun = False
        self.error: BaseException | None = None
        self.result: T | None = None

    def start(self) -> None:
        """Begin the work; runs on the loop."""
        if self.cancelled or self._owner.closed:
            self.lose()
        else:
            self.task = asyncio.get_running_loop().create_task(self._drive(), context=self._context)

    async def _drive(self) -> None:
        self.begun = True
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
        if not self.begun:
            self.lose()  # what never begins does not tell its caller that it has ended

    def lose(self) -> None:
        """Release the caller of a call that the closing loop will not carry out."""
        if not self.over:
            self.over = True
            self.error = asyncio.CancelledError() if self.begun or self.cancelled else _closed()
            self.done.release()


@attrs.define(eq=False)
class _Running:
    """An event loop and its thread, and what the thread does when the loop stops."""

    loop: asyncio.AbstractEventLoop
    jobs: set[Job[Any]]
    at_end: Callable[[], Coroutine[Any, Any, None]] | None
    thread: threading.Thread | None = None
    ending: bool = False

    def stop(self) -> None:
        """Stop the thread. It may be called again, from anywhere."""
        try:
            self.loop.call_soon_threadsafe(self._halt)
        except RuntimeError:
            pass  # closed already

    def _halt(self) -> None:
        if not self.ending:  # otherwise the connections are being closed, which must not be cut short
            self.loop.stop()

    def discard(self) -> None:
        """Stop a loop that is not needed, without touching what belongs to the client."""
        self.jobs, self.at_end = set(), None
        self.stop()

    def join(self, timeout: float) -> None:
        """Wait for the thread to end, unless this is that thread."""
        if self.thread is not None and self.thread.ident != threading.get_ident():
            self.thread.join(timeout)


class PrivateLoop:
    """An event loop in a daemon thread of its own. Any thread may run coroutines on it."""

    def __init__(self, at_end: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Set the loop up; its thread starts with the first call.

        Args:
            at_end: Run on the loop as the last thing, to close what lives on it.
        """
        self._at_end = at_end
        self._running: dict[str, _Running] = {}
        # Only keeps several threads from starting a loop each. A handler may enter it again, and nobody relies on it.
        self._starting = threading.RLock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._jobs: set[Job[Any]] = set()
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
        return self.carry_out(self.job(work, argument))

    def job(self, work: Callable[[A], Coroutine[Any, Any, T]], argument: A) -> Job[T]:
        """Prepare a call, for a caller that has to know how it ended even if `carry_out` is interrupted."""
        return Job(self, work, argument)

    def carry_out(self, job: Job[T]) -> T:
        """Run a job on the loop, and wait for its result. Raises what `run` raises."""
        loop = self._loop or self._start()
        thread = self._thread
        if thread is not None and thread.ident == threading.get_ident():
            raise ConfigurationError(
                "A synchronous client was called from its own event loop thread, where waiting would never end."
                " Inside middlewares and callbacks, use AsyncWooshPay."
            )
        if not self._warned:
            self._warn_if_blocking(loop)
        entered = False
        try:
            self._jobs.add(job)
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

    @staticmethod
    def _cancel(loop: asyncio.AbstractEventLoop, job: Job[Any]) -> None:
        if job.over:
            return  # the exception came after the end, so there is nothing to wait for
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
        waited = self._starting.acquire(timeout=_START_WAIT)
        try:
            if self._closed:
                raise _closed()
            running = self._running.get(_THE_ONE)
            if running is None:
                _check_uwsgi()
                mine = _launch(self._jobs, self._at_end)
                # A handler that came in between may have started one too.
                running = self._running.setdefault(_THE_ONE, mine)
                if running is mine:
                    weakref.finalize(self, mine.stop).atexit = False
                else:
                    mine.discard()
            self._thread = running.thread
            self._loop = running.loop
        finally:
            if waited:
                self._starting.release()
        if self.closed:
            # It was closed in between, when there was nothing to stop yet.
            self.close()
            raise _closed()
        return running.loop

    def close(self, timeout: float = _CLOSE_WAIT) -> None:
        """Stop the loop. Calls under way are cancelled; their callers get an error. May be called again, from anywhere.

        Args:
            timeout: Seconds to wait for the thread to end.
        """
        self._closed = True
        running = self._running.get(_THE_ONE)
        self._loop = None
        if running is None:
            return
        running.stop()
        running.join(timeout)
        self._running.pop(_THE_ONE, None)

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._closed

    def after_fork(self) -> None:
        """In a forked child: start anew with the next request, and leave the parent's loop alone."""
        abandon((self._running, self._loop, self._thread, self._jobs))
        self._starting = threading.RLock()
        self._running = {}
        self._loop = None
        self._thread = None
        self._jobs = set()


def _launch(jobs: set[Job[Any]], at_end: Callable[[], Coroutine[Any, Any, None]]) -> _Running:
    """Start a loop in a thread.

    Raises:
        ConnectError: The process has run out of threads or of descriptors.
    """
    try:
        loop = asyncio.new_event_loop()
    except OSError as error:
        raise ConnectError(
            f"The event loop of this client could not be opened ({error.strerror}). Close files and connections that"
            " are no longer needed, or raise the limit on open files (ulimit -n).",
            failure="not_connected",
        ) from error
    running = _Running(loop, jobs, at_end)
    running.thread = threading.Thread(target=_serve, args=(running,), name="wooshpay-loop", daemon=True)
    try:
        running.thread.start()
    except BaseException as error:
        if not isinstance(error, RuntimeError) or "new thread" not in str(error):
            running.discard()  # a handler raised, and the thread has started or will
            raise
        loop.close()
        raise ConnectError(
            f"The thread of this client could not be started ({error}). End threads that are no longer needed, or raise"
            " the limit on threads (ulimit -u, or the pids limit of the container).",
            failure="not_connected",
        ) from error
    return running


def _serve(running: _Running) -> None:
    loop = running.loop
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
        running.ending = True
        _cancel_all(loop, {job.task for job in list(running.jobs) if job.task is not None})
        # Before the other tasks are cancelled: some of them may be needed to close connections, as those of a pool are.
        if running.at_end is not None:
            loop.run_until_complete(running.at_end())
        _cancel_all(loop, asyncio.all_tasks(loop))
        loop.run_until_complete(loop.shutdown_asyncgens())
    finally:
        asyncio.set_event_loop(None)
        loop.close()
        for job in list(running.jobs):
            job.lose()


def _cancel_all(loop: asyncio.AbstractEventLoop, tasks: set[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    if tasks:
        loop.run_until_complete(asyncio.wait(tasks, timeout=_CANCEL_WAIT))


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
