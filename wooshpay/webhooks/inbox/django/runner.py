"""Decides in which thread, and so on which connection, an operation of a `DjangoInbox` runs.

Django has one connection for each thread. Within a request, that is the thread which `sync_to_async` uses: there the
operation is inside the transaction of a `TestCase`, and Django looks after the connection. Everything else runs in
threads of the inbox's own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Final, TypeVar

from asgiref.sync import AsyncToSync, SyncToAsync, sync_to_async
from django.db import connections

from wooshpay.webhooks.inbox.current import waiting_caller
from wooshpay.webhooks.inbox.django.failures import not_in_time
from wooshpay.webhooks.inbox.django.operation import InboxOperation
from wooshpay.webhooks.inbox.django.own_connections import OwnConnections

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper

T = TypeVar("T")

_CONNECTIONS: Final = 4


class OperationRunner:
    """Runs operations with a time limit.

    Args:
        alias: The database.
        timeout: Seconds that one operation may take.
    """

    def __init__(self, alias: str, timeout: float) -> None:
        self._alias = alias
        self._timeout = timeout
        self._own = OwnConnections(alias, most=_CONNECTIONS, timeout=timeout)

    async def run(self, work: Callable[[BaseDatabaseWrapper], T]) -> T:
        """Run an operation: in the thread of the request if there is one, else in a thread of the inbox's own.

        Raises:
            InboxError: The database failed, or did not answer in time.
        """
        operation = InboxOperation(work, self._timeout)
        work_there = self._in_request if has_request_thread() else self._apart
        return await self._wait(operation, work_there(operation))

    async def close(self) -> None:
        """Close the inbox's own connections."""
        closed = self._own.close()
        if closed is not None:
            await asyncio.wrap_future(closed)

    async def _in_request(self, operation: InboxOperation[T]) -> T:
        try:
            return await sync_to_async(lambda: operation.run(connections[self._alias]), thread_sensitive=True)()
        except RuntimeError:
            if operation.begun:
                raise
        # The request has ended meanwhile, and its thread with it.
        return await self._apart(operation)

    async def _apart(self, operation: InboxOperation[T]) -> T:
        return await asyncio.wrap_future(self._own.submit(operation))

    async def _wait(self, operation: InboxOperation[T], work: Coroutine[Any, Any, T]) -> T:
        # A thread cannot be cancelled. So the task that waits for it goes on when nobody waits for the task any more.
        task = asyncio.create_task(work)
        task.add_done_callback(_look_at)
        try:
            await asyncio.wait({task}, timeout=self._timeout)
        except asyncio.CancelledError:
            operation.prevent()
            raise
        if task.done():
            return task.result()
        operation.give_up()
        raise not_in_time(self._alias, self._timeout)


def has_request_thread() -> bool:
    """Return whether `sync_to_async` would use the thread of a request, or of another caller of `async_to_sync`.

    Without one it would use a thread that the whole process shares. Any handler may occupy that for a long time.
    """
    executor = _executor()
    caller = waiting_caller()
    if caller is not None and executor is caller.run(_executor):
        return False  # that thread waits for this operation, and cannot run it
    if executor is not None:
        return True
    context = SyncToAsync.thread_sensitive_context.get(None)
    if context is not None:
        # If the request has ended, asgiref would start another thread, whose connection nobody closes.
        return context in SyncToAsync.context_to_thread_executor
    return asyncio.get_running_loop() in AsyncToSync.loop_thread_executors


def _executor() -> object:
    """Return what runs code in the thread that called `async_to_sync`."""
    executor: object = getattr(AsyncToSync.executors, "current", None)
    return executor


async def run_where_the_orm_runs(alias: str, work: Callable[[], T]) -> T:
    """Run plain code in the thread in which Django's async ORM runs now."""
    context = SyncToAsync.thread_sensitive_context.get(None)
    # If the request has ended, asgiref starts another thread, and Django closes no connection there.
    ended = context is not None and context not in SyncToAsync.context_to_thread_executor

    def run() -> T:
        try:
            return work()
        finally:
            if ended and not connections[alias].in_atomic_block:
                connections[alias].close()

    return await sync_to_async(run, thread_sensitive=True)()


def _look_at(task: asyncio.Task[Any]) -> None:
    if not task.cancelled():
        task.exception()  # otherwise asyncio would log that nobody has looked at it
