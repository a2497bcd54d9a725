"""The objects: kinds, tables, and each object with its next steps, pages, JSON and events."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import attrs
from aiohttp import web

from wooshpay.core.json import Json
from wooshpay.sandbox.engine.params import as_object, is_list
from wooshpay.sandbox.engine.state import State
from wooshpay.sandbox.engine.store import Record
from wooshpay.sandbox.lifecycles import ledger
from wooshpay.sandbox.pages.answers import no_such_page, redirect
from wooshpay.sandbox.pages.dashboard.access import ROOT
from wooshpay.sandbox.pages.dashboard.desk import Desk, Visit
from wooshpay.sandbox.pages.dashboard.events import deliveries_of, event_lines
from wooshpay.sandbox.pages.dashboard.filters import FilterForm, Filters
from wooshpay.sandbox.pages.dashboard.json_text import json_tokens
from wooshpay.sandbox.pages.dashboard.paging import part_of
from wooshpay.sandbox.pages.dashboard.rows import can_be_shown, find, row, shown_kinds
from wooshpay.sandbox.pages.dashboard.showing import show
from wooshpay.sandbox.pages.dashboard.steps import steps_of
from wooshpay.sandbox.pages.dashboard.words import kind_name, plural
from wooshpay.sandbox.rules.currencies import written

_MOST_EVENTS: Final = 50
# An event holds a copy of another object, whose own page has the links.
_WITHOUT_LINKS: Final = frozenset({"event"})


# First segment of a page's path -> what it is, for people. Other pages are named after the field that holds the URL.
_PAGES: Final = {
    "pay": "the payment page",
    "link": "the payment link",
    "invoice": "the invoice page",
    "3ds": "the 3-D Secure challenge",
    "paymentcode": "the page of the wallet or bank",
}


@attrs.frozen
class Kind:
    """A kind of object, and the number of such objects."""

    kind: str
    name: str
    count: int


@attrs.frozen
class Link:
    """A page of the sandbox that an object has the URL of.

    Attributes:
        name: What it is, for people, such as ``the payment page``.
        url: The URL, which may contain a secret.
    """

    name: str
    url: str


def kinds(state: State) -> list[Kind]:
    """Return the kinds of objects that there are, in alphabetical order."""
    found = [
        Kind(kind, kind_name(kind) if count == 1 else plural(kind_name(kind)), count)
        for kind in shown_kinds(state.store)
        if (count := len(state.store[kind]))
    ]
    return sorted(found, key=lambda kind: kind.name)


def balance(state: State) -> list[str]:
    """Return the balance of each currency, in words."""
    return [written(entry["amount"], entry["currency"]) for entry in ledger.available(state)]


def links(state: State, record: Record) -> list[Link]:
    """Return the hosted pages that an object has the URLs of."""
    if record.kind in _WITHOUT_LINKS:
        return []
    own = f"{state.base_url}/"
    found: dict[str, Link] = {}
    for place, text in _texts(state.view(record), ""):
        if text.startswith(own) and not text.startswith(f"{own}v1/"):
            first = re.split(r"[/?]", text.removeprefix(own), maxsplit=1)[0]
            found.setdefault(text, Link(_PAGES.get(first, place), text))
    return list(found.values())


def _texts(value: Json, place: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield place, value
    elif is_list(value):
        for item in value:
            yield from _texts(item, place)
    else:
        for name, item in (as_object(value) or {}).items():
            yield from _texts(item, f"{place}.{name}" if place else name)


def show_kinds(desk: Desk, visit: Visit) -> web.Response:
    """Show all kinds of objects, and the balance."""
    state = desk.state
    return show(desk, "kinds", title="Objects", section="objects", kinds=kinds(state), balance=balance(state))


def show_kind(desk: Desk, visit: Visit) -> web.Response:
    """Show the objects of a kind that pass the filters."""
    kind, store = visit.place("kind"), desk.state.store
    if kind not in shown_kinds(store):
        return no_such_page()
    collection = store[kind]
    filters = Filters.read(visit.request.query)
    part = part_of(collection, visit, lambda record: filters.keeps(store, record), filters.where(collection))
    return show(
        desk,
        "kind",
        title=plural(kind_name(kind)),
        section="objects",
        kind=kind,
        count=len(collection),
        rows=[row(record) for record in part.lines],
        part=part,
        filters=filters,
        form=FilterForm.of(kind, collection, filters.status),
    )


def show_object(desk: Desk, visit: Visit) -> web.Response:
    """Show one object."""
    return _show_object(desk, visit, secrets=False)


def reveal_object(desk: Desk, visit: Visit) -> web.Response:
    """Show one object with its secrets."""
    return _show_object(desk, visit, secrets=True)


def open_link(desk: Desk, visit: Visit) -> web.Response:
    """Redirect to a page of an object. In this way the dashboard shows no URL that contains a secret."""
    record = find(desk.state.store, visit.place("id"))
    number = visit.place("number")
    found = links(desk.state, record) if record is not None else []
    if not number.isdecimal() or int(number) >= len(found):
        return no_such_page()
    return redirect(found[int(number)].url) or no_such_page()


def find_object(desk: Desk, visit: Visit) -> web.Response:
    """Redirect to the object or the request with the ID that was typed."""
    id = (visit.query("id") or "").strip()
    record = find(desk.state.store, id)
    if record is not None:
        return _to(f"object/{record.id}")
    return elsewhere(desk, id) or show(desk, "nothing", title="Nothing found", section="objects", status=404, id=id)


def elsewhere(desk: Desk, id: str) -> web.Response | None:
    """Redirect to the request with an ID; return ``None`` if there is no such request."""
    return _to(f"requests/{id}") if any(entry.id == id for entry in desk.log) else None


def _to(path: str) -> web.Response:
    return web.Response(status=303, headers={"Location": f"{ROOT}/{path}"})


def _show_object(desk: Desk, visit: Visit, *, secrets: bool) -> web.Response:
    state = desk.state
    record = find(state.store, visit.place("id"))
    if record is None:
        return elsewhere(desk, visit.place("id")) or no_such_page()
    ids = desk.trails.events_of(state.store["event"], record.id)
    events = [event for id in ids[:_MOST_EVENTS] if (event := state.store["event"].get(id)) is not None]
    return show(
        desk,
        "object",
        title=f"{kind_name(record.kind)} {record.id}",
        section="events" if record.kind == "event" else "objects",
        still=secrets,
        secrets=secrets,
        row=row(record),
        steps=steps_of(record),
        links=links(state, record),
        tokens=json_tokens(state.view(record), can_be_shown(state.store), secrets=secrets),
        events=event_lines(desk, events),
        more_events=len(ids) - len(events),
        deliveries=deliveries_of(desk, record.id) if record.kind == "event" else [],
        is_endpoint=record.kind == "webhook_endpoint",
    )
