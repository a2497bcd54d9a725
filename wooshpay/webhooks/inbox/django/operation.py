"""One operation of a `DjangoInbox`: it runs in a thread, and an event loop waits for it for a limited time."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from django.db import Error, transaction

from wooshpay.webhooks.inbox.django.failures import inbox_error, is_of_the_connection, not_in_time

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper
    from django.db.transaction import Atomic

T = TypeVar("T")


class InboxOperation(Generic[T]):
    """Work on a connection that can be given up from another thread.

    Args:
        work: Does the work on a connection. It may be called twice.
        timeout: Seconds after which it is given up.

    Attributes:
        begun: Whether a thread has begun the work.
    """

    def __init__(self, work: Callable[[BaseDatabaseWrapper], T], timeout: float) -> None:
        self._work = work
        self._timeout = timeout
        self._lock = threading.Lock()
        self._given_up = False
        self._connection: BaseDatabaseWrapper | None = None
        self.begun = False

    def run(self, connection: BaseDatabaseWrapper) -> T:
        """Do the work. If an idle connection turns out to be broken, do it again on a new one.

        Raises:
            InboxError: The database failed, or the operation was given up.
        """
        with self._lock:
            if self._given_up:
                raise not_in_time(connection.alias, self._timeout)
            self.begun = True
            self._connection = connection
        try:
            return self._run(connection)
        except Error as error:
            if self._is_given_up():
                # Do not check whether the connection works: some drivers connect again for that, and would wait again.
                connection.close()
                raise not_in_time(connection.alias, self._timeout) from error
            raise inbox_error(connection, error) from error
        finally:
            with self._lock:
                self._connection = None

    def prevent(self) -> None:
        """Prevent it from beginning. If it has begun, it goes on."""
        self._given_up = True

    def give_up(self) -> None:
        """Prevent it from beginning. If it has begun, shut its connection down, so that its thread is free again."""
        with self._lock:
            self._given_up = True
            if self._connection is not None:
                shut_down(self._connection)

    def _is_given_up(self) -> bool:
        """Return whether another thread gave it up meanwhile."""
        return self._given_up

    def _run(self, connection: BaseDatabaseWrapper) -> T:
        drop_if_stuck(connection)
        idle = connection.connection is not None
        if is_in_transaction(connection):
            # In a savepoint, an error of this statement does not break the transaction around it.
            with ExitStack() as stack:
                stack.push(begin_atomic(connection).__exit__)
                return self._work(connection)
        try:
            return self._work(connection)
        except Error as error:
            if not idle or self._given_up or not is_of_the_connection(connection, error):
                raise
        connection.close()
        return self._work(connection)


def is_in_transaction(connection: BaseDatabaseWrapper) -> bool:
    """Return whether a transaction that somebody else will commit is open on a connection."""
    return connection.in_atomic_block or (connection.connection is not None and not connection.autocommit)


def drop_if_stuck(connection: BaseDatabaseWrapper) -> None:
    """Close a connection that broke while Django ended its transaction.

    Django keeps it, with autocommit off. To whatever comes next in this thread, it looks like a transaction of others.
    """
    if connection.connection is None or connection.in_atomic_block or connection.autocommit or _works(connection):
        return
    with suppress(Error):  # the driver may have closed it already
        connection.close()


def begin_atomic(connection: BaseDatabaseWrapper) -> Atomic:
    """Enter `transaction.atomic`, and return it.

    If autocommit is off and the connection is broken, Django takes the connection to be in the block for ever, although
    the block was not entered. Then no view could use the database in this thread any more.
    """
    block = transaction.atomic(using=connection.alias)
    was_in_block = connection.in_atomic_block
    try:
        block.__enter__()
    except BaseException:
        connection.in_atomic_block = was_in_block
        raise
    return block


def _works(connection: BaseDatabaseWrapper) -> bool:
    raw: Any = connection.connection
    # PyMySQL would connect again if it were asked, and the transaction would be another one.
    if getattr(raw, "closed", False) or not getattr(raw, "open", True):
        return False
    try:
        return connection.is_usable()
    except Exception:
        return False


def shut_down(connection: BaseDatabaseWrapper) -> None:
    """Make the driver, which waits for the server in another thread, see the end of the connection."""
    raw: Any = connection.connection
    try:
        number: int = raw.fileno() if hasattr(raw, "fileno") else raw._sock.fileno()  # the latter is PyMySQL's
        copy = socket.socket(fileno=os.dup(number))
    except Exception:
        return  # it is not connected, or it has no socket, as SQLite
    with copy:
        try:
            copy.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # the other side has closed it already
