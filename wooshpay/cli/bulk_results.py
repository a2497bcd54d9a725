"""The results of ``wooshpay bulk``, row by row, as CSV or JSON Lines."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Container, Iterator
from itertools import islice
from pathlib import Path
from typing import IO, Any, Final

import attrs
import click

from wooshpay.bulk import RowResult, Run
from wooshpay.bulk.files import JSON_LINES
from wooshpay.bulk.sqlite import peek
from wooshpay.cli.bulk_journals import ROWS_TO_KNOW, files_of, is_same_file
from wooshpay.cli.files import open_new_private
from wooshpay.cli.spreadsheets import guarded, unguarded
from wooshpay.core.json import is_object

_FIELDS: Final = tuple(field.name for field in attrs.fields(RowResult) if field.name != "object")
STANDARD_OUTPUT: Final = "-"


class Results:
    """Writes results, one by one. The file is opened for the first of them: a run that is refused leaves it as it was.

    Args:
        path: The file, or ``-`` for standard output.
        replace: Whether a file that exists is overwritten.
    """

    def __init__(self, path: Path, *, replace: bool) -> None:
        self.path = path
        self._replace = replace
        self._file: IO[str] | None = None
        self._put: Callable[[RowResult], object] | None = None

    def write(self, result: RowResult) -> None:
        """Write one result.

        Raises:
            click.ClickException: The file cannot be written.
        """
        try:
            if self._put is None:
                self._put = self._open()
            self._put(result)
        except BrokenPipeError:
            raise
        except OSError as error:
            raise self._failed(error) from error

    def close(self) -> None:
        """Close the file.

        Raises:
            click.ClickException: The rest of it cannot be written.
        """
        file, self._file = self._file, None
        if file is None:
            return
        try:
            file.close()
        except OSError as error:
            raise self._failed(error) from error

    def _open(self) -> Callable[[RowResult], object]:
        if str(self.path) == STANDARD_OUTPUT:
            # Escaped, as not every terminal can show every character.
            return lambda result: print(json.dumps(_facts(result)), flush=True)  # noqa: T201  # what was asked for
        file = self._file = open_new_private(self.path, replace=self._replace)
        if is_json_lines(self.path):
            return lambda result: print(json.dumps(_facts(result), ensure_ascii=False), file=file, flush=True)
        table = csv.DictWriter(file, _FIELDS, lineterminator="\n")
        table.writeheader()
        return lambda result: table.writerow({name: _cell(value) for name, value in _facts(result).items()})

    def _failed(self, error: OSError) -> click.ClickException:
        return click.ClickException(
            f"The results cannot be written to {self.path}: {error.strerror or error}. The journal holds the result of"
            " each row that was sent: run the same again, and every row is written."
        )


def find_place(
    asked: Path | None, *, file: Path, ids: Container[str], journal: Path, run: Run, overwrite: bool
) -> Results:
    """Return where to write the results, so that no other file is lost.

    A run that is resumed overwrites its own results, since it writes every row again. Those of another run, those of
    rows that were removed from the file, and other files are overwritten only when the user says so.

    Args:
        asked: The file that the user named. Default: FILE.results.csv, or the next free FILE.results.2.csv.
        file: The file of the rows.
        ids: The IDs of the rows.
        journal: The journal.
        run: The run.
        overwrite: Whether the user said that a file which is there may be overwritten.

    Raises:
        click.UsageError: They cannot go there.
    """
    number = 1
    while True:
        path = asked or file.with_name(f"{file.name}.results{'' if number == 1 else f'.{number}'}.csv")
        check_place(path, file=file, journal=journal)
        there = str(path) != STANDARD_OUTPUT and path.exists()
        if not there or overwrite or may_replace(path, ids, journal, run):
            return Results(path, replace=there)
        if asked is not None:
            raise click.UsageError(
                f"--results {path} exists, and this run did not write it, or rows in it are no longer in {file}."
                " Nothing was sent. Name another file, or add --overwrite."
            )
        number += 1


def check_place(path: Path, *, file: Path, journal: Path) -> None:
    """Refuse to write results over the input or the journal, however the path is spelled, or through a link.

    Raises:
        click.UsageError: The results must go elsewhere.
    """
    if str(path) == STANDARD_OUTPUT:
        return
    for other, called in [(file, "the file of the rows"), *((place, "the journal") for place in files_of(journal))]:
        if is_same_file(path, other):
            raise click.UsageError(
                f"--results {path} is {called}, which would be overwritten. Name another file for the results."
            )
    if path.is_symlink():
        raise click.UsageError(
            f"--results {path} is a symbolic link, through which nothing is written. Name the file that it points to,"
            " or - for standard output."
        )
    if not path.parent.is_dir():
        raise click.UsageError(f"--results {path}: there is no folder {path.parent}.")


def may_replace(path: Path, ids: Container[str], journal: Path, run: Run) -> bool:
    """Return whether existing results may be overwritten unasked: this run wrote them, and will write each row again.

    They hold the idempotency key of each row, and so does the journal.

    Args:
        path: The results.
        ids: The IDs of the rows that are in the file now.
        journal: The journal.
        run: The run.
    """
    if not path.is_file():
        return path.exists()
    try:
        # A run that is killed may leave half of a line at the end.
        text = path.read_text("utf-8")
        if text and "\n" not in text:
            return False
        found = dict(_rows_of(text[: text.rfind("\n") + 1], json_lines=is_json_lines(path)))
    except (OSError, UnicodeDecodeError, csv.Error, _NotResultsError):
        return False
    if not found:
        return True
    if any(row not in ids for row in found):
        return False
    _, known = peek(journal, run, islice(found, ROWS_TO_KNOW))
    return any(entry.key == found[row] for row, entry in known.items())


def is_json_lines(path: Path) -> bool:
    """Return whether results go to this file as JSON Lines."""
    return path.suffix.lower() in JSON_LINES


class _NotResultsError(ValueError):
    """The file was not written by this command."""


def _rows_of(text: str, *, json_lines: bool) -> Iterator[tuple[str, str]]:
    """Go through the IDs and keys of results."""
    if not json_lines:
        table = csv.DictReader(io.StringIO(text, newline=""))
        if text.strip() and tuple(table.fieldnames or ()) != _FIELDS:
            raise _NotResultsError
        yield from ((unguarded(row["row"]), row["idempotency_key"] or "") for row in table)
        return
    # Not by `splitlines`, which divides at characters that JSON allows within a text.
    for line in filter(None, text.split("\n")):
        try:
            value = json.loads(line)
        except ValueError:
            value = None
        if not is_object(value) or "idempotency_key" not in value:
            raise _NotResultsError
        yield str(value.get("row")), str(value["idempotency_key"])


def _facts(result: RowResult) -> dict[str, Any]:
    return {field: getattr(result, field) for field in _FIELDS}


def _cell(value: Any) -> Any:
    return guarded(value) if isinstance(value, str) else value
