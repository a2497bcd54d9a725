"""From JSON to objects and back: whatever a 2xx answer holds gives a usable object, and the very JSON again."""

from __future__ import annotations

import copy
import json
import math
import pickle
from datetime import UTC, datetime
from typing import Any, ClassVar, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wooshpay import ListObject
from wooshpay.api.refunds import Refund
from wooshpay.core.codec import UndocumentedType, UnknownObject, reader, structure
from wooshpay.core.json import is_array, is_object
from wooshpay.core.objects import AsText, IdOf, Moment, Object, model, received_of, wire


@model
class Leaf(Object):
    TAG: ClassVar[str] = "leaf"

    id: str | None = None
    count: int | None = None


@model
class Tree(Object):
    """Every kind of field that the sections use."""

    TAG: ClassVar[str] = "tree"

    id: str
    object: str
    amount: int
    created: int
    rate: float | None = None
    live: bool | None = None
    kind: Literal["a", "b"] | str | None = None
    leaf: Leaf | None = None
    leaves: list[Leaf] | None = None
    listed: ListObject[Leaf] | None = None
    parent: str | Leaf | None = None
    parents: list[str | Leaf] | None = None
    any_object: Object | None = None
    by_tag: str | Object | None = None
    names: list[str] | None = None
    counts: list[int] | None = None
    metadata: dict[str, str] | None = None
    by_name: dict[str, Leaf] | None = None
    anything: Any = None
    three_ds: str | None = wire("3ds", default=None)
    client_secret: str | None = None
    number: str | None = None
    url: str | None = None

    created_at = Moment("created")
    parent_id = IdOf("parent")
    by_tag_id = IdOf("by_tag")


WHOLE: dict[str, Any] = {
    "id": "tr_1",
    "object": "tree",
    "amount": 1999,
    "created": 1693466278934,
    "rate": 0.5,
    "live": False,
    "kind": "a",
    "leaf": {"id": "le_1", "count": 1},
    "leaves": [{"id": "le_2", "count": 2}, {"id": "le_3"}],
    "listed": {"object": "list", "has_more": False, "data": [{"id": "le_4"}]},
    "parent": "le_5",
    "parents": ["le_6", {"id": "le_7", "object": "leaf"}],
    "any_object": {"object": "refund", "id": "re_1", "amount": 5},
    "by_tag": {"object": "refund", "id": "re_2"},
    "names": ["x", "y"],
    "counts": [1, 2],
    "metadata": {"order": "1"},
    "by_name": {"oak": {"id": "le_8", "count": 8}, "elm": {"id": "le_9", "new": 1}},
    "anything": [1, {"x": None}],
    "3ds": "Y",
}


def read(**fields: Any) -> Tree:
    return Tree.from_dict(fields)


def same(left: Any, right: Any) -> bool:
    """Equality as JSON knows it: 1, 1.0 and true are three different values."""
    if left.__class__ is not right.__class__:
        return False
    if is_object(left):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if is_array(left):
        return len(left) == len(right) and all(map(same, left, right))
    return bool(left == right) or (isinstance(left, float) and math.isnan(left) and math.isnan(right))


def test_a_documented_answer_becomes_a_typed_object() -> None:
    tree = Tree.from_dict(WHOLE)
    assert (tree.id, tree.amount, tree.rate, tree.live, tree.kind) == ("tr_1", 1999, 0.5, False, "a")
    assert tree.leaf == Leaf(id="le_1", count=1)
    assert tree.leaves == [Leaf(id="le_2", count=2), Leaf(id="le_3")]
    assert tree.listed is not None
    assert list(tree.listed) == [Leaf(id="le_4")]
    assert tree.parent == "le_5"
    assert isinstance(tree.any_object, Refund)
    assert isinstance(tree.by_tag, Refund)
    assert tree.three_ds == "Y"
    assert tree.by_name == {"oak": Leaf(id="le_8", count=8), "elm": Leaf(id="le_9", extra={"new": 1})}
    assert (tree.names, tree.counts, tree.metadata) == (["x", "y"], [1, 2], {"order": "1"})
    assert not tree.extra
    assert same(tree.to_dict(), WHOLE)


def test_an_absent_field_is_none_and_stays_absent() -> None:
    tree = read(id="tr_1")
    assert (tree.live, tree.leaf) == (None, None)
    assert tree.to_dict() == {"id": "tr_1"}


def test_nulls_and_unknown_fields_come_back() -> None:
    received = {"id": "tr_1", "amount": None, "leaf": None, "new": {"a": [None]}, "newer": None}
    tree = read(**received)
    assert dict(tree.extra) == {"new": {"a": [None]}, "newer": None}
    assert tree.leaf is None
    assert same(tree.to_dict(), received)


@pytest.mark.parametrize(
    ("field", "received", "value"),
    [
        ("amount", "1999", 1999),
        ("amount", "-5", -5),
        ("amount", "0", 0),
        ("amount", 1999.0, 1999),
        ("rate", "0.5", 0.5),
        ("rate", "5", 5),
        ("rate", 5, 5),
        ("live", "true", True),
        ("live", "false", False),
        ("leaf", '{"id": "le_1", "count": "3"}', Leaf(id="le_1", count=3)),
        ("leaves", '[{"id": "le_1"}]', [Leaf(id="le_1")]),
        ("metadata", '{"a": "b"}', {"a": "b"}),
        ("by_name", '{"oak": {"count": "8"}}', {"oak": Leaf(count=8)}),
        ("leaf", "null", None),
        ("leaf", "", None),
        ("parent", "", None),
        ("leaves", {"object": "list", "data": [{"id": "le_1"}]}, [Leaf(id="le_1")]),
        ("parent", {"id": "le_1"}, Leaf(id="le_1")),
        ("parents", ["le_1", {"id": "le_2"}], ["le_1", Leaf(id="le_2")]),
    ],
)
def test_what_can_be_converted_without_loss_is_and_comes_back_as_it_was(field: str, received: Any, value: Any) -> None:
    tree = read(**{field: received})
    assert same(getattr(tree, field), value) or getattr(tree, field) == value
    assert type(getattr(tree, field)) is type(value)
    assert same(tree.to_dict(), {field: received})


def test_an_array_is_read_as_the_list_that_is_documented() -> None:
    tree = read(listed=[{"id": "le_1"}])
    assert isinstance(tree.listed, ListObject)
    assert tree.listed.data == [Leaf(id="le_1")]
    assert same(tree.to_dict(), {"listed": [{"id": "le_1"}]})


@pytest.mark.parametrize(
    ("field", "received"),
    [
        ("amount", "12.5"),
        ("amount", 12.5),
        ("amount", "007"),
        ("amount", " 5"),
        ("amount", "1_000"),
        ("amount", "٣"),
        ("amount", "five"),
        ("amount", ""),
        ("amount", True),
        ("amount", []),
        ("amount", "9" * 5000),
        ("rate", "nan"),
        ("rate", "inf"),
        ("rate", "0.50"),
        ("rate", "1e5"),
        ("rate", True),
        ("live", "yes"),
        ("live", "True"),
        ("live", 1),
        ("live", 0),
        ("id", 17),
        ("kind", "c"),
        ("kind", 5),
        ("leaf", "le_1"),
        ("leaf", 5),
        ("leaf", "{broken"),
        ("leaf", "[" * 3000),
        ("leaf", [{"id": "x"}]),
        ("leaves", "le_1"),
        ("leaves", 5),
        ("leaves", ["le_1", None, 5]),
        ("listed", "what"),
        ("parent", 5),
        ("parents", [5, None]),
        ("names", [1, None]),
        ("names", "x"),
        ("metadata", "order"),
        ("metadata", ["order"]),
        ("by_name", "oak"),
        ("by_name", {"oak": 5, "elm": None, "ash": [{"id": "le_1"}]}),
    ],
)
def test_any_other_value_is_kept_as_it_came(field: str, received: Any) -> None:
    """``int(1.9)``, ``bool("false")`` and ``str(None)`` are how converters lie."""
    tree = read(**{field: received})
    assert same(getattr(tree, field), received)
    assert same(tree.to_dict(), {field: received})


@pytest.mark.parametrize("received", [None, [], [1], "text", 5, True, 1.5, ""])
def test_an_answer_that_is_no_object_gives_an_empty_one_that_gives_it_back(received: Any) -> None:
    tree = structure(received, Tree)
    assert not any((tree.id, tree.amount, tree.leaf, tree.created_at, tree.parent_id))
    assert same(tree.to_dict(), received)
    assert repr(tree) == "<Tree>"


def test_an_object_of_an_unknown_kind_is_usable() -> None:
    tree = read(by_tag={"object": "of_the_future", "id": "of_1", "x": 1})
    assert isinstance(tree.by_tag, UnknownObject)
    assert (tree.by_tag.id, tree.by_tag.object, dict(tree.by_tag.extra)) == ("of_1", "of_the_future", {"x": 1})
    assert tree.by_tag_id == "of_1"
    tags: list[Any] = [None, 5, [], {}, ""]
    for tag in tags:
        assert isinstance(read(any_object={"object": tag}).any_object, UnknownObject)
    assert isinstance(read(any_object={}).any_object, UnknownObject)


def test_an_operation_that_returns_plain_json_gets_it_untouched() -> None:
    value = {"any": [1, "2", None]}
    assert reader(Any)(value) is value


def test_a_list_of_objects_is_read_with_its_entries() -> None:
    page: ListObject[Leaf] = reader(ListObject[Leaf])({"object": "list", "data": [{"count": "3"}], "has_more": True})
    assert page.data == [Leaf(count=3)]
    assert same(page.to_dict(), {"object": "list", "data": [{"count": "3"}], "has_more": True})


# ---- strict ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "received"),
    [
        ("amount", "1999"),
        ("amount", 19.0),
        ("amount", True),
        ("live", "true"),
        ("id", 5),
        ("kind", 5),
        ("leaf", "le_1"),
        ("leaf", '{"id": "le_1"}'),
        ("leaf", {"count": "3"}),
        ("leaves", {"data": []}),
        ("leaves", [{"count": "3"}]),
        ("leaves", ["le_1"]),
        ("listed", []),
        ("parent", 5),
        ("parents", [5]),
        ("names", [1]),
        ("counts", ["1"]),
        ("metadata", "{}"),
        ("by_name", {"oak": 5}),
        ("by_name", {"oak": {"count": "8"}}),
    ],
)
def test_strict_refuses_every_undocumented_type(field: str, received: Any) -> None:
    with pytest.raises(UndocumentedType):
        structure({field: received}, Tree, strict=True)


def test_strict_takes_everything_that_is_documented_and_what_is_new() -> None:
    """New fields and values are no breach of the contract; they come every month."""
    new = {**WHOLE, "new": 1, "kind": "c", "rate": 5, "leaf": None, "parent": {"id": "le_1"}}
    assert same(structure(new, Tree, strict=True).to_dict(), new)


# ---- what the reference types as text although it means something else ------------------------------------------


@model
class Typed(Object):
    created: AsText[int]
    on: AsText[bool] | None = None
    leaves: AsText[list[Leaf]] | None = None
    metadata: AsText[dict[str, str]] | None = None

    created_at = Moment("created")


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize(
    ("field", "received", "value"),
    [
        ("created", 1693466278934, 1693466278934),
        ("created", "1693466278934", 1693466278934),
        ("created", "tomorrow", "tomorrow"),
        ("created", "", None),
        ("on", "true", True),
        ("leaves", '[{"id": "le_1"}]', [Leaf(id="le_1")]),
        ("leaves", [{"id": "le_1"}], [Leaf(id="le_1")]),
        ("leaves", "le_1", "le_1"),
        ("metadata", '{"a": "b"}', {"a": "b"}),
        ("metadata", {"a": "b"}, {"a": "b"}),
        ("metadata", "", None),
    ],
)
def test_text_where_the_reference_has_text_is_read_as_what_it_means(
    field: str, received: Any, value: Any, *, strict: bool
) -> None:
    typed = structure({field: received}, Typed, strict=strict)
    assert getattr(typed, field) == value
    assert same(typed.to_dict(), {field: received})


@pytest.mark.parametrize(("field", "received"), [("created", 1.5), ("on", 1), ("leaves", {}), ("metadata", [])])
def test_strict_refuses_what_is_neither_text_nor_what_it_means(field: str, received: Any) -> None:
    assert getattr(Typed.from_dict({field: received}), field) == received
    with pytest.raises(UndocumentedType):
        structure({field: received}, Typed, strict=True)


# ---- any JSON at all ------------------------------------------------------------------------------------------

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=6)
    | st.sampled_from(["1", "-0", "1.0", "true", "null", "{}", "[]", '{"id":"a"}', "[{}]", "nan", "", "{", "tree"])
)
fields = st.sampled_from([*(name for name in WHOLE), "new", "data", "extra", "_received", "three_ds", "has_more"])
json_values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(fields | st.text(max_size=3), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(fields, json_values, max_size=8))
def test_no_answer_breaks_the_reading_and_all_of_it_comes_back(received: dict[str, Any]) -> None:
    """A payment that went through never turns into an exception."""
    before = copy.deepcopy(received)
    tree = Tree.from_dict(received)
    assert same(tree.to_dict(), before)
    assert same(received, before), "what was received must not be changed by reading it"
    repr(tree)
    assert tree.created_at is None or tree.created_at.tzinfo is UTC
    assert tree.parent_id is None or isinstance(tree.parent_id, str)


@given(json_values)
def test_no_answer_at_the_top_breaks_the_reading(received: Any) -> None:
    assert same(structure(received, Tree).to_dict(), received)
    page: ListObject[Leaf] = reader(ListObject[Leaf])(received)
    assert len(list(page)) == len(page)


@given(st.dictionaries(fields, json_values, max_size=6))
def test_objects_survive_pickling_and_copying(received: dict[str, Any]) -> None:
    tree = Tree.from_dict(received)
    for twin in (pickle.loads(pickle.dumps(tree)), copy.deepcopy(tree), copy.copy(tree)):
        assert type(twin) is Tree
        assert same(twin.to_dict(), tree.to_dict())
        assert repr(twin) == repr(tree)


@given(st.dictionaries(fields, json_values, max_size=6))
def test_strict_gives_the_same_object_or_refuses(received: dict[str, Any]) -> None:
    try:
        tree = structure(received, Tree, strict=True)
    except UndocumentedType:
        return
    assert same(tree.to_dict(), received)


# ---- objects --------------------------------------------------------------------------------------------------


def test_objects_are_equal_by_what_they_hold() -> None:
    assert Tree.from_dict(WHOLE) == Tree.from_dict(copy.deepcopy(WHOLE))
    assert Tree.from_dict(WHOLE) != Tree.from_dict({**WHOLE, "amount": 1})
    assert Tree.from_dict(WHOLE) != Tree.from_dict({**WHOLE, "new": 1})
    assert Leaf(id="x") != UnknownObject(id="x")
    assert Leaf(id="x") != {"id": "x"}
    with pytest.raises(TypeError, match="unhashable"):
        hash(Leaf(id="x"))


def test_a_repr_shows_no_secret_and_no_flood() -> None:
    tree = read(
        id="tr_1",
        client_secret="hunter2",
        number="4242424242424242",
        kind="card 4242 4242 4242 4242",
        url="https://pay.example/?client_secret=pi_1_secret_hunter2",
        metadata={"pin": "hunter2"},
        leaf={"id": "hunter2"},
        names=["hunter2"],
        anything={"x": "hunter2"},
        unknown="hunter2",
    )
    shown = repr(tree)
    assert "tr_1" in shown
    assert "unknown" in shown
    for secret in ("hunter2", "4242424242424242", "4242 4242"):
        assert secret not in shown


def test_an_object_made_by_hand_has_the_json_of_its_fields() -> None:
    leaf = Leaf(id="le_1")
    assert leaf.to_dict() == {"id": "le_1"}
    leaf.count = 3
    assert leaf.to_dict() == {"id": "le_1", "count": 3}


def test_a_made_up_attribute_is_refused() -> None:
    """A typing error such as ``refund.ammount = 5`` must not pass in silence."""
    with pytest.raises(AttributeError):
        Leaf(id="le_1").cuont = 5  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]


@pytest.mark.parametrize(
    ("received", "expected"),
    [
        (1693466278, datetime(2023, 8, 31, 7, 17, 58, tzinfo=UTC)),
        (1693466278934, datetime(2023, 8, 31, 7, 17, 58, 934000, tzinfo=UTC)),
        ("1693466278", datetime(2023, 8, 31, 7, 17, 58, tzinfo=UTC)),
        (0, datetime(1970, 1, 1, tzinfo=UTC)),
        (-1, datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC)),
        (None, None),
        ("soon", None),
        (True, None),
        (10**30, None),
        (math.nan, None),
        (math.inf, None),
    ],
)
def test_a_time_is_read_in_seconds_or_milliseconds(received: Any, expected: datetime | None) -> None:
    assert read(created=received).created_at == expected


@pytest.mark.parametrize(
    ("received", "expected"),
    [
        ("le_1", "le_1"),
        ({"id": "le_1", "object": "leaf"}, "le_1"),
        ({"id": 5}, None),
        ({}, None),
        ("", None),
        (None, None),
        (5, None),
    ],
)
def test_the_id_is_beside_a_field_that_may_be_expanded(received: Any, expected: str | None) -> None:
    assert read(parent=received).parent_id == expected


def test_what_came_is_json_again() -> None:
    assert json.loads(json.dumps(Tree.from_dict(WHOLE).to_dict())) == WHOLE


def test_what_is_noted_of_the_same_nulls_is_kept_once_and_given_back_apart() -> None:
    one, other = (structure({"id": f"le_{number}", "count": None}, Leaf) for number in (1, 2))
    assert received_of(one) is received_of(other)
    one.to_dict()["count"] = 5
    assert other.to_dict() == {"id": "le_2", "count": None}
