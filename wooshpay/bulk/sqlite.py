"""A journal in an SQLite file: for one machine."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from os import PathLike, fspath, getpid
from pathlib import Path
from typing import Any, Final, TypeAlias

import attrs

from wooshpay.bulk.journal import Change, Entry, Run, RunChange, RunEntry
from wooshpay.bulk.outbox import SqliteOutbox
from wooshpay.errors import JournalError

_FIELDS: Final = tuple(field.name for field in attrs.fields(Entry))
_RUN_FIELDS: Final = tuple(field.name for field in attrs.fields(RunEntry))
# The tables have the names that versions up to 0.1 gave them, with other columns: neither can take a file of the other
# for its own, and do its rows again.
_SCHEMA: Final = (
    "CREATE TABLE IF NOT EXISTS wooshpay_bulk_runs (run TEXT PRIMARY KEY, identity TEXT NOT NULL, secret TEXT NOT NULL,"
    " mode TEXT NOT NULL, host TEXT NOT NULL, accounts TEXT NOT NULL, passes INTEGER NOT NULL, latest REAL NOT NULL,"
    " finished_at REAL) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS wooshpay_bulk_rows (run TEXT NOT NULL, id TEXT NOT NULL, fingerprint TEXT NOT NULL,"
    " generation INTEGER NOT NULL, key TEXT NOT NULL, state TEXT NOT NULL, sent_at REAL NOT NULL,"
    " tries INTEGER NOT NULL, seen INTEGER, object_id TEXT, status TEXT, error TEXT, code TEXT, PRIMARY KEY (run, id))"
    " WITHOUT ROWID",
)
_CHECKPOINT: Final = "PRAGMA wal_checkpoint(PASSIVE)"
_COLUMNS: Final = "SELECT name FROM pragma_table_info(?)"
_READ_RUN: Final = f"SELECT {', '.join(_RUN_FIELDS)} FROM wooshpay_bulk_runs WHERE run = ?"  # noqa: S608  # names of ours
_WRITE_RUN: Final = (
    f"INSERT OR REPLACE INTO wooshpay_bulk_runs (run, {', '.join(_RUN_FIELDS)})"  # noqa: S608  # names of ours
    f" VALUES ({', '.join('?' * (len(_RUN_FIELDS) + 1))})"
)
_READ: Final = f"SELECT {', '.join(_FIELDS)} FROM wooshpay_bulk_rows WHERE run = ? AND id = ?"  # noqa: S608  # names of ours
_WRITE: Final = (
    f"INSERT OR REPLACE INTO wooshpay_bulk_rows (run, id, {', '.join(_FIELDS)})"  # noqa: S608  # names of ours
    f" VALUES ({', '.join('?' * (len(_FIELDS) + 2))})"
)
# So many changes go to the disk together, at most.
_BATCH: Final = 500
_LOOK_AGAIN: Final = 0.02

Work: TypeAlias = Callable[[sqlite3.Connection], Any]
_Item: TypeAlias = "tuple[Work, Future[Any]] | None"
# Returned by a change after which a request will be sent.
_TO_BE_SENT: Final = object()


def peek(path: str | PathLike[str], run: Run, row_ids: Iterable[str]) -> tuple[RunEntry | None, dict[str, Entry]]:
    """Read a run from a file that may or may not be a journal, without changing the file.

    Args:
        path: The file.
        run: The run.
        row_ids: The rows to look for.

    Returns:
        The entry of the run, and those of the rows that it knows; nothing if the file is not such a journal.
    """
    try:
        connection = sqlite3.connect(f"{Path(path).absolute().as_uri()}?mode=ro", uri=True)
    except sqlite3.Error:
        return None, {}
    try:
        runs = connection.execute(_READ_RUN, (run.id,)).fetchall()
        found = {row_id: connection.execute(_READ, (run.id, row_id)).fetchone() for row_id in row_ids}
    except sqlite3.Error:
        return None, {}
    finally:
        connection.close()
    return _run_entry(runs[0]) if runs else None, {row_id: _entry(row) for row_id, row in found.items() if row}


class SqliteJournal:
    """Keeps the entries in an SQLite file, in WAL mode. Changes that come at once are written in one go.

    The file must be on a disk of this machine. Its tables can be read with any SQLite tool. It may be moved and renamed
    while no run uses it.

    Args:
        path: The file. If it is missing, it is created so that only its owner can read it.
        busy: Seconds to wait for another process that is writing.
    """

    def __init__(self, path: str | PathLike[str], *, busy: float = 30.0) -> None:
        self._path = fspath(path)
        self._busy = busy
        self._lock = threading.Lock()
        self._process = getpid()
        self._thread: threading.Thread | None = None
        self._queue: queue.SimpleQueue[_Item] = queue.SimpleQueue()

    async def change_run(self, run: Run, change: RunChange, /) -> None:
        """Change the entry of a run."""

        def work(connection: sqlite3.Connection) -> object:
            found = connection.execute(_READ_RUN, (run.id,)).fetchall()
            entry = change(_run_entry(found[0]) if found else None)
            if entry is None:
                return None
            values = {**attrs.asdict(entry), "accounts": json.dumps(entry.accounts)}
            connection.execute(_WRITE_RUN, (run.id, *values.values()))
            return _TO_BE_SENT

        await self._do(work)

    async def change(self, run: Run, row_id: str, change: Change, /) -> None:
        """Change the entry of a row."""

        def work(connection: sqlite3.Connection) -> object:
            found = connection.execute(_READ, (run.id, row_id)).fetchall()
            entry = change(_entry(found[0]) if found else None)
            if entry is None:
                return None
            connection.execute(_WRITE, (run.id, row_id, *attrs.astuple(entry)))
            return _TO_BE_SENT if entry.state == "started" else None

        await self._do(work)

    def outbox(self) -> SqliteOutbox:
        """Return the outbox in the same file, for `wooshpay.bulk.celery`."""
        return SqliteOutbox(self._do)

    async def close(self) -> None:
        """Close the file."""
        with self._lock:
            thread, self._thread = self._thread, None
            if thread is None or self._process != getpid():
                return
            self._queue.put(None)
        await asyncio.to_thread(thread.join)

    # ---- the thread that writes

    async def _do(self, work: Work) -> Any:
        future: Future[Any] = Future()
        with self._lock:
            if self._process != getpid():
                # Neither threads nor SQLite's connections go through a fork.
                self._process, self._thread, self._queue = getpid(), None, queue.SimpleQueue()
            if self._thread is None:
                self._queue = queue.SimpleQueue()
                self._thread = threading.Thread(
                    target=_serve, args=(self._path, self._busy, self._queue), name="wooshpay-journal", daemon=True
                )
                self._thread.start()
            self._queue.put((work, future))
        return await asyncio.wrap_future(future)


def _serve(path: str, busy: float, waiting: queue.SimpleQueue[_Item]) -> None:
    connection: sqlite3.Connection | None = None
    going = True
    while going:
        item = waiting.get()
        batch = [item]
        while item is not None and len(batch) < _BATCH and not waiting.empty():
            item = waiting.get()
            batch.append(item)
        going = item is not None
        works = [each for each in batch if each is not None]
        try:
            if connection is None and works:
                connection = _open(path, busy)
            if connection is not None and works:
                _write(connection, works)
        except Exception as error:  # handed to those who wait
            _fail(works, error)
    if connection is not None:
        connection.close()


def _entry(values: Sequence[Any]) -> Entry:
    return Entry(**dict(zip(_FIELDS, values, strict=True)))


def _run_entry(values: Sequence[Any]) -> RunEntry:
    fields: dict[str, Any] = dict(zip(_RUN_FIELDS, values, strict=True))
    return RunEntry(**{**fields, "accounts": json.loads(fields["accounts"])})


def _create(path: str) -> None:
    """Create the file for its owner only, since it holds personal data. SQLite gives its companions the same mode."""
    if path == ":memory:":
        return
    if os.path.islink(path):
        raise JournalError(
            f"The journal {path} is a symbolic link, through which nothing is written. Name the file that it points to."
        )
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, flags, 0o600))


def _check_format(connection: sqlite3.Connection, path: str) -> None:
    columns = {name for (name,) in connection.execute(_COLUMNS, ("wooshpay_bulk_runs",)).fetchall()}
    if columns.isdisjoint({"identity", "secret"}):
        raise JournalError(
            f"The journal {path} was written by an earlier version of wooshpay, and cannot be read any more. Nothing"
            " was sent. Finish its run with that version. With a new journal every row is sent again, so check"
            " first which of them were done."
        )


def _open(path: str, busy: float) -> sqlite3.Connection:
    deadline = time.monotonic() + busy
    try:
        _create(path)
    except OSError as error:
        raise JournalError(
            f"The journal {path} cannot be created: {error.strerror or error}. Check the file, its folder and the disk."
        ) from error
    while True:
        # Transactions are begun by hand, so that none is open by accident.
        connection = sqlite3.connect(path, timeout=busy, isolation_level=None)
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            # A power cut must not forget what was sent.
            connection.execute("PRAGMA synchronous = FULL")
            for statement in _SCHEMA:
                connection.execute(statement)
            _check_format(connection, path)
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


def _write(connection: sqlite3.Connection, works: list[tuple[Work, Future[Any]]]) -> None:
    """Do the works in one transaction: nobody is told that his is done before it is on the disk."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        results = [work(connection) for work, _ in works]
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    if any(result is _TO_BE_SENT for result in results):
        # What is sent is copied from FILE-wal into the file itself first: somebody who moves the file of a killed run
        # may leave FILE-wal behind. The result may be lost in this way; then the row is sent again with the same key.
        connection.execute(_CHECKPOINT).fetchall()
    for (_, future), result in zip(works, results, strict=True):
        _finish(future, result)


def _finish(future: Future[Any], result: Any) -> None:
    # It is canceled where nobody waits any more.
    if future.set_running_or_notify_cancel():
        future.set_result(result)


def _fail(works: list[tuple[Work, Future[Any]]], error: Exception) -> None:
    for _, future in works:
        if future.set_running_or_notify_cancel():
            future.set_exception(_journal_error(error) if isinstance(error, sqlite3.Error) else error)


def _journal_error(error: sqlite3.Error) -> JournalError:
    failed = JournalError(f"The journal does not work: {error}. Check the file, its folder and the disk.")
    failed.__cause__ = error
    return failed
