"""What came back, printed: as JSON for programs and people, or as a table."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from rich.cells import cell_len
from rich.console import Console
from rich.highlighter import JSONHighlighter
from rich.table import Table
from rich.text import Text

from wooshpay.cli.streams import complain, write_line
from wooshpay.cli.texts import json_text, visible
from wooshpay.core.json import Json, JsonObject, is_array, is_object
from wooshpay.core.objects import Object, to_datetime

# What a list shows of its entries: the first of each row that any of them has.
_COLUMNS: Final[tuple[tuple[str, ...], ...]] = (
    ("id",),
    ("created",),
    ("type", "mode"),
    ("amount", "amount_total", "payment_amount", "unit_amount", "total", "percent_off", "amount_off"),
    ("currency", "payment_currency"),
    ("status",),
    ("email", "customer_email", "url", "nickname", "name"),
    ("customer", "payment_intent", "product"),
    ("description",),
)
_TIMES: Final = frozenset({"created", "expires_at"})
_GAP: Final = 2
# What lies deeper within an object stays JSON.
_LEVELS: Final = 16


def print_json(value: Json) -> None:
    """Print JSON: readable on a terminal, on one line elsewhere."""
    console = Console()
    if console.is_terminal:
        text = json_text(value, terminal=True, encoding=sys.stdout.encoding, indent=2)
        console.print(JSONHighlighter()(text), soft_wrap=True)
    else:
        print_line(value)


def print_line(value: Json) -> None:
    """Print JSON on one line."""
    write_line(json_text(value, terminal=sys.stdout.isatty(), encoding=sys.stdout.encoding))


def print_object(value: Json) -> None:
    """Print an object as a table of its fields, those within others by their places."""
    rows = list(_fields(value)) if is_object(value) else [("", _plain_text(value))]
    _print_table(["field", "value"], rows)


def print_entries(entries: Iterable[Json]) -> None:
    """Print a list as a table, with as many columns as the terminal has room for."""
    rows: list[JsonObject] = [entry if is_object(entry) else {"id": entry} for entry in entries]
    if not rows:
        complain("There are no entries.")
        return
    names = [next((name for name in names if any(row.get(name) is not None for row in rows)), "") for names in _COLUMNS]
    names = [name for name in names if name] or list(rows[0])[:4] or ["id"]
    cells = [[_cell(name, row.get(name)) for name in names] for row in rows]
    _print_table([visible(name) for name in names], cells, fit=True)


def json_of(entry: object) -> Json:
    """Return the JSON of a list's entry, whatever was sent in the place of an object."""
    return entry.to_dict() if isinstance(entry, Object) else entry


def _fields(value: JsonObject, within: str = "", levels: int = _LEVELS) -> Iterator[tuple[str, str]]:
    for name, inner in value.items():
        if is_array(inner) and any(map(is_object, inner)):
            inner = {str(index): entry for index, entry in enumerate(inner)}
        if is_object(inner) and inner and levels:
            yield from _fields(inner, f"{within}{visible(name)}.", levels - 1)
        else:
            yield f"{within}{visible(name)}", _cell(name, inner)


def _cell(name: str, value: Json) -> str:
    moment = to_datetime(value) if name in _TIMES else None
    if moment is not None:
        return f"{moment:%Y-%m-%d %H:%M:%S}"
    if value is None:
        return ""
    if is_object(value) and isinstance(value.get("id"), str):
        return visible(value["id"])
    return visible(value) if isinstance(value, str) else _plain_text(value)


def _plain_text(value: Json) -> str:
    return json_text(value, terminal=True)


def _print_table(names: Sequence[str], rows: Sequence[Sequence[str]], *, fit: bool = False) -> None:
    console = Console(highlight=False)
    widths = [max(cell_len(text) for text in column) for column in zip(names, *rows, strict=True)]
    if fit and console.is_terminal:
        while len(widths) > 1 and sum(widths) + _GAP * (len(widths) - 1) > console.width:
            widths.pop()
    elif not console.is_terminal:
        console = Console(highlight=False, width=max(sum(widths) + _GAP * len(widths), 1))
    table = Table(box=None, padding=(0, _GAP, 0, 0), pad_edge=False, header_style="bold", show_edge=False)
    for name, _ in zip(names, widths, strict=False):
        table.add_column(Text(name), justify="right" if _is_number(name) else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(text) for text in row[: len(widths)]))
    with console.capture() as printed:
        console.print(table)
    for line in printed.get().rstrip("\n").split("\n"):
        write_line(line.rstrip())


def _is_number(name: str) -> bool:
    return "amount" in name or name in {"total", "percent_off"}


def entries_of(page: Json) -> list[Any]:
    """The entries of a page as it came."""
    data: Json = page.get("data") if is_object(page) else None
    return data if is_array(data) else []
