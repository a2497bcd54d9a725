"""Reading the parameters of an HTTP request: the query, with its brackets, and the JSON body."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from wooshpay.core.json import JsonObject, loads
from wooshpay.sandbox.engine.errors import SandboxError
from wooshpay.sandbox.engine.params import as_object, is_list

_NAME = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")
_BRACKET = re.compile(r"\[([^\[\]]*)\]")
_DEEPEST: Final = 8


def read_query(pairs: Iterable[tuple[str, str]]) -> JsonObject:
    """Read ``created[gte]=1&types[]=card`` and the like into nested parameters."""
    values: JsonObject = {}
    for name, value in pairs:
        found = _NAME.fullmatch(name)
        steps: list[str] = [found.group(1), *_BRACKET.findall(found.group(2))] if found is not None else [name]
        if len(steps) > _DEEPEST:
            raise SandboxError("A query parameter is nested too deeply.", code="parameter_invalid")
        _put(values, steps, value)
    return values


def _put(values: JsonObject, steps: list[str], value: str) -> None:
    name, rest = steps[0], steps[1:]
    if not rest:
        values[name] = value
    elif rest == [""]:
        kept = values.setdefault(name, [])
        if is_list(kept):
            kept.append(value)
    else:
        inner = as_object(values.setdefault(name, {}))
        if inner is not None:
            _put(inner, rest, value)


def read_body(body: bytes) -> JsonObject:
    """Read the JSON object in a body; an empty body is one without parameters.

    Raises:
        SandboxError: 400, the body is something else.
    """
    if not body.strip():
        return {}
    try:
        value = loads(body)
    except (ValueError, RecursionError):
        raise SandboxError("The body of the request is not valid JSON.", code="invalid_json") from None
    found = as_object(value)
    if found is None:
        raise SandboxError("The body of the request must be a JSON object.", code="invalid_json")
    return found
