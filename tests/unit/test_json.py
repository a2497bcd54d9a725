"""Both JSON implementations mean the same: installing the ``speed`` extra must change nothing but the speed."""

from __future__ import annotations

import datetime
import enum
import json
import math
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wooshpay.core import json as ours
from wooshpay.core.pipeline import encode_query

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


@both_writers
@pytest.mark.parametrize(
    "value",
    [
        math.nan,
        math.inf,
        [None, math.nan],
        object(),
        Decimal("1.5"),
        datetime.datetime(2024, 1, 1),
        datetime.date(2024, 1, 1),
        datetime.time(1),
        b"bytes",
        bytearray(b"bytes"),
        {1, 2},
        Point(1),
        {"deep": [Point(1)]},
        "\ud800",
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_has_no_json_form_is_refused_by_both(dumps: Callable[[Any], bytes], value: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        dumps({"a": value})


@both_writers
def test_enums_and_uuids_are_written_by_their_value(dumps: Callable[[Any], bytes]) -> None:
    value = {"a": Colour.RED, "b": uuid.UUID(int=1), "c": [Size.BIG]}
    assert dumps(value) == b'{"a":"red","b":"00000000-0000-0000-0000-000000000001","c":["big"]}'
    assert parse_qsl(encode_query(value)) == [("a", "red"), ("b", str(value["b"])), ("c[]", "big")]


@both_writers
def test_read_only_collections_are_written_as_what_they_are(dumps: Callable[[Any], bytes]) -> None:
    value = {"a": MappingProxyType({"b": (1, None)}), "c": range(2), "d": "ü"}
    assert dumps(value) == '{"a":{"b":[1,null]},"c":[0,1],"d":"ü"}'.encode()


def test_both_write_the_same_bytes() -> None:
    value: dict[str, Any] = {"b": [1, -0.5, True, None, 'x\n"/ü\u2028\x7f'], "a": {}}
    assert DUMPS[0](value) == DUMPS[1](value)
    assert json.loads(DUMPS[0](value)) == value
