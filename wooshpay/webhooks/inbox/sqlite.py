"""An inbox in an SQLite file: for any number of processes on one machine."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from os import PathLike, fspath, getpid
from typing import Any, Final, TypeVar

from wooshpay.errors import ClaimLost, InboxError
from wooshpay.webhooks.inbox.contract import (
    LEASE,
    RETENTION,
    Claim,
    Counts,
    Taken,
    check_times,
    new_claim,
    stored_id,
)
from wooshpay.webhooks.inbox.current import current_claim, settle
from wooshpay.webhooks.inbox.machine_clock import machine_moment, moments_of

T = TypeVar("T")

_TABLE: Final = (
    "CREATE TABLE IF NOT EXISTS wooshpay_inbox"
    " (id TEXT PRIMARY KEY, token TEXT NOT NULL, done INTEGER NOT NULL, expires REAL NOT NULL) WITHOUT ROWID",
    "CREATE INDEX IF NOT EXISTS wooshpay_inbox_expires ON wooshpay_inbox (expires)",
)
# Files of older versions lack these columns. `expires` is a time of the wall clock, `lapses` one of the uptime.
_COLUMNS: Final = {"boot": "TEXT", "lapses": "REAL"}
# Until the machine is started again, its uptime decides; after that, the wall clock. A worker of an older version that
# takes an event over changes the token and not `boot`. So `boot` includes the token: it then counts no longer.
_SAME_BOOT: Final = "wooshpay_inbox.boot = :boot || wooshpay_inbox.token"
# One statement: a free event is taken, a lapsed one taken over, and any other left alone.
_CLAIM: Final = (
    "INSERT INTO wooshpay_inbox (id, token, done, expires, boot, lapses)"  # noqa: S608  # made of constants
    " VALUES (:id, :token, 0, :now + :seconds, :boot || :token, :uptime + :seconds)"
    " ON CONFLICT (id) DO UPDATE SET token = excluded.token, done = 0, expires = excluded.expires,"
    " boot = excluded.boot, lapses = excluded.lapses"
    f" WHERE CASE WHEN {_SAME_BOOT} THEN wooshpay_inbox.lapses <= :uptime ELSE wooshpay_inbox.expires <= :now END"
    " RETURNING token"
)
_STATE: Final = "SELECT done FROM wooshpay_inbox WHERE id = :id"
_SET: Final = "UPDATE wooshpay_inbox SET expires = :now + :seconds, boot = :boot || :token, lapses = :uptime + :seconds"
_RENEW: Final = f"{_SET} WHERE id = :id AND token = :token AND done = 0"
_DONE: Final = f"{_SET}, done = 1 WHERE id = :id AND token = :token"
_GIVE_BACK: Final = "DELETE FROM wooshpay_inbox WHERE id = :id AND token = :token AND done = 0"
_COUNTS: Final = "SELECT total(done = 0), total(done = 1) FROM wooshpay_inbox"
# A claim whose lease ended a whole retention ago is of an event that nobody delivers any more.
_FORGET: Final = (
    "DELETE FROM wooshpay_inbox WHERE id IN (SELECT id FROM wooshpay_inbox"  # noqa: S608  # made of constants
    " WHERE expires <= :now AND expires <= :now - iif(done, 0, :seconds)"
    f" AND (CASE WHEN {_SAME_BOOT} THEN lapses <= :uptime - iif(done, 0, :seconds) ELSE 1 END)"
    " ORDER BY expires LIMIT 1000)"
)
# So often a claim also forgets what is old, in a bounded step.
_TIDY_EVERY: Final = 500
_LOOK_AGAIN: Final = 0.02
# Commits wait for the disk, so that a power cut does not forget that something is done.
_DURABLE: Final = "PRAGMA synchronous = FULL"
# Commits do not wait for the disk. A power cut may undo the latest of them, but only those after the last durable one.
_LIGHT: Final = "PRAGMA synchronous = NORMAL"
_of_parents: Final[list[sqlite3.Connection | None]] = []


class SqliteInbox:
    """Keeps the events in an SQLite file, in WAL mode. The file may hold your own tables too.

    The file must be on a disk of this machine: locks do not work on network file systems. Calls wait on a thread of
    their own, so an event loop goes on meanwhile.

    On Linux, leases and the retention are measured in the machine's uptime, so setting the clock changes nothing. For
    what was noted before the machine was started again, and on other systems, the wall clock decides.

    Args:
        path: The file; it is made when it is missing.
        lease: Seconds for which a claim holds unless it is renewed.
        retention: Seconds for which done events are remembered; at least 72 hours.
        timeout: Seconds that one operation may take, most of all to wait for another process that is writing. Then it
            fails with `InboxError`. `forget_old` works in steps, each of which may take so long.
        now: A clock that gives seconds since 1970, such as that of a test. It then decides alone about leases and the
            retention. Default: the machine's clocks, as described above.
    """

    def __init__(
        self,
        path: str | PathLike[str],
        *,
        lease: float = LEASE,
        retention: float = RETENTION,
        timeout: float = 30.0,
        now: Callable[[], float] | None = None,
    ) -> None:
        check_times(lease, retention, timeout)
        self.lease = lease
        self.retention, self.any_loop = retention, True
        self._path = fspath(path)
        self._timeout = timeout
        self._moment = machine_moment if now is None else moments_of(now)
        self._lock = threading.Lock()
        self._process = getpid()
        self._thread: ThreadPoolExecutor | None = None
        self._connection: sqlite3.Connection | None = None
        # For how long SQLite waits for other writers, in twentieths of the limit.
        self._waits: int | None = None
        self._claims = 0

    # ---- the contract

    async def claim(self, event_id: str) -> Claim | Taken:
        """Take an event."""
        # A power cut also ends the worker that holds the claim, so nothing is lost if it undoes the claim.
        return await self._run(lambda connection, deadline: self._claim(connection, deadline, event_id), _LIGHT)

    async def renew(self, claim: Claim) -> bool:
        """Hold an event for another lease."""
        return await self._run(lambda connection, _: self._changed(connection, _RENEW, claim, self.lease), _LIGHT)

    async def done(self, claim: Claim) -> bool:
        """Note that an event is done."""
        return await self._run(lambda connection, _: self._changed(connection, _DONE, claim, self.retention))

    async def give_back(self, claim: Claim) -> None:
        """Let the next delivery run the event again."""
        await self._run(lambda connection, _: self._changed(connection, _GIVE_BACK, claim))

    async def counts(self) -> Counts:
        """How many events there are."""
        held, done = await self._run(lambda connection, _: connection.execute(_COUNTS).fetchone())
        return Counts(int(held), int(done))

    async def forget_old(self) -> int:
        """Forget the events whose retention has ended."""
        count = 0
        while step := await self._run(lambda connection, _: self._forget(connection)):
            count += step
        return count

    async def close(self) -> None:
        """Close the file."""
        closed = self._begin_to_close()
        if closed is not None:
            await asyncio.wrap_future(closed)

    # ---- beyond the contract

    @contextmanager
    def transaction(self) -> Generator[sqlite3.Connection]:
        """Write rows of your own together with "done", inside a handler: both happen, or neither.

        The connection is in a transaction that is committed when the block ends, and rolled back when it raises. It
        holds the file's write lock, so keep the block short. In an async handler it blocks the event loop; a plain
        ``def`` handler is the better place. Errors of your own statements reach you as SQLite raises them.

        Raises:
            ClaimLost: Another worker took the event over; nothing was written.
            InboxError: The file cannot be read or written; nothing was written.
            RuntimeError: No handler of a receiver with this inbox is running here. Or the transaction ended before the
                block did, as with ``commit()``, ``rollback()`` or ``with connection:`` inside it.
        """
        claim = current_claim(self)
        with _as_inbox_error():
            connection = self._open(time.monotonic() + self._timeout)
        with closing(connection):
            with _as_inbox_error():
                connection.execute("BEGIN IMMEDIATE")
                if not self._changed(connection, _DONE, claim, self.retention):
                    raise _lost(claim)
            # If the block raises, closing the connection rolls back.
            yield connection
            if not connection.in_transaction:
                raise RuntimeError(
                    "The inbox's transaction ended before its block did, so your rows were not written together with"
                    ' "done". Do not use commit(), rollback() or "with connection:" inside the block, and let SQLite\'s'
                    " errors leave it."
                )
            with _as_inbox_error():
                connection.execute("COMMIT")
            settle(self)

    def close_now(self) -> None:
        """Close the file, from code that cannot await."""
        closed = self._begin_to_close()
        if closed is not None:
            closed.result()

    # ---- the connection and its thread

    async def _run(self, work: Callable[[sqlite3.Connection, float], T], sync: str = _DURABLE) -> T:
        deadline = time.monotonic() + self._timeout
        with self._lock:
            future = self._executor().submit(self._work, work, deadline, sync)
        return await asyncio.wrap_future(future)

    def _executor(self) -> ThreadPoolExecutor:
        self._reset_after_fork()
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix="wooshpay-inbox")
        return self._thread

    def _reset_after_fork(self) -> None:
        """Drop the parent's thread and connection in a forked process, where neither can be used."""
        if self._process != getpid():
            # SQLite forbids even to close a connection in a forked process, so it is kept for good.
            _of_parents.append(self._connection)
            self._process, self._thread, self._connection = getpid(), None, None

    def _begin_to_close(self) -> Future[None] | None:
        with self._lock:
            self._reset_after_fork()
            thread, self._thread = self._thread, None
            if thread is None:
                return None
            closed = thread.submit(self._close_connection)
        # The thread ends when it has closed the connection; what was called before is done first.
        thread.shutdown(wait=False)
        return closed

    def _work(self, work: Callable[[sqlite3.Connection, float], T], deadline: float, sync: str) -> T:
        with _as_inbox_error():
            if self._connection is None:
                self._connection, self._waits = self._open(deadline), None
            self._limit(self._connection, deadline)
            self._connection.execute(sync)
            return work(self._connection, deadline)

    def _limit(self, connection: sqlite3.Connection, deadline: float) -> None:
        """Set the time limit of the thread's connection, unless it is already right to within a twentieth."""
        step = self._timeout / 20
        waits = round((deadline - time.monotonic()) / step)
        if waits != self._waits:
            self._waits = waits
            _limit(connection, time.monotonic() + waits * step)

    def _open(self, deadline: float) -> sqlite3.Connection:
        while True:
            # Transactions are begun by hand, so that none is open by accident.
            connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
            try:
                _limit(connection, deadline)
                _prepare(connection)
                return connection
            except sqlite3.OperationalError as error:
                connection.close()
                # To switch to WAL, SQLite does not wait for others that have just opened the file.
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                    raise
            except BaseException:
                connection.close()
                raise
            time.sleep(_LOOK_AGAIN)

    def _close_connection(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with _as_inbox_error():
                connection.close()

    # ---- the work

    def _claim(self, connection: sqlite3.Connection, deadline: float, event_id: str) -> Claim | Taken:
        self._claims += 1
        if self._claims % _TIDY_EVERY == 0:
            self._forget(connection)
            self._limit(connection, deadline)
        claim = new_claim(event_id)
        while True:
            values = self._values(claim, self.lease)
            # All rows are fetched, or the statement would stay open and not be committed.
            if connection.execute(_CLAIM, values).fetchall():
                return claim
            row = connection.execute(_STATE, values).fetchone()
            if row is not None:
                return "done" if row[0] else "held"
            # It was given back or forgotten between the two statements: it is free.

    def _changed(self, connection: sqlite3.Connection, statement: str, claim: Claim, seconds: float = 0.0) -> bool:
        return connection.execute(statement, self._values(claim, seconds)).rowcount > 0

    def _forget(self, connection: sqlite3.Connection) -> int:
        return connection.execute(_FORGET, {**self._moment()._asdict(), "seconds": self.retention}).rowcount

    def _values(self, claim: Claim, seconds: float) -> dict[str, Any]:
        now, boot, uptime = self._moment()
        return {
            "id": stored_id(claim.event_id),
            "token": claim.token,
            "now": now,
            "boot": boot,
            "uptime": uptime,
            "seconds": seconds,
        }


def _limit(connection: sqlite3.Connection, deadline: float) -> None:
    """Make SQLite wait for other writers until the deadline, and no longer."""
    left = max(0, round((deadline - time.monotonic()) * 1000))
    connection.execute(f"PRAGMA busy_timeout = {left}")


def _prepare(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(_DURABLE)
    if not _missing_columns(connection):
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        for statement in _TABLE:
            connection.execute(statement)
        for name in _missing_columns(connection):
            connection.execute(f"ALTER TABLE wooshpay_inbox ADD COLUMN {name} {_COLUMNS[name]}")
        connection.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):  # the connection is closed after this, which rolls back too
            connection.execute("ROLLBACK")
        raise


def _missing_columns(connection: sqlite3.Connection) -> list[str]:
    found = {row[1] for row in connection.execute("PRAGMA table_info (wooshpay_inbox)")}
    return [name for name in _COLUMNS if name not in found]


@contextmanager
def _as_inbox_error() -> Generator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise InboxError(
            f"The SQLite inbox does not work: {error}. Check the file, its folder and the disk."
        ) from error


def _lost(claim: Claim) -> ClaimLost:
    return ClaimLost(
        f"The lease on event {claim.event_id} ended and another worker took it over; nothing was written."
        " Give the inbox a longer lease, or make the handler faster."
    )
