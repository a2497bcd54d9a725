"""The request log."""

from __future__ import annotations

from aiohttp import web

from wooshpay.core.redaction import redact
from wooshpay.sandbox.pages.answers import no_such_page
from wooshpay.sandbox.pages.dashboard.desk import Desk, Visit
from wooshpay.sandbox.pages.dashboard.json_text import json_tokens
from wooshpay.sandbox.pages.dashboard.paging import part_of_list
from wooshpay.sandbox.pages.dashboard.rows import can_be_shown
from wooshpay.sandbox.pages.dashboard.showing import show


def show_requests(desk: Desk, visit: Visit) -> web.Response:
    """All requests, newest first."""
    entries = desk.log[:]
    part = part_of_list(entries, visit, lambda entry: entry.id)
    return show(
        desk, "requests", title="Requests", section="requests", count=len(entries), requests=part.lines, part=part
    )


def show_request(desk: Desk, visit: Visit) -> web.Response:
    """One request: what was asked and answered, and the events that came of it."""
    id = visit.place("id")
    entry = next((entry for entry in reversed(desk.log[:]) if entry.id == id), None)
    if entry is None:
        return no_such_page()

    exists = can_be_shown(desk.state.store)
    answer = entry.answer
    return show(
        desk,
        "request",
        title=f"{entry.method} {entry.path}",
        section="requests",
        request=entry,
        params=json_tokens(entry.params, exists) if entry.params else None,
        answer=json_tokens(answer, exists) if answer is not None and not isinstance(answer, str) else None,
        answer_text=redact(answer) if isinstance(answer, str) else None,
    )
