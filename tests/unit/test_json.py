"""Both JSON implementations mean the same: installing the ``speed`` extra must change nothing but the speed."""

from __future__ import annotations

import collections
import datetime
import enum
import json
import math
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from types import MappingProxyType
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wooshpay import UNSET
from wooshpay.api.refunds import Refund
from wooshpay.core import json as ours
from wooshpay.core import writing
from wooshpay.core.query import encode_query

LOADS: list[Callable[[bytes], Any]] = [vars(ours)["_loads_stdlib"], ours.loads]
DUMPS: list[Callable[[Any], bytes]] = [vars(ours)["_dumps_stdlib"], ours.dumps]
both_writers = pytest.mark.parametrize("dumps", DUMPS, ids=["standard library", "installed"])


@dataclass
class Point:
    x: int


class Colour(enum.Enum):
    RED = "red"


class Size(str, enum.Enum):  # noqa: UP042  # the older form, whose str() is not its value
    BIG = "big"


class Number(enum.IntEnum):
    TWO = 2


class Name(str): ...


class Code(int): ...


class Ratio(float): ...


class Table(dict[Any, Any]): ...


class Row(list[Any]): ...


class Pair(NamedTuple):
    a: Any
    b: Any


def read_only(value: dict[Any, Any]) -> Mapping[Any, Any]:
    return MappingProxyType(value)


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner),
)


@given(json_values)
def test_what_one_writes_the_other_reads(value: Any) -> None:
    for loads in LOADS:
        for dumps in DUMPS:
            assert loads(dumps(value)) == value


texts = st.text().map(lambda text: text.encode("utf-8", "surrogatepass"))


@given(st.binary() | texts | st.from_regex(rb"[\[\]{},.:eE\"+-]*[0-9]{0,18}"))
def test_both_read_the_same_or_neither_reads_it(data: bytes) -> None:
    """An answer that goes through on one machine must not fail on the next."""

    def read(loads: Callable[[bytes], Any]) -> Any:
        try:
            return "read", loads(data)
        except (ValueError, RecursionError):
            return "refused", None

    assert read(LOADS[0]) == read(LOADS[1])


@pytest.mark.parametrize(
    "data",
    [b'"\\ud800"', b"NaN", b"[Infinity]", b'{"a":1,"a":2}', b"123456789012345678", b"18446744073709551615", b" 1 "],
)
def test_odd_but_readable_answers_are_read_alike(data: bytes) -> None:
    assert repr(LOADS[0](data)) == repr(LOADS[1](data))


# ---- what is sent ---------------------------------------------------------------------------------------------


@both_writers
def test_enums_and_uuids_are_written_by_their_value(dumps: Callable[[Any], bytes]) -> None:
    value = {"a": Colour.RED, "b": uuid.UUID(int=1), "c": [Size.BIG]}
    assert dumps(value) == b'{"a":"red","b":"00000000-0000-0000-0000-000000000001","c":["big"]}'
    assert parse_qsl(encode_query(value)) == [("a", "red"), ("b", str(value["b"])), ("c[]", "big")]


@both_writers
def test_read_only_collections_are_written_as_what_they_are(dumps: Callable[[Any], bytes]) -> None:
    value = {"a": MappingProxyType({"b": (1, None)}), "c": range(2), "d": "ü"}
    assert dumps(value) == '{"a":{"b":[1,null]},"c":[0,1],"d":"ü"}'.encode()


# What only one of the two writers took, or each wrote in its own way.
ACCEPTED: list[tuple[Any, bytes]] = [
    ({1: "a", -2: "b", 10**30: "c"}, b'{"1":"a","-2":"b","1000000000000000000000000000000":"c"}'),
    ({None: 1, True: 2, False: 3, 0.5: 4, Number.TWO: 5}, b'{"null":1,"true":2,"false":3,"0.5":4,"2":5}'),
    ({Name("a"): 1, Size.BIG: 2}, b'{"a":1,"big":2}'),
    ({"a": 2**64, "b": -(2**63) - 1}, b'{"a":18446744073709551616,"b":-9223372036854775809}'),
    (Code(2**70), b"1180591620717411303424"),
    ([Name("x"), Code(7), Ratio(0.5), Table(a=1), Row((1, 2)), Pair(1, 2)], b'["x",7,0.5,{"a":1},[1,2],[1,2]]'),
    ([collections.OrderedDict(b=1), collections.deque([1])], b'[{"b":1},[1]]'),
    ([1e-05, -1.234e-05, 9.9e-06, 1e-07, 5e-324], b"[0.00001,-0.00001234,9.9e-6,1e-7,5e-324]"),
    ([1e16, 1e22, -2.5e30, 0.0001, -0.0], b"[1e+16,1e+22,-2.5e+30,0.0001,-0.0]"),
    (["e-1", "1e-05", "a-b"], b'["e-1","1e-05","a-b"]'),
    ('\x00\x1f\x7f\u2028"\\/', '"\\u0000\\u001f\x7f\u2028\\"\\\\/"'.encode()),
    # It was sent as the text "UNSET".
    ({"a": UNSET, "b": {"c": UNSET}, "d": [{"e": UNSET, "f": 1}]}, b'{"b":{},"d":[{"f":1}]}'),
    (nested(254), b"[" * 254 + b"1" + b"]" * 254),
]


@both_writers
@pytest.mark.parametrize(("value", "expected"), ACCEPTED, ids=lambda value: repr(value)[:40])
def test_what_one_writer_takes_the_other_takes_and_both_write_the_same_bytes(
    dumps: Callable[[Any], bytes], value: Any, expected: bytes
) -> None:
    """``metadata={1: ...}`` worked on the machine of the developer, without orjson, and failed in production."""
    assert dumps(value) == expected


@dataclass
class WithId:
    id: str


endless: list[Any] = []
endless.append(endless)

REFUSED: list[tuple[Any, type[Exception], str]] = [
    (datetime.datetime(2024, 1, 1), TypeError, "cannot serialize a datetime here. Pass milliseconds since 1970"),
    (datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC), TypeError, "cannot serialize a datetime here."),
    (datetime.date(2024, 1, 1), TypeError, "cannot serialize a date here."),
    (datetime.time(1), TypeError, "cannot serialize a time here."),
    (datetime.timedelta(1), TypeError, "cannot serialize a timedelta here."),
    (Decimal("19.99"), TypeError, "cannot serialize a Decimal here. Pass an amount as an integer in the smallest unit"),
    (b"bytes", TypeError, "cannot serialize a bytes here. Decode the bytes"),
    (bytearray(b"bytes"), TypeError, "cannot serialize a bytearray here."),
    (memoryview(b"bytes"), TypeError, "cannot serialize a memoryview here."),
    ({1, 2}, TypeError, "cannot serialize a set here. Pass a list."),
    (frozenset({1}), TypeError, "cannot serialize a frozenset here. Pass a list."),
    (Point(1), TypeError, "cannot serialize a Point here. Pass a dict, such as dataclasses.asdict(...) of it."),
    (WithId("cus_1"), TypeError, "cannot serialize a WithId here. Pass its ID."),
    (Refund.from_dict({"id": "re_1"}), TypeError, "cannot serialize a Refund here. Pass its ID."),
    (object(), TypeError, "cannot serialize an object here. Pass text, a number, a boolean, a list or a dict."),
    (Fraction(1, 2), TypeError, "cannot serialize a Fraction here."),
    (1j, TypeError, "cannot serialize a complex here."),
    (math.nan, ValueError, "JSON has no nan. Pass a finite number."),
    (-math.inf, ValueError, "JSON has no -inf. Pass a finite number."),
    (Ratio(math.nan), ValueError, "JSON has no nan."),
    ("a\ud800", ValueError, "the text contains half of a surrogate pair (U+D800), which cannot be sent."),
    (Name("\udfff"), ValueError, "the text contains half of a surrogate pair (U+DFFF)"),
    ({"\ud800": 1}, ValueError, "a name in it contains half of a surrogate pair (U+D800)"),
    ({(1, 2): 3}, TypeError, "the names in it must be text, not a tuple."),
    ({Colour.RED: 3}, TypeError, "the names in it must be text, not a Colour."),
    ({math.nan: 3}, ValueError, "JSON has no nan."),
    (10**5000, ValueError, "the integer has more digits than Python writes."),
]


@both_writers
@pytest.mark.parametrize(("value", "error", "words"), REFUSED, ids=lambda value: type(value).__name__)
def test_what_cannot_be_sent_is_refused_by_both_with_the_name_of_the_parameter(
    dumps: Callable[[Any], bytes], value: Any, error: type[Exception], words: str
) -> None:
    """orjson says "Type is not JSON serializable: datetime.datetime": in which of thirty parameters?"""
    for place, params in (
        ("created.gte", {"amount": None, "created": {"gte": value}}),
        ("line_items[1].price", {"line_items": [{}, {"price": value}]}),
        ("metadata['order id']", {"metadata": {"order id": value}}),
        ("metadata.7", {"metadata": {7: value}}),
    ):
        place = "metadata['7']" if place == "metadata.7" else place
        for write in (dumps, encode_query):
            with pytest.raises(error) as caught:
                write(params)
            assert str(caught.value).startswith(f"Parameter {place}: {words}")


@both_writers
def test_unset_in_a_list_is_refused_as_it_cannot_leave_anything_out(dumps: Callable[[Any], bytes]) -> None:
    for write in (dumps, encode_query):
        with pytest.raises(TypeError, match=r"Parameter a\[1\]: UNSET can stand in a dict only"):
            write({"a": [1, UNSET]})


@both_writers
@pytest.mark.parametrize("value", [nested(255), endless], ids=["too deep", "contains itself"])
def test_what_never_ends_is_refused_by_both(dumps: Callable[[Any], bytes], value: Any) -> None:
    for write in (dumps, encode_query):
        with pytest.raises(ValueError, match="Parameter a: it is nested more than 254 levels deep, or contains itself"):
            write({"a": value})


scalars: Any = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-(2**66), 2**66)
    | st.floats()
    | st.floats(-1e-3, 1e-3)
    | st.text()
    | st.from_regex(r"[0-9]?e-[0-9]", fullmatch=True)
    | st.uuids()
    | st.decimals()
    | st.datetimes()
    | st.dates()
    | st.binary(max_size=3)
    | st.sets(st.integers(), max_size=2)
    | st.sampled_from([Colour.RED, Size.BIG, Number.TWO, UNSET, Point(1)])
    | st.builds(Name, st.text())
    | st.builds(Code, st.integers())
    | st.builds(Ratio, st.floats())
)
keys: Any = st.text() | st.none() | st.booleans() | st.integers() | st.floats() | st.builds(Name, st.text())
keys |= st.sampled_from([Colour.RED, Size.BIG, Number.TWO, (1, 2), "null"])
anything: Any = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner, inner)
        | st.builds(Row, st.lists(inner, max_size=2))
        | st.builds(Pair, inner, inner)
        | st.dictionaries(keys, inner, max_size=3)
        | st.builds(Table, st.dictionaries(keys, inner, max_size=2))
        | st.dictionaries(keys, inner, max_size=2).map(read_only)
    ),
    max_leaves=6,
)


def outcome(write: Callable[[Any], bytes | str], value: Any) -> bytes | str | tuple[type[Exception], str]:
    try:
        return write(value)
    except (TypeError, ValueError) as error:
        return type(error), str(error)


@given(st.dictionaries(st.text(max_size=3) | keys, anything, max_size=3) | anything)
@settings(max_examples=1000, deadline=None)
def test_whatever_is_passed_both_write_the_same_bytes_or_give_the_same_error(value: Any) -> None:
    """Whether a payment is made must not depend on an optional package."""
    written = [outcome(dumps, value) for dumps in (*DUMPS, writing.write)]
    assert written[0] == written[1] == written[2]
    if isinstance(written[0], tuple):
        assert written[0][1].startswith(("Parameter", "The value")), "the error names the value"


@given(st.dictionaries(st.text(max_size=3) | keys, anything, max_size=3))
@settings(max_examples=300, deadline=None)
def test_a_query_takes_what_a_body_takes_and_refuses_the_rest_with_the_same_error(value: Any) -> None:
    written, body = outcome(encode_query, value), outcome(ours.dumps, value)
    assert isinstance(written, str) == isinstance(body, bytes)
    assert isinstance(written, str) or written == body


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_fraction_is_the_same_number_in_every_way_of_writing_it(value: float) -> None:
    """It must be exactly what was passed: a rate that is rounded on the way is another rate."""
    for dumps in (*DUMPS, writing.write):
        assert json.loads(dumps(value)) == value
    assert float(writing.number_text(value)) == value


def test_the_usual_call_is_one_call_of_the_fast_writer(monkeypatch: pytest.MonkeyPatch) -> None:
    """The step-by-step writer takes ten times as long."""

    def slow(value: Any) -> bytes:
        raise AssertionError("the slow way")

    monkeypatch.setattr(ours, "write", slow)
    body = {"amount": 1999, "currency": "USD", "metadata": {"order": "17"}, "rate": 0.25, "off": True, "name": "e-mail"}
    for dumps in DUMPS:
        assert json.loads(dumps(body)) == body
    assert json.loads(ours.dumps({**body, "description": None}))["description"] is None


def test_both_write_the_same_bytes() -> None:
    value: dict[str, Any] = {"b": [1, -0.5, True, None, 'x\n"/ü\u2028\x7f'], "a": {}}
    assert DUMPS[0](value) == DUMPS[1](value)
    assert json.loads(DUMPS[0](value)) == value
