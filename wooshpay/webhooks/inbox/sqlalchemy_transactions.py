"""A transaction of an SQLAlchemy session: it first marks the event as done, and then a handler writes its rows.

How it begins and how it ends is the same for a `Session` and for an `AsyncSession`. The handler's own errors reach the
handler as they are. Errors of the beginning and of the end become `InboxError`.

A database may have ended the transaction before the block ends, with or without an error that anybody saw: a raw COMMIT
or ROLLBACK, a statement that failed on PostgreSQL, CREATE TABLE on MySQL. So the block runs inside a savepoint. If the
savepoint cannot be released at the end, the transaction is not the same one any more.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from typing import Final, TypeVar

from sqlalchemy import Connection, event
from sqlalchemy.exc import DBAPIError, IntegrityError, PendingRollbackError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session, SessionTransaction

from wooshpay.errors import ClaimLost, InboxError
from wooshpay.webhooks.inbox.sqlalchemy_engines import (
    Attempts,
    LoopEngine,
    PlainEngine,
    ends_in_time,
    limit_on_server,
    pause,
    pause_now,
)
from wooshpay.webhooks.inbox.sqlalchemy_errors import TimeLimit

PlainS = TypeVar("PlainS", bound=Session)
LoopS = TypeVar("LoopS", bound=AsyncSession)

_SAVEPOINT: Final = "wooshpay_inbox"
_IN_FAILED_TRANSACTION: Final = "25P02"
_BROKEN: Final = "The connection to the database broke inside the inbox's transaction. Nothing was written."
_ENDED: Final = (
    "The inbox's transaction ended before its block did. Do not commit, roll back or close the session inside the"
    " block, and on MySQL and MariaDB do not create or alter tables there."
)
_FAILED: Final = (
    "A statement in the inbox's transaction had failed and its error was caught, so everything is rolled back. Let the"
    " error leave the block, or put the statement into a savepoint: session.begin_nested()."
)
_ELSEWHERE: Final = (
    "This session uses a second database connection inside the inbox's transaction, and what is written there would not"
    ' be written together with "done". Use a session_factory without binds and without a get_bind() of its own.'
)


class Writing:
    """One transaction: how it begins, and how it ends.

    Args:
        done: Marks the event as done. Returns false if the claim was lost.
        refuse: Creates the error for a claim that was lost.
    """

    def __init__(self, done: Callable[[Connection], bool], refuse: Callable[[], ClaimLost]) -> None:
        self._done = done
        self._refuse = refuse
        self._connection: Connection | None = None
        self._transaction: SessionTransaction | None = None
        self._begun_by_hand = False
        self._committing = False
        # Whether a COMMIT has begun and has not succeeded.
        self._unsure = False

    def begin(self, session: Session, limit: TimeLimit) -> None:
        """Begin, and mark the event as done.

        Raises:
            ClaimLost: Another worker has the event.
            DBAPIError: The database refused it. It may be tried again.
        """
        try:
            if not session.in_transaction():
                session.begin()  # a factory may have autobegin=False
            connection = self._connection = session.connection()
            self._begin_for_writing(connection)
            limit_on_server(connection, limit)
            connection.exec_driver_sql(f"SAVEPOINT {_SAVEPOINT}")
            if not self._done(connection):
                raise self._refuse()
            if connection.dialect.name == "postgresql":
                # The limit is not for the handler's statements.
                connection.exec_driver_sql("SET LOCAL statement_timeout TO DEFAULT")
        except BaseException:
            session.rollback()
            raise
        self._transaction = session.get_transaction()
        event.listen(connection, "commit", self._before_commit)
        event.listen(session, "after_begin", self._after_begin)

    def explain(self, error: BaseException) -> None:
        """Raise `InboxError` if the handler failed because the connection broke."""
        if isinstance(error, DBAPIError) and error.connection_invalidated:
            raise InboxError(_BROKEN) from error

    def flush(self, session: Session) -> None:
        """Write what the handler has added to the session. The errors are those of the handler.

        Raises:
            InboxError: The connection broke.
            RuntimeError: The transaction has ended or has failed.
        """
        if session.get_transaction() is not self._transaction or session.in_nested_transaction():
            raise RuntimeError(_ENDED)
        try:
            session.flush()
        except PendingRollbackError as error:
            raise self._lost(error, _FAILED) from error
        except DBAPIError as error:
            self.explain(error)
            raise
        if not session.is_active:
            raise RuntimeError(_FAILED)

    def commit(self, session: Session) -> IntegrityError | None:
        """Commit. Return the error if the database refuses the handler's rows only now, as deferred constraints do.

        Raises:
            InboxError: The connection broke.
            RuntimeError: The transaction has ended or has failed.
            SQLAlchemyError: The database did not commit.
        """
        connection = self._connection
        assert connection is not None
        try:
            connection.exec_driver_sql(f"RELEASE SAVEPOINT {_SAVEPOINT}")
        except (PendingRollbackError, DBAPIError) as error:
            failed = getattr(getattr(error, "orig", None), "sqlstate", None) == _IN_FAILED_TRANSACTION
            raise self._lost(error, _FAILED if failed else _ENDED) from error
        self._committing = True
        try:
            session.commit()
        except IntegrityError as error:
            return error
        self._unsure = False
        if self._begun_by_hand and _in_sqlite_transaction(connection):
            raise InboxError(
                "The SQLite connection of the engine did not commit, so nothing was written. Create the engine without"
                ' "autocommit" in connect_args.'
            )
        return None

    def release(self, connection: Connection) -> None:
        """Leave no transaction open on the connection when it goes back to the pool.

        When SQLAlchemy has begun a COMMIT, it regards the transaction as ended, even if the COMMIT failed. The next
        user of the connection would commit it.
        """
        if connection.invalidated:
            return
        if self._unsure or (self._begun_by_hand and _in_sqlite_transaction(connection)):
            connection.invalidate()

    def _begin_for_writing(self, connection: Connection) -> None:
        """Begin a transaction also where the driver would begin none, or one that first only reads."""
        match connection.dialect.name:
            case "sqlite":
                # A transaction that first reads is refused when it writes, if another process has written meanwhile.
                self._begun_by_hand = not _in_sqlite_transaction(connection)
                if self._begun_by_hand:
                    connection.exec_driver_sql("BEGIN IMMEDIATE")
            case "mysql" | "mariadb":
                connection.exec_driver_sql("BEGIN")
            case _:
                pass  # PostgreSQL refuses a savepoint where no transaction has begun.

    def _lost(self, error: Exception, otherwise: str) -> Exception:
        connection = self._connection
        invalidated = connection is not None and connection.invalidated
        if invalidated or (isinstance(error, DBAPIError) and error.connection_invalidated):
            return InboxError(_BROKEN)
        return RuntimeError(otherwise)

    def _before_commit(self, connection: Connection) -> None:
        self._unsure = True
        if not self._committing:
            raise RuntimeError(_ENDED)

    def _after_begin(self, session: Session, transaction: SessionTransaction, connection: Connection) -> None:
        if connection is not self._connection:
            raise RuntimeError(_ELSEWHERE)


@contextmanager
def plain_transaction(engine: PlainEngine, factory: Callable[..., PlainS], writing: Writing) -> Generator[PlainS]:
    """Run a block in a transaction of an `Engine`. It ends without an error only if everything was committed.

    Args:
        engine: The engine.
        factory: Creates the session, with the connection as ``bind``.
        writing: How it begins and ends.

    Yields:
        The session.
    """
    limit = engine.limit()
    engine.check()
    with ExitStack() as stack:
        with engine.errors(limit):
            connection = stack.enter_context(engine.engine.connect())
        stack.callback(writing.release, connection)
        session = factory(bind=connection)
        stack.enter_context(session)
        attempts = Attempts(limit)
        with engine.errors(limit):
            while True:
                try:
                    writing.begin(session, limit)
                    break
                except DBAPIError as error:
                    seconds = attempts.next(error)
                pause_now(seconds)
        try:
            yield session
        except BaseException as error:
            writing.explain(error)
            raise
        writing.flush(session)
        with engine.errors(engine.limit()):
            refused = writing.commit(session)
        if refused is not None:
            raise refused


@asynccontextmanager
async def loop_transaction(
    engine: LoopEngine, factory: Callable[..., LoopS], writing: Writing
) -> AsyncGenerator[LoopS]:
    """Do the same as `plain_transaction` on an `AsyncEngine`."""
    limit = engine.limit()
    engine.check()
    async with AsyncExitStack() as stack:
        attempts = Attempts(limit)
        with engine.errors(limit):
            async with asyncio.timeout(limit.left) as waiting:
                connection = await stack.enter_async_context(engine.connect())
                stack.push_async_callback(connection.run_sync, writing.release)
                session = factory(bind=connection)
                await stack.enter_async_context(session)
                while True:
                    try:
                        async with ends_in_time(connection, limit, waiting):
                            await session.run_sync(writing.begin, limit)
                        break
                    except DBAPIError as error:
                        seconds = attempts.next(error)
                    await pause(seconds)
        try:
            yield session
        except BaseException as error:
            writing.explain(error)
            raise
        await session.run_sync(writing.flush)
        end = engine.limit()
        with engine.errors(end):
            async with asyncio.timeout(end.left) as waiting, ends_in_time(connection, end, waiting):
                refused = await session.run_sync(writing.commit)
        if refused is not None:
            raise refused


def _in_sqlite_transaction(connection: Connection) -> bool:
    return bool(getattr(connection.connection.driver_connection, "in_transaction", False))
