"""The query language of search: ``merchant_order_id:'order1234' AND metadata['color']:'blue'``."""

from __future__ import annotations

import re
from collections.abc import Collection as AnyCollection
from typing import Final

import attrs

from wooshpay.core.json import JsonObject
from wooshpay.sandbox.engine.errors import SandboxError
from wooshpay.sandbox.engine.listing import limit_of
from wooshpay.sandbox.engine.params import Params
from wooshpay.sandbox.engine.state import State
from wooshpay.sandbox.engine.store import Record, UnknownCursor

_QUOTED: Final = r"""(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")"""
_CLAUSE = re.compile(rf"\s*(?P<field>\w+)(?:\[(?P<key>{_QUOTED})\])?\s*:\s*(?P<value>{_QUOTED})\s*")
_AND = re.compile(r"AND\s", re.IGNORECASE)
_ESCAPED = re.compile(r"\\(.)")


@attrs.frozen
class Clause:
    """One condition: a field, or one pair of the metadata, equals a text."""

    field: str
    key: str | None
    value: str

    def matches(self, record: Record) -> bool:
        """Whether a record meets the condition."""
        found = record.get(self.field)
        if self.key is not None:
            pairs: JsonObject = found or {}
            found = pairs.get(self.key)
        if self.field == "currency":
            return str(found).upper() == self.value.upper()
        return found is not None and str(found) == self.value


def parse_query(query: str, fields: AnyCollection[str]) -> list[Clause]:
    """Read a query.

    Raises:
        SandboxError: It is no query, or asks for a field that cannot be searched.
    """
    clauses: list[Clause] = []
    place = 0
    while True:
        found = _CLAUSE.match(query, place)
        if found is None:
            raise _bad("The query must be clauses like merchant_order_id:'order1234', joined by AND.")
        field, key = found["field"], found["key"]
        if (field == "metadata") != (key is not None) or (field != "metadata" and field not in fields):
            raise _bad(f"{field} cannot be searched. Use {', '.join(fields)} or metadata['key'].")
        clauses.append(Clause(field, _unquote(key) if key is not None else None, _unquote(found["value"])))
        place = found.end()
        if place == len(query):
            return clauses
        joined = _AND.match(query, place)
        if joined is None:
            raise _bad("The clauses of the query must be joined by AND.")
        place = joined.end()


def search_page(state: State, params: Params, *, kind: str, url: str, fields: AnyCollection[str]) -> JsonObject:
    """One page of the objects that a query finds, newest first."""
    clauses = parse_query(params.need_text("query"), fields)
    try:
        page = state.store[kind].page(
            limit=limit_of(params),
            starting_after=params.text("page") or None,
            keep=lambda record: all(clause.matches(record) for clause in clauses),
        )
    except UnknownCursor:
        raise SandboxError(
            "page must be the next_page of an earlier answer.", code="parameter_invalid", param="page"
        ) from None
    return {
        "object": "search_result",
        "url": url,
        "has_more": page.has_more,
        "data": [state.view(record) for record in page.records],
        **({"next_page": page.records[-1].id} if page.has_more else {}),
    }


def _unquote(text: str) -> str:
    return _ESCAPED.sub(r"\1", text[1:-1])


def _bad(message: str) -> SandboxError:
    return SandboxError(message, code="parameter_invalid", param="query")
