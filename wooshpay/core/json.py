"""JSON in and out: orjson where the ``speed`` extra is installed, the standard library otherwise.

What is read and written is the same with both; `wooshpay.core.writing` settles where they differ.
"""

from __future__ import annotations

import json as _json
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeGuard

from wooshpay.core.writing import DEEPEST, plain, write

# JSON received is whatever the peer sent; Any is honest here and lets users index without casts.
Json: TypeAlias = Any
JsonObject: TypeAlias = dict[str, Any]
JsonArray: TypeAlias = list[Any]

if TYPE_CHECKING:
    loads: Callable[[bytes], Json]
    dumps: Callable[[Json], bytes]


def is_object(value: object) -> TypeGuard[JsonObject]:
    """Whether parsed JSON is an object."""
    return isinstance(value, dict)


def is_array(value: object) -> TypeGuard[JsonArray]:
    """Whether parsed JSON is an array."""
    return isinstance(value, list)


def copy_json(value: Json) -> Json:
    """Copy parsed JSON, so that a change to the copy leaves the original alone. It may be nested to any depth."""
    if not isinstance(value, (dict, list)):
        return value
    whole: list[Json] = [value]
    pending: list[tuple[Any, Any, Any]] = [(whole, 0, value)]
    while pending:
        place, key, part = pending.pop()
        if is_object(part):
            place[key] = copied = dict(part)
            pending += [(copied, name, item) for name, item in part.items() if isinstance(item, (dict, list))]
        elif is_array(part):
            place[key] = listed = list(part)
            pending += [(listed, at, item) for at, item in enumerate(part) if isinstance(item, (dict, list))]
    return whole[0]


def same_json(left: Json, right: Json) -> bool:
    """Return whether two values are the same JSON: 1, 1.0 and true differ, and NaN is the same as NaN."""
    pending: list[tuple[Any, Any]] = [(left, right)]
    while pending:
        one, other = pending.pop()
        if one.__class__ is not other.__class__:
            return False
        if is_object(one):
            if one.keys() != other.keys():
                return False
            pending += [(item, other[name]) for name, item in one.items()]
        elif is_array(one):
            if len(one) != len(other):
                return False
            pending += zip(one, other, strict=True)
        elif one != other and (one == one or other == other):
            return False
    return True


# No answer nests deeper than a few levels; parsers give up at about a thousand.
_DEEPEST: Final = 64
_TOKEN: Final = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{}]', re.DOTALL)


def loads_shallow(data: bytes) -> Json:
    """Parse JSON that may be nested without end: what is too deep for any use stays JSON text.

    Slower than `loads`, but it reads more: numbers of any length (as text beyond what Python converts), other
    encodings than UTF-8, and bytes that belong to none.

    Raises:
        ValueError: It is not JSON.
    """
    text = data.decode(_json.detect_encoding(data), "replace").removeprefix("\ufeff")
    return _json.loads(_cut_at_depth(text), parse_int=_whole_number)


def _cut_at_depth(text: str) -> str:
    parts: list[str] = []
    depth = begin = end = 0
    for token in _TOKEN.finditer(text):
        sign = text[token.start()]
        if sign in "[{":
            depth += 1
            if depth == _DEEPEST + 1:
                begin = token.start()
                parts.append(text[end:begin])
        elif sign in "]}":
            if depth == _DEEPEST + 1:
                end = token.end()
                parts.append(_json.dumps(text[begin:end]))
            depth -= 1
    if depth > 0:
        raise ValueError("The JSON has no end.")
    return "".join([*parts, text[end:]])


def _whole_number(digits: str) -> int | str:
    try:
        return int(digits)
    except ValueError:
        return digits


_decode: Final = _json.JSONDecoder().raw_decode


def _loads_stdlib(data: bytes) -> Json:
    try:
        # As `json.loads`, which looks for white space in a slower way: a tenth of the whole.
        text = data.decode("utf-8").strip(" \t\n\r")
        value, end = _decode(text)
    except (ValueError, RecursionError):
        return loads_shallow(data)
    return value if end == len(text) else loads_shallow(data)


_encode: Final = _json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, allow_nan=False, default=plain).encode


def _dumps_stdlib(value: Json) -> bytes:
    try:
        text = _encode(value)
        data = text.encode()
    except (TypeError, ValueError, RecursionError):
        return write(value)
    if "e-" in text and _may_hold_small_number(text):
        return write(value)
    # Each level takes two characters.
    deep = len(text) > 2 * DEEPEST and text.count("[") + text.count("{") > DEEPEST
    return write(value) if deep else data


def _may_hold_small_number(text: str) -> bool:
    """Return whether there is something like 1e-07, which orjson writes in another form."""
    place = text.find("e-")
    while place != -1:
        # A pattern would look at each character.
        if text[place - 1].isdigit() and text[place + 2 : place + 3].isdigit():
            return True
        place = text.find("e-", place + 2)
    return False


try:
    import orjson
except ImportError:
    loads = _loads_stdlib
    dumps = _dumps_stdlib
else:

    def _loads_orjson(data: bytes) -> Json:
        try:
            return orjson.loads(data)
        except orjson.JSONDecodeError:
            # The standard library reads more (lone surrogates, NaN): an answer that went through
            # must not fail because of the parser that happens to be installed.
            return _loads_stdlib(data)

    # What is sent must not depend on the parser: orjson would write dates and dataclasses, and nan as null.
    _as_stdlib = orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_DATACLASS

    def _dumps_orjson(value: Json) -> bytes:
        try:
            data = orjson.dumps(value, default=plain, option=_as_stdlib)
        except TypeError:
            return write(value)
        # It may stand for nan, which JSON does not have.
        return _dumps_stdlib(value) if b"null" in data else data

    loads = _loads_orjson
    dumps = _dumps_orjson
