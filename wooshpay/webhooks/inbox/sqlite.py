"""An inbox in an SQLite file: for any number of processes on one machine."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from os import PathLike, fspath, getpid
from typing import Final, TypeVar

from wooshpay.errors import ClaimLost, InboxError
from wooshpay.webhooks.inbox.contract import LEASE, RETENTION, Claim, Counts, Taken, check_times, new_claim
from wooshpay.webhooks.inbox.current import current_claim, settle

T = TypeVar("T")

_SCHEMA: Final = (
    "CREATE TABLE IF NOT EXISTS wooshpay_inbox"
    " (id TEXT PRIMARY KEY, token TEXT NOT NULL, done INTEGER NOT NULL, expires REAL NOT NULL) WITHOUT ROWID",
    "CREATE INDEX IF NOT EXISTS wooshpay_inbox_expires ON wooshpay_inbox (expires)",
)
# One statement: a free event is taken, a lapsed one taken over, and any other left alone.
_CLAIM: Final = (
    "INSERT INTO wooshpay_inbox (id, token, done, expires) VALUES (:id, :token, 0, :until)"
    " ON CONFLICT (id) DO UPDATE SET token = excluded.token, done = 0, expires = excluded.expires"
    " WHERE wooshpay_inbox.expires <= :now RETURNING token"
)
_STATE: Final = "SELECT done FROM wooshpay_inbox WHERE id = :id"
_RENEW: Final = "UPDATE wooshpay_inbox SET expires = :until WHERE id = :id AND token = :token AND done = 0"
_DONE: Final = "UPDATE wooshpay_inbox SET done = 1, expires = :until WHERE id = :id AND token = :token"
_GIVE_BACK: Final = "DELETE FROM wooshpay_inbox WHERE id = :id AND token = :token AND done = 0"
_COUNTS: Final = "SELECT total(done = 0), total(done = 1) FROM wooshpay_inbox"
_FORGET: Final = (
    "DELETE FROM wooshpay_inbox WHERE id IN"
    " (SELECT id FROM wooshpay_inbox WHERE expires <= :lapsed OR (expires <= :now AND done = 1)"
    " ORDER BY expires LIMIT 1000)"
)
# So often a claim also forgets what is old, in a bounded step.
_TIDY_EVERY: Final = 500
_LOOK_AGAIN: Final = 0.02


class SqliteInbox:
    """Keeps the events in an SQLite file, in WAL mode. The file may hold your own tables too.

    The file must be on a disk of this machine: locks do not work on network file systems. Calls wait on a thread of
    their own, so an event loop goes on meanwhile.

    Args:
        path: The file; it is made when it is missing.
        lease: Seconds for which a claim holds unless it is renewed.
        retention: Seconds for which done events are remembered; at least 72 hours.
        busy: Seconds to wait for another process that is writing.
        now: The time in seconds.
    """

    def __init__(
        self,
        path: str | PathLike[str],
        *,
        lease: float = LEASE,
        retention: float = RETENTION,
        busy: float = 30.0,
        now: Callable[[], float] = time.time,
    ) -> None:
        check_times(lease, retention)
        self.lease = lease
        self.retention, self.any_loop = retention, True
        self._path = fspath(path)
        self._retention = retention
        self._busy = busy
        self._now = now
        self._lock = threading.Lock()
        self._process = getpid()
        self._thread: ThreadPoolExecutor | None = None
        self._connection: sqlite3.Connection | None = None
        self._claims = 0

    # ---- the contract

    async def claim(self, event_id: str) -> Claim | Taken:
        """Take an event."""
        return await self._run(lambda connection: self._claim(connection, event_id))

    async def renew(self, claim: Claim) -> bool:
        """Hold an event for another lease."""
        until = self._now() + self.lease
        return await self._run(lambda connection: _changed(connection, _RENEW, claim, until))

    async def done(self, claim: Claim) -> bool:
        """Note that an event is done."""
        until = self._now() + self._retention
        return await self._run(lambda connection: _changed(connection, _DONE, claim, until))

    async def give_back(self, claim: Claim) -> None:
        """Let the next delivery run the event again."""
        await self._run(lambda connection: _changed(connection, _GIVE_BACK, claim))

    async def counts(self) -> Counts:
        """How many events there are."""
        held, done = await self._run(lambda connection: connection.execute(_COUNTS).fetchone())
        return Counts(int(held), int(done))

    async def forget_old(self) -> int:
        """Forget the events whose retention has ended."""
        return await self._run(self._forget_all)

    async def close(self) -> None:
        """Close the file."""
        self.close_now()

    # ---- beyond the contract

    @contextmanager
    def transaction(self) -> Generator[sqlite3.Connection]:
        """Write rows of your own together with "done", inside a handler: both happen, or neither.

        The connection is in a transaction that is committed when the block ends, and rolled back when it raises. It
        holds the file's write lock, so keep the block short. In an async handler it blocks the event loop; a plain
        ``def`` handler is the better place.

        Raises:
            ClaimLost: Another worker took the event over; nothing was written.
            InboxError: The file cannot be read or written; nothing was written.
            RuntimeError: No handler of a receiver with this inbox is running here.
        """
        claim = current_claim(self)
        connection = self._open()
        try:
            with _as_inbox_error():
                connection.execute("BEGIN IMMEDIATE")
                if not _changed(connection, _DONE, claim, self._now() + self._retention):
                    connection.execute("ROLLBACK")
                    raise _lost(claim)
            try:
                yield connection
            except BaseException:
                connection.rollback()
                raise
            with _as_inbox_error():
                connection.execute("COMMIT")
            settle(self)
        finally:
            connection.close()

    def close_now(self) -> None:
        """Close the file, from code that cannot await."""
        with self._lock:
            thread, self._thread = self._thread, None
        if thread is not None:
            thread.submit(self._close_connection).result()
            thread.shutdown()

    # ---- the connection and its thread

    async def _run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        return await asyncio.wrap_future(self._executor().submit(self._work, work))

    def _executor(self) -> ThreadPoolExecutor:
        with self._lock:
            if self._process != getpid():
                # Neither threads nor SQLite's connections go through a fork.
                self._process, self._thread, self._connection = getpid(), None, None
            if self._thread is None:
                self._thread = ThreadPoolExecutor(1, thread_name_prefix="wooshpay-inbox")
            return self._thread

    def _work(self, work: Callable[[sqlite3.Connection], T]) -> T:
        with _as_inbox_error():
            if self._connection is None:
                self._connection = self._open()
            return work(self._connection)

    def _open(self) -> sqlite3.Connection:
        deadline = time.monotonic() + self._busy
        with _as_inbox_error():
            while True:
                # Transactions are begun by hand, so that none is open by accident.
                connection = sqlite3.connect(
                    self._path, timeout=self._busy, isolation_level=None, check_same_thread=False
                )
                try:
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
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    # ---- the work

    def _claim(self, connection: sqlite3.Connection, event_id: str) -> Claim | Taken:
        self._claims += 1
        if self._claims % _TIDY_EVERY == 0:
            self._forget(connection)
        claim = new_claim(event_id)
        while True:
            now = self._now()
            values = {"id": event_id, "token": claim.token, "now": now, "until": now + self.lease}
            # All rows are fetched, or the statement would stay open and not be committed.
            if connection.execute(_CLAIM, values).fetchall():
                return claim
            row = connection.execute(_STATE, values).fetchone()
            if row is not None:
                return "done" if row[0] else "held"
            # It was given back or forgotten between the two statements: it is free.

    def _forget_all(self, connection: sqlite3.Connection) -> int:
        count = 0
        while True:
            step = self._forget(connection)
            count += step
            if step == 0:
                return count

    def _forget(self, connection: sqlite3.Connection) -> int:
        now = self._now()
        # A claim whose lease ended so long ago is of an event that nobody delivers any more.
        return connection.execute(_FORGET, {"now": now, "lapsed": now - self._retention}).rowcount


def _prepare(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA journal_mode = WAL")
    # A power cut must not forget that something is done.
    connection.execute("PRAGMA synchronous = FULL")
    for statement in _SCHEMA:
        connection.execute(statement)


@contextmanager
def _as_inbox_error() -> Generator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise InboxError(
            f"The SQLite inbox does not work: {error}. Check the file, its folder and the disk."
        ) from error


def _changed(connection: sqlite3.Connection, statement: str, claim: Claim, until: float = 0.0) -> bool:
    values = {"id": claim.event_id, "token": claim.token, "until": until}
    return connection.execute(statement, values).rowcount > 0


def _lost(claim: Claim) -> ClaimLost:
    return ClaimLost(
        f"The lease on event {claim.event_id} ended and another worker took it over; nothing was written."
        " Give the inbox a longer lease, or make the handler faster."
    )
