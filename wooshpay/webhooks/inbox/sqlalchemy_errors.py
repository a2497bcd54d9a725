"""The errors of databases and their drivers, for `SqlAlchemyInbox`.

Some pass if the operation is tried again. All others become an `InboxError` that says what to do.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Final, Literal, TypeAlias

from sqlalchemy import URL
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from wooshpay.errors import InboxError

Kind: TypeAlias = Literal["busy", "missing", "other version", "read-only", "slow", "autocommit"]

# By SQLSTATE on PostgreSQL, and by number on MySQL and MariaDB.
_CODES: Final[Mapping[str | int, Kind]] = {
    "40001": "busy",  # serialization failure
    "40P01": "busy",  # deadlock
    1020: "busy",  # the row has changed since the transaction began to read
    1205: "busy",  # lock wait timeout
    1213: "busy",  # deadlock
    "42P01": "missing",
    "3F000": "missing",  # the schema
    1049: "missing",  # the database
    1146: "missing",
    "42703": "other version",  # no such column
    "42804": "other version",  # another type
    "42883": "other version",  # no operator for the type
    "23502": "other version",  # a further column that must not be null
    1054: "other version",
    1364: "other version",  # a further column without a default
    "25006": "read-only",
    1290: "read-only",
    1792: "read-only",
    1836: "read-only",
    "57014": "slow",  # statement timeout
    "55P03": "slow",  # lock timeout
    "25P01": "autocommit",  # no transaction has begun
}
# SQLite has one code for most errors, so only its messages distinguish them.
_MESSAGES: Final[Mapping[str, Kind]] = {
    "is locked": "busy",
    "no such table": "missing",
    "no such column": "other version",
    "has no column named": "other version",
    "NOT NULL constraint failed": "other version",
    "readonly database": "read-only",
}


class TimeLimit:
    """The time that one operation may take. It begins when this object is created.

    Args:
        seconds: The length.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._ends = time.monotonic() + seconds
        self._given_up = False

    @property
    def over(self) -> bool:
        """Return whether the time is over, or nobody waits for the operation any more."""
        return self._given_up or time.monotonic() >= self._ends

    @property
    def left(self) -> float:
        """Return the seconds until it ends."""
        return max(0.001, self._ends - time.monotonic())

    def give_up(self) -> None:
        """Note that nobody waits for the operation any more."""
        self._given_up = True


class OutOfTime(Exception):
    """The time limit of an operation ended before its transaction was committed."""


def kind_of(error: BaseException) -> Kind | None:
    """Return what kind of error a database reported, or ``None`` if it is another one."""
    raised = error.orig if isinstance(error, DBAPIError) else None
    if raised is None:
        return None
    state: object = getattr(raised, "sqlstate", None) or getattr(raised, "pgcode", None)
    number: object = raised.args[0] if raised.args else None
    for code in (state, number):
        if isinstance(code, (str, int)) and code in _CODES:
            return _CODES[code]
    text = str(raised)
    return next((kind for part, kind in _MESSAGES.items() if part in text), None)


def passes(error: DBAPIError) -> bool:
    """Return whether an operation may succeed if it is tried again at once.

    A connection that broke while it was idle is one of those: SQLAlchemy then opens a new one.
    """
    return error.connection_invalidated or kind_of(error) == "busy"


@contextmanager
def failures(limit: TimeLimit, table: str, url: URL) -> Generator[None]:
    """Raise `InboxError` in place of every error of SQLAlchemy, of the network, and of the time limit."""
    try:
        yield
    except (SQLAlchemyError, OSError, OutOfTime) as error:  # TimeoutError is an OSError
        raise InboxError(_sentence(error, limit, table, url)) from error


def _sentence(error: Exception, limit: TimeLimit, table: str, url: URL) -> str:
    if isinstance(error, PoolTimeout):
        return (
            "The SQLAlchemy inbox got no connection: all connections of the engine's pool are in use. Use a"
            " larger pool_size, or shorten the transactions of the application."
        )
    kind = kind_of(error)
    said = _said(error, url)
    match kind:
        case "missing":
            return (
                f"The table {table} of the SQLAlchemy inbox does not exist ({said}). Create it once: with the create()"
                " of the inbox, or with an Alembic migration of SqlAlchemyInbox.define_table(metadata)."
            )
        case "other version":
            return (
                f"The table {table} does not have the columns that this version of the SQLAlchemy inbox needs ({said})."
                " Change it with an Alembic migration of SqlAlchemyInbox.define_table(metadata)."
            )
        case "read-only":
            return (
                f"The database of the SQLAlchemy inbox is read-only ({said}). Create the inbox with an engine that may"
                " write, such as that of the primary server."
            )
        case "autocommit":
            return (
                "The engine of the SQLAlchemy inbox is in AUTOCOMMIT mode, which has no transactions. Pass"
                ' engine.execution_options(isolation_level="READ COMMITTED") to the inbox.'
            )
        case "busy":
            return (
                f"Another transaction conflicted with that of the SQLAlchemy inbox ({said}). Nothing was written, and"
                " WooshPay delivers the event again. If this happens often, shorten the application's transactions, or"
                " use a lower isolation level, such as READ COMMITTED."
            )
        case "slow":
            pass
        case _:
            if not isinstance(error, (TimeoutError, OutOfTime)):
                return f"The SQLAlchemy inbox does not work ({said}). Check that the database runs and answers."
    return (
        f"The database of the SQLAlchemy inbox did not answer within {limit.seconds:g} seconds (timeout). Check that it"
        f" runs and answers, and that nothing else locks the table {table}."
    )


def _said(error: Exception, url: URL) -> str:
    raised = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    lines = str(raised).strip().splitlines()
    text = lines[0].rstrip(".") if lines else ""
    # Drivers quote the server, which does not know the password. But an address that cannot be read may be quoted too.
    if not text or (url.password and str(url.password) in text):
        return type(raised).__name__
    return f"{type(raised).__name__}: {text}"
