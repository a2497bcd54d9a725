"""Runs handlers: apart from the request that brought the event, and with a known end.

A sender that hangs up makes some web frameworks cancel the request. The handler still goes on, in a task of its
own. If it were stopped halfway, the next delivery would begin it again, and would perhaps be stopped halfway too.
"""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import logging
import threading
from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any, Final, TypeVar

from wooshpay.core.log_fields import log_fields
from wooshpay.webhooks.replies import Reply, timed_out

if TYPE_CHECKING:
    from wooshpay.api.events import Event
    from wooshpay.webhooks.handlers import Handler
    from wooshpay.webhooks.renewal import Held
    from wooshpay.webhooks.request_threads import RequestThread

T = TypeVar("T")

# Seconds between looks at a thread that still runs while the event loop is being shut down.
_LOOK_AGAIN: Final = 0.1
_MOST_CANCELLATIONS: Final = 5

_logger = logging.getLogger("wooshpay.webhooks")


async def detached(
    work: Callable[[asyncio.Future[T]], Coroutine[Any, Any, T]],
    tasks: set[asyncio.Task[None]],
    tidy: Callable[[], Coroutine[Any, Any, None]] | None = None,
) -> T:
    """Run work in a task of its own and wait for its result. If the caller is cancelled, the work goes on.

    Args:
        work: Gets the future that the caller waits for, so that it can answer before it has ended.
        tasks: Holds the task while it runs.
        tidy: Called when the work has ended and the caller no longer waits for it.
    """
    loop = asyncio.get_running_loop()
    result: asyncio.Future[T] = loop.create_future()
    task = loop.create_task(_drive(work, result, tidy))
    tasks.add(task)

    def ended(task: asyncio.Task[None]) -> None:
        tasks.discard(task)
        if not result.done():
            result.cancel()

    task.add_done_callback(ended)
    return await result


async def _drive(
    work: Callable[[asyncio.Future[T]], Coroutine[Any, Any, T]],
    result: asyncio.Future[T],
    tidy: Callable[[], Coroutine[Any, Any, None]] | None,
) -> None:
    try:
        found = await work(result)
    except GeneratorExit:
        raise  # the event loop was closed while it ran
    except asyncio.CancelledError:
        await _tidy(result, tidy)
        raise
    except BaseException as error:
        # Raised by the caller that waits. Here, SystemExit and KeyboardInterrupt would end the event loop's thread.
        if result.done():
            _logger.error(
                "A handler whose delivery was cancelled ended with %s.",
                type(error).__name__,
                exc_info=error,
                extra=log_fields(wooshpay_error=type(error).__name__),
            )
        else:
            result.set_exception(error)
            return
    else:
        if not result.done():
            result.set_result(found)
            return
    await _tidy(result, tidy)


async def _tidy(result: asyncio.Future[Any], tidy: Callable[[], Coroutine[Any, Any, None]] | None) -> None:
    """Tidy up after work for which nobody waits any more. Otherwise the framework does so at the request's end."""
    if tidy is None or not result.done():
        return
    try:
        await tidy()
    except Exception as error:
        name = type(error).__name__
        message = "A connection that a handler left open could not be closed (%s: %s)."
        _logger.warning(message, name, error, extra=log_fields(wooshpay_error=name))


async def to_the_end(step: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run a step to its end, even if this task is cancelled. The step may be started several times."""
    for _ in range(_MOST_CANCELLATIONS):
        try:
            return await step()
        except asyncio.CancelledError:
            continue
    return await step()


async def run(handler: Handler, event: Event, held: Held | None = None, thread: RequestThread | None = None) -> None:
    """Run a handler of either kind. A plain ``def`` handler runs in a thread, so that the event loop goes on.

    Args:
        handler: The handler.
        event: The event.
        held: The event's claim. With one, this does not end before a plain handler has ended in its thread.
        thread: The thread for plain handlers. Default: one of the event loop's pool.
    """
    if inspect.iscoroutinefunction(handler):
        await handler(event)
        return
    answer = await _Threaded(handler, event, held, thread).run()
    if inspect.isawaitable(answer):
        await answer


def stop(held: Held, task: asyncio.Task[Any] | None, reply: asyncio.Future[Reply], limit: float) -> None:
    """Cancel a handler that has run for too long or has lost its claim, if it can be cancelled."""
    if held.expired and not reply.done():
        reply.set_result(timed_out(held.event_id, limit))
    if task is not None and not held.in_thread and not held.ended:
        task.cancel()


def is_cancelled() -> bool:
    """Return whether somebody cancelled the running task; if not, a handler raised the error by itself."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


async def wait_for(answer: Awaitable[object]) -> None:
    """Await what a plain handler returned."""
    await answer


class _Threaded:
    """A plain handler in a thread. Once it has begun, nothing can stop it."""

    def __init__(self, handler: Handler, event: Event, held: Held | None, thread: RequestThread | None) -> None:
        self._handler = handler
        self._event = event
        self._held = held
        self._thread = thread
        self._loop = asyncio.get_running_loop()
        # Done when the handler has ended, or when it is certain that it never begins. A task would not do: a loop that
        # is shut down cancels all its tasks, while the handler goes on in its thread.
        self._over: asyncio.Future[None] = self._loop.create_future()
        # Whoever acquires it first decides: the thread starts the handler, or the cancelled task prevents that.
        self._turn = threading.Lock()
        self._answer: object = None
        self._error: BaseException | None = None

    async def run(self) -> object:
        """Return what the handler returned, when it has ended in its thread."""
        held = self._held
        if held is not None:
            held.in_thread = True
        sending = self._loop.create_task(self._send())
        sending.add_done_callback(self._sent)
        try:
            await asyncio.shield(self._over)
        except asyncio.CancelledError:
            if self._turn.acquire(blocking=False):
                # It was still waiting for a free thread, so it has not begun and never will.
                sending.cancel()
                if held is not None:
                    held.in_thread = False
                raise
            if held is None or not await _ended(self._over, held):
                raise
        error, self._error = self._error, None
        try:
            if error is not None:
                raise error
        finally:
            del error  # the traceback refers to this frame
        return self._answer

    async def _send(self) -> None:
        """Start the handler in its thread."""
        if self._thread is None:
            context = contextvars.copy_context()
            await self._loop.run_in_executor(None, context.run, self._work)
        else:
            await self._thread.run(self._work)

    def _sent(self, sending: asyncio.Task[None]) -> None:
        """Fail the handler if there was no thread for it."""
        error = None if sending.cancelled() else sending.exception()
        if self._turn.acquire(blocking=False):
            self._error = error or asyncio.CancelledError()
            self._finish()

    def _finish(self) -> None:
        if not self._over.done():
            self._over.set_result(None)

    def _work(self) -> None:
        if not self._turn.acquire(blocking=False):
            return
        try:
            self._answer = self._handler(self._event)
        except BaseException as error:  # raised again where the handler is awaited
            self._error = error
        held = self._held
        if held is not None:
            if inspect.isawaitable(self._answer):
                held.in_thread = False
            else:
                held.end(self._error is None)
        try:
            self._loop.call_soon_threadsafe(self._finish)
        except RuntimeError:
            pass  # the event loop was closed meanwhile


async def _ended(future: asyncio.Future[None], held: Held) -> bool:
    """Wait for a handler's thread while the event loop is being shut down. Return false if it takes too long."""
    while not future.done():
        if held.expired:
            held.abandoned = True
            return False
        try:
            await asyncio.wait({future}, timeout=_LOOK_AGAIN)
        except asyncio.CancelledError:
            continue
    return True
