"""The unit in which a parameter counts the time since 1970: part of its type, for everything that reads declarations.

Type checkers see the plain type: ``InMilliseconds[int]`` is an ``int``.

In a type with several options, each option is marked: ``InMilliseconds[int] | InMilliseconds[str]``. Python caches
``InMilliseconds[int | str]`` and returns it for ``InMilliseconds[str | int]`` too, because the two unions are equal.
The order of the options, by which the command line and the OpenAPI document are made, would then depend on which
declaration was read first.
"""

from __future__ import annotations

import typing
from typing import Annotated, Any, Final, Literal, TypeAlias, TypeVar

import attrs

T = TypeVar("T")

TimeUnit: TypeAlias = Literal["milliseconds", "seconds"]


@attrs.frozen
class SinceEpoch:
    """The mark in a type that makes it a time.

    Attributes:
        unit: The unit that is counted since 1970.
    """

    unit: TimeUnit


_MILLISECONDS: Final = SinceEpoch("milliseconds")
_SECONDS: Final = SinceEpoch("seconds")

InMilliseconds: TypeAlias = Annotated[T, _MILLISECONDS]
"""A time in milliseconds since 1970, as nearly everywhere at WooshPay."""

InSeconds: TypeAlias = Annotated[T, _SECONDS]
"""A time in seconds since 1970, where WooshPay documents so."""


def unit_of(hint: Any) -> TimeUnit | None:
    """Return the unit of a type that is a time, such as ``InMilliseconds[int]``; ``None`` for any other type."""
    if typing.get_origin(hint) is not Annotated:
        return None
    return next((mark.unit for mark in hint.__metadata__ if isinstance(mark, SinceEpoch)), None)
