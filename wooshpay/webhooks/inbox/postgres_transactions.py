"""A transaction of PostgreSQL that begins with a statement of the inbox, and goes on with those of a handler.

BEGIN, the first statement, COMMIT and ROLLBACK have a time limit, and their errors become `InboxError`. The handler's
statements have no limit, and their errors reach the handler as they are.

psycopg reports no error where PostgreSQL answers COMMIT by rolling back a transaction that had failed, and none if the
connection broke. An event would count as done without its rows. So the state is checked before COMMIT.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    AsyncExitStack,
    ExitStack,
    asynccontextmanager,
    contextmanager,
)
from typing import TYPE_CHECKING, Final

from wooshpay.errors import InboxError
from wooshpay.webhooks.inbox.postgres_connections import PostgresConnections, execute, execute_now, failures

if TYPE_CHECKING:
    from psycopg import AsyncConnection, Connection

# PostgreSQL's limit is for the first statement alone.
_LIMITED: Final = "SET LOCAL statement_timeout = %(limit)s; {}; SET LOCAL statement_timeout TO DEFAULT"


@asynccontextmanager
async def transaction(
    connections: PostgresConnections, first: str, values: Mapping[str, object], refuse: Callable[[], Exception]
) -> AsyncGenerator[AsyncConnection]:
    """Run a block in a transaction. It ends without an error only if everything was committed or `Rollback` was raised.

    Args:
        connections: Lend the connection.
        first: The first statement. It has to return a row.
        values: The values in it.
        refuse: Makes the error that is raised if it returns none.

    Yields:
        The connection.
    """
    begin = connections.limit()
    async with AsyncExitStack() as stack:
        with failures(begin):
            connection, block = await stack.enter_async_context(connections.connection(begin, _begin))
        try:
            with failures(begin), begin.on(connection):
                rows = await execute(connection, _LIMITED.format(first), begin.values(values))
            if not rows[0]:
                raise refuse()
            yield connection
            _check(connection)
        except BaseException as error:
            with connections.limit().on(connection):
                rolled_back_on_purpose = await block.__aexit__(type(error), error, error.__traceback__)
            if not rolled_back_on_purpose:
                _raise_if_broken(connection, error)
                raise
        else:
            end = connections.limit()
            with failures(end), end.on(connection):
                await block.__aexit__(None, None, None)


@contextmanager
def transaction_now(
    connections: PostgresConnections, first: str, values: Mapping[str, object], refuse: Callable[[], Exception]
) -> Generator[Connection]:
    """Do the same as `transaction` without an event loop."""
    begin = connections.limit()

    def begin_now(connection: Connection) -> tuple[AbstractContextManager[object], bool]:
        block = connection.transaction()
        block.__enter__()
        return block, bool(execute_now(connection, _LIMITED.format(first), begin.values(values))[0])

    with ExitStack() as stack:
        with failures(begin):
            connection, (block, is_ours) = stack.enter_context(connections.connection_now(begin, begin_now))
        try:
            if not is_ours:
                raise refuse()
            yield connection
            _check(connection)
        except BaseException as error:
            with connections.limit().on_now(connection):
                rolled_back_on_purpose = block.__exit__(type(error), error, error.__traceback__)
            if not rolled_back_on_purpose:
                _raise_if_broken(connection, error)
                raise
        else:
            end = connections.limit()
            with failures(end), end.on_now(connection):
                block.__exit__(None, None, None)


async def _begin(connection: AsyncConnection) -> AbstractAsyncContextManager[object]:
    block = connection.transaction()
    await block.__aenter__()
    return block


def _check(connection: AsyncConnection | Connection) -> None:
    """Raise if the transaction is not open any more, or can only be rolled back."""
    from psycopg.pq import TransactionStatus

    if connection.closed:
        raise InboxError("The connection to PostgreSQL broke inside the inbox's transaction. Nothing was written.")
    status = connection.info.transaction_status
    if status == TransactionStatus.INERROR:
        raise RuntimeError(
            "A statement in the inbox's transaction had failed and its error was caught, so PostgreSQL rolls everything"
            " back. Let the error leave the block, or put the statement into a savepoint: connection.transaction()."
        )
    if status != TransactionStatus.INTRANS:
        raise RuntimeError(
            "The inbox's transaction ended before its block did. Do not execute COMMIT or ROLLBACK inside the block."
        )


def _raise_if_broken(connection: AsyncConnection | Connection, error: BaseException) -> None:
    """Raise `InboxError` if the handler's statement failed because the inbox's own connection is gone."""
    from psycopg import Error

    if connection.broken and isinstance(error, Error):
        raise InboxError(
            "The connection to PostgreSQL broke inside the inbox's transaction. Nothing was written."
        ) from error
