"""Managing webhook endpoints: each change is a request of the merchant to the API."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

import attrs
from aiohttp import web

from wooshpay.core.json import JsonObject
from wooshpay.sandbox.engine.errors import SandboxError
from wooshpay.sandbox.engine.store import Record, snapshot
from wooshpay.sandbox.pages.answers import no_such_page
from wooshpay.sandbox.pages.dashboard.access import ROOT
from wooshpay.sandbox.pages.dashboard.desk import Desk, Visit
from wooshpay.sandbox.pages.dashboard.operations import call
from wooshpay.sandbox.pages.dashboard.webhooks import FALLBACK_TYPE, EndpointForm, offered_types, show_all, show_one

_PATH: Final = "/v1/webhook_endpoints"
_FIELDS: Final = {"url": "url", "enabled_events": "events"}
_TEST_PAYMENT: Final = {"amount": 1000, "currency": "USD", "description": "Test event from the dashboard"}


async def create(desk: Desk, visit: Visit) -> web.Response:
    """Add an endpoint."""
    try:
        made = await call(desk, visit.request, "POST", _PATH, _read(visit))
    except SandboxError as error:
        with desk.lock:
            return show_all(desk, visit, _refused(visit, error), status=error.status)
    return _back(str(made["id"]))


async def update(desk: Desk, visit: Visit) -> web.Response:
    """Change the URL and the types of events of an endpoint."""
    values = {name: value for name, value in _read(visit).items() if value}
    try:
        await _change(desk, visit, values)
    except SandboxError as error:
        with desk.lock:
            endpoint = _find(desk, visit)
            if endpoint is None:
                return no_such_page()
            form = attrs.evolve(_refused(visit, error), hidden_url=EndpointForm.of(endpoint).hidden_url)
            return show_one(desk, visit, endpoint, form, status=error.status)
    return _back(visit.place("endpoint"))


async def disable(desk: Desk, visit: Visit) -> web.Response:
    """Disable an endpoint: it gets no events until it is enabled again."""
    await _change(desk, visit, {"disabled": True})
    return _back(visit.place("endpoint"))


async def enable(desk: Desk, visit: Visit) -> web.Response:
    """Enable an endpoint."""
    await _change(desk, visit, {"disabled": False})
    return _back(visit.place("endpoint"))


async def delete(desk: Desk, visit: Visit) -> web.Response:
    """Delete an endpoint."""
    await call(desk, visit.request, "DELETE", _path_of(visit), {})
    return web.Response(status=303, headers={"Location": f"{ROOT}/webhooks"})


async def send_test_event(desk: Desk, visit: Visit) -> web.Response:
    """Send an event to one endpoint: a new one with the object of the latest event of its type."""
    type = visit.form.get("type", "")
    with desk.lock:
        endpoint = _find(desk, visit)
        if endpoint is None:
            return no_such_page()
        if endpoint["status"] != "enabled":
            raise SandboxError("The endpoint is disabled. Enable it first.", code="endpoint_disabled")
        if type not in offered_types(desk):
            raise SandboxError(
                f"There is no event of the type {type!r} to send. Choose one from the list.", code="parameter_invalid"
            )
        model = _latest(desk, type)
    if model is None:
        await call(desk, visit.request, "POST", "/v1/payment_intents", dict(_TEST_PAYMENT))
    with desk.lock:
        _deliver(desk, endpoint.id, model)
    return _back(endpoint.id)


def _deliver(desk: Desk, endpoint_id: str, model: Record | None) -> None:
    """Deliver a copy of an event, or the event that has just happened unless the endpoint gets it anyway."""
    if model is not None:
        fields = {name: snapshot(model[name]) for name in ("api_version", "type", "data")}
        desk.deliveries.resend(desk.state.add("evt", "event", {**fields, "request": None}), endpoint_id)
        return
    made = _latest(desk, FALLBACK_TYPE)
    if made is None:
        raise SandboxError(f"No event of the type {FALLBACK_TYPE} came up. See the request log.", code="no_event")
    under_way = desk.trails.deliveries_of(desk.deliveries.all(), made.id)
    if not any(delivery.endpoint_id == endpoint_id for delivery in under_way):
        desk.deliveries.resend(made, endpoint_id)


def _latest(desk: Desk, type: str) -> Record | None:
    return next(desk.state.store["event"].where(type=type), None)


async def _change(desk: Desk, visit: Visit, values: JsonObject) -> None:
    await call(desk, visit.request, "POST", _path_of(visit), values)


def _read(visit: Visit) -> JsonObject:
    return {"url": visit.form.get("url", ""), "enabled_events": visit.form.get("events", "").replace(",", " ").split()}


def _refused(visit: Visit, error: SandboxError) -> EndpointForm:
    field = _FIELDS.get((error.param or "").partition("[")[0])
    return EndpointForm(
        url=visit.form.get("url", ""),
        events=visit.form.get("events", ""),
        errors={field: error.message} if field is not None else {},
        error="" if field is not None else error.message,
    )


def _find(desk: Desk, visit: Visit) -> Record | None:
    return desk.state.store["webhook_endpoint"].get(visit.place("endpoint"))


def _path_of(visit: Visit) -> str:
    return f"{_PATH}/{quote(visit.place('endpoint'), safe='')}"


def _back(endpoint_id: str) -> web.Response:
    return web.Response(status=303, headers={"Location": f"{ROOT}/webhooks/{quote(endpoint_id, safe='')}"})
