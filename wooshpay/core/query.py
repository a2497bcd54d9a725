"""Parameters as a query string. What can be sent there is what can be sent as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any
from urllib.parse import urlencode

from wooshpay.core.json import Json
from wooshpay.core.unset import UNSET
from wooshpay.core.writing import DEEPEST, is_list, key_text, number_text, plain, write


def encode_query(query: Mapping[str, Json]) -> str:
    """Write parameters as a query string; nested ones as ``created[gte]=...``, lists as ``ids[]=...``.

    Raises:
        TypeError: A value has a type that JSON does not have. The message names the parameter.
        ValueError: A value is of the right type but cannot be written. The message names the parameter.
    """
    pairs: list[tuple[str, str]] = []
    try:
        _flatten_all("", query, pairs, 0)
        return urlencode(pairs)
    except (TypeError, ValueError, RecursionError):
        write(query)  # it refuses the same values, and names them
        raise


def _flatten_all(prefix: str, params: Mapping[Any, Any], pairs: list[tuple[str, str]], depth: int) -> None:
    for key, value in params.items():
        if value is not UNSET:
            name = key_text(key)
            _flatten(f"{prefix}[{name}]" if prefix else name, value, pairs, depth + 1)


def _flatten(name: str, value: Any, pairs: list[tuple[str, str]], depth: int) -> None:
    if value is UNSET or depth > DEEPEST:
        raise ValueError
    if isinstance(value, Enum):
        _flatten(name, value.value, pairs, depth)
    elif isinstance(value, str):
        pairs.append((name, str.__str__(value)))
    elif value is None or isinstance(value, bool):
        pairs.append((name, "" if value is None else str(value).lower()))
    elif isinstance(value, int):
        pairs.append((name, int.__repr__(value)))
    elif isinstance(value, float):
        pairs.append((name, number_text(value)))
    elif isinstance(value, Mapping):
        _flatten_all(name, value, pairs, depth)  # pyright: ignore[reportUnknownArgumentType]  # JSON
    elif is_list(value):
        for inner in value:
            _flatten(f"{name}[]", inner, pairs, depth + 1)
    else:
        _flatten(name, plain(value), pairs, depth)
