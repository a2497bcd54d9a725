"""Where the sandbox keeps its objects: one collection for each kind, in the order of creation."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import attrs

from wooshpay.core.json import JsonObject, is_array, is_object
from wooshpay.sandbox.engine.keeping import Row, decode, encode

if TYPE_CHECKING:
    from _typeshed import SupportsKeysAndGetItem


class Record(dict[str, Any]):
    """One object as the API shows it, and in ``private`` what only the sandbox knows about it.

    A field that holds ``None`` does not apply and is left out of answers. ``private`` holds JSON, as the record is
    kept in a file where the sandbox has one.
    """

    __slots__ = ("collection", "kept", "private")

    def __init__(self, fields: JsonObject, **private: Any) -> None:
        super().__init__(fields)
        self.private: JsonObject = private
        self.collection: Collection | None = None
        # A mark of what the state file holds of it.
        self.kept: int | None = None

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

    # The collection finds records by the values of fields, so it has to hear when one changes.

    def __setitem__(self, name: str, value: Any) -> None:
        if self.collection is not None and name in self.collection.indexed:
            self.collection.reindex(self, name, value)
        super().__setitem__(name, value)

    def __delitem__(self, name: str) -> None:
        if self.collection is not None and name in self.collection.indexed:
            self.collection.reindex(self, name, None)
        super().__delitem__(name)

    def update(  # type: ignore[override]  # one form is enough, and the only one in use
        self, fields: SupportsKeysAndGetItem[str, Any] | None = None, /, **more: Any
    ) -> None:
        """Set several fields."""
        for name, value in {**dict(fields or {}), **more}.items():
            self[name] = value


@attrs.frozen
class Page:
    """Some records, newest first, and whether there are more beyond them."""

    records: list[Record]
    has_more: bool


class UnknownCursor(LookupError):
    """There is no record with the id that was given as the start of a page."""


def _any(record: Record) -> bool:
    return True


@attrs.define(eq=False)
class Touched:
    """The records that were handed out to be worked on, and may have changed, inside too.

    Attributes:
        records: They, by identity.
        removed: Kind and id of what was forgotten.
    """

    records: dict[int, Record] = attrs.field(factory=dict[int, Record])
    removed: dict[tuple[str, str], None] = attrs.field(factory=dict[tuple[str, str], None])

    def note(self, record: Record) -> Record:
        """Note a record."""
        self.records[id(record)] = record
        return record


class Collection:
    """The records of one kind. Finding one, and a page of them, takes the same time at any size.

    Args:
        touched: Where to note the records that are handed out; nowhere when left out. Those of a `page` are not
            noted: a page is for answering.
    """

    def __init__(self, touched: Touched | None = None) -> None:
        self._touched = touched
        self._records: dict[str, Record] = {}
        # Ids in the order of creation; None where one was removed, so that places never shift.
        self._order: list[str | None] = []
        self._places: dict[str, int] = {}
        # For each field that was asked for: value to places, in order.
        self.indexed: dict[str, dict[Any, list[int]]] = {}

    def __len__(self) -> int:
        return len(self._records)

    def __contains__(self, id: object) -> bool:
        return id in self._records

    def __iter__(self) -> Iterator[Record]:
        """Newest first."""
        return self._hand_out(self._walk(range(len(self._order) - 1, -1, -1)))

    def add(self, record: Record) -> Record:
        """Keep a new record."""
        if self._touched is not None:
            self._touched.note(record)
        return self.put(record, len(self._order))

    def put(self, record: Record, place: int) -> Record:
        """Keep a record at a place in the order, which is beyond all places so far."""
        self._order += [None] * (place - len(self._order))
        self._places[record.id] = place
        self._order.append(record.id)
        self._records[record.id] = record
        record.collection = self
        for name, places in self.indexed.items():
            places.setdefault(record.get(name), []).append(place)
        return record

    def get(self, id: str) -> Record | None:
        """Find a record."""
        record = self._records.get(id)
        if self._touched is not None and record is not None:
            self._touched.note(record)
        return record

    def look(self) -> Iterator[Record]:
        """All records, oldest first, only to be looked at."""
        return self._walk(range(len(self._order)))

    def place_of(self, record: Record) -> int:
        """Where a record stands in the order of creation."""
        return self._places[record.id]

    def remove(self, id: str) -> None:
        """Forget a record."""
        record = self._records.pop(id)
        if self._touched is not None:
            self._touched.removed[record.kind, id] = None
        record.collection = None
        place = self._places.pop(id)
        self._order[place] = None
        for name, places in self.indexed.items():
            _take_out(places[record.get(name)], place)

    def where(self, **fields: str) -> Iterator[Record]:
        """The records whose fields have these values, newest first. It takes no longer with more other records."""
        narrowed, keep = self._narrow(fields, _any)
        return self._hand_out(record for record in self._walk(narrowed[::-1]) if keep(record))

    def page(
        self,
        *,
        limit: int,
        starting_after: str | None = None,
        ending_before: str | None = None,
        where: Mapping[str, str] | None = None,
        keep: Callable[[Record], bool] = _any,
    ) -> Page:
        """Some records, newest first: the ones older or newer than a cursor.

        Args:
            limit: How many at most.
            starting_after: The cursor is the id of the record before the first.
            ending_before: The cursor is the id of the record after the last.
            where: Values that fields must have.
            keep: Any further condition.

        Raises:
            UnknownCursor: There is no record with the cursor's id.
        """
        places, keep = self._narrow(where or {}, keep)
        if ending_before is not None:
            newer = self._take(places[bisect_left(places, self._place(ending_before) + 1) :], limit, keep)
            return Page(newer.records[::-1], newer.has_more)
        end = len(places) if starting_after is None else bisect_left(places, self._place(starting_after))
        return self._take(_reversed(places, end), limit, keep)

    def values(self, name: str) -> list[Any]:
        """Return the values that a field of the records has, each once. It takes no longer with more records."""
        return [value for value, places in self._index(name).items() if places]

    def reindex(self, record: Record, name: str, value: Any) -> None:
        """Note that a field of a record is about to change."""
        place = self._places[record.id]
        places = self.indexed[name]
        _take_out(places[record.get(name)], place)
        insort(places.setdefault(value, []), place)

    def _hand_out(self, records: Iterator[Record]) -> Iterator[Record]:
        return records if self._touched is None else map(self._touched.note, records)

    def _narrow(
        self, fields: Mapping[str, str], keep: Callable[[Record], bool]
    ) -> tuple[Sequence[int], Callable[[Record], bool]]:
        """The places to look at, by the rarest value; and the condition that is left."""
        if not fields:
            return range(len(self._order)), keep
        found = {name: self._index(name).get(value, []) for name, value in fields.items()}
        rarest = min(found, key=lambda name: len(found[name]))
        others = [(name, value) for name, value in fields.items() if name != rarest]
        if not others:
            return found[rarest], keep
        return found[rarest], lambda record: all(record.get(name) == value for name, value in others) and keep(record)

    def _index(self, name: str) -> dict[Any, list[int]]:
        places = self.indexed.get(name)
        if places is None:
            places = self.indexed[name] = {}
            for place, id in enumerate(self._order):
                if id is not None:
                    places.setdefault(self._records[id].get(name), []).append(place)
        return places

    def _take(self, places: Iterator[int] | Sequence[int], limit: int, keep: Callable[[Record], bool]) -> Page:
        found: list[Record] = []
        for record in self._walk(places):
            if keep(record):
                if len(found) == limit:
                    return Page(found, has_more=True)
                found.append(record)
        return Page(found, has_more=False)

    def _walk(self, places: Iterator[int] | Sequence[int]) -> Iterator[Record]:
        for place in places:
            id = self._order[place]
            if id is not None:
                yield self._records[id]

    def _place(self, id: str) -> int:
        place = self._places.get(id)
        if place is None:
            raise UnknownCursor(id)
        return place


def _reversed(places: Sequence[int], end: int) -> Iterator[int]:
    """The places before an end, last first, without a copy."""
    return (places[place] for place in range(end - 1, -1, -1))


def _take_out(places: list[int], place: int) -> None:
    del places[bisect_left(places, place)]


class Store:
    """All collections, by the value of their objects' ``object`` field."""

    table = "objects"

    def __init__(self) -> None:
        self._collections: dict[str, Collection] = {}
        # None without a state file.
        self._touched: Touched | None = None

    def __getitem__(self, kind: str) -> Collection:
        found = self._collections.get(kind)
        if found is None:
            found = self._collections[kind] = Collection(self._touched)
        return found

    def add(self, record: Record) -> Record:
        """Keep a new record in the collection of its kind."""
        return self[record.kind].add(record)

    def kinds(self) -> list[str]:
        """The kinds of which there is a record."""
        return [kind for kind, collection in self._collections.items() if len(collection)]

    def clear(self, keep: Callable[[Record], bool]) -> None:
        """Remove all records but the ones to keep."""
        for collection in self._collections.values():
            for record in [record for record in collection.look() if not keep(record)]:
                collection.remove(record.id)

    # ---- for the state file

    def restore(self, rows: Iterable[Row]) -> None:
        """Begin with the records that the state file holds; from now on, note which ones may have changed."""
        self._collections = {}
        self._touched = Touched()
        for row in rows:
            fields, private = decode(row.body or b"")
            record = Record(fields)
            record.private = private
            record.kept = hash(row.body)
            self[record.kind].put(record, row.place)

    def changes(self) -> list[Row]:
        """The records that the state file does not hold as they are."""
        touched = self._touched
        if touched is None or not (touched.records or touched.removed):
            return []
        rows = [Row(_name(kind, id), None) for kind, id in touched.removed if id not in self._collections[kind]]
        for record in touched.records.values():
            if record.collection is None:
                continue
            body = encode([record, record.private])
            mark = hash(body)
            if mark != record.kept:
                record.kept = mark
                rows.append(Row(_name(record.kind, record.id), body, record.collection.place_of(record)))
        touched.records.clear()
        touched.removed.clear()
        return rows


def _name(kind: str, id: str) -> str:
    # Some kinds have ids that are not the sandbox's own, such as the balance in a currency.
    return f"{kind}/{id}"


def snapshot(value: Any) -> Any:
    """Copy JSON, so that what was answered does not change with the object."""
    # Several times as fast as copy.deepcopy, which is made for more than trees.
    if is_object(value):
        return {name: snapshot(item) for name, item in value.items()}
    if is_array(value):
        return [snapshot(item) for item in value]
    return value
