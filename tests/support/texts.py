"""Values written as text, as someone would type them: the other way round from `wooshpay.describe.values`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from wooshpay.core.json import is_array, is_object
from wooshpay.describe.operations import Facts
from wooshpay.describe.shapes import shape_of


def in_whole(facts: Facts, arguments: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Every argument as one text: objects and lists as JSON."""
    for parameter in facts.parameters:
        if parameter.name in arguments:
            yield parameter.name, text_of(arguments[parameter.name])


def in_places(facts: Facts, arguments: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Every value within the arguments with a place of its own; what may be any JSON is written whole."""
    for parameter in facts.parameters:
        if parameter.name in arguments:
            yield from _within(parameter.type, arguments[parameter.name], parameter.name)


def text_of(value: Any) -> str:
    """One value as text."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _within(hint: Any, value: Any, place: str) -> Iterator[tuple[str, str]]:
    shape = shape_of(hint)
    if shape.kind != "json" and is_array(value):
        for index, entry in enumerate(value):
            yield from _within(shape.inner, entry, f"{place}.{index}")
    elif shape.kind != "json" and is_object(value):
        for key, inner in value.items():
            yield from _within(shape.fields.get(key, shape.inner), inner, f"{place}.{key}")
    else:
        yield place, text_of(value)
