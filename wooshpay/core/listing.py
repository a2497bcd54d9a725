"""The envelope of every list, on its own or inside another object."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Generic, TypeVar

import attrs

from wooshpay.core.json import is_array
from wooshpay.core.objects import Object, model

T = TypeVar("T")


@model
class ListObject(Object, Generic[T]):
    """A list, or one page of it.

    Attributes:
        url: The path of the list.
        has_more: Whether there are entries beyond these; ``None`` where WooshPay left it open.
        data: The entries.
        next_page: In a search, the token of the next page.
    """

    TAG: ClassVar[str] = "list"

    object: str | None = None
    url: str | None = None
    has_more: bool | None = None
    data: list[T] = attrs.field(factory=list[T])
    next_page: str | None = None

    def __iter__(self) -> Iterator[T]:
        # An answer may leave ``data`` out, or hold something else there.
        return iter(self.data if is_array(self.data) else ())

    def __len__(self) -> int:
        return len(self.data) if is_array(self.data) else 0

    def __bool__(self) -> bool:
        return True
