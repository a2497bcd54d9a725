"""Runs the operations of `SqlAlchemyInbox` on an engine of its user: in threads with an `Engine`, and on the event loop
with an `AsyncEngine`. The engine, its pool and its settings stay the user's, and are never disposed of here.

Each operation is one transaction. If the database reports a deadlock, a conflict or a lock, it is tried again.
"""

from __future__ import annotations

import asyncio
import random
import threading
import time
import weakref
from collections.abc import AsyncGenerator, Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from functools import partial
from os import getpid
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, Engine, MetaData
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.pool import NullPool, Pool, SingletonThreadPool, StaticPool

from wooshpay.errors import ConfigurationError, InboxError
from wooshpay.webhooks.inbox.postgres_connections import OperationLimit
from wooshpay.webhooks.inbox.sqlalchemy_errors import OutOfTime, TimeLimit, failures, passes
from wooshpay.webhooks.inbox.sqlalchemy_table import DATABASES

T = TypeVar("T")

# Maximum number of operations at the same time. The other connections of the pool are left to the application.
_AT_ONCE: Final = 4
_LONGEST_PAUSE: Final = 0.25
_LOOK_AGAIN: Final = 0.01
# Seconds after which psycopg has certainly noticed that its socket was shut down.
_UNTIL_NOTICED: Final = 5.0
_TWO_LOOPS: Final = (
    "The AsyncEngine of the SQLAlchemy inbox is used on two event loops, but its connections belong to one. Create the"
    " engine with poolclass=sqlalchemy.pool.NullPool, or create the inbox with an Engine."
)

pause_now = time.sleep
pause = asyncio.sleep


class Attempts:
    """Decides whether an operation is tried again, and when.

    Args:
        limit: The time that the operation may take.
    """

    def __init__(self, limit: TimeLimit) -> None:
        self._limit = limit
        self._longest = 0.005

    def next(self, error: DBAPIError) -> float:
        """Return the seconds to wait before the next attempt.

        Raises:
            DBAPIError: The error itself, if there is to be no other attempt.
        """
        if self._limit.over or not passes(error):
            raise error
        self._longest = min(self._longest * 2, _LONGEST_PAUSE)
        return min(random.uniform(0.001, self._longest), self._limit.left)  # noqa: S311  # no secret


class AnyEngine:
    """The base class for both kinds of engines.

    Args:
        engine: The engine, or the one inside an `AsyncEngine`.
        timeout: Seconds that one operation may take.
        table: The full name of the inbox's table, for messages.
    """

    def __init__(self, engine: Engine, *, timeout: float, table: str) -> None:
        self.timeout = timeout
        self._table = table
        self._sync = engine
        # The pool of the process that this one was forked from, with connections that both would use.
        self._process = getpid()
        self._pool: Pool = engine.pool
        self._used = False

    def limit(self) -> TimeLimit:
        """Begin the time of an operation."""
        return TimeLimit(self.timeout)

    @contextmanager
    def errors(self, limit: TimeLimit) -> Generator[None]:
        """Raise `InboxError` for every error of the database."""
        with failures(limit, self._table, self._sync.url):
            yield

    def check(self) -> None:
        """Refuse to use connections that another process uses too.

        Raises:
            InboxError: The process was forked, and the engine still has the connections of its parent.
        """
        if self._process != getpid():
            if self._used and self._sync.pool is self._pool and not isinstance(self._pool, NullPool):
                raise InboxError(
                    "This process was forked from one that had used the engine of the SQLAlchemy inbox, and both would"
                    " use the same connections. Call engine.dispose(close=False) in each worker after the fork."
                )
            self._process, self._pool = getpid(), self._sync.pool
            self.forget_parent()
        self._used = True

    def forget_parent(self) -> None:
        """Drop what belongs to the process that this one was forked from."""


class PlainEngine(AnyEngine):
    """Runs operations on an `Engine`, in threads of the inbox's own.

    Args:
        engine: The engine.
        timeout: Seconds that one operation may take.
        table: The full name of the inbox's table, for messages.
    """

    def __init__(self, engine: Engine, *, timeout: float, table: str) -> None:
        super().__init__(engine, timeout=timeout, table=table)
        self.engine = engine
        # SQLite lets one connection write at a time.
        self._most = 1 if engine.dialect.name == "sqlite" else _AT_ONCE
        self._lock = threading.Lock()
        self._threads: ThreadPoolExecutor | None = None

    @property
    def any_loop(self) -> bool:
        """Return whether several event loops may use the engine at once."""
        return True

    async def run(self, work: Callable[[Connection], T]) -> T:
        """Run an operation, and commit it. If nobody waits for it any more, it is rolled back."""
        limit = self.limit()
        with self._lock:
            self.check()
            if self._threads is None:
                self._threads = ThreadPoolExecutor(self._most, thread_name_prefix="wooshpay-inbox")
            future = self._threads.submit(self._work, work, limit)
        try:
            with self.errors(limit):
                async with asyncio.timeout(limit.left):
                    return await asyncio.wrap_future(future)
        finally:
            limit.give_up()

    def create(self, metadata: MetaData) -> None:
        """Create the tables of a metadata that are missing."""
        with self._lock:
            self.check()
        self._work(partial(_create, metadata), self.limit())

    def close(self) -> None:
        """End the threads when their operations have ended."""
        with self._lock:
            threads, self._threads = self._threads, None
            if threads is not None and self._process == getpid():
                threads.shutdown(wait=False)

    def forget_parent(self) -> None:
        """Drop the threads of the parent, which do not exist here."""
        self._threads = None

    def _work(self, work: Callable[[Connection], T], limit: TimeLimit) -> T:
        attempts = Attempts(limit)
        with self.errors(limit):
            while True:
                try:
                    with self.engine.connect() as connection:
                        limit_on_server(connection, limit)
                        result = work(connection)
                        if limit.over:
                            raise OutOfTime
                        commit(connection)
                        return result
                except DBAPIError as error:
                    seconds = attempts.next(error)
                pause_now(seconds)


class LoopEngine(AnyEngine):
    """Runs operations on an `AsyncEngine`, on the running event loop.

    Args:
        engine: The engine.
        timeout: Seconds that one operation may take.
        table: The full name of the inbox's table, for messages.
    """

    def __init__(self, engine: AsyncEngine, *, timeout: float, table: str) -> None:
        super().__init__(engine.sync_engine, timeout=timeout, table=table)
        self.engine = engine
        self._most = 1 if engine.dialect.name == "sqlite" else _AT_ONCE
        self._turns: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = (
            weakref.WeakKeyDictionary()
        )
        self._first, self._connected = threading.Lock(), False
        # Connections in a pool belong to the event loop that opened them.
        self._home: weakref.ref[asyncio.AbstractEventLoop] | None = None

    @property
    def any_loop(self) -> bool:
        """Return whether several event loops may use the engine at once."""
        return isinstance(self._sync.pool, NullPool)

    async def run(self, work: Callable[[Connection], T]) -> T:
        """Run an operation, and commit it."""
        limit = self.limit()
        self.check()
        attempts = Attempts(limit)
        with self.errors(limit):
            async with asyncio.timeout(limit.left) as waiting, self._turn():
                while True:
                    try:
                        async with self.connect() as connection, ends_in_time(connection, limit, waiting):
                            result = await connection.run_sync(work)
                            await connection.run_sync(commit)
                            return result
                    except DBAPIError as error:
                        seconds = attempts.next(error)
                    await pause(seconds)

    @asynccontextmanager
    async def connect(self) -> AsyncGenerator[AsyncConnection]:
        """Lend a connection."""
        async with AsyncExitStack() as stack:
            async with self._alone_if_first():
                connection = await stack.enter_async_context(self.engine.connect())
            self._connected = True
            yield connection

    async def create(self, metadata: MetaData) -> None:
        """Create the tables of a metadata that are missing."""
        await self.run(partial(_create, metadata))

    def check(self) -> None:
        """Refuse connections that another process or another event loop uses too."""
        super().check()
        if self.any_loop:
            return
        running = asyncio.get_running_loop()
        home = None if self._home is None else self._home()
        if home is None or not home.is_running():
            self._home = weakref.ref(running)
        elif home is not running:
            raise InboxError(_TWO_LOOPS)

    def close(self) -> None:
        """Do nothing: connections are opened by the engine alone."""

    def forget_parent(self) -> None:
        """Drop the event loop of the parent, which does not run here."""
        self._home = None

    @asynccontextmanager
    async def _alone_if_first(self) -> AsyncGenerator[None]:
        """Prevent other event loops from connecting until the first connection is open.

        SQLAlchemy prepares an engine with its first connection, under a lock that works on one event loop only.
        """
        if self._connected:
            yield
            return
        while not self._first.acquire(blocking=False):
            await pause(_LOOK_AGAIN)
        try:
            yield
        finally:
            self._first.release()

    def _turn(self) -> asyncio.Semaphore:
        return self._turns.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(self._most))


@asynccontextmanager
async def ends_in_time(connection: AsyncConnection, limit: TimeLimit, waiting: asyncio.Timeout) -> AsyncGenerator[None]:
    """Shut down the socket of psycopg when the time of an operation is over, instead of cancelling the operation.

    When a task is cancelled, psycopg asks the server to cancel the statement, and waits for the server once more. If
    the server does not answer, that takes ten seconds or has no limit at all. With a libpq before 17, the whole
    process stands still meanwhile.
    """
    if connection.invalidated or not connection.dialect.driver.startswith("psycopg"):
        yield
        return
    time_of = asyncio.get_running_loop().time
    driver: Any = (await connection.get_raw_connection()).driver_connection
    waiting.reschedule(time_of() + limit.left + _UNTIL_NOTICED)
    in_time = OperationLimit(limit.left)
    try:
        with in_time.on(driver):
            yield
    except DBAPIError as error:
        if in_time.over:
            raise OutOfTime from error
        raise
    finally:
        waiting.reschedule(time_of() + limit.left)


def _create(metadata: MetaData, connection: Connection) -> None:
    try:
        metadata.create_all(connection)
    except DBAPIError:
        # Another process may have created them at the same time.
        connection.rollback()
        metadata.create_all(connection)


def commit(connection: Connection) -> None:
    """Commit, or close the connection.

    If COMMIT fails, SQLite keeps the transaction open. SQLAlchemy would return the connection to the pool with it, and
    the next user of the connection would commit it.
    """
    try:
        connection.commit()
    except BaseException:
        connection.invalidate()
        raise


def limit_on_server(connection: Connection, limit: TimeLimit) -> None:
    """Let PostgreSQL end a statement in time, since a thread cannot be stopped while it waits for the response."""
    if connection.dialect.name == "postgresql":
        milliseconds = max(1, round(limit.left * 900))
        connection.exec_driver_sql(f"SET LOCAL statement_timeout = {milliseconds}")


def open_engine(engine: object, *, timeout: float | None, table: str) -> PlainEngine | LoopEngine:
    """Return an object that runs operations on an engine.

    Raises:
        ConfigurationError: It is not an engine, or one that the inbox cannot use.
    """
    if not isinstance(engine, (Engine, AsyncEngine)):
        raise ConfigurationError(
            f"engine must be an Engine or an AsyncEngine of SQLAlchemy, not {type(engine).__name__}. Pass what"
            " create_engine(...) or create_async_engine(...) returns."
        )
    name = engine.dialect.name
    if name not in DATABASES:
        raise ConfigurationError(
            f"SqlAlchemyInbox works with SQLite, PostgreSQL, MySQL and MariaDB, not with {name}. Use another inbox."
        )
    if isinstance(engine.pool, (SingletonThreadPool, StaticPool)):
        raise ConfigurationError(
            "The engine of a SqlAlchemyInbox must open several connections to one database, and one with a"
            f" {type(engine.pool).__name__} does not, such as that of an SQLite database in memory. Use a database in a"
            " file, or a MemoryInbox in tests."
        )
    seconds = timeout if timeout is not None else (30.0 if name == "sqlite" else 5.0)
    if isinstance(engine, Engine):
        return PlainEngine(engine, timeout=seconds, table=table)
    return LoopEngine(engine, timeout=seconds, table=table)
