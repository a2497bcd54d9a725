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

from wooshpay.core.json import is_array, is_object
from wooshpay.core.redaction import HIDDEN, LEAST_CARD, SENSITIVE_FIELDS, excerpt, redact

if TYPE_CHECKING:
    from typing import Self

    from wooshpay.core.json import Json, JsonObject


class _Nothing(Mapping[str, Any]):
    """The one empty mapping of all objects without unknown fields. Copying and pickling keep it the one."""

    __slots__ = ()

    def __getitem__(self, name: str) -> NoReturn:
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0

    def __reduce__(self) -> str:
        return "NOTHING_EXTRA"

    def __repr__(self) -> str:
        return "{}"


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

    ``repr`` and ``eq`` come from `Object`: writing them anew for every class would double the import time.
    """
    return attrs.define(cls, kw_only=True, eq=False, repr=False)


@model
class Object:
    """The base of all objects.

    Fields that WooshPay documents are attributes, ``None`` where they were absent or null. A value of an
    undocumented type is kept as it came.

    Attributes:
        extra: Fields that the SDK does not know, as received.
    """

    # The value of the ``object`` field on the wire; empty for nested shapes that carry none.
    TAG: ClassVar[str] = ""

    extra: Mapping[str, Any] = NOTHING_EXTRA
    # What `to_dict` must give back although the attribute says something else: nulls and converted values.
    _received: Any = attrs.field(default=None, init=False)

    @classmethod
    def from_dict(cls, data: JsonObject) -> Self:
        """Make the object of parsed JSON, as the client would.

        Args:
            data: What WooshPay sent.
        """
        from wooshpay.core.codec import structure

        return structure(data, cls)

    def to_dict(self) -> JsonObject:
        """Give the JSON back as it was received, unknown fields, nulls and odd types included."""
        from wooshpay.core.codec import unstructure

        return unstructure(self)

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in _visible_names(type(self)))

    def __repr__(self) -> str:
        shown: list[str] = []
        for name in _visible_names(type(self)):
            value = getattr(self, name)
            if value is None or (name == "extra" and not value):
                continue
            if name == "extra":
                shown.append(f"extra=<{excerpt(', '.join(sorted(value)), _LONGEST_SHOWN)}>")
            elif name in SENSITIVE_FIELDS:
                shown.append(f"{name}={HIDDEN}")
            elif isinstance(value, Object):
                shown.append(f"{name}=<{type(value).__name__}>")
            elif is_object(value) or is_array(value):
                shown.append(f"{name}=<{len(value)} entries>")
            else:
                shown.append(f"{name}={_shown(value)}")
        return f"<{type(self).__name__} {' '.join(shown)}>" if shown else f"<{type(self).__name__}>"


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
        (field.name, field.metadata.get(WIRE_NAME, field.name))
        for field in attrs.fields(cls)
        if field.name not in {"extra", "_received"}
    )


def received_of(value: Object) -> Any:
    """What an object must give back although its attributes say something else."""
    return value._received  # pyright: ignore[reportPrivateUsage]  # hidden from users, not from the codec


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
