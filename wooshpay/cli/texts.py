"""Makes text from outside safe to print: it cannot control a terminal, and every character can be encoded."""

from __future__ import annotations

import codecs
import json
import math
from collections.abc import Callable
from typing import Final
from unicodedata import category

from wooshpay.core.json import Json, dumps, is_array, is_object

# Categories of Unicode. Control characters and ANSI escapes; marks that change the direction of text or have no width;
# halves of character pairs; separators of lines and paragraphs.
_UNSAFE: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
# Characters that break a line or control a terminal, and never belong to a word.
_BREAKING: Final = frozenset({"Cc", "Zl", "Zp"})
_AS_JSON: Final = "wooshpay.json"
# Deeper than any object of WooshPay's. JSON writers give up at some hundred levels.
_DEEPEST: Final = 64
_TOO_DEEP: Final = "(nested too deeply)"


def visible(text: str, *, keep: str = "") -> str:
    """Replace control characters and invisible characters by backslash escapes.

    Args:
        text: The text, for example a customer's name.
        keep: Characters to leave as they are.
    """
    return _escaped(text, _UNSAFE, lambda character: character.encode("unicode_escape").decode(), keep)


def json_text(value: Json, *, terminal: bool, encoding: str = "utf-8", indent: int | None = None) -> str:
    """Write JSON as text that can be printed.

    All escapes are those of JSON, so that a program reads the same value.

    Args:
        value: Parsed JSON.
        terminal: Whether a person reads it. Then everything is escaped that `visible` escapes. Otherwise marks of
            direction and width stay as they are, since they are part of the data.
        encoding: The encoding it will be written in. Characters that it lacks are escaped.
        indent: Spaces per level; ``None`` for one line.
    """
    try:
        text = _written(value, indent)
    except RecursionError:
        text = _written(storable(value), indent)
    text = _escaped(text, _UNSAFE if terminal else _BREAKING, _as_json, "\n")
    return text.encode(encoding, _AS_JSON).decode(encoding)


def storable(value: Json, levels: int = _DEEPEST) -> Json:
    """Copy parsed JSON so that any JSON writer takes it.

    NaN and the infinities become text, as JSON has no numbers for them; so does what is nested too deeply.

    Args:
        value: Parsed JSON.
        levels: How many levels to keep.
    """
    if isinstance(value, float) and not math.isfinite(value):
        return json.dumps(value)
    if is_object(value):
        return {name: storable(inner, levels - 1) for name, inner in value.items()} if levels else _TOO_DEEP
    if is_array(value):
        return [storable(inner, levels - 1) for inner in value] if levels else _TOO_DEEP
    return value


def json_bytes(value: Json) -> bytes:
    """Write any parsed JSON on one line in UTF-8, as valid JSON; see `storable` for what is changed where needed."""
    try:
        return dumps(value)
    except (TypeError, ValueError, OverflowError, RecursionError):
        return _written(storable(value), None).encode("utf-8", _AS_JSON)


def _written(value: Json, indent: int | None) -> str:
    separators = (",", ":") if indent is None else None
    return json.dumps(value, ensure_ascii=False, indent=indent, separators=separators)


def _escaped(text: str, unsafe: frozenset[str], escape: Callable[[str], str], keep: str) -> str:
    if text.isprintable():
        return text
    return "".join(
        escape(character) if category(character) in unsafe and character not in keep else character
        for character in text
    )


def _as_json(text: str) -> str:
    return json.dumps(text)[1:-1]


def _escape_unencodable(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return _as_json(error.object[error.start : error.end]), error.end


codecs.register_error(_AS_JSON, _escape_unencodable)
