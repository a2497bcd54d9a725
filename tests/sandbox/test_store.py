"""Ids that grow, records in order, and pages that cost the same at any size."""

from __future__ import annotations

from time import perf_counter

import pytest

from wooshpay.sandbox.engine.clock import Clock
from wooshpay.sandbox.engine.ids import ID_EPOCH, Ids
from wooshpay.sandbox.engine.store import Collection, Record, Store, UnknownCursor

# A session in WooshPay's guide, and the millisecond of its creation: its `expires_at` less 24 hours.
REAL_ID, REAL_CREATED = 1580071142008291328, 1665639691214 - 86_400_000

# Ids and `created` of one object each, from WooshPay's guides.
REAL_PAIRS = [
    (1580071142008291328, 1665553291000),
    (1583366366029676544, 1666338934000),
    (1583367070215569408, 1666339102000),
    (1593219809108033536, 1668688178000),
    (1600745739909070848, 1670482499000),
    (1693466278934609920, 1692588799000),
    (1694233070128857088, 1692771616000),
    (1706288169156083712, 1695645775000),
    (1766032392423735296, 1709889908000),
    (1795818288165421056, 1716991419000),
    (1953770262348431360, 1754650104000),
]


def test_ids_are_like_those_of_wooshpay() -> None:
    id = Ids(lambda: REAL_CREATED).new("cs")
    assert id.startswith("cs_")
    assert int(id[3:]) >> 22 == REAL_ID >> 22


@pytest.mark.parametrize(("number", "created"), REAL_PAIRS)
def test_created_is_the_nearest_second_to_the_moment_in_the_id(number: int, created: int) -> None:
    moment = (number >> 22) + ID_EPOCH
    assert Clock(lambda: moment).second == created
    assert int(Ids(lambda: moment).new("pi")[3:]) >> 22 == number >> 22


def test_ids_grow_within_a_millisecond_and_after_it() -> None:
    now = [REAL_CREATED]
    ids = Ids(lambda: now[0])
    made = [ids.new("pi") for _ in range(5)]
    now[0] += 1
    made.append(ids.new("pi"))
    assert made == sorted(set(made))
    assert all(len(id) == len("pi_") + 19 for id in made)


def test_a_seed_makes_secrets_repeatable() -> None:
    def secrets(seed: int | None) -> list[str]:
        ids = Ids(lambda: REAL_CREATED, seed=seed)
        return [ids.client_secret("pi_1"), ids.webhook_secret()]

    assert secrets(7) == secrets(7) != secrets(8)
    assert secrets(None) != secrets(None)


def filled(size: int) -> Collection:
    collection = Collection()
    for number in range(size):
        collection.add(Record({"id": f"x_{number}", "object": "x", "odd": bool(number % 2)}))
    return collection


def numbers(records: list[Record]) -> list[int]:
    return [int(record.id[2:]) for record in records]


def test_pages() -> None:
    collection = filled(7)
    assert numbers(list(collection)) == [6, 5, 4, 3, 2, 1, 0]
    page = collection.page(limit=3)
    assert (numbers(page.records), page.has_more) == ([6, 5, 4], True)
    page = collection.page(limit=4, starting_after="x_4")
    assert (numbers(page.records), page.has_more) == ([3, 2, 1, 0], False)
    page = collection.page(limit=2, ending_before="x_1")
    assert (numbers(page.records), page.has_more) == ([3, 2], True)
    page = collection.page(limit=2, keep=lambda record: record["odd"])
    assert (numbers(page.records), page.has_more) == ([5, 3], True)
    with pytest.raises(UnknownCursor):
        collection.page(limit=1, starting_after="x_9")


def test_a_removed_record_leaves_the_pages_whole() -> None:
    collection = filled(5)
    collection.remove("x_2")
    assert len(collection) == 4
    assert collection.get("x_2") is None
    assert numbers(collection.page(limit=3).records) == [4, 3, 1]
    assert numbers(collection.page(limit=3, starting_after="x_3").records) == [1, 0]
    with pytest.raises(UnknownCursor):
        collection.page(limit=1, ending_before="x_2")


def test_a_page_deep_inside_a_large_collection_costs_no_walk() -> None:
    def cost(collection: Collection) -> float:
        middle = f"x_{len(collection) // 2}"
        best = float("inf")
        for _ in range(20):
            started = perf_counter()
            collection.page(limit=100, starting_after=middle)
            best = min(best, perf_counter() - started)
        return best

    # A walk to the middle would make it some fifty times as slow.
    assert cost(filled(50_000)) < cost(filled(1_000)) * 5


def colours(size: int) -> Collection:
    collection = filled(size)
    for record in collection:
        number = int(record.id[2:])
        record.update(colour="red" if number % 3 == 0 else "blue", shape="round" if number % 2 else None)
    return collection


def test_records_are_found_by_the_values_of_fields_newest_first() -> None:
    collection = colours(10)
    assert numbers(list(collection.where(colour="red"))) == [9, 6, 3, 0]
    assert numbers(list(collection.where(colour="red", shape="round"))) == [9, 3]
    assert list(collection.where(colour="green")) == []


def test_an_index_follows_what_is_added_changed_and_removed() -> None:
    collection = colours(10)
    assert numbers(list(collection.where(colour="red"))) == [9, 6, 3, 0]
    collection.add(Record({"id": "x_10", "object": "x", "colour": "red"}))
    changed = collection.get("x_6")
    assert changed is not None
    changed["colour"] = "blue"
    other = collection.get("x_5")
    assert other is not None
    other.update(colour="red")
    collection.remove("x_3")
    assert numbers(list(collection.where(colour="red"))) == [10, 9, 5, 0]
    assert numbers(list(collection.where(colour="blue"))) == [8, 7, 6, 4, 2, 1]
    del changed["colour"]
    assert numbers(list(collection.where(colour="blue"))) == [8, 7, 4, 2, 1]


def test_pages_of_what_has_a_value_go_on_from_any_record() -> None:
    collection = colours(10)
    page = collection.page(limit=2, where={"colour": "red"})
    assert (numbers(page.records), page.has_more) == ([9, 6], True)
    page = collection.page(limit=2, where={"colour": "red"}, starting_after="x_6")
    assert (numbers(page.records), page.has_more) == ([3, 0], False)
    page = collection.page(limit=2, where={"colour": "red"}, starting_after="x_4")
    assert (numbers(page.records), page.has_more) == ([3, 0], False)
    page = collection.page(limit=1, where={"colour": "red"}, ending_before="x_2")
    assert (numbers(page.records), page.has_more) == ([3], True)
    page = collection.page(limit=5, where={"colour": "red"}, keep=lambda record: record["odd"])
    assert (numbers(page.records), page.has_more) == ([9, 3], False)


def test_private_facts_are_no_fields() -> None:
    record = Record({"id": "x_1", "object": "x"}, secret="s")
    assert record == {"id": "x_1", "object": "x"}
    assert record.private == {"secret": "s"}
    store = Store()
    store.add(record)
    assert store.kinds() == ["x"]
