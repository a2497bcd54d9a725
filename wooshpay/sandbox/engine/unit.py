"""Units of work: what a request changed is in the state file before its answer leaves, whole or not at all."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Sequence
from typing import NoReturn

from wooshpay.core.log_fields import log_fields
from wooshpay.sandbox.engine.errors import STATE_NOT_KEPT, SandboxError, bug
from wooshpay.sandbox.engine.facts import Facts
from wooshpay.sandbox.engine.journal import Journal, StateFileError
from wooshpay.sandbox.engine.keeping import Keeper, Row

_logger = logging.getLogger("wooshpay.sandbox")


class NotKept(SandboxError):
    """The state file could not be written, so the sandbox does nothing any more."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"The sandbox could not write to its state file ({reason}), so it stopped working:"
            " what this request did is lost. Mend the cause and start the sandbox again.",
            status=500,
            type="api_error",
            code=STATE_NOT_KEPT,
        )
        self.reason = reason


class Units:
    """Writes every unit of work to a state file.

    Memory is what the sandbox works with, and what it knows must never differ from the file. Where writing fails,
    they do differ, and no unit begins any more.

    Args:
        journal: The file.
        facts: The facts about the sandbox.
        parts: Its other parts.
    """

    def __init__(self, journal: Journal, facts: Facts, parts: Sequence[Keeper]) -> None:
        self._journal = journal
        self._facts = facts
        self._parts = (*parts, facts)
        self._failure: NotKept | None = None

    def restore(self) -> None:
        """Begin with what the file holds."""
        for part in self._parts:
            part.restore(self._journal.read(part.table))

    def resume(self) -> None:
        """Begin with what the file holds, when the sandbox starts.

        Raises:
            StateFileError: The file cannot be read, or what it holds is not what a sandbox writes.
        """
        try:
            self.restore()
        except StateFileError:
            raise
        except Exception as error:  # damaged bytes can break the reading of a row in any way
            raise StateFileError(
                f"The state file {self._journal.path} is damaged ({type(error).__name__}: {error}):"
                " give another path, or delete it to begin without its data."
            ) from error

    def begin(self) -> None:
        """Nothing more is done once a unit could not be written."""
        if self._failure is not None:
            raise NotKept(self._failure.reason)

    def save(self) -> None:
        """Write what has changed, if anything has."""
        try:
            changes = {part.table: rows for part in self._parts if (rows := part.changes())}
        except (TypeError, ValueError) as error:
            _logger.exception(
                "What was done cannot be kept in the state file, and is undone",
                extra=self._log_fields(error),
            )
            self.restore()
            raise bug() from None
        if changes:
            self._write({**changes, self._facts.table: [self._facts.row()]})

    def write_facts(self) -> None:
        """Write how far time and ids have come."""
        self._write({self._facts.table: [self._facts.row()]})

    def undo(self) -> None:
        """Let everything be as it is in the file."""
        try:
            if any(part.changes() for part in self._parts):
                self.restore()
        except Exception as error:
            self._fail(error)

    def close(self) -> None:
        """Write how far time and ids have come, and let the file go."""
        try:
            if self._failure is None:
                self.write_facts()
        finally:
            self._journal.close()

    def _write(self, changes: dict[str, Sequence[Row]]) -> None:
        try:
            self._journal.write(changes)
        except sqlite3.Error as error:
            self._fail(error)

    def _fail(self, error: Exception) -> NoReturn:
        _logger.error(
            "The state file %s could not be written: %s", self._journal.path, error, extra=self._log_fields(error)
        )
        self._failure = NotKept(str(error))
        raise self._failure from error

    def _log_fields(self, error: Exception) -> dict[str, object]:
        return log_fields(wooshpay_path=str(self._journal.path), wooshpay_error=type(error).__name__)
