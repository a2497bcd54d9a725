"""The transaction of a handler: a `transaction.atomic` block whose first statement marks the event as done.

Django and some drivers report no error where COMMIT does not write everything. At COMMIT, PostgreSQL rolls back a
transaction in which a statement had failed. If the handler itself executed COMMIT or ROLLBACK, some rows are missing.
The event would then count as done without its rows. So a savepoint is created at the beginning and released at the end,
which fails in all of these cases.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Final, NoReturn, TypeAlias

from django.db import DatabaseError, Error, connections, transaction

from wooshpay.core.loops import in_event_loop, threads_are_greenlets
from wooshpay.errors import InboxError
from wooshpay.webhooks.inbox.django.failures import failures, inbox_error, is_of_the_connection
from wooshpay.webhooks.inbox.django.operation import begin_atomic, drop_if_stuck, is_in_transaction

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper
    from django.db.transaction import Atomic

    First: TypeAlias = Callable[[BaseDatabaseWrapper], bool]
    Begun: TypeAlias = tuple[Atomic, str | None, bool]

_IN_ASYNC_CODE = (
    "transaction() of a DjangoInbox cannot be used in async code, because Django has no async transactions. Write the"
    " handler as a plain def, or put the block into a plain function and call it with: await"
    " inbox.run_in_transaction(function, ...)"
)
_NO_SAVEPOINT_ON_MYSQL: Final = 1305


class InboxTransaction(AbstractContextManager[None]):
    """The block ``with inbox.transaction():``.

    Args:
        block: Makes the block itself.
    """

    def __init__(self, block: Callable[[], AbstractContextManager[None]]) -> None:
        self._make = block
        self._block: AbstractContextManager[None] | None = None

    def __enter__(self) -> None:
        _refuse_on_event_loop()
        block = self._make()
        block.__enter__()
        self._block = block

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        block, self._block = self._block, None
        assert block is not None
        block.__exit__(kind, error, traceback)

    async def __aenter__(self) -> NoReturn:
        """Refuse ``async with``."""
        raise RuntimeError(_IN_ASYNC_CODE)

    async def __aexit__(self, *error: object) -> None:
        """Do nothing: the block was not entered."""


@contextmanager
def atomic(
    alias: str, first: First, *, refuse: Callable[[], Exception], committed: Callable[[], None]
) -> Generator[None]:
    """Run a block in `transaction.atomic`. It ends without an error only if everything was written.

    Args:
        alias: The database.
        first: Runs the first statement. It returns whether the block may begin.
        refuse: Creates the error that is raised if it may not.
        committed: Called when the outermost transaction is committed.
    """
    connection = connections[alias]
    with failures(connection):
        block, savepoint, may_begin = _begin(connection, first)
    try:
        raw = connection.connection
        try:
            if not may_begin:
                raise refuse()
            # A function that the handler registers may raise an exception, so this one comes first.
            transaction.on_commit(committed, using=alias)
            yield
            _check(connection, savepoint)
        except BaseException as error:
            block.__exit__(*sys.exc_info())
            # Django opens another connection if it cannot roll back.
            if isinstance(error, Error) and (connection.connection is not raw or connection.closed_in_transaction):
                raise _broken(connection) from error
            raise
        try:
            block.__exit__(None, None, None)
        except Error as error:
            if is_of_the_connection(connection, error) or (connection.vendor == "sqlite" and _is_busy(error)):
                raise inbox_error(connection, error) from error
            raise  # such as a foreign key that is checked at COMMIT
    finally:
        drop_if_stuck(connection)


def _begin(connection: BaseDatabaseWrapper, first: First) -> Begun:
    """Begin the transaction. If an idle connection turns out to be broken, begin it on a new one."""
    drop_if_stuck(connection)
    if not is_in_transaction(connection):
        connection.close_if_unusable_or_obsolete()
    try:
        return _try_to_begin(connection, first)
    except Error as error:
        drop_if_stuck(connection)
        if is_in_transaction(connection) or not is_of_the_connection(connection, error):
            raise
    connection.close()
    return _try_to_begin(connection, first)


def _try_to_begin(connection: BaseDatabaseWrapper, first: First) -> Begun:
    block = begin_atomic(connection)
    try:
        # Released at the end.
        savepoint = connection.savepoint()
        return block, savepoint, first(connection)
    except BaseException:
        block.__exit__(*sys.exc_info())
        raise


def _check(connection: BaseDatabaseWrapper, savepoint: str | None) -> None:
    """Raise if the transaction is not open any more, or can only be rolled back."""
    if connection.connection is None or connection.closed_in_transaction:
        raise _broken(connection)
    if connection.needs_rollback:
        raise RuntimeError(
            "A statement in the inbox's transaction had failed and its error was caught, so Django rolls everything"
            " back. Let the error leave the block, or put the statement into a savepoint, with transaction.atomic()."
        )
    try:
        connection.savepoint_commit(savepoint)  # type: ignore[arg-type]
    except DatabaseError as error:
        if not _has_no_savepoint(connection, error):
            raise _broken(connection) from error
        raise RuntimeError(
            "The inbox's transaction had failed or ended before its block did. Do not execute COMMIT, ROLLBACK or, on"
            " MySQL, CREATE TABLE inside the block. If a statement of yours may fail, put it into a savepoint, with"
            " transaction.atomic()."
        ) from error


def _has_no_savepoint(connection: BaseDatabaseWrapper, error: DatabaseError) -> bool:
    """Return whether the connection works, and only the transaction is gone or has failed."""
    if connection.vendor == "postgresql":
        return not connection.connection.closed
    return connection.vendor == "sqlite" or error.args[:1] == (_NO_SAVEPOINT_ON_MYSQL,)


def _broken(connection: BaseDatabaseWrapper) -> InboxError:
    return InboxError(
        f"The connection to the database {connection.alias!r} broke inside the inbox's transaction. Nothing was"
        " written."
    )


def _is_busy(error: Error) -> bool:
    return "locked" in str(error)


def _refuse_on_event_loop() -> None:
    # Under gevent, the receiver's event loop seems to run in the greenlet of every request.
    if in_event_loop() and not threads_are_greenlets():
        raise RuntimeError(_IN_ASYNC_CODE)
