"""The formats of an export. Each is written in pieces that end whole, so that an interrupted one can go on."""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Final, Protocol

from wooshpay.cli.export.columns import Column, Kind, cells
from wooshpay.core.json import Json, JsonObject, dumps, loads

# What a spreadsheet takes for a formula, and a customer may have typed. A phone number is none.
_FORMULA: Final = re.compile(r"[=+\-@\t\r]")
_PLAIN_NUMBER: Final = re.compile(r"[+-]?[\d .()/-]*")

_BATCH: Final = 5_000
_ARROW: Final[dict[Kind, str]] = {"text": "string", "integer": "int64", "number": "float64", "boolean": "bool_"}


class Format(Protocol):
    """How objects become a file."""

    def head(self) -> bytes:
        """What the file begins with."""
        ...

    def rows(self, objects: Iterable[JsonObject]) -> bytes:
        """What is added for some objects."""
        ...

    def finish(self, part: Path, target: Path) -> None:
        """Make the file of the part that holds all rows. The part is gone afterwards."""
        ...


class JsonLines:
    """One object on each line: whole as it came, or only some columns of it."""

    def __init__(self, columns: Sequence[Column] = ()) -> None:
        self._columns = columns

    def head(self) -> bytes:
        """Nothing."""
        return b""

    def rows(self, objects: Iterable[JsonObject]) -> bytes:
        """A line for each."""
        return b"".join(dumps(self._chosen(data)) + b"\n" for data in objects)

    def finish(self, part: Path, target: Path) -> None:
        """The part is the file."""
        os.replace(part, target)

    def _chosen(self, data: JsonObject) -> JsonObject:
        return {column.name: column.of(data) for column in self._columns} if self._columns else data


class Csv:
    """A table for spreadsheets: UTF-8 with headings.

    A text that a spreadsheet would run as a formula gets an apostrophe before it.
    """

    def __init__(self, columns: Sequence[Column]) -> None:
        self._columns = columns

    def head(self) -> bytes:
        """The headings."""
        return self._written([[column.name for column in self._columns]])

    def rows(self, objects: Iterable[JsonObject]) -> bytes:
        """A row for each."""
        return self._written([_safe(value) for value in cells(self._columns, data)] for data in objects)

    def finish(self, part: Path, target: Path) -> None:
        """The part is the file."""
        os.replace(part, target)

    def _written(self, rows: Iterable[Sequence[Json]]) -> bytes:
        text = io.StringIO(newline="")
        csv.writer(text, lineterminator="\r\n").writerows(rows)
        # Half of a character pair, which JSON allows, has no place in UTF-8.
        return text.getvalue().encode("utf-8", "replace")


def _safe(value: Json) -> Json:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str) and _FORMULA.match(value) and not _PLAIN_NUMBER.fullmatch(value):
        return f"'{value}"
    return value


class Parquet:
    """A table for analysis, with typed columns. It is gathered as JSON first, as Parquet cannot be gone on with."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self._columns = columns

    def head(self) -> bytes:
        """Nothing."""
        return b""

    def rows(self, objects: Iterable[JsonObject]) -> bytes:
        """A line of cells for each."""
        return b"".join(dumps(cells(self._columns, data)) + b"\n" for data in objects)

    def finish(self, part: Path, target: Path) -> None:
        """Make the table, some thousand rows at a time."""
        import pyarrow as pa  # type: ignore[import-untyped]  # pyarrow has no types
        import pyarrow.parquet as pq  # type: ignore[import-untyped]  # as above

        arrow: Any = pa
        schema = arrow.schema([(column.name, getattr(arrow, _ARROW[column.kind])()) for column in self._columns])
        unfinished = target.with_name(f"{target.name}.table")
        writer: Any = pq.ParquetWriter
        with part.open("rb") as lines, writer(unfinished, schema) as table:
            for batch in _batches(lines):
                arrays = [arrow.array([row[index] for row in batch], field.type) for index, field in enumerate(schema)]
                table.write_batch(arrow.record_batch(arrays, schema=schema))
        os.replace(unfinished, target)
        part.unlink()


def _batches(lines: Iterable[bytes]) -> Iterator[list[list[Json]]]:
    rows = iter(lines)
    while batch := [loads(line) for line in islice(rows, _BATCH)]:
        yield batch
