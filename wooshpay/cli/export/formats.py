"""The formats of an export. Each is written in pieces that end whole, so that an interrupted one can go on."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import IO, Any, Final, Protocol

from wooshpay.cli.export.columns import Column, Kind, cells
from wooshpay.cli.export.part import move
from wooshpay.cli.files import open_new_private
from wooshpay.cli.spreadsheets import guarded
from wooshpay.cli.texts import json_bytes
from wooshpay.core.json import Json, is_object, loads

_BATCH: Final = 5_000
_ARROW: Final[dict[Kind, str]] = {"text": "string", "integer": "int64", "number": "float64", "boolean": "bool_"}


class Format(Protocol):
    """How objects become a file."""

    def head(self) -> bytes:
        """What the file begins with."""
        ...

    def rows(self, entries: Iterable[Json]) -> bytes:
        """Return what is added for some entries of the list."""
        ...

    def finish(self, part: Path, target: Path, *, replace: bool = False) -> None:
        """Make the file of the part that holds all rows. The part is gone afterwards.

        Args:
            part: The part.
            target: The file.
            replace: Whether a file that is there is replaced.

        Raises:
            OSError: The file cannot be made.
        """
        ...


class JsonLines:
    """One object on each line: whole as it came, or only some columns of it."""

    def __init__(self, columns: Sequence[Column] = ()) -> None:
        self._columns = columns

    def head(self) -> bytes:
        """Nothing."""
        return b""

    def rows(self, entries: Iterable[Json]) -> bytes:
        """A line for each."""
        return b"".join(json_bytes(self._chosen(entry)) + b"\n" for entry in entries)

    def finish(self, part: Path, target: Path, *, replace: bool = False) -> None:
        """The part is the file."""
        move(part, target, replace=replace)

    def _chosen(self, entry: Json) -> Json:
        if not self._columns or not is_object(entry):
            return entry
        return {column.name: column.of(entry) for column in self._columns}


class Csv:
    """A table for spreadsheets: UTF-8 with headings.

    A text that a spreadsheet would run as a formula gets an apostrophe before it.
    """

    def __init__(self, columns: Sequence[Column]) -> None:
        self._columns = columns

    def head(self) -> bytes:
        """The headings."""
        return self._written([[_safe(column.name) for column in self._columns]])

    def rows(self, entries: Iterable[Json]) -> bytes:
        """A row for each."""
        return self._written([_safe(value) for value in cells(self._columns, entry, typed=False)] for entry in entries)

    def finish(self, part: Path, target: Path, *, replace: bool = False) -> None:
        """The part is the file."""
        move(part, target, replace=replace)

    def _written(self, rows: Iterable[Sequence[Json]]) -> bytes:
        text = io.StringIO(newline="")
        csv.writer(text, lineterminator="\r\n").writerows(rows)
        return text.getvalue().encode()


def _safe(value: Json) -> Json:
    if isinstance(value, bool):
        return "true" if value else "false"
    return guarded(value) if isinstance(value, str) else value


class Parquet:
    """A table for analysis, with typed columns. It is gathered as JSON first, as Parquet cannot be gone on with."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self._columns = columns

    def head(self) -> bytes:
        """Nothing."""
        return b""

    def rows(self, entries: Iterable[Json]) -> bytes:
        """A line of cells for each."""
        return b"".join(json_bytes(cells(self._columns, entry)) + b"\n" for entry in entries)

    def finish(self, part: Path, target: Path, *, replace: bool = False) -> None:
        """Make the table, some thousand rows at a time."""
        unfinished = part.with_name(f"{part.name}.table")
        # What an earlier run, which was killed while it made the table, left behind.
        unfinished.unlink(missing_ok=True)
        try:
            with open_new_private(unfinished, binary=True) as file, part.open("rb") as lines:
                self._write_table(file, lines)
            move(unfinished, target, replace=replace)
        except BaseException:
            unfinished.unlink(missing_ok=True)
            raise
        part.unlink()

    def _write_table(self, file: IO[bytes], lines: Iterable[bytes]) -> None:
        import pyarrow as pa  # type: ignore[import-untyped]  # pyarrow has no types
        import pyarrow.parquet as pq  # type: ignore[import-untyped]  # as above

        arrow: Any = pa
        writer: Any = pq.ParquetWriter
        schema = arrow.schema([(column.name, getattr(arrow, _ARROW[column.kind])()) for column in self._columns])
        with writer(file, schema) as table:
            for batch in _batches(lines):
                arrays = [arrow.array([row[index] for row in batch], field.type) for index, field in enumerate(schema)]
                table.write_batch(arrow.record_batch(arrays, schema=schema))


def _batches(lines: Iterable[bytes]) -> Iterator[list[list[Json]]]:
    rows = iter(lines)
    while batch := [loads(line) for line in islice(rows, _BATCH)]:
        yield batch
