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

T = TypeVar("T")

# Seconds between looks at a thread that still runs while the event loop is being shut down.
_LOOK_AGAIN: Final = 0.1
_MOST_CANCELLATIONS: Final = 5

_logger = logging.getLogger("wooshpay.webhooks")


async def detached(work: Callable[[asyncio.Future[T]], Coroutine[Any, Any, T]], tasks: set[asyncio.Task[None]]) -> T:
    """Run work in a task of its own and wait for its result. If the caller is cancelled, the work goes on.

    Args:
        work: Gets the future that the caller waits for, so that it can answer before it has ended.
        tasks: Holds the task while it runs.
    """
    loop = asyncio.get_running_loop()
    result: asyncio.Future[T] = loop.create_future()
    task = loop.create_task(_drive(work, result))
    tasks.add(task)

    def ended(task: asyncio.Task[None]) -> None:
        tasks.discard(task)
        if not result.done():
            result.cancel()

    task.add_done_callback(ended)
    return await result


async def _drive(work: Callable[[asyncio.Future[T]], Coroutine[Any, Any, T]], result: asyncio.Future[T]) -> None:
    try:
        found = await work(result)
    except (asyncio.CancelledError, GeneratorExit):
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
    else:
        if not result.done():
            result.set_result(found)


async def to_the_end(step: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run a step to its end, even if this task is cancelled. The step may be started several times."""
    for _ in range(_MOST_CANCELLATIONS):
        try:
            return await step()
        except asyncio.CancelledError:
            continue
    return await step()


async def run(handler: Handler, event: Event, held: Held | None = None) -> None:
    """Run a handler of either kind. A plain ``def`` handler runs in a thread, so that the event loop goes on.

    Args:
        handler: The handler.
        event: The event.
        held: The event's claim. With one, this does not end before the thread of a plain handler has ended.
    """
    if inspect.iscoroutinefunction(handler):
        await handler(event)
        return
    answer = await _Threaded(handler, event, held).run()
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
    """A plain handler in a thread of the event loop's pool. Once it has begun, nothing can stop it."""

    def __init__(self, handler: Handler, event: Event, held: Held | None) -> None:
        self._handler = handler
        self._event = event
        self._held = held
        # Whoever acquires it first decides: the thread starts the handler, or the cancelled task prevents that.
        self._turn = threading.Lock()
        self._answer: object = None
        self._error: BaseException | None = None

    async def run(self) -> object:
        """Return what the handler returned, when its thread has ended."""
        held = self._held
        if held is not None:
            held.in_thread = True
        context = contextvars.copy_context()
        future = asyncio.get_running_loop().run_in_executor(None, context.run, self._work)
        try:
            await asyncio.shield(future)
        except asyncio.CancelledError:
            if self._turn.acquire(blocking=False):
                # It was still waiting for a free thread, so it has not begun and never will.
                future.cancel()
                if held is not None:
                    held.in_thread = False
                raise
            if held is None or not await _ended(future, held):
                raise
        error, self._error = self._error, None
        try:
            if error is not None:
                raise error
        finally:
            del error  # the traceback refers to this frame
        return self._answer

    def _work(self) -> None:
        if not self._turn.acquire(blocking=False):
            return
        try:
            self._answer = self._handler(self._event)
        except BaseException as error:  # raised again where the handler is awaited
            self._error = error
        held = self._held
        if held is None:
            return
        if inspect.isawaitable(self._answer):
            held.in_thread = False
        else:
            held.end(self._error is None)


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
