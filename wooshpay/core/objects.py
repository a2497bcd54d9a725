"""What every object of the API shares: unknown fields kept, exact JSON back, a `repr` without secrets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    ClassVar,
    Final,
    NoReturn,
    TypeAlias,
    TypeVar,
    dataclass_transform,
)

import attrs

from wooshpay.core.annotations import Annotations
from wooshpay.core.json import copy_json, is_array, is_object
from wooshpay.core.redaction import HIDDEN, LEAST_CARD, SENSITIVE_FIELDS, excerpt, redact

if TYPE_CHECKING:
    from typing import Self

    from wooshpay.core.json import Json, JsonObject


class _Nothing(dict[str, Any]):
    """The empty mapping that all objects without unknown fields share. Copying and pickling do not duplicate it.

    It is a dict, so that every JSON writer takes the result of `attrs.asdict`. It cannot be changed, because a field
    added to it would appear in all objects.
    """

    __slots__ = ()

    def _refuse(self, *args: object, **kwargs: object) -> NoReturn:
        raise TypeError(
            "This object has no unknown fields, and the empty mapping in `extra` is shared by all such objects."
            ' Assign a dict of your own: obj.extra = {"name": value}.'
        )

    __setitem__ = __ior__ = update = setdefault = _refuse  # pyright: ignore[reportAssignmentType]

    def __reduce__(self) -> str:
        return "NOTHING_EXTRA"


NOTHING_EXTRA: Final[Mapping[str, Any]] = _Nothing()
WIRE_NAME: Final = "wooshpay.wire"

# Characters of one value in a `repr`.
_LONGEST_SHOWN: Final = 1000

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Seconds reach this in the year 5138, milliseconds left it behind in March 1973.
_MILLISECONDS_FROM = 100_000_000_000

C = TypeVar("C")
T = TypeVar("T")

AS_TEXT: Final = "wooshpay.as_text"
AsText: TypeAlias = Annotated[T, AS_TEXT]
"""A field that the reference types as text although it means something else: ``created: AsText[int]``.

Text is converted where that loses nothing, and ``""`` is read as no value. Strict reading accepts both types.
"""


def wire(name: str, *, default: None) -> Any:
    """Declare an optional field whose name in the API is no Python name, such as ``3ds_status``.

    The default must stand in the declaration itself: that is where type checkers look for it.
    """
    return attrs.field(default=default, metadata={WIRE_NAME: name})


@dataclass_transform(kw_only_default=True, field_specifiers=(wire, attrs.field))
def model(cls: type[C]) -> type[C]:
    """Make a class an object of the API: attrs, slots, keyword-only.

    ``repr``, ``eq`` and the methods for pickling come from `Object`: generating them for every class would double the
    import time.
    """
    made = attrs.define(cls, kw_only=True, eq=False, repr=False, getstate_setstate=False)
    made.__annotations__ = Annotations(made.__annotations__, made.__module__)
    return made


class _Noted:
    """Holds what was received besides the fields. It is not an attrs field, so `attrs.asdict` does not show it."""

    # What `to_dict` must return although the attribute says something else: nulls and converted values.
    __slots__ = ("_received",)

    if not TYPE_CHECKING:

        @property
        def __dict__(self) -> dict[str, Any]:
            """The fields, for `vars`. Secrets are left out, because loggers and encoders of frameworks read it, too."""
            from wooshpay.core.serializing import public_json

            cls = type(self)
            shown = {name: getattr(self, name) for name, _ in wire_names(cls) if not is_secret(cls, name)}
            return {**shown, "extra": public_json(self.extra)}


@model
class Object(_Noted):
    """The base of all objects.

    Fields that WooshPay documents are attributes, ``None`` where they were absent or null. A value of an
    undocumented type is kept as it came.

    Attributes:
        extra: Fields that the SDK does not know, as received.
    """

    # The value of the ``object`` field on the wire; empty for nested shapes that carry none.
    TAG: ClassVar[str] = ""
    # Fields that a ``repr`` hides because of their names, but that everyone may have, such as the number of an invoice.
    PUBLIC: ClassVar[frozenset[str]] = frozenset()

    if TYPE_CHECKING:
        # What `attrs.asdict` asks of its argument; checkers see no attrs class behind our own decorator.
        __attrs_attrs__: ClassVar[Any]

    extra: Mapping[str, Any] = NOTHING_EXTRA

    @classmethod
    def from_dict(cls, data: JsonObject) -> Self:
        """Create the object from parsed JSON, as the client does. The object shares nothing with ``data``.

        Args:
            data: What WooshPay sent, or what `to_dict` returned.
        """
        from wooshpay.core.codec import structure

        return structure(copy_json(data), cls)

    def to_dict(self) -> JsonObject:
        """Return the JSON as it was received, with your changes.

        Unknown fields, nulls and values of other types than documented are in it as they came, and so are secrets such
        as ``client_secret``. A field that you assigned has its new value; one that you set to ``None`` is left out,
        unless it came as null. The result shares nothing with the object.
        """
        from wooshpay.core.codec import unstructure

        return unstructure(self)

    def __getstate__(self) -> dict[str, Any]:
        return {**{name: getattr(self, name) for name in _visible_names(type(self))}, "_received": received_of(self)}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        # A pickle of another version of the SDK may have other fields.
        for name in (*_visible_names(type(self)), "_received"):
            setattr(self, name, state.get(name, NOTHING_EXTRA if name == "extra" else None))

    if not TYPE_CHECKING:

        @classmethod
        def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
            # pydantic calls this, so it is installed where this runs; the SDK itself does not need it.
            from wooshpay.describe.for_pydantic import core_schema

            return core_schema(cls, source)

        @classmethod
        def __get_pydantic_json_schema__(cls, schema: Any, handler: Any) -> Any:
            from wooshpay.describe.for_pydantic import json_schema

            return json_schema(cls, schema, handler)

        @property
        def __pydantic_serializer__(self) -> Any:
            # pydantic asks an object for it where no annotation tells the class: in fields of type `Any`, among the
            # extra fields of a model, with `serialize_as_any`, and in `pydantic_core.to_json`.
            from wooshpay.describe.for_pydantic import serializer

            return serializer(type(self))

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in _visible_names(type(self)))

    def __repr__(self) -> str:
        shown = " ".join(f"{name}={value}" for name, value in _fields_shown(self))
        return f"<{type(self).__name__} {shown}>" if shown else f"<{type(self).__name__}>"

    def __rich_repr__(self) -> Iterator[tuple[str, object]]:
        # rich, and structlog if rich is installed, show the local variables of a traceback with it. Without this
        # method, rich reads the fields of an attrs class one by one, and would show secrets.
        for name, text in _fields_shown(self):
            value = getattr(self, name)
            nested = isinstance(value, Object) or (is_array(value) and all(isinstance(v, Object) for v in value))
            yield name, value if nested else _Text(text)


class _Text:
    """Text that rich shows as it is, without quotation marks."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text


def _fields_shown(value: Object) -> Iterator[tuple[str, str]]:
    """Go through the fields of an object that have a value, as pairs of name and text without secrets."""
    for name in _visible_names(type(value)):
        item = getattr(value, name)
        if item is None or (name == "extra" and not item):
            continue
        if name == "extra":
            yield name, f"<{excerpt(', '.join(sorted(map(str, item))), _LONGEST_SHOWN)}>"
        elif name in SENSITIVE_FIELDS:
            yield name, HIDDEN
        elif isinstance(item, Object):
            yield name, f"<{type(item).__name__}>"
        elif is_object(item) or is_array(item):
            yield name, f"<{len(item)} entries>"
        else:
            yield name, _shown(item)


def _shown(value: object) -> str:
    """The `repr` of a plain value. A URL to pay at carries the client secret, and a number may be that of a card."""
    if isinstance(value, str) and len(value) > _LONGEST_SHOWN:
        return excerpt(repr(value[: 2 * _LONGEST_SHOWN]), _LONGEST_SHOWN)
    try:
        # Small numbers are amounts, and times in milliseconds, which may look like a card's.
        return repr(value) if isinstance(value, int) and abs(value) < LEAST_CARD else redact(repr(value))
    except ValueError:  # a number with more digits than Python writes
        return f"<{type(value).__name__}>"


@cache
def wire_names(cls: type) -> tuple[tuple[str, str], ...]:
    """Pairs of attribute name and name in the API, for every documented field of an object class."""
    return tuple(
        (field.name, field.metadata.get(WIRE_NAME, field.name)) for field in attrs.fields(cls) if field.name != "extra"
    )


def is_secret(cls: type[Object], name: str) -> bool:
    """Return whether a field holds a secret, which only the attribute itself and `Object.to_dict` return.

    Args:
        cls: The class of the object.
        name: The name of the field, as an attribute or in the API.
    """
    return name in SENSITIVE_FIELDS and name not in cls.PUBLIC


def received_of(value: Object) -> Any:
    """Return what was received where the attributes of an object say something else; ``None`` for a hand-made one."""
    return getattr(value, "_received", None)


def _visible_names(cls: type) -> list[str]:
    return [*(name for name, _ in wire_names(cls)), "extra"]


def to_datetime(value: object) -> datetime | None:
    """Read a time in seconds or milliseconds since 1970, told apart by size.

    Args:
        value: The number received; anything else gives ``None``.

    Returns:
        An aware datetime in UTC, or ``None`` where there is no possible time.
    """
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return None
    try:
        if abs(value) >= _MILLISECONDS_FROM:
            return _EPOCH + timedelta(milliseconds=value)
        return _EPOCH + timedelta(seconds=value)
    except (OverflowError, ValueError):
        return None


class Moment:
    """A datetime beside a time field: ``created_at = Moment("created")``."""

    def __init__(self, field: str) -> None:
        self.field = field
        self.__doc__ = f"`{field}` as an aware datetime in UTC, whether it came in seconds or milliseconds."

    def __get__(self, instance: object, owner: object = None) -> datetime | None:
        if instance is None:
            return None
        return to_datetime(getattr(instance, self.field))


class IdOf:
    """The id beside a field that holds an id or the whole object: ``customer_id = IdOf("customer")``."""

    def __init__(self, field: str) -> None:
        self.field = field
        self.__doc__ = f"The id in `{field}`, whether it came as an id or as the whole object."

    def __get__(self, instance: object, owner: object = None) -> str | None:
        if instance is None:
            return None
        value: Json = getattr(instance, self.field)
        found: Json = value.get("id") if is_object(value) else getattr(value, "id", value)
        return found if isinstance(found, str) and found else None
