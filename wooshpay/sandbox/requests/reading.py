"""Reading the parameters of an HTTP request: the query, and a body of JSON, of form fields, or with a file.

Forms nest by brackets: ``card[cvc]=123``, ``types[]=card``, ``line_items[0][quantity]=2``.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable
from email.message import Message
from math import isfinite
from typing import Final
from urllib.parse import parse_qsl

from wooshpay.core.json import Json, JsonObject, loads
from wooshpay.core.redaction import HIDDEN, redact_json
from wooshpay.sandbox.engine.errors import SandboxError, invalid
from wooshpay.sandbox.engine.params import as_object, is_list, is_object

FORM: Final = "application/x-www-form-urlencoded"
MULTIPART: Final = "multipart/form-data"

_NAME = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")
_BRACKET = re.compile(r"\[([^\[\]]*)\]")
_DEEPEST: Final = 8
_MOST_FIELDS: Final = 1000
# Python itself gives up at some hundred levels; no parameter of the API comes near this.
_DEEPEST_JSON: Final = 32
_LARGEST_NUMBER: Final = 2**63
_FILE: Final = {"filename", "content_type", "content"}
# Its keys are the merchant's own: those that are numbers make no list of it.
_FREE: Final = "metadata"


def read_query(pairs: Iterable[tuple[str, Json]]) -> JsonObject:
    """Read ``created[gte]=1&types[]=card`` and the like into nested parameters.

    Raises:
        SandboxError: 400, names that contradict one another or go too deep.
    """
    values: JsonObject = {}
    for name, value in pairs:
        found = _NAME.fullmatch(name)
        steps: list[str] = [found.group(1), *_BRACKET.findall(found.group(2))] if found is not None else [name]
        if len(steps) > _DEEPEST:
            raise SandboxError("A parameter is nested too deeply.", code="parameter_invalid")
        _put(values, steps, value, name)
    return {name: value if name == _FREE else _with_lists(value) for name, value in values.items()}


def _put(values: JsonObject, steps: list[str], value: Json, whole: str) -> None:
    name, rest = steps[0], steps[1:]
    if not rest:
        values[name] = value
    elif rest[0] == "":
        entries = values.setdefault(name, [])
        if not is_list(entries):
            raise _contradiction(whole)
        if len(rest) == 1:
            entries.append(value)
        else:
            _put_into_last(entries, rest[1:], value, whole)
    else:
        inner = as_object(values.setdefault(name, {}))
        if inner is None:
            raise _contradiction(whole)
        _put(inner, rest, value, whole)


def _put_into_last(entries: list[Json], steps: list[str], value: Json, whole: str) -> None:
    """``items[][price]=a&items[][quantity]=1&items[][price]=b``: a name that is there begins the next entry."""
    last = as_object(entries[-1]) if entries else None
    if last is None or (steps[0] in last and len(steps) == 1):
        last = {}
        entries.append(last)
    _put(last, steps, value, whole)


def _contradiction(name: str) -> SandboxError:
    return SandboxError(
        f"The parameter {name} stands in another form before: send it either with or without brackets.",
        code="parameter_invalid",
        param=name,
    )


def _with_lists(value: Json) -> Json:
    """Make lists of objects whose names are numbers, as in ``line_items[0][quantity]``."""
    if is_list(value):
        return [_with_lists(item) for item in value]
    if not is_object(value):
        return value
    inner = {name: item if name == _FREE else _with_lists(item) for name, item in value.items()}
    if inner and all(name.isascii() and name.isdigit() for name in inner):
        return [inner[name] for name in sorted(inner, key=int)]
    return inner


# ---- bodies


def read_body(body: bytes, content_type: str = "") -> JsonObject:
    """Read the parameters in a body. One without a known Content-Type is JSON; an empty one holds none.

    A file in a form becomes an object of ``filename``, ``content_type`` and ``content``, the latter in Base64.

    Raises:
        SandboxError: 400, the body is not what its type says.
    """
    if not body.strip():
        return {}
    head = Message()
    head["Content-Type"] = content_type or "application/json"
    kind = head.get_content_type()
    if kind == FORM:
        return _read_form(body)
    if kind == MULTIPART:
        return _read_multipart(body, str(head.get_param("boundary", "")))
    return _read_json(body)


def _read_form(body: bytes) -> JsonObject:
    if body.lstrip()[:1] in {b"{", b"["}:
        raise SandboxError(
            f"The body looks like JSON, but its Content-Type is {FORM}: send Content-Type: application/json.",
            code="invalid_form",
        )
    try:
        pairs = parse_qsl(body.decode().strip(), keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS)
    except (ValueError, UnicodeDecodeError):
        raise SandboxError("The body of the request is not a valid form.", code="invalid_form") from None
    return read_query(pairs)


def _read_multipart(body: bytes, boundary: str) -> JsonObject:
    from wooshpay.sandbox.requests.multipart import read_parts  # few requests upload a file

    try:
        parts = read_parts(body, boundary, most=_MOST_FIELDS)
        pairs: list[tuple[str, Json]] = [
            (part.name, part.content.decode())
            if part.filename is None
            else (
                part.name,
                {
                    "filename": part.filename,
                    "content_type": part.content_type,
                    "content": base64.b64encode(part.content).decode("ascii"),
                },
            )
            for part in parts
        ]
    except ValueError:
        raise SandboxError("The body of the request is not a valid multipart form.", code="invalid_form") from None
    return read_query(pairs)


def _read_json(body: bytes) -> JsonObject:
    try:
        # The reader of answers takes bytes that are no text, too; a server does not.
        body.decode("utf-8")
        value = loads(body)
    except (ValueError, RecursionError):
        raise SandboxError("The body of the request is not valid JSON.", code="invalid_json") from None
    found = as_object(value)
    if found is None:
        raise SandboxError("The body of the request must be a JSON object.", code="invalid_json")
    for name, inner in found.items():
        _check(name, name, 0)
        _check(inner, name, 0)
    return found


def _check(value: Json, param: str, depth: int) -> None:
    """Refuse what Python's parser reads though it is no JSON, or what could not be answered again."""
    if isinstance(value, str):
        if not value.isascii() and any("\ud800" <= letter <= "\udfff" for letter in value):
            raise SandboxError("The body of the request holds half of a Unicode surrogate pair.", code="invalid_json")
    elif isinstance(value, float):
        if not isfinite(value):
            raise SandboxError("The body of the request holds a number that is none.", code="invalid_json")
    elif isinstance(value, int):
        if abs(value) >= _LARGEST_NUMBER:
            raise invalid(param, "a number of at most 63 bits", code="parameter_invalid_integer")
    elif value is not None:
        if depth == _DEEPEST_JSON:
            raise SandboxError(f"The parameter {param} is nested too deeply.", code="parameter_invalid", param=param)
        if is_object(value):
            for name, item in value.items():
                _check(name, param, depth + 1)
                _check(item, param, depth + 1)
        elif is_list(value):
            for item in value:
                _check(item, param, depth + 1)


# ---- for the log


def visible(values: JsonObject) -> JsonObject:
    """Copy parameters without secrets, card numbers and the contents of files."""
    return as_object(redact_json(_without_contents(values))) or {}


def _without_contents(value: Json) -> Json:
    if is_list(value):
        return [_without_contents(item) for item in value]
    if not is_object(value):
        return value
    if value.keys() == _FILE:
        return {**value, "content": HIDDEN}
    return {name: _without_contents(item) for name, item in value.items()}
