"""The difference between "leave this out" and JSON null."""

from __future__ import annotations

from enum import Enum
from typing import Final, Literal


class Unset(Enum):
    """The type of `UNSET`. A parameter that is `UNSET` is not sent; one that is ``None`` is sent as null."""

    # JSON has no such value. With text here, one in a nested dict would be sent as that text.
    UNSET = frozenset[str]()

    def __repr__(self) -> str:
        return "UNSET"

    __str__ = __repr__

    def __bool__(self) -> Literal[False]:
        return False


UNSET: Final = Unset.UNSET
