"""Rows in files: CSV with a header, or JSON Lines. Read line by line, so that a file may be of any size."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import attrs

from wooshpay.bulk.rows import Row
from wooshpay.core.json import Json, JsonObject, is_object
from wooshpay.describe.operations import Facts
from wooshpay.describe.values import DuplicateKey, ValueProblem, read_arguments, type_at, without_duplicates
from wooshpay.errors import ConfigurationError

JSON_LINES: Final = (".jsonl", ".ndjson")
BY_LINE: Final = "line"
"""The word that users write instead of a column to identify rows by their number."""


@attrs.frozen
class BadRow:
    """A row that cannot be read.

    Attributes:
        line: Where it ends in the file, from 1; ``None`` if the problem names its place itself.
        problem: What is wrong, free of secrets.
    """

    line: int | None
    problem: str

    def __str__(self) -> str:
        return self.problem if self.line is None else f"line {self.line}: {self.problem}"


@attrs.frozen(kw_only=True)
class Table:
    """A file of rows for one operation.

    In CSV a column is a place, such as ``amount``, ``metadata.order`` or ``payment_method_data.card.number``, and an
    empty cell leaves it out. In JSON Lines each line is an object in the API's own names.

    Attributes:
        path: The file; by its ending it is JSON Lines, or else CSV.
        facts: The operation.
        id_column: The column, or place, that holds the id of each row. Where the operation knows it as a parameter, it
            is that, too. Without one, a row's id is its number.
        ignored: Columns that say nothing to WooshPay.
    """

    path: Path
    facts: Facts
    id_column: str | None = None
    ignored: frozenset[str] = frozenset()

    def read(self) -> Iterator[Row | BadRow]:
        """Go through the rows; those that cannot be read say why.

        Raises:
            ConfigurationError: The file cannot be read, or its header has a column that means nothing.
        """
        try:
            yield from self._json_lines() if self.path.suffix.lower() in JSON_LINES else self._csv()
        except OSError as error:
            raise ConfigurationError(f"{self.path} cannot be read: {error.strerror or error}.") from error
        except UnicodeDecodeError:
            raise ConfigurationError(f"{self.path} is not UTF-8: save it as that.") from None

    # ---- CSV

    def _csv(self) -> Iterator[Row | BadRow]:
        # Excel begins a file with a mark of its encoding.
        with self.path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            try:
                header = [name.strip() for name in next(reader, ())]
                sent = self._check_header(header)
                number = 0
                for cells in reader:
                    if any(cells):
                        number += 1
                        yield self._csv_row(
                            dict(zip(header, cells, strict=False)), sent, cells, number, reader.line_num
                        )
            except csv.Error as error:
                yield BadRow(reader.line_num, f"is no CSV: {error}")

    def _check_header(self, header: list[str]) -> frozenset[str]:
        """Return the columns that are sent."""
        named = {*self.ignored, *([self.id_column] if self.id_column else [])}
        for name in sorted(named.difference(header)):
            raise ConfigurationError(f"{self.path} has no column {name!r}; it has {', '.join(header) or 'none'}.")
        sent: set[str] = set()
        for name in header:
            if header.count(name) > 1:
                raise ConfigurationError(f"{self.path} has two columns named {name!r}.")
            if name in self.ignored:
                continue
            if name == BY_LINE and self.id_column is None:
                raise ConfigurationError(
                    f"{self.path} has a column named {BY_LINE!r}, but `line` stands for the number of a row. Rename the"
                    f" column, or add --ignore {BY_LINE}."
                )
            try:
                type_at(self.facts, name)
            except ValueProblem as problem:
                if name == self.id_column:
                    continue
                raise ConfigurationError(
                    f"Column {name!r} of {self.path}: {problem}. If it is not for WooshPay, add --ignore {name}."
                ) from None
            sent.add(name)
        return frozenset(sent)

    def _csv_row(
        self, row: Mapping[str, str], sent: frozenset[str], cells: list[str], number: int, line: int
    ) -> Row | BadRow:
        if len(cells) > len(row):
            return BadRow(line, "has more cells than the header")
        given = [(name, text) for name, text in row.items() if text and name in sent]
        return self._made(row.get(self.id_column, "") if self.id_column else None, given, None, number, line)

    # ---- JSON Lines

    def _json_lines(self) -> Iterator[Row | BadRow]:
        in_path = {parameter.name for parameter in self.facts.parameters if parameter.place == "path"}
        with self.path.open(encoding="utf-8-sig") as file:
            number = 0
            for line, text in enumerate(file, 1):
                if not text.strip():
                    continue
                number += 1
                try:
                    value = json.loads(text, object_pairs_hook=without_duplicates)
                except DuplicateKey as duplicate:
                    yield BadRow(line, str(duplicate))
                    continue
                except (ValueError, RecursionError):
                    value = None
                if not is_object(value):
                    yield BadRow(line, "is no JSON object")
                    continue
                yield self._json_row(value, in_path, number, line)

    def _json_row(self, value: JsonObject, in_path: set[str], number: int, line: int) -> Row | BadRow:
        id = _at(value, self.id_column) if self.id_column else None
        known = {parameter.wire for parameter in self.facts.parameters}
        left_out = (
            self.ignored if self.id_column is None or self.id_column in known else {*self.ignored, self.id_column}
        )
        body = {name: item for name, item in value.items() if name not in in_path and name not in left_out}
        given: list[tuple[str, str]] = []
        for name in in_path.intersection(value):
            if isinstance(value[name], bool) or not isinstance(value[name], (str, int)):
                return BadRow(line, f"has no text or number at {name}")
            given.append((name, str(value[name])))
        if self.id_column and (isinstance(id, bool) or not isinstance(id, (str, int))):
            return BadRow(line, f"has no text or number at {self.id_column}")
        return self._made(None if id is None else str(id), given, body, number, line)

    def _made(
        self, id: str | None, given: list[tuple[str, str]], body: JsonObject | None, number: int, line: int
    ) -> Row | BadRow:
        try:
            arguments = read_arguments(self.facts, given, body)
            if arguments.unknown:
                return BadRow(line, f"has {', '.join(arguments.unknown)}, which {self.facts.name} does not know")
            in_path = [parameter.name for parameter in self.facts.parameters if parameter.place == "path"]
            ids = dict(zip(in_path, arguments.ids, strict=True))
            return Row(f"row {number}" if id is None else id, {**ids, **arguments.keywords})
        except (ValueProblem, ConfigurationError) as problem:
            return BadRow(line, str(problem))


def _at(value: JsonObject, place: str) -> Json:
    found: Json = value
    for step in place.split("."):
        found = found.get(step) if is_object(found) else None
    return found
