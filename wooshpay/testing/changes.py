"""Changes to the object of an event, as ``wooshpay trigger --set`` and ``wooshpay_webhooks.make(set=...)`` take them.

A path names a field with dots: ``amount``, ``metadata.order``, ``lines.data.0.amount``. It must be a field that the
object has, or that the SDK knows for it, and the value must be of the field's type. So a typing error does not end in a
test that passes for the wrong reason. Metadata takes any key, and its values are text, as in WooshPay.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from functools import cache
from typing import Any, Final

import attrs

from wooshpay.core.catalog import class_for_tag
from wooshpay.core.json import Json, JsonObject, dumps, is_array, is_object, loads
from wooshpay.describe.schemas import Schemas

_ANYTHING: Final = frozenset({"string", "integer", "number", "boolean", "object", "array", "null"})
_CALLED: Final[dict[str, str]] = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "object": "an object",
    "array": "a list",
    "null": "null",
    "other": "a value that is not JSON",
}
_METADATA: Final[JsonObject] = {"type": "object", "additionalProperties": {"type": "string"}}
# A longer list would hide the one that was meant.
_MOST_NAMES: Final = 400


class ChangeError(ValueError):
    """A change that the object of an event cannot take.

    Attributes:
        path: The path of the change.
    """

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(f"{path}: {problem}")
        self.path = path


def with_changes(about: JsonObject, changes: Mapping[str, Json]) -> JsonObject:
    """Return a copy of an object with other values in some fields.

    Args:
        about: The object of an event.
        changes: Path to value.

    Raises:
        ChangeError: The object has no such field, or the value is of another type.
    """
    made = copy.deepcopy(about)
    for path, value in changes.items():
        _find(made, path).put(value)
    return made


def with_texts(about: JsonObject, changes: Iterable[tuple[str, str]]) -> JsonObject:
    """Do what `with_changes` does with values that were typed: JSON where it is of the field's type, otherwise text.

    Args:
        about: The object of an event.
        changes: Paths and texts.

    Raises:
        ChangeError: The object has no such field, or the text is not a value of its type.
    """
    made = copy.deepcopy(about)
    for path, text in changes:
        place = _find(made, path)
        place.put(place.read(text))
    return made


@attrs.define
class _Place:
    """A field of an object.

    Attributes:
        path: The path to it.
        holder: The object or list that it is in.
        key: Its name or number there.
        kinds: The JSON types that it may have.
        in_metadata: Whether it is one of the free pairs of text.
    """

    path: str
    holder: Any
    key: Any
    kinds: frozenset[str]
    in_metadata: bool

    def read(self, text: str) -> Json:
        """Read a text as JSON if that is of the right type, and as text otherwise."""
        try:
            value: Json = loads(text.encode())
        except (ValueError, RecursionError):
            return text
        return value if "string" not in self.kinds or self._fits(value) else text

    def put(self, value: Json) -> None:
        """Write a value there."""
        if self.in_metadata:
            value = _as_text(value)
        elif self.key == "metadata" and is_object(value):
            value = {key: _as_text(inner) for key, inner in value.items()}
            for key, inner in value.items():
                if not isinstance(inner, str):
                    raise ChangeError(f"{self.path}.{key}", f"must be text, not {_CALLED[_kind(inner)]}.")
        if not self._fits(value):
            wanted = [name for kind, name in _CALLED.items() if kind in self.kinds]
            raise ChangeError(self.path, f"must be {' or '.join(wanted)}, not {_CALLED[_kind(value)]}.")
        try:
            dumps(value)
        except (TypeError, ValueError, RecursionError):
            raise ChangeError(self.path, "has a value that JSON cannot hold.") from None
        self.holder[self.key] = copy.deepcopy(value)

    def _fits(self, value: Json) -> bool:
        kind = _kind(value)
        return kind in self.kinds or (kind == "integer" and "number" in self.kinds)


def _as_text(value: Json) -> Json:
    """Numbers in metadata become text, as they do in WooshPay."""
    return dumps(value).decode() if isinstance(value, (int, float)) else value


def _kind(value: Json) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, str):
        return "string"
    if isinstance(value, int):
        return "integer"
    if isinstance(value, float):
        return "number"
    if is_object(value):
        return "object"
    return "array" if is_array(value) else "other"


def _find(about: JsonObject, path: str) -> _Place:
    """Walk to a field. Objects that are missing on the way are created, if the SDK knows them."""
    holder: Any = about
    schema = _schema_of(about)
    in_metadata = False
    steps = path.split(".")
    for number, step in enumerate(steps):
        so_far = ".".join(steps[:number])
        key, schema, free = _step(about, holder, schema, step, so_far, path)
        in_metadata = in_metadata or free
        if number == len(steps) - 1:
            kinds = _kinds(schema)
            found = holder[key] if is_array(holder) else holder.get(key)
            if found is not None and not in_metadata:
                kinds |= {_kind(found)}
            return _Place(path, holder, key, kinds or _ANYTHING, in_metadata)
        if is_object(holder) and holder.get(key) is None and "object" in _kinds(schema):
            holder[key] = {}
        holder = holder[key] if is_array(holder) else holder.get(key)
        if is_object(holder) and (found_schema := _schema_of(holder)):
            schema = found_schema
    raise ChangeError(path, "is empty. Name a field, such as amount or metadata.order.")


def _step(
    about: JsonObject, holder: Any, schema: JsonObject, step: str, so_far: str, path: str
) -> tuple[Any, JsonObject, bool]:
    """Go one step down: the key, the schema of what is there, and whether any key would do."""
    if is_array(holder):
        if not (step.isascii() and step.isdecimal() and int(step) < len(holder)):
            raise ChangeError(path, f"{so_far} is a list of {len(holder)}. Name one of its entries by 0, 1, ...")
        return int(step), _resolved(schema, "array").get("items", {}), False
    if not is_object(holder):
        what = "is not set" if holder is None else f"is {_CALLED[_kind(holder)]}"
        raise ChangeError(path, f"{so_far} {what}, so it has no field {step}. Set {so_far} itself.")
    shape = _METADATA if so_far.rpartition(".")[2] == "metadata" else _resolved(schema, "object")
    known: JsonObject = shape.get("properties", {})
    more = shape.get("additionalProperties")
    if step and is_object(more) and not known:
        return step, more, True
    if step not in holder and step not in known:
        raise ChangeError(
            path, f"{_described(about, so_far)} has no field {step!r}. {_hint(about, so_far, step, known)}"
        )
    return step, _METADATA if step == "metadata" else known.get(step, {}), False


def _described(about: JsonObject, so_far: str) -> str:
    return so_far or f"the {about.get('object') or 'object'}"


def _hint(about: JsonObject, so_far: str, step: str, known: JsonObject) -> str:
    """Say which path was probably meant."""
    begin = f"{so_far}." if so_far else ""
    near = [begin + name for name in get_close_matches(step, sorted({*_names(about, so_far), *known}), 2, 0.6)]
    paths = list(_paths(about))[:_MOST_NAMES]
    near = (
        near or [path for path in paths if path.rpartition(".")[2] == step] or get_close_matches(begin + step, paths, 1)
    )
    return f"Did you mean {' or '.join(near[:2])}?" if near else "Fields under metadata can have any name."


def _names(about: JsonObject, so_far: str) -> Iterable[str]:
    value: Json = about
    for step in so_far.split(".") if so_far else ():
        value = value[int(step)] if is_array(value) else value.get(step) if is_object(value) else None
    return value if is_object(value) else ()


def _paths(value: Json, begin: str = "") -> Iterator[str]:
    items = value.items() if is_object(value) else enumerate(value) if is_array(value) else ()
    for key, inner in items:
        yield f"{begin}{key}"
        yield from _paths(inner, f"{begin}{key}.")


# ---- what the SDK knows about objects


@cache
def _schemas() -> Schemas:
    return Schemas()


def _schema_of(about: JsonObject) -> JsonObject:
    """The schema of an object by its ``object`` field; empty if the SDK does not know it."""
    cls = class_for_tag(about.get("object"))
    return {} if cls is None else _schemas().of(cls, answer=True)


def _resolved(schema: JsonObject, kind: str) -> JsonObject:
    """The schema of one type among those that a schema allows; empty if it allows none of this type."""
    if "$ref" in schema:
        found: JsonObject = _schemas().made[schema["$ref"].rpartition("/")[2]]
        return _resolved(found, kind)
    for option in schema.get("anyOf", ()):
        if found := _resolved(option, kind):
            return found
    return schema if kind in _kinds(schema) else {}


def _kinds(schema: JsonObject) -> frozenset[str]:
    if "$ref" in schema:
        return frozenset({"object"})
    if "anyOf" in schema:
        return frozenset[str]().union(*map(_kinds, schema["anyOf"]))
    types = schema.get("type", ())
    return frozenset({types} if isinstance(types, str) else types)
