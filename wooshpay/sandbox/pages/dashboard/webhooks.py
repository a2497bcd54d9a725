"""Webhooks: the endpoints, and the deliveries to them with every attempt."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

import attrs
from aiohttp import web

from wooshpay.api.events import DOCUMENTED_EVENT_TYPES, INFERRED_EVENT_TYPES
from wooshpay.core.redaction import redact
from wooshpay.sandbox.engine.store import Record
from wooshpay.sandbox.pages.answers import no_such_page
from wooshpay.sandbox.pages.dashboard.access import ROOT
from wooshpay.sandbox.pages.dashboard.desk import Desk, Visit
from wooshpay.sandbox.pages.dashboard.paging import part_of_list
from wooshpay.sandbox.pages.dashboard.showing import show
from wooshpay.sandbox.webhooks.deliveries import Delivery

_COUNTED: Final = 1_000
# The type of a test event for which the sandbox creates an object, if no such event has happened yet.
FALLBACK_TYPE: Final = "payment_intent.created"
_TYPES_FROM: Final = 500


@attrs.frozen(kw_only=True)
class Endpoint:
    """An endpoint, without its secret.

    Attributes:
        id: Its ID.
        url: Its URL, without secrets.
        status: ``enabled`` or ``disabled``.
        events: The types of events that it wants.
        deliveries: The number of its latest deliveries, by their state.
    """

    id: str
    url: str
    status: str
    events: list[str]
    deliveries: dict[str, int]


@attrs.frozen(kw_only=True)
class EndpointForm:
    """The form for a new or changed endpoint.

    Attributes:
        url: The URL.
        events: The types of events, one per line.
        errors: What is wrong, by field.
        error: What is wrong with the whole.
        hidden_url: Whether the URL of the endpoint holds a secret and is not shown.
    """

    url: str = ""
    events: str = "*"
    errors: Mapping[str, str] = attrs.field(factory=dict[str, str])
    error: str = ""
    hidden_url: bool = False

    @classmethod
    def of(cls, endpoint: Record) -> EndpointForm:
        """Return the form for an endpoint as it is."""
        url: str = endpoint["url"]
        hidden = redact(url) != url
        return cls(
            url="" if hidden else url, events="\n".join(map(redact, endpoint["enabled_events"])), hidden_url=hidden
        )


def endpoints(desk: Desk) -> list[Endpoint]:
    """Return all endpoints, newest first."""
    deliveries = desk.deliveries.all()
    return [
        _endpoint(record, desk.trails.deliveries_of(deliveries, record.id, _COUNTED))
        for record in desk.state.store["webhook_endpoint"]
    ]


def failed_events(desk: Desk, endpoint_id: str) -> list[str]:
    """Return the IDs of the events that an endpoint has not taken so far, oldest first.

    A delivery that waits for its first attempt has not failed.
    """
    latest: dict[str, Delivery] = {}
    delivered: set[str] = set()
    for delivery in desk.trails.deliveries_of(desk.deliveries.all(), endpoint_id, _COUNTED):
        latest.setdefault(delivery.event_id, delivery)
        if delivery.state == "delivered":
            delivered.add(delivery.event_id)
    failed = [
        id
        for id, delivery in latest.items()
        if id not in delivered
        and (delivery.state == "given_up" or delivery.attempts)
        and desk.state.store["event"].get(id) is not None
    ]
    return failed[::-1]


def offered_types(desk: Desk) -> list[str]:
    """Return the types of events that can be sent as a test: those that happened, and one that can always happen."""
    page = desk.state.store["event"].page(limit=_TYPES_FROM)
    return sorted({FALLBACK_TYPE, *(event["type"] for event in page.records)})


def _endpoint(record: Record, deliveries: Sequence[Delivery]) -> Endpoint:
    return Endpoint(
        id=record.id,
        url=redact(record["url"]),
        status=record["status"],
        events=list(map(redact, record["enabled_events"])),
        deliveries=dict(Counter(delivery.state for delivery in deliveries)),
    )


def show_webhooks(desk: Desk, visit: Visit) -> web.Response:
    """Show all endpoints and all deliveries."""
    return show_all(desk, visit, EndpointForm())


def show_endpoint(desk: Desk, visit: Visit) -> web.Response:
    """Show one endpoint and its deliveries."""
    endpoint = desk.state.store["webhook_endpoint"].get(visit.place("endpoint"))
    return no_such_page() if endpoint is None else show_one(desk, visit, endpoint, EndpointForm.of(endpoint))


def reveal_endpoint(desk: Desk, visit: Visit) -> web.Response:
    """Show one endpoint with its secret."""
    endpoint = desk.state.store["webhook_endpoint"].get(visit.place("endpoint"))
    if endpoint is None:
        return no_such_page()
    return show_one(desk, visit, endpoint, EndpointForm.of(endpoint), secret=endpoint["secret"])


def resend_failed(desk: Desk, visit: Visit) -> web.Response:
    """Deliver every event again that the endpoint has not taken so far."""
    endpoint = desk.state.store["webhook_endpoint"].get(visit.place("endpoint"))
    if endpoint is None:
        return no_such_page()
    for id in failed_events(desk, endpoint.id):
        desk.deliveries.resend(desk.state.need("event", id), endpoint.id)
    return web.Response(status=303, headers={"Location": f"{ROOT}/webhooks/{endpoint.id}"})


def show_all(desk: Desk, visit: Visit, form: EndpointForm, *, status: int = 200) -> web.Response:
    """Show all endpoints, with a form for a new one."""
    deliveries = desk.deliveries.all()
    part = part_of_list(deliveries, visit, lambda delivery: delivery.id)
    shown = endpoints(desk)
    return show(
        desk,
        "webhooks",
        title="Webhooks",
        section="webhooks",
        status=status,
        still=status != 200,
        endpoints=shown,
        living={line.id for line in shown if line.status == "enabled"},
        form=form,
        known_types=[*DOCUMENTED_EVENT_TYPES, *INFERRED_EVENT_TYPES],
        count=len(deliveries),
        deliveries=part.lines,
        part=part,
    )


def show_one(
    desk: Desk, visit: Visit, endpoint: Record, form: EndpointForm, *, status: int = 200, secret: str = ""
) -> web.Response:
    """Show one endpoint, with the form that changes it."""
    deliveries = desk.trails.deliveries_of(desk.deliveries.all(), endpoint.id)[::-1]
    part = part_of_list(deliveries, visit, lambda delivery: delivery.id)
    line = _endpoint(endpoint, deliveries[-_COUNTED:])
    return show(
        desk,
        "endpoint",
        title=f"Webhook endpoint {endpoint.id}",
        section="webhooks",
        status=status,
        still=status != 200 or bool(secret),
        endpoint=line,
        created=endpoint["created"],
        secret=secret,
        living={line.id} if line.status == "enabled" else set[str](),
        failed=len(failed_events(desk, endpoint.id)),
        offered_types=offered_types(desk),
        fallback=FALLBACK_TYPE,
        form=form,
        known_types=[*DOCUMENTED_EVENT_TYPES, *INFERRED_EVENT_TYPES],
        count=len(deliveries),
        deliveries=part.lines,
        part=part,
    )
