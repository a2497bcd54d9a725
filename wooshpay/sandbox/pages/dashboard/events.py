"""The events, and where they were delivered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import attrs
from aiohttp import web

from wooshpay.sandbox.engine.params import as_object
from wooshpay.sandbox.engine.store import Record
from wooshpay.sandbox.pages.answers import no_such_page
from wooshpay.sandbox.pages.dashboard.access import ROOT
from wooshpay.sandbox.pages.dashboard.desk import Desk, Visit
from wooshpay.sandbox.pages.dashboard.paging import part_of
from wooshpay.sandbox.pages.dashboard.showing import show
from wooshpay.sandbox.webhooks.deliveries import Delivery


@attrs.frozen(kw_only=True)
class EventLine:
    """An event as a line of a table.

    Attributes:
        id: Its id.
        type: Its type.
        created: When it came up.
        about: The id of its object; empty where that has none.
        about_kept: Whether there still is such an object.
        request: The request that it comes from, if one did.
        deliveries: How many of its deliveries stand how.
    """

    id: str
    type: str
    created: int
    about: str
    about_kept: bool
    request: str | None
    deliveries: dict[str, int]


def event_lines(desk: Desk, events: Iterable[Record]) -> list[EventLine]:
    """The lines of events."""
    deliveries = desk.deliveries.all()
    return [_line(desk, event, desk.trails.deliveries_of(deliveries, event.id)) for event in events]


def _line(desk: Desk, event: Record, deliveries: Sequence[Delivery]) -> EventLine:
    shown = as_object(event["data"]["object"]) or {}
    about, kind = str(shown.get("id") or ""), str(shown.get("object") or "")
    cause: dict[str, Any] = event.get("request") or {}
    return EventLine(
        id=event.id,
        type=event["type"],
        created=event["created"],
        about=about,
        about_kept=desk.state.store[kind].get(about) is not None,
        request=cause.get("id"),
        deliveries=dict(Counter(delivery.state for delivery in deliveries)),
    )


def deliveries_of(desk: Desk, event_id: str) -> list[Delivery]:
    """The deliveries of an event, newest first."""
    return desk.trails.deliveries_of(desk.deliveries.all(), event_id)


def show_events(desk: Desk, visit: Visit) -> web.Response:
    """All events."""
    events = desk.state.store["event"]
    part = part_of(events, visit)
    lines = event_lines(desk, part.lines)
    return show(desk, "events", title="Events", section="events", count=len(events), events=lines, part=part)


def resend(desk: Desk, visit: Visit) -> web.Response:
    """Deliver an event once more: to the endpoint that the form names, or to every one that wants it."""
    event = desk.state.store["event"].get(visit.place("id"))
    if event is None:
        return no_such_page()
    endpoint = visit.form.get("endpoint") or None
    if endpoint is not None:
        desk.state.need("webhook_endpoint", endpoint)
    desk.deliveries.resend(event, endpoint)
    back = f"webhooks/{endpoint}" if endpoint is not None else f"object/{event.id}"
    return web.Response(status=303, headers={"Location": f"{ROOT}/{back}"})
