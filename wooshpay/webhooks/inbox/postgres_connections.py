"""Connections to PostgreSQL that keep no state on the server between transactions, with a time limit on operations.

Behind a pooler in transaction mode, such as PgBouncer, every transaction may run on another connection to the server,
and other clients use that connection before and after. Prepared statements, settings and locks of a session are then
shared with them, so none of these are used here. Several statements are sent in one message with their values inside.
PostgreSQL runs such a message as one transaction.
"""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final, TypeVar

from wooshpay.core.loops import PerLoop
from wooshpay.errors import ConfigurationError, InboxError
from wooshpay.webhooks.inbox.postgres_kept import KeptConnections

if TYPE_CHECKING:
    from psycopg import AsyncConnection, AsyncCursor, Connection, Cursor
    from psycopg_pool import AsyncConnectionPool

T = TypeVar("T")

_PACKAGES: Final = ("psycopg", "psycopg_pool")
_NOT_INSTALLED: Final = (
    "PostgresInbox needs psycopg and psycopg_pool, which are not installed: pip install 'wooshpay[postgres]'."
)
# PostgreSQL's own limit comes a little before the one that shuts the connection down: then the connection is kept.
_SERVER_SHARE: Final = 0.9
_LIMIT: Final = "SET LOCAL statement_timeout = %(limit)s; "
# A role or database may have another level as its default, where two claims at once would end in an error.
_ISOLATION: Final = "SET TRANSACTION ISOLATION LEVEL READ COMMITTED; "


class OperationLimit:
    """The time that one operation may take. It starts when this object is created.

    psycopg has no limit for a response that does not come. So the socket is shut down when the time is over, and
    psycopg reports that the connection broke.

    Args:
        seconds: The length.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.over = False
        self._ends = time.monotonic() + seconds

    def left(self) -> float:
        """Return the seconds until it ends."""
        return max(0.001, self._ends - time.monotonic())

    def values(self, values: Mapping[str, object]) -> dict[str, object]:
        """Add the server's limit, in milliseconds, to the values of a statement."""
        return {**values, "limit": max(1, round(self.left() * _SERVER_SHARE * 1000))}

    @contextmanager
    def on(self, connection: AsyncConnection) -> Generator[None]:
        """Limit what the block does with a connection."""
        with self._socket(connection) as shut_down:
            timer = asyncio.get_running_loop().call_later(self.left(), shut_down)
            try:
                yield
            finally:
                timer.cancel()

    @contextmanager
    def on_now(self, connection: Connection) -> Generator[None]:
        """Limit what the block does with a connection, without an event loop."""
        with self._socket(connection) as shut_down:
            timer = threading.Timer(self.left(), shut_down)
            timer.start()
            try:
                yield
            finally:
                timer.cancel()
                timer.join()

    @contextmanager
    def _socket(self, connection: AsyncConnection | Connection) -> Generator[Callable[[], None]]:
        if connection.closed:
            yield lambda: None  # whatever is done with it fails at once
            return
        # Use a copy of the descriptor: when the original is closed, its number may be given to another connection.
        with socket.fromfd(connection.fileno(), socket.AF_INET, socket.SOCK_STREAM) as copy:

            def shut_down() -> None:
                self.over = True
                try:
                    copy.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass  # the other side was faster

            yield shut_down


class PostgresConnections:
    """Opens connections, and runs statements on them.

    Args:
        url: The connection string.
        most: Maximum number of connections of each event loop, and of those kept for code without an event loop.
        timeout: Seconds that one operation may take.
        prepare: Is called with the first connection of each event loop.

    Raises:
        ConfigurationError: psycopg is not installed.
    """

    def __init__(self, url: str, *, most: int, timeout: float, prepare: Callable[[AsyncConnection], Any]) -> None:
        # At the first delivery it would be too late: each one would be answered with 503.
        if any(find_spec(package) is None for package in _PACKAGES):
            raise ConfigurationError(_NOT_INSTALLED)
        self._url = url
        self._most = most
        self._timeout = timeout
        self._prepare = prepare
        self._pools: PerLoop[AsyncConnectionPool[AsyncConnection]] = PerLoop(self._open, self._close)
        self._kept = KeptConnections(most)

    def limit(self) -> OperationLimit:
        """Begin the time of an operation."""
        return OperationLimit(self._timeout)

    async def run(self, statements: str, values: Mapping[str, object]) -> list[list[tuple[Any, ...]]]:
        """Run statements in a transaction of their own. They may be sent again, so they must be safe to repeat.

        Returns:
            The rows of each statement that has rows.

        Raises:
            InboxError: PostgreSQL cannot be reached, refuses a statement, or did not answer in time.
        """
        limit = self.limit()

        async def execute_all(connection: AsyncConnection) -> list[list[tuple[Any, ...]]]:
            return await execute(connection, _ISOLATION + _LIMIT + statements, limit.values(values))

        with failures(limit):
            async with self.connection(limit, execute_all) as (_, found):
                return found

    @asynccontextmanager
    async def connection(
        self, limit: OperationLimit, first: Callable[[AsyncConnection], Awaitable[T]]
    ) -> AsyncGenerator[tuple[AsyncConnection, T]]:
        """Lend a connection on which a first step has succeeded. Errors are those of psycopg.

        A connection that broke while it was idle must not make a delivery fail: then the step is repeated on another
        one. Nothing is sent only to find out whether a connection still works, which would take as long as the step.

        Args:
            limit: The time limit of the step.
            first: The step. It must be safe to repeat.

        Yields:
            The connection, and what the step returned.
        """
        from psycopg import Error

        async with asyncio.timeout(limit.left()):
            pool = await self._pools.get()
        async with AsyncExitStack() as stack:
            while True:
                connection = await stack.enter_async_context(pool.connection(timeout=limit.left()))
                try:
                    with limit.on(connection):
                        found = await first(connection)
                    break
                except Error:
                    if limit.over or not connection.broken:
                        raise
                await stack.aclose()
            yield connection, found

    @contextmanager
    def connection_now(
        self, limit: OperationLimit, first: Callable[[Connection], T]
    ) -> Generator[tuple[Connection, T]]:
        """Do the same as `connection` without an event loop.

        The connection is kept for the next call if the block ends without an error, and closed otherwise. To open a
        connection, psycopg waits for at least 2 seconds before it gives up.
        """
        connection, found = self._begin_now(limit, first)
        try:
            yield connection, found
            with self.limit().on_now(connection):
                self._kept.keep(connection)
        except BaseException:
            connection.close()
            raise

    def _begin_now(self, limit: OperationLimit, first: Callable[[Connection], T]) -> tuple[Connection, T]:
        _check_installed()
        from psycopg import Error

        while True:
            kept = self._kept.take()
            connection = self._connect_now() if kept is None else kept
            try:
                with limit.on_now(connection):
                    return connection, first(connection)
            except BaseException as error:
                is_stale = kept is not None and connection.broken and not limit.over and isinstance(error, Error)
                connection.close()
                if not is_stale:
                    raise

    def _connect_now(self) -> Connection:
        import psycopg

        try:
            return psycopg.connect(self._url, **self._options())
        except Exception as error:
            failed = _without_address(error)
        raise failed  # not in the block above, where Python would attach the first error

    async def close(self) -> None:
        """Close the connections of the running event loop, and those that are kept for code without one."""
        self._kept.close()
        with failures(self.limit()):
            await self._pools.close()

    def _options(self) -> dict[str, Any]:
        # By default, psycopg prepares a statement that it has run five times, on any connection of the server.
        return {"autocommit": True, "prepare_threshold": None, "connect_timeout": max(2, round(self._timeout))}

    async def _open(self) -> AsyncConnectionPool[AsyncConnection]:
        _check_installed()
        from psycopg import AsyncConnection

        limit = self.limit()
        # The pool would retry, and report at the end only that it has no connection, not what is wrong.
        first = await self._connect(limit)
        try:
            with limit.on(first):
                await self._prepare(first)
        finally:
            await first.close()
        pool: AsyncConnectionPool[AsyncConnection] = _pool_class()(
            self._url,
            kwargs=self._options(),
            min_size=1,
            max_size=self._most,
            timeout=self._timeout,
            # The default is minutes. After the pool has given up, it tries again for the next claim.
            reconnect_timeout=self._timeout,
            open=False,
            connection_class=AsyncConnection,
        )
        await pool.open()
        return pool

    async def _connect(self, limit: OperationLimit) -> AsyncConnection:
        from psycopg import AsyncConnection

        try:
            async with asyncio.timeout(limit.left()):
                return await AsyncConnection.connect(self._url, **self._options())
        except Exception as error:
            failed = _without_address(error)
        raise failed  # not in the block above, where Python would attach the first error

    async def _close(self, pool: AsyncConnectionPool[AsyncConnection]) -> None:
        # A connection attempt may be under way; it ends after `connect_timeout`.
        await pool.close(timeout=max(2, round(self._timeout)) + 1)


class _Queue:
    """The queue of a pool's worker, which ends the worker if it was cancelled."""

    def __init__(self, queue: Any) -> None:
        self._queue = queue

    async def get(self) -> Any:
        """Return the next thing to do."""
        worker = asyncio.current_task()
        if worker is not None and worker.cancelling():
            raise asyncio.CancelledError
        return await self._queue.get()


@cache
def _pool_class() -> type[AsyncConnectionPool[AsyncConnection]]:
    """Return psycopg's pool, with workers that can be cancelled.

    A worker that is cancelled while it connects goes on as if nothing had happened. `asyncio.run` cancels all tasks at
    its end and waits for them, so it would wait forever.
    """
    from psycopg import AsyncConnection
    from psycopg_pool import AsyncConnectionPool

    class Pool(AsyncConnectionPool[AsyncConnection]):
        @classmethod
        async def worker(cls, q: Any) -> None:
            """Run the maintenance tasks of the pool."""
            queue: Any = _Queue(q)
            await super().worker(queue)

    return Pool


@contextmanager
def failures(limit: OperationLimit) -> Generator[None]:
    """Raise `InboxError` in place of every error of psycopg, of the network, and of the time limit."""
    _check_installed()
    from psycopg import Error

    try:
        yield
    except (Error, OSError) as error:  # TimeoutError is an OSError
        raise InboxError(_sentence(error, limit)) from error


def _without_address(error: Exception) -> Exception:
    """Return a copy of a connection error without the connection string, which psycopg's errors hold in many places."""
    from psycopg import Error, ProgrammingError

    if isinstance(error, ProgrammingError):
        return InboxError(
            "The connection string of the PostgreSQL inbox is not valid. Use one such as postgresql://user@host/database."
        )
    if isinstance(error, Error):
        return type(error)(str(error))
    error.__context__ = error.__cause__ = None
    return error.with_traceback(None)


def _sentence(error: Exception, limit: OperationLimit) -> str:
    from psycopg import Error
    from psycopg.errors import QueryCanceled
    from psycopg_pool import PoolTimeout

    if limit.over or isinstance(error, TimeoutError | QueryCanceled | PoolTimeout):
        return (
            f"The PostgreSQL inbox did not answer within {limit.seconds:g} seconds (timeout). Check that PostgreSQL"
            " runs and answers, and that nothing else locks the table wooshpay_inbox."
        )
    # Messages of PostgreSQL hold no password. The text of other errors may show the address, which may hold one.
    said = error.diag.message_primary if isinstance(error, Error) and error.sqlstate else None
    reason = f"{type(error).__name__}: {said}" if said else type(error).__name__
    return f"The PostgreSQL inbox does not work ({reason}). Check that PostgreSQL runs and answers."


def _check_installed() -> None:
    try:
        for package in _PACKAGES:
            import_module(package)
    except ImportError as error:  # psycopg without its extra "binary" also needs the library libpq
        raise InboxError(f"{_NOT_INSTALLED} ({error})") from None


async def execute(
    connection: AsyncConnection, statements: str, values: Mapping[str, object]
) -> list[list[tuple[Any, ...]]]:
    """Send statements in one message, and return the rows of each one that has rows."""
    from psycopg import AsyncClientCursor

    cursor: AsyncCursor = AsyncClientCursor(connection)
    await cursor.execute(statements.encode(), values)
    found: list[list[tuple[Any, ...]]] = []
    while True:
        if cursor.description is not None:
            found.append(await cursor.fetchall())
        if not cursor.nextset():
            return found


def execute_now(connection: Connection, statements: str, values: Mapping[str, object]) -> list[list[tuple[Any, ...]]]:
    """Do the same as `execute` without an event loop."""
    from psycopg import ClientCursor

    cursor: Cursor = ClientCursor(connection)
    cursor.execute(statements.encode(), values)
    found: list[list[tuple[Any, ...]]] = []
    while True:
        if cursor.description is not None:
            found.append(cursor.fetchall())
        if not cursor.nextset():
            return found
