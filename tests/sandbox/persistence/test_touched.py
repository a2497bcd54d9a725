"""A record that was handed out is written when it has changed, wherever in it, and only then."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from wooshpay.sandbox.engine.keeping import Row
from wooshpay.sandbox.engine.store import Record, Store


@pytest.fixture
def store() -> Store:
    """A store that noted three records and has written them."""
    store = Store()
    store.restore([])
    for number in range(3):
        store.add(Record({"id": f"t_{number}", "object": "thing", "of": "a", "inner": {"list": [1]}}, secret=[0]))
    assert [row.id for row in store.changes()] == ["thing/t_0", "thing/t_1", "thing/t_2"]
    return store


def change_deep(record: Record) -> None:
    record["inner"]["list"].append(2)


def change_private(record: Record) -> None:
    record.private["secret"].append(1)


def change_field(record: Record) -> None:
    record["of"] = "b"


WAYS: dict[str, Callable[[Store], Record]] = {
    "get": lambda store: store["thing"].get("t_1") or pytest.fail("there is none"),
    "where": lambda store: next(record for record in store["thing"].where(of="a") if record.id == "t_1"),
    "iteration": lambda store: next(record for record in store["thing"] if record.id == "t_1"),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("change", [change_deep, change_private, change_field])
def test_a_change_is_found(store: Store, way: str, change: Callable[[Record], None]) -> None:
    change(WAYS[way](store))
    (row,) = store.changes()
    assert (row.id, row.place) == ("thing/t_1", 1)
    assert store.changes() == []
    other = Store()
    other.restore([row])
    assert other["thing"].get("t_1") == store["thing"].get("t_1")


@pytest.mark.parametrize("way", WAYS)
def test_what_was_only_read_is_not_written(store: Store, way: str) -> None:
    WAYS[way](store)
    assert store.changes() == []


def test_a_page_and_a_look_are_for_reading_and_cost_nothing(store: Store) -> None:
    (first, *_) = store["thing"].page(limit=10).records
    change_deep(first)
    change_deep(next(store["thing"].look()))
    assert store.changes() == []


def test_a_removed_record_is_written_as_gone(store: Store) -> None:
    store["thing"].remove("t_1")
    assert store.changes() == [Row("thing/t_1", None)]
    assert store.changes() == []


def test_a_record_that_is_removed_and_put_back_is_kept(store: Store) -> None:
    record = store["thing"].get("t_1")
    assert record is not None
    store["thing"].remove("t_1")
    store.add(record)
    change_field(record)
    rows = store.changes()
    assert [(row.id, row.body is None, row.place) for row in rows] == [("thing/t_1", False, 3)]


def test_one_that_comes_and_goes_within_a_unit_leaves_nothing_to_keep(store: Store) -> None:
    store.add(Record({"id": "t_9", "object": "thing"}))
    store["thing"].remove("t_9")
    assert store.changes() == [Row("thing/t_9", None)]


def test_without_a_file_nothing_is_noted() -> None:
    store = Store()
    store.add(Record({"id": "t_1", "object": "thing"}))
    assert store["thing"].get("t_1") is not None
    assert store.changes() == []


def test_order_and_gaps_come_back(store: Store) -> None:
    store["thing"].remove("t_1")
    store["thing"].remove("t_2")
    store.changes()
    store.add(Record({"id": "t_3", "object": "thing", "of": "a"}))
    rows = [Row("thing/t_0", b'[{"id":"t_0","object":"thing","of":"a"},{}]', 0), *store.changes()]
    other = Store()
    other.restore(rows)
    assert [record.id for record in other["thing"].page(limit=10).records] == ["t_3", "t_0"]
    assert [record.id for record in other["thing"].where(of="a")] == ["t_3", "t_0"]
    assert other.add(Record({"id": "t_4", "object": "thing"})).collection is not None
    assert [row.place for row in other.changes()] == [4]
