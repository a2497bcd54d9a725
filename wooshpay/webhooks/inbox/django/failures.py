"""The errors of a `DjangoInbox` whose database fails.

The text of a driver's error is shown only if a statement failed. The text for a failed connection may contain the
address.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from django.db import DatabaseError, Error, InterfaceError, OperationalError

from wooshpay.errors import InboxError
from wooshpay.webhooks.inbox.django.statements import COLUMNS, TABLE

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper


@contextmanager
def failures(connection: BaseDatabaseWrapper) -> Generator[None]:
    """Raise `InboxError` in place of every error of the database."""
    try:
        yield
    except Error as error:
        raise inbox_error(connection, error) from error


def inbox_error(connection: BaseDatabaseWrapper, error: Error) -> InboxError:
    """Return the error with one sentence that says what happened and one that says what to do."""
    alias = connection.alias
    said = str(error).strip().partition("\n")[0]
    if any(text in said.lower() for text in ("readonly", "read-only", "read only")):
        return InboxError(
            f"The Django inbox cannot write to the database {alias!r}, because it is read-only ({said})."
            " Pass the alias of a database that can be written as using=, and check the rights of its user or file."
        )
    if connection.connection is None or _may_be_unreachable(connection, error):
        return InboxError(
            f"The Django inbox cannot reach the database {alias!r} ({type(error).__name__})."
            f" Check that it runs, and that DATABASES[{alias!r}] names its address, user and password."
        )
    return _table_error(connection) or InboxError(
        f"The database {alias!r} refused a statement of the Django inbox ({type(error).__name__}: {said})."
        " Check that it works, and that its user may SELECT, INSERT, UPDATE and DELETE in the table"
        f" {TABLE}."
    )


def not_in_time(alias: str, seconds: float) -> InboxError:
    """Return the error for an operation that took too long."""
    return InboxError(
        f"The Django inbox did not answer within {seconds:g} seconds (timeout). Check that the database {alias!r} runs"
        f" and answers, and that nothing else locks the table {TABLE}."
    )


def is_of_the_connection(connection: BaseDatabaseWrapper, error: BaseException) -> bool:
    """Return whether an error may mean that the connection broke. SQLite has none that could."""
    return connection.vendor != "sqlite" and isinstance(error, (OperationalError, InterfaceError))


def _may_be_unreachable(connection: BaseDatabaseWrapper, error: Error) -> bool:
    if not is_of_the_connection(connection, error):
        return False
    try:
        return not connection.is_usable()
    except Exception:
        return True


def _table_error(connection: BaseDatabaseWrapper) -> InboxError | None:
    """Compare the table with what this version expects, if the connection still works."""
    alias = connection.alias
    try:
        with connection.cursor() as cursor:
            if TABLE not in connection.introspection.table_names(cursor):
                return InboxError(
                    f"The database {alias!r} has no table {TABLE}. Run: python manage.py migrate wooshpay_webhooks"
                    f"{'' if alias == 'default' else f' --database={alias}'}"
                )
            columns = {column.name for column in connection.introspection.get_table_description(cursor, TABLE)}
    except DatabaseError:
        return None
    if columns == set(COLUMNS):
        return None
    return InboxError(
        f"The table {TABLE} in the database {alias!r} belongs to another version of wooshpay: it has the columns"
        f" {', '.join(sorted(columns))}. Install the version that the migrations were run with, or run the migrations"
        f" of the installed one: python manage.py migrate wooshpay_webhooks"
        f"{'' if alias == 'default' else f' --database={alias}'}"
    )
