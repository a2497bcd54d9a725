"""Where the sandbox keeps its objects: one collection for each kind, in the order of creation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

import attrs

from wooshpay.core.json import JsonObject


class Record(dict[str, Any]):
    """One object as the API shows it, and in ``private`` what only the sandbox knows about it.

    A field that holds ``None`` does not apply and is left out of answers.
    """

    __slots__ = ("private",)

    def __init__(self, fields: JsonObject, **private: Any) -> None:
        super().__init__(fields)
        self.private: JsonObject = private

    @property
    def id(self) -> str:
        """The object's id."""
        found: str = self["id"]
        return found

    @property
    def kind(self) -> str:
        """The value of the ``object`` field."""
        found: str = self["object"]
        return found


@attrs.frozen
class Page:
    """Some records, newest first, and whether there are more beyond them."""

    records: list[Record]
    has_more: bool


class UnknownCursor(LookupError):
    """There is no record with the id that was given as the start of a page."""


def _any(record: Record) -> bool:
    return True


class Collection:
    """The records of one kind. Finding one, and a page of them, takes the same time at any size."""

    def __init__(self) -> None:
        self._records: dict[str, Record] = {}
        # Ids in the order of creation; None where one was removed, so that places never shift.
        self._order: list[str | None] = []
        self._places: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._records)

    def __iter__(self) -> Iterator[Record]:
        """Newest first."""
        return self._walk(range(len(self._order) - 1, -1, -1))

    def add(self, record: Record) -> Record:
        """Keep a new record."""
        self._places[record.id] = len(self._order)
        self._order.append(record.id)
        self._records[record.id] = record
        return record

    def get(self, id: str) -> Record | None:
        """Find a record."""
        return self._records.get(id)

    def remove(self, id: str) -> None:
        """Forget a record."""
        del self._records[id]
        self._order[self._places.pop(id)] = None

    def page(
        self,
        *,
        limit: int,
        starting_after: str | None = None,
        ending_before: str | None = None,
        keep: Callable[[Record], bool] = _any,
    ) -> Page:
        """Some records that ``keep`` accepts, newest first: the ones older or newer than a cursor.

        Raises:
            UnknownCursor: There is no record with the cursor's id.
        """
        end = len(self._order)
        if ending_before is not None:
            newer = self._take(range(self._place(ending_before) + 1, end), limit, keep)
            return Page(newer.records[::-1], newer.has_more)
        start = end - 1 if starting_after is None else self._place(starting_after) - 1
        return self._take(range(start, -1, -1), limit, keep)

    def _take(self, places: range, limit: int, keep: Callable[[Record], bool]) -> Page:
        found: list[Record] = []
        for record in self._walk(places):
            if keep(record):
                if len(found) == limit:
                    return Page(found, has_more=True)
                found.append(record)
        return Page(found, has_more=False)

    def _walk(self, places: range) -> Iterator[Record]:
        for place in places:
            id = self._order[place]
            if id is not None:
                yield self._records[id]

    def _place(self, id: str) -> int:
        place = self._places.get(id)
        if place is None:
            raise UnknownCursor(id)
        return place


class Store:
    """All collections, by the value of their objects' ``object`` field."""

    def __init__(self) -> None:
        self._collections: dict[str, Collection] = {}

    def __getitem__(self, kind: str) -> Collection:
        found = self._collections.get(kind)
        if found is None:
            found = self._collections[kind] = Collection()
        return found

    def add(self, record: Record) -> Record:
        """Keep a new record in the collection of its kind."""
        return self[record.kind].add(record)

    def kinds(self) -> list[str]:
        """The kinds of which there is a record."""
        return [kind for kind, collection in self._collections.items() if len(collection)]


def snapshot(value: Any) -> Any:
    """Copy JSON, so that what was answered does not change with the object."""
    return deepcopy(value)
