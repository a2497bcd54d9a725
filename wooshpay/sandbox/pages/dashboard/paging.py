"""Pages of long tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, Generic, TypeVar

import attrs

from wooshpay.sandbox.engine.store import Collection, Record, UnknownCursor
from wooshpay.sandbox.pages.dashboard.desk import Visit

T = TypeVar("T")

PER_PAGE: Final = 50


@attrs.frozen
class Part(Generic[T]):
    """Some rows of a table, newest first.

    Attributes:
        lines: The rows.
        older: The cursor of the rows after them; ``None`` if there are none.
        newer: The cursor of the rows before them; ``None`` if there are none.
    """

    lines: Sequence[T]
    older: str | None = None
    newer: str | None = None


def _any(record: Record) -> bool:
    return True


def part_of(
    collection: Collection,
    visit: Visit,
    keep: Callable[[Record], bool] = _any,
    where: Mapping[str, str] | None = None,
) -> Part[Record]:
    """Return the objects that the address asks for; the newest ones if its cursor names none.

    Args:
        collection: The objects.
        visit: The visit; its address can hold a cursor.
        keep: Which objects count.
        where: Values that the fields of these objects must have.
    """
    after, before = visit.query("after"), visit.query("before")
    try:
        page = collection.page(
            limit=PER_PAGE, starting_after=None if before else after, ending_before=before, keep=keep, where=where
        )
    except UnknownCursor:
        after = before = None
        page = collection.page(limit=PER_PAGE, keep=keep, where=where)
    if not page.records:
        return Part([])
    more_older = page.has_more if before is None else True
    more_newer = page.has_more if before is not None else after is not None
    return Part(
        page.records,
        older=page.records[-1].id if more_older else None,
        newer=page.records[0].id if more_newer else None,
    )


def part_of_list(entries: Sequence[T], visit: Visit, id_of: Callable[[T], str]) -> Part[T]:
    """Return the part of a list that the address asks for; the list begins with the oldest entry."""
    after, before = visit.query("after"), visit.query("before")
    end = len(entries)
    cursor = before or after
    if cursor is not None:
        place = next((place for place in range(len(entries) - 1, -1, -1) if id_of(entries[place]) == cursor), None)
        if place is not None:
            end = place if before is None else min(len(entries), place + 1 + PER_PAGE)
    start = max(0, end - PER_PAGE)
    if start == end:
        return Part([])
    return Part(
        [entries[place] for place in range(end - 1, start - 1, -1)],
        older=id_of(entries[start]) if start > 0 else None,
        newer=id_of(entries[end - 1]) if end < len(entries) else None,
    )
