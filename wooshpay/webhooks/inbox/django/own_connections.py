"""Threads and connections of a `DjangoInbox`'s own, for operations that belong to no request.

A claim is renewed while its handler may occupy the thread of its request. In scripts, management commands and tasks of
a queue, nobody but the inbox looks after connections: Django closes those of a request when the request has ended.
"""

from __future__ import annotations

import math
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from os import getpid
from typing import TYPE_CHECKING, Any, Final, TypeVar

import attrs
from django.db import connections

from wooshpay.errors import InboxError
from wooshpay.webhooks.inbox.django.operation import InboxOperation

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper

T = TypeVar("T")

_of_parents: Final[list[_ConnectionPool | None]] = []


@attrs.define(eq=False)
class _ConnectionPool:
    """Threads, and the connections that none of them uses now."""

    threads: ThreadPoolExecutor
    idle: list[BaseDatabaseWrapper] = attrs.field(factory=list["BaseDatabaseWrapper"])
    closed: bool = False

    def close(self) -> None:
        """Close the connections that are idle. Those in use are closed when their operation has ended."""
        self.closed = True
        while self.idle:
            self.idle.pop().close()


class OwnConnections:
    """Runs operations on connections that are kept for as long as CONN_MAX_AGE says.

    Args:
        alias: The database.
        most: Maximum number of connections.
        timeout: Seconds that the drivers may take to connect.
    """

    def __init__(self, alias: str, *, most: int, timeout: float) -> None:
        self._alias = alias
        self._most = most
        self._timeout = timeout
        self._lock = threading.Lock()
        self._process = getpid()
        self._pool: _ConnectionPool | None = None

    def submit(self, operation: InboxOperation[T]) -> Future[T]:
        """Run an operation in a thread."""
        with self._lock:
            self._reset_after_fork()
            pool = self._pool
            if pool is None:
                pool = self._pool = _ConnectionPool(ThreadPoolExecutor(self._most, thread_name_prefix="wooshpay-inbox"))
            try:
                return pool.threads.submit(self._run, pool, operation)
            except RuntimeError as error:
                raise InboxError(f"The Django inbox cannot start a thread ({error}).") from error

    def close(self) -> Future[None] | None:
        """Close the connections, and let the threads end. They start again when they are needed again."""
        with self._lock:
            self._reset_after_fork()
            pool, self._pool = self._pool, None
            if pool is None:
                return None
            closed = pool.threads.submit(pool.close)
        pool.threads.shutdown(wait=False)
        return closed

    def _run(self, pool: _ConnectionPool, operation: InboxOperation[T]) -> T:
        connection = pool.idle.pop() if pool.idle else self._new()
        try:
            return operation.run(connection)
        finally:
            if pool.closed:
                connection.close()
            else:
                connection.close_if_unusable_or_obsolete()
            if connection.connection is not None:
                pool.idle.append(connection)

    def _new(self) -> BaseDatabaseWrapper:
        connection = connections[self._alias].copy()
        connection.inc_thread_sharing()
        options: dict[str, Any] = connection.settings_dict.setdefault("OPTIONS", {})
        if connection.vendor in ("postgresql", "mysql") and not options.get("pool"):
            options.setdefault("connect_timeout", max(2, math.ceil(self._timeout)))
        return connection

    def _reset_after_fork(self) -> None:
        """Drop the parent's threads and connections in a forked process, where neither can be used."""
        if self._process != getpid():
            # If they were closed, the parent's connections would end, because both processes share their sockets.
            _of_parents.append(self._pool)
            self._process, self._pool = getpid(), None
