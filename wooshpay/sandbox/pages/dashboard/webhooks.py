"""Webhooks: the endpoints, and the deliveries to them with every attempt."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

import attrs
from aiohttp import web

from wooshpay.core.redaction import redact
from wooshpay.sandbox.engine.store import Record
from wooshpay.sandbox.pages.answers import no_such_page
from wooshpay.sandbox.pages.dashboard.desk import Desk, Visit
from wooshpay.sandbox.pages.dashboard.paging import part_of_list
from wooshpay.sandbox.pages.dashboard.showing import show
from wooshpay.sandbox.webhooks.deliveries import Delivery

_COUNTED: Final = 1_000


@attrs.frozen(kw_only=True)
class Endpoint:
    """An endpoint, without its secret.

    Attributes:
        id: Its id.
        url: Where it is.
        status: Whether it is enabled.
        events: The types of events that it wants.
        deliveries: How many of its latest deliveries stand how.
    """

    id: str
    url: str
    status: str
    events: list[str]
    deliveries: dict[str, int]


def endpoints(desk: Desk) -> list[Endpoint]:
    """All endpoints, newest first."""
    deliveries = desk.deliveries.all()
    return [
        _endpoint(record, desk.trails.deliveries_of(deliveries, record.id, _COUNTED))
        for record in desk.state.store["webhook_endpoint"]
    ]


def _endpoint(record: Record, deliveries: Sequence[Delivery]) -> Endpoint:
    return Endpoint(
        id=record.id,
        url=redact(record["url"]),
        status=record["status"],
        events=record["enabled_events"],
        deliveries=dict(Counter(delivery.state for delivery in deliveries)),
    )


def show_webhooks(desk: Desk, visit: Visit) -> web.Response:
    """All endpoints and all deliveries."""
    return _show(desk, visit, None)


def show_endpoint(desk: Desk, visit: Visit) -> web.Response:
    """One endpoint and its deliveries."""
    endpoint = desk.state.store["webhook_endpoint"].get(visit.place("endpoint"))
    return no_such_page() if endpoint is None else _show(desk, visit, endpoint)


def _show(desk: Desk, visit: Visit, endpoint: Record | None) -> web.Response:
    deliveries = desk.deliveries.all()
    if endpoint is not None:
        deliveries = desk.trails.deliveries_of(deliveries, endpoint.id)[::-1]
    part = part_of_list(deliveries, visit, lambda delivery: delivery.id)
    shown = endpoints(desk)
    return show(
        desk,
        "webhooks",
        title="Webhooks" if endpoint is None else f"Endpoint {endpoint.id}",
        section="webhooks",
        endpoints=shown if endpoint is None else [line for line in shown if line.id == endpoint.id],
        endpoint=endpoint.id if endpoint is not None else None,
        living={line.id for line in shown if line.status == "enabled"},
        count=len(deliveries),
        deliveries=part.lines,
        part=part,
    )
