"""JSON as it is shown: without secrets, and with the ids in it as links."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import attrs

from wooshpay.core.json import Json
from wooshpay.core.redaction import redact_json

_ID = re.compile(r"[A-Za-z]+(?:_[A-Za-z0-9]+)+")
_TOKEN = re.compile(r'("(?:[^"\\]|\\.)*")(:?)|-?\d[\d.eE+\-]*|\b(?:true|false|null)\b')


@attrs.frozen
class Token:
    """A piece of JSON text.

    Attributes:
        text: The piece.
        kind: ``name``, ``text``, ``value`` or, for all else, nothing.
        id: The object that it names, where it does.
    """

    text: str
    kind: str = ""
    id: str | None = None


def json_tokens(value: Json, exists: Callable[[str], bool], *, secrets: bool = False) -> list[Token]:
    """JSON in pieces to show.

    Args:
        value: The JSON.
        exists: Whether there is an object with this id.
        secrets: Whether to show them.
    """
    text = json.dumps(value if secrets else redact_json(value), indent=2, ensure_ascii=False)
    tokens: list[Token] = []
    end = 0
    for found in _TOKEN.finditer(text):
        if found.start() > end:
            tokens.append(Token(text[end : found.start()]))
        end = found.end()
        quoted = found.group(1)
        if quoted is None:
            tokens.append(Token(found.group(), "value"))
        elif found.group(2):
            tokens.append(Token(found.group(), "name"))
        else:
            inner = quoted[1:-1]
            tokens.append(Token(quoted, "text", inner if _ID.fullmatch(inner) and exists(inner) else None))
    tokens.append(Token(text[end:]))
    return tokens
