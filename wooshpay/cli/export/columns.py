"""The columns of a table of objects, read off the class that is declared for them."""

from __future__ import annotations

import json
import types
import typing
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import Any, Final, Literal, TypeAlias

import attrs

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
    chosen = list(names)
    if not chosen:
        first = [name for name in _FIRST if name in known]
        rest = [name for name in known if name not in first and name != "object"]
        return [*(Column(name, known[name]) for name in [*first, *rest]), Column(EXTRA, "text")]
    for name in chosen:
        field = name.partition(".")[0]
        if field not in known:
            near = get_close_matches(field, known, 1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(sorted(known))}."
            raise UnknownColumn(f"There is no column {name!r}: {hint}")
    return [Column(name, "text" if "." in name else known[name]) for name in chosen]


def cells(columns: Sequence[Column], data: JsonObject) -> list[Json]:
    """The row of an object: plain values of the columns' kinds.

    A value of another kind than its column's goes into ``extra`` with the undocumented fields, where there is one.
    """
    names = {column.name for column in columns}
    extra = {name: value for name, value in data.items() if name not in names and name != "object"}
    row: list[Json] = []
    for column in columns:
        value = None if column.name == EXTRA else column.of(data)
        if value is not None and column.kind == "text":
            value = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        elif value is not None and not _is(value, column.kind):
            extra[column.name] = value
            value = None
        row.append(value)
    if columns and columns[-1].name == EXTRA and extra:
        row[-1] = json.dumps(extra, ensure_ascii=False, separators=(",", ":"))
    return row


def _is(value: Json, kind: Kind) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    fits = isinstance(value, _CLASSES[kind])
    return fits and (not isinstance(value, int) or -(2**63) <= value < 2**63)


def _kind(hint: Any) -> Kind:
    if typing.get_origin(hint) is typing.Annotated:
        hint = typing.get_args(hint)[0]
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        kinds: set[Kind] = {_kind(part) for part in typing.get_args(hint) if part is not type(None)}
        return kinds.pop() if len(kinds) == 1 else "text"
    otherwise: Kind = "text"
    return _KINDS.get(hint, otherwise)
