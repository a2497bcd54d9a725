"""What kind of value a parameter's type asks for, as far as it matters to someone who writes it as text."""

from __future__ import annotations

import typing
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Final, Literal, NotRequired, Required, TypeAlias

import attrs

from wooshpay.core.upload import FileSource
from wooshpay.describe.operations import options_of

Kind: TypeAlias = Literal["text", "choice", "integer", "number", "boolean", "list", "object", "pairs", "json", "file"]

_NOTHING: Final[Mapping[str, Any]] = {}
_NULL: Final = type(None)
_PLAIN: Final[dict[Any, Kind]] = {str: "text", int: "integer", float: "number", bool: "boolean", Any: "json"}
_CALLED: Final[dict[Kind, str]] = {
    "text": "text",
    "choice": "one of some values",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "list": "a list",
    "object": "an object",
    "pairs": "free pairs",
    "json": "any JSON",
    "file": "a file",
}


@attrs.frozen(kw_only=True)
class Shape:
    """The kind of value that a type asks for. Of a union, the first that is a value at all.

    Attributes:
        kind: ``text``, ``choice`` (text out of a list), ``integer``, ``number``, ``boolean``, ``list``, ``object``
            (with known keys), ``pairs`` (with any keys), ``json`` (anything), ``file``.
        values: The values of a choice; of text the usual ones, where there are such.
        nullable: Whether null is a value, too.
        or_integer: Of text, whether a whole number is better sent as a number.
        inner: The type of the entries of a list, or of the values of free pairs.
        fields: The keys of an object, each with its type.
    """

    kind: Kind
    values: tuple[str, ...] = ()
    nullable: bool = False
    or_integer: bool = False
    inner: Any = Any
    fields: Mapping[str, Any] = _NOTHING

    @property
    def called(self) -> str:
        """The kind in words."""
        return _CALLED[self.kind]


def shape_of(hint: Any) -> Shape:
    """Tell what kind of value a type asks for.

    Raises:
        TypeError: No text can be written for it.
    """
    if hint == FileSource:
        return Shape(kind="file")
    options = [option for option in options_of(_unmarked(hint)) if option is not _NULL]
    nullable = len(options) < len(options_of(_unmarked(hint)))
    values = tuple(value for option in options if _is_choice(option) for value in typing.get_args(option))
    first, *others = options
    if values and str in options:
        return Shape(kind="text", values=values, nullable=nullable)
    if first is int and str in others:
        return Shape(kind="text", or_integer=True, nullable=nullable)
    return attrs.evolve(_single(first), nullable=nullable)


def _single(hint: Any) -> Shape:
    if hint in _PLAIN:
        return Shape(kind=_PLAIN[hint])
    origin: Any = typing.get_origin(hint) or hint
    arguments = typing.get_args(hint)
    if origin is Literal:
        return Shape(kind="choice", values=arguments)
    if typing.is_typeddict(origin):
        return Shape(kind="object", fields=_fields_of(origin))
    if origin in (list, Sequence):
        return Shape(kind="list", inner=arguments[0])
    if origin in (dict, Mapping):
        return Shape(kind="pairs", inner=arguments[1])
    raise TypeError(f"no text can be written for {hint}")


# Not of whole types: a cache would take ``str | int`` for ``int | str``, as they are equal.
@cache
def _fields_of(shape: Any) -> Mapping[str, Any]:
    return typing.get_type_hints(shape)


def _is_choice(hint: Any) -> bool:
    return typing.get_origin(hint) is Literal


def _unmarked(hint: Any) -> Any:
    return typing.get_args(hint)[0] if typing.get_origin(hint) in (Required, NotRequired) else hint
