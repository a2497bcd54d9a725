"""Connections to PostgreSQL for code without an event loop. They are kept, as opening one takes several milliseconds.

The next handler must not find the settings, temporary tables or locks of the one before. So the session of a connection
is reset with DISCARD ALL before the connection is kept, as connection poolers do.
"""

from __future__ import annotations

import weakref
from functools import cache
from os import getpid
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from psycopg import Connection
    from psycopg.pq.abc import PGconn

# Connections of the parent process. A forked process must not close them: that would end the session of the parent.
_of_parents: Final[list[Connection]] = []


class KeptConnections:
    """Keeps connections that are not in use. Several threads may use this object at the same time.

    Args:
        most: Maximum number of connections that are kept.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._process = getpid()
        self._idle: list[Connection] = []
        # Also closes them when the program ends without having closed the inbox.
        self._end = weakref.finalize(self, _close, self._idle, self._process)

    def take(self) -> Connection | None:
        """Return a connection, which may have broken meanwhile; ``None`` if there is none."""
        self._reset_after_fork()
        try:
            return self._idle.pop()
        except IndexError:
            return None

    def keep(self, connection: Connection) -> None:
        """Reset a connection and keep it. Close it if it cannot be reset, or if enough connections are kept."""
        from psycopg import Error

        try:
            if _reset(connection) and len(self._idle) < self._most and self._process == getpid():
                self._idle.append(_as_new(connection))
                return
        except Error:
            pass  # the transaction is committed, so the delivery has not failed
        connection.close()

    def close(self) -> None:
        """Close the connections that nobody uses now."""
        self._reset_after_fork()
        _close(self._idle, self._process)

    def _reset_after_fork(self) -> None:
        if self._process != getpid():
            _of_parents.extend(self._idle)
            self._process, self._idle = getpid(), []
            self._end.detach()
            self._end = weakref.finalize(self, _close, self._idle, self._process)


def _reset(connection: Connection) -> bool:
    """Reset the session on the server. Return false if the connection is still busy."""
    from psycopg import Cursor
    from psycopg.pq import PipelineStatus, TransactionStatus

    info = connection.info
    if info.transaction_status != TransactionStatus.IDLE or info.pipeline_status != PipelineStatus.OFF:
        return False
    Cursor(connection).execute("DISCARD ALL", prepare=False)
    return True


def _as_new(connection: Connection) -> Connection:
    """Move a session to a new object, without what a handler has registered with the old one.

    Those are functions for notices, and adapters such as those of ``set_json_loads`` and ``register_hstore``.
    """
    from psycopg import Connection as NewConnection
    from psycopg.rows import tuple_row

    new: Connection = NewConnection(connection.pgconn, tuple_row)
    new.autocommit, new.prepare_threshold = True, None
    connection.pgconn = _closed()  # whoever still has the old object gets errors, and no session of another handler
    return new


@cache
def _closed() -> PGconn:
    """Return what an object has whose connection is closed."""
    from psycopg.pq import PGconn

    closed = PGconn.connect_start(b"host=/")  # a folder without a server
    closed.finish()
    return closed


def _close(idle: list[Connection], process: int) -> None:
    while idle and process == getpid():
        idle.pop().close()
