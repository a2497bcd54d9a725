"""The state file: tables of JSON in SQLite, written one unit of work at a time."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from wooshpay.sandbox.engine.keeping import Row

TABLES: Final = ("facts", "objects", "alarms", "keys", "deliveries")
# Marks the file as a sandbox's: "Woos".
_APPLICATION: Final = 0x576F6F73
# To be counted up when what stands in the tables changes its form.
_FORMAT: Final = 1


class StateFileError(Exception):
    """The state file cannot be used; the message says why."""


class Journal:
    """An open state file. No other sandbox can open it until it is closed or its process is gone.

    What was written stays when the process is killed. Only where the machine itself loses power may the last moments
    be missing (SQLite's ``synchronous=NORMAL``); the file as such is whole even then.

    Args:
        path: Where it is; it is made if need be.

    Raises:
        StateFileError: The file is none of a sandbox, or one of another version, or in use, or cannot be opened.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        try:
            # It holds keys: nobody else on this machine is to read them.
            os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        except FileExistsError:
            # Whoever made the link would else choose which file is written, and who can read the keys in it.
            if self.path.is_symlink():
                raise StateFileError(
                    f"The state file {self.path} is a symbolic link: give the path of the file itself."
                ) from None
        except OSError as error:
            raise StateFileError(f"The state file {self.path} cannot be made: {error.strerror}.") from None
        try:
            self._connection = sqlite3.connect(self.path, timeout=0.2, isolation_level=None, check_same_thread=False)
        except sqlite3.Error as error:
            raise StateFileError(f"The state file {self.path} cannot be opened: {error}.") from None
        try:
            self._open()
        except BaseException:
            self._connection.close()
            raise

    def read(self, table: str) -> Iterator[Row]:
        """What a table holds, in order."""
        rows = self._connection.execute(f"SELECT id, body, place FROM {table} ORDER BY place")  # noqa: S608  # a name of ours
        return (Row(id, body, place) for id, body, place in rows)

    def write(self, changes: Mapping[str, Sequence[Row]]) -> None:
        """Write rows, all of them or, with an error, none.

        Raises:
            sqlite3.Error: They could not be written.
        """
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            for table, rows in changes.items():
                gone = [(row.id,) for row in rows if row.body is None]
                kept = [(row.id, row.place, row.body) for row in rows if row.body is not None]
                if gone:
                    self._connection.executemany(f"DELETE FROM {table} WHERE id = ?", gone)  # noqa: S608  # a name of ours
                if kept:
                    self._connection.executemany(
                        f"INSERT INTO {table} (id, place, body) VALUES (?, ?, ?)"  # noqa: S608  # a name of ours
                        " ON CONFLICT (id) DO UPDATE SET place = excluded.place, body = excluded.body",
                        kept,
                    )
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise

    def close(self) -> None:
        """Let others open the file. Nothing is left beside it."""
        self._connection.close()

    def _open(self) -> None:
        try:
            # The lock lasts as long as the connection.
            self._connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._check()
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = NORMAL")
            self._connection.execute("BEGIN EXCLUSIVE")
            for table in TABLES:
                self._connection.execute(
                    f"CREATE TABLE IF NOT EXISTS {table}"
                    " (id TEXT PRIMARY KEY, place INTEGER NOT NULL, body BLOB NOT NULL)"
                )
            self._connection.execute(f"PRAGMA application_id = {_APPLICATION}")
            self._connection.execute(f"PRAGMA user_version = {_FORMAT}")
            self._connection.execute("COMMIT")
        except sqlite3.DatabaseError as error:
            if "locked" in str(error) or "busy" in str(error):
                problem = "is in use by another sandbox: stop that one, or give this one another file"
            elif "not a database" in str(error) or "malformed" in str(error):
                problem = (
                    "is not a state file of a sandbox, or is damaged: pass another path, or delete it to start again"
                )
            else:
                problem = f"cannot be opened: {error}"
            raise StateFileError(f"The state file {self.path} {problem}.") from None

    def _check(self) -> None:
        (application,) = self._connection.execute("PRAGMA application_id").fetchone()
        (tables,) = self._connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        if not tables and not application:
            return
        if application != _APPLICATION:
            raise StateFileError(f"{self.path} is a database, but not a state file of a sandbox: give another path.")
        (found,) = self._connection.execute("PRAGMA user_version").fetchone()
        if found != _FORMAT:
            raise StateFileError(
                f"The state file {self.path} was written by another version of wooshpay"
                f" (format {found}, not {_FORMAT}): use that version, or another file."
            )
