"""Whatever JSON a success holds: every object class makes an object of it, and the object gives the JSON back.

A payment that went through must not turn into an exception because its answer is not as documented.
"""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.answers import EXAMPLES, read

from wooshpay.api import OBJECTS, TAGS
from wooshpay.core.catalog import load
from wooshpay.core.codec import UndocumentedType, UnknownObject, reader, structure
from wooshpay.core.json import is_array, is_object
from wooshpay.core.listing import ListObject
from wooshpay.core.objects import Object, wire_names
from wooshpay.core.redaction import SENSITIVE_FIELDS

# Stands for a secret in sensitive fields.
MARK = "Zq7Zq7Zq7Zq7"

# Stands for a field that is left out.
ABSENT = object()

# Words that mean something to the code that reads answers.
WORDS = ["object", "id", "data", "url", "type", "deleted", "has_more", "next_page"]

each_class = pytest.mark.parametrize("name", [*sorted(OBJECTS), "UnknownObject"])
quick = settings(deadline=None, max_examples=8, suppress_health_check=[HealthCheck.too_slow])

# What answers were seen to hold, or could: text that looks like something else, numbers beyond any size.
ODDITIES: list[Any] = [
    None,
    True,
    False,
    "",
    "0",
    "-0",
    "007",
    "1999",
    "19.99",
    "1e3",
    "nan",
    "NaN",
    "null",
    "true",
    "{}",
    "[]",
    '{"id": "x_1", "object": "customer"}',
    '[{"id": "x_1"}, null]',
    "{broken",
    "[" * 3000,
    '["\\ud800"]',
    "\ud800",
    "9" * 5000,
    "٣",
    0,
    -1,
    1.0,
    1e308,
    float("inf"),
    2**63,
    10**400,
    1692588799000,
    [],
    {},
    {"object": "list", "data": [{"id": "x_1"}]},
    {"object": "list", "data": None},
    {"object": ["list"]},
    {"object": "mystery", "id": 7},
    {"id": {"id": "x_1"}},
]
ODD = st.sampled_from(ODDITIES)
TEXT = st.text(st.characters(codec=None), max_size=4)
TAGGED = st.fixed_dictionaries({"object": st.sampled_from(sorted(TAGS)), "id": ODD})
LEAVES = ODD | TAGGED | st.integers() | st.floats(allow_nan=False) | TEXT
JSON = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS) | TEXT, inner, max_size=3),
    max_leaves=5,
)


def exact(value: Any) -> str:
    """JSON text, which tells 1 from 1.0 and from true."""
    return json.dumps(value, sort_keys=True)


def class_named(name: str) -> type[Object]:
    return UnknownObject if name == "UnknownObject" else load(name)


@cache
def fields_of(name: str) -> list[str]:
    kind: type = class_named(name)
    return [wire for _, wire in wire_names(kind)]


def objects_in(value: Any) -> Iterator[Object]:
    """The object, and all those that are anywhere in it."""
    if isinstance(value, Object):
        yield value
        kind: type = type(value)
        for name, _ in wire_names(kind):
            yield from objects_in(getattr(value, name))
        yield from objects_in(dict(value.extra))
    elif is_array(value):
        for item in value:
            yield from objects_in(item)
    elif is_object(value):
        for item in value.values():
            yield from objects_in(item)


@cache
def public_names(kind: str) -> list[str]:
    """Fields, and what is beside them: dates, ids, URLs to pay at, anything computed."""
    cls = ListObject if kind == "ListObject" else class_named(kind)
    return [name for name in dir(cls) if not name.startswith("_") and name not in {"from_dict", "to_dict"}]


def check(made: Object, received: Any, hint: Any = None) -> None:
    """An object that was made of this JSON is all that an object must be."""
    assert exact(made.to_dict()) == exact(received)
    again = structure(json.loads(json.dumps(received)), hint or type(made))
    for other in (copy.deepcopy(made), copy.copy(made), pickle.loads(pickle.dumps(made)), again):
        assert other == made
        assert exact(other.to_dict()) == exact(received)
    assert (made == object(), made == None) == (False, False)  # noqa: E711  # its __eq__ is what is tested
    for found in objects_in(made):
        check_what_shows(found)


def check_what_shows(value: Object) -> None:
    """Every attribute can be had, and `repr` hides what nobody may see."""
    kind = type(value).__name__
    for name in public_names(kind):
        getattr(value, name)
    shown = repr(value)
    assert shown.startswith(f"<{kind}")
    assert MARK not in shown
    for name in SENSITIVE_FIELDS & fields_set(value):
        assert f" {name}={getattr(value, name)!r}" not in shown


def fields_set(value: Object) -> set[str]:
    kind: type = type(value)
    return {name for name, _ in wire_names(kind) if getattr(value, name) is not None}


def marked(value: Any) -> Any:
    """The same JSON with a secret in every sensitive field."""
    if is_object(value):
        return {name: MARK if name in SENSITIVE_FIELDS else marked(item) for name, item in value.items()}
    return [marked(item) for item in value] if is_array(value) else value


# ---- every oddity, everywhere ---------------------------------------------------------------------------------


@each_class
def test_an_odd_value_in_every_field_and_an_unknown_one_comes_back_exactly(name: str) -> None:
    for odd in ODDITIES:
        answer = {**dict.fromkeys(fields_of(name), odd), "field_of_tomorrow": odd}
        made = class_named(name).from_dict(answer)
        check(made, answer)
        assert made.extra == {"field_of_tomorrow": odd}


# ---- arbitrary JSON -------------------------------------------------------------------------------------------


def spread(name: str, pool: list[Any], turn: int) -> dict[str, Any]:
    """An answer in which the values of the pool go round the fields, so that each of them gets one every time."""
    values = {field: pool[(place * turn + place) % len(pool)] for place, field in enumerate(fields_of(name))}
    return {field: value for field, value in values.items() if value is not ABSENT}


POOL = st.lists(JSON | st.just(ABSENT), min_size=1, max_size=4)


@each_class
@quick
@given(pool=POOL, turn=st.integers(0, 40), more=st.dictionaries(TEXT, JSON, max_size=2))
def test_any_json_in_every_field_gives_an_object_that_gives_it_back(
    name: str, pool: list[Any], turn: int, more: dict[str, Any]
) -> None:
    answer = {**more, **spread(name, pool, turn)}
    check(class_named(name).from_dict(answer), answer)
    secret = marked(answer)
    check(class_named(name).from_dict(secret), secret)


@each_class
@quick
@given(answer=JSON | st.dictionaries(TEXT, JSON, max_size=3))
def test_any_json_in_place_of_an_object_gives_one_too(name: str, answer: Any) -> None:
    cls: Any = class_named(name)
    made = reader(cls)(answer)
    assert type(made) is cls
    check(made, answer)


@each_class
@quick
@given(answer=JSON | st.dictionaries(st.sampled_from(WORDS), JSON, max_size=4))
def test_any_json_in_place_of_a_list_gives_a_list(name: str, answer: Any) -> None:
    generic: Any = ListObject
    hint = generic[class_named(name)]
    page: ListObject[Any] = reader(hint)(answer)
    assert len(list(page)) == len(page)
    for found in objects_in(page):
        check_what_shows(found)
    if is_object(answer) and "data" in answer:
        check(page, answer, hint)


@each_class
@quick
@given(pool=POOL, turn=st.integers(0, 40))
def test_strict_reading_gives_an_object_or_says_what_is_undocumented(name: str, pool: list[Any], turn: int) -> None:
    answer = spread(name, pool, turn)
    try:
        made = structure(answer, class_named(name), strict=True)
    except UndocumentedType:
        return
    check(made, answer)


# ---- documented answers, mistaken -----------------------------------------------------------------------------


def places_in(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every place in an answer that holds something: what it is in, and its name or number there."""
    inner = value.items() if is_object(value) else enumerate(value) if is_array(value) else ()
    for key, item in inner:
        yield value, key
        yield from places_in(item)


@pytest.mark.parametrize(("file", "name"), EXAMPLES.items(), ids=EXAMPLES)
@settings(quick, max_examples=12)
@given(mistakes=st.lists(st.tuples(st.integers(0, 10_000), JSON | st.just(ABSENT)), min_size=1, max_size=4))
def test_a_documented_answer_with_mistakes_anywhere_gives_an_object_that_gives_it_back(
    file: str, name: str, mistakes: list[tuple[int, Any]]
) -> None:
    answer = read(file)
    for number, mistake in mistakes:
        places = list(places_in(answer))
        if places:
            holder, key = places[number % len(places)]
            if mistake is ABSENT:
                del holder[key]
            else:
                holder[key] = copy.deepcopy(mistake)
    check(load(name).from_dict(answer), answer)
    secret = marked(answer)
    check(load(name).from_dict(secret), secret)


@pytest.mark.parametrize(("file", "name"), EXAMPLES.items(), ids=EXAMPLES)
def test_a_documented_answer_is_all_that_an_object_must_be(file: str, name: str) -> None:
    check(load(name).from_dict(read(file)), read(file))
    check(load(name).from_dict(marked(read(file))), marked(read(file)))


@pytest.mark.parametrize(("file", "name"), EXAMPLES.items(), ids=EXAMPLES)
def test_every_list_in_a_documented_answer_may_come_in_the_other_form(file: str, name: str) -> None:
    """A plain array where an envelope is usual, and the reverse: the same entries either way."""
    answer = read(file)
    for holder, key in list(places_in(answer)):
        found = holder[key]
        if is_object(found) and found.get("object") == "list":
            holder[key] = found["data"]
        elif is_array(found) and not (is_object(holder) and holder.get("object") == "list"):
            holder[key] = {"object": "list", "data": found}
    made = load(name).from_dict(answer)
    check(made, answer)
    before = [type(found) for found in objects_in(load(name).from_dict(read(file))) if type(found) is not ListObject]
    after = [type(found) for found in objects_in(made) if type(found) is not ListObject]
    assert after == before
