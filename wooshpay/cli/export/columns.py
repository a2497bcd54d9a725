"""The columns of a table of objects, read off the class that is declared for them."""

from __future__ import annotations

import math
import types
import typing
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import Any, Final, Literal, TypeAlias

import attrs

from wooshpay.cli.texts import json_bytes
from wooshpay.core.codec import hints
from wooshpay.core.json import Json, JsonObject, is_object
from wooshpay.core.objects import wire_names

Kind: TypeAlias = Literal["text", "integer", "number", "boolean"]

# What a reader looks for first.
_FIRST: Final = ("id", "created", "amount", "currency", "status")
_KINDS: Final[dict[Any, Kind]] = {int: "integer", float: "number", bool: "boolean", str: "text"}
_CLASSES: Final[dict[Kind, tuple[type, ...]]] = {
    "text": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
}
EXTRA: Final = "extra"
# Where a list holds something else than objects, this name stands before it in ``extra``.
_NOT_AN_OBJECT: Final = "not an object"


@attrs.frozen
class Column:
    """One column.

    Attributes:
        name: Its heading: the field's name in the API, that of a nested one with dots.
        kind: What its values are. Objects and lists are text: their JSON.
    """

    name: str
    kind: Kind

    def of(self, data: JsonObject) -> Json:
        """The value of an object in this column; ``None`` where it has none."""
        value: Json = data
        for part in self.name.split("."):
            if not is_object(value):
                return None
            value = value.get(part)
        return value


class UnknownColumn(ValueError):
    """A column was asked for that the objects cannot have. The text says what there is."""


def choose_columns(cls: type, names: Iterable[str] = ()) -> list[Column]:
    """The columns for objects of a class.

    Args:
        cls: The class.
        names: Which columns, in order, such as ``id`` or ``payment_method_details.card.brand``; when left out, all
            documented fields, and one more for those that are not.

    Raises:
        UnknownColumn: The class has no such field.
    """
    types = hints(cls)
    known: dict[str, Kind] = {wire: _kind(types[attribute]) for attribute, wire in wire_names(cls)}
    chosen = list(dict.fromkeys(names))
    if not chosen:
        first = [name for name in _FIRST if name in known]
        rest = [name for name in known if name not in first and name != "object"]
        return [*(Column(name, known[name]) for name in [*first, *rest]), Column(EXTRA, "text")]
    for name in chosen:
        if any("\ud800" <= character <= "\udfff" for character in name):
            raise UnknownColumn("The name of a column is not in UTF-8.")
        field = name.partition(".")[0]
        if field not in known:
            near = get_close_matches(field, known, 1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(sorted(known))}."
            raise UnknownColumn(f"There is no column {name!r}: {hint}")
    return [Column(name, "text" if "." in name else known[name]) for name in chosen]


def cells(columns: Sequence[Column], entry: Json, *, typed: bool = True) -> list[Json]:
    """Return the row of a list's entry: plain values of the columns' kinds that UTF-8 and 64 bits can hold.

    A value of another kind than its column's goes into ``extra`` with the undocumented fields. Where there is no such
    column, the value stays in its place as JSON text if the file has no types, and is left out if it has.

    Args:
        columns: The columns.
        entry: What the list holds: an object, or whatever was sent in its place.
        typed: Whether the file's columns have types.
    """
    data: JsonObject = entry if is_object(entry) else {_NOT_AN_OBJECT: entry}
    names = {column.name for column in columns}
    extra = {name: value for name, value in data.items() if name not in names and name != "object"}
    keeps_extra = bool(columns) and columns[-1].name == EXTRA
    row: list[Json] = []
    for column in columns:
        value = None if column.name == EXTRA else column.of(data)
        if value is not None and column.kind == "text":
            value = _text(value)
        elif value is not None and not _is(value, column.kind):
            extra[column.name] = value
            value = None if keeps_extra or typed else _text(value)
        row.append(value)
    if keeps_extra:
        # A field that is called "extra" itself is kept within it.
        extra |= {EXTRA: data[EXTRA]} if EXTRA in data else {}
        row[-1] = _text(extra) if extra else None
    return row


def _text(value: Json) -> str:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    return json_bytes(value).decode()


def _is(value: Json, kind: Kind) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    if not isinstance(value, _CLASSES[kind]):
        return False
    if isinstance(value, int):
        return -(2**63) <= value < 2**63
    return not isinstance(value, float) or math.isfinite(value)


def _kind(hint: Any) -> Kind:
    if typing.get_origin(hint) is typing.Annotated:
        hint = typing.get_args(hint)[0]
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        kinds: set[Kind] = {_kind(part) for part in typing.get_args(hint) if part is not type(None)}
        return kinds.pop() if len(kinds) == 1 else "text"
    otherwise: Kind = "text"
    return _KINDS.get(hint, otherwise)
