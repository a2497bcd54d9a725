"""The controls over HTTP, for testers in any language: JSON in and out, with the secret key."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from math import isfinite
from typing import Any, Final, TypeAlias

import attrs
from aiohttp import web

from wooshpay import __version__
from wooshpay.core.json import JsonObject, dumps
from wooshpay.core.log_fields import log_fields
from wooshpay.sandbox.controls import publishing
from wooshpay.sandbox.controls.acting import carry_out, list_acts
from wooshpay.sandbox.controls.views import (
    clock_json,
    delivery_json,
    newest_first,
    options_json,
    request_json,
)
from wooshpay.sandbox.engine.errors import SandboxError, bug, invalid, missing, not_found
from wooshpay.sandbox.engine.guard import Guard
from wooshpay.sandbox.engine.listing import envelope, list_page
from wooshpay.sandbox.engine.params import Params
from wooshpay.sandbox.engine.state import State
from wooshpay.sandbox.requests.access import check_access
from wooshpay.sandbox.requests.fault_kinds import FAULT_KINDS, PARAMETERS
from wooshpay.sandbox.requests.faults import Fault, Faults
from wooshpay.sandbox.requests.log import RequestLog
from wooshpay.sandbox.requests.reading import read_body, read_query
from wooshpay.sandbox.webhooks.deliveries import Deliveries
from wooshpay.sandbox.webhooks.options import WebhookOptions

ROOT: Final = "/sandbox"

_UNITS: Final = ("days", "hours", "minutes", "seconds", "milliseconds")
# As far as one call may go: the renewals and retries on the way are all worked through.
_MOST_DAYS: Final = 3660
_LONGEST_WAIT: Final = 600.0

Control: TypeAlias = Callable[[Params], JsonObject | Awaitable[JsonObject]]

_logger = logging.getLogger("wooshpay.sandbox")


@attrs.define(kw_only=True, eq=False)
class Controls:
    """Answers every request under ``/sandbox``.

    Attributes:
        state: The sandbox.
        lock: Held while a control reads or changes it.
        faults: The faults that are switched on.
        log: The requests so far.
        deliveries: The webhook deliveries.
        settle: Waits until nothing is due any more, for so many seconds.
    """

    state: State
    lock: Guard
    faults: Faults
    log: RequestLog
    deliveries: Deliveries
    settle: Callable[[float], Awaitable[None]]

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Put the controls on a server."""
        for method, path, control in self._table():
            router.add_route(method, ROOT + path, self._handler(control))
        for path in (ROOT, ROOT + r"/{path:[\s\S]*}"):
            router.add_route("*", path, self._handler(None))

    def _table(self) -> list[tuple[str, str, Control]]:
        return [
            ("GET", "", self._overview),
            ("GET", "/clock", self._clock),
            ("POST", "/clock", self._set_clock),
            ("GET", "/faults", self._list_faults),
            ("POST", "/faults", self._add_fault),
            ("DELETE", "/faults", self._clear_faults),
            ("GET", "/faults/{id}", self._fault),
            ("DELETE", "/faults/{id}", self._remove_fault),
            ("GET", "/acts", self._acts),
            ("POST", "/acts/{name}", self._act),
            ("GET", "/requests", self._requests),
            ("GET", "/events", self._events),
            ("POST", "/events/{id}/resend", self._resend),
            ("GET", "/deliveries", self._deliveries),
            ("GET", "/webhooks", self._webhooks),
            ("POST", "/webhooks", self._set_webhooks),
            ("POST", "/settle", self._settle),
        ]

    def _handler(self, control: Control | None) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def handle(request: web.Request) -> web.Response:
            try:
                check_access(self.state.account, request.headers.get("Authorization"), publishable=False)
                if control is None:
                    raise SandboxError(
                        f"There is no control {request.method} {request.path!r}; GET {ROOT} names them.",
                        status=404,
                        code="unknown_route",
                    )
                body = read_body(await request.read(), request.headers.get("Content-Type", ""))
                values = {**read_query(request.query.items()), **body}
                answer = control(Params(values, path=dict(request.match_info)))
                return _json(200, answer if isinstance(answer, dict) else await answer)
            except SandboxError as error:
                return _json(error.status, error.body())
            except web.HTTPRequestEntityTooLarge:
                large = SandboxError("The body of the request is too large.", status=413, code="body_too_large")
                return _json(413, large.body())
            except Exception as error:
                _logger.exception(
                    "%s %s failed in the sandbox",
                    request.method,
                    request.path,
                    extra=log_fields(
                        wooshpay_method=request.method,
                        wooshpay_path=request.path,
                        wooshpay_status=500,
                        wooshpay_error=type(error).__name__,
                    ),
                )
                return _json(500, bug().body())

        return handle

    # ---- what there is

    def _overview(self, params: Params) -> JsonObject:
        base = self.state.base_url
        with self.lock:
            return {
                "object": "sandbox",
                "version": __version__,
                "base_url": base,
                "clock": clock_json(self.state.clock),
                "objects": {kind: len(self.state.store[kind]) for kind in self.state.store.kinds()},
                "requests": len(self.log),
                "deliveries": Counter(delivery.state for delivery in self.deliveries.all()),
                "faults": len(self.faults),
                "links": {
                    "openapi": base + publishing.PATH,
                    **{path.strip("/"): f"{base}{ROOT}{path}" for path in sorted({path for _, path, _ in self._table()})
                       if path and "{" not in path},
                },
                "controls": [f"{method} {ROOT}{path}" for method, path, _ in self._table()],
            }  # fmt: skip

    # ---- the clock

    def _clock(self, params: Params) -> JsonObject:
        return clock_json(self.state.clock)

    def _set_clock(self, params: Params) -> JsonObject:
        freeze, resume = params.flag("freeze"), params.flag("resume")
        step = _milliseconds(params.within("advance"))
        if freeze and resume:
            raise SandboxError("Pass freeze or resume, not both.", code="parameter_invalid", param="resume")
        if not freeze and not resume and step is None:
            raise missing("advance")
        clock = self.state.clock
        with self.lock:
            if freeze:
                clock.freeze()
            if resume:
                clock.resume()
            if step:
                clock.advance(milliseconds=step)
            return clock_json(clock)

    # ---- faults

    def _list_faults(self, params: Params) -> JsonObject:
        return {
            **envelope(f"{ROOT}/faults", [fault.to_json() for fault in self.faults]),
            "kinds": [facts.to_json() for facts in FAULT_KINDS.values()],
            "parameters": {name: facts.to_json() for name, facts in PARAMETERS.items()},
        }

    def _add_fault(self, params: Params) -> JsonObject:
        kind: Any = params.need_text("kind")
        settings: dict[str, Any] = {
            "operation": params.text("operation") or None,
            "probability": _number(params, "probability"),
            "seed": params.integer("seed"),
            "bytes": params.integer("bytes", least=0),
            "seconds": _number(params, "seconds"),
            "retry_after": _number(params, "retry_after"),
            "retry_after_form": params.text("retry_after_form"),
        }
        settings = {name: value for name, value in settings.items() if value is not None}
        if "times" in params.values:
            # A null says "all".
            settings["times"] = params.integer("times", least=1)
        try:
            return self.faults.add(kind, **settings).to_json()
        except ValueError as error:
            named = next((name for name in ("kind", *settings) if name in str(error)), "kind")
            raise SandboxError(str(error), code="parameter_invalid", param=named) from None

    def _fault(self, params: Params) -> JsonObject:
        return self._need_fault(params).to_json()

    def _remove_fault(self, params: Params) -> JsonObject:
        fault = self._need_fault(params)
        self.faults.remove(fault)
        return {"id": fault.id, "object": "sandbox.fault", "deleted": True}

    def _clear_faults(self, params: Params) -> JsonObject:
        self.faults.clear()
        return envelope(f"{ROOT}/faults", [])

    def _need_fault(self, params: Params) -> Fault:
        fault = self.faults.get(params.id)
        if fault is None:
            raise not_found("fault", params.id)
        return fault

    # ---- acts

    def _acts(self, params: Params) -> JsonObject:
        return envelope(f"{ROOT}/acts", [action.to_json() for action in list_acts()])

    def _act(self, params: Params) -> JsonObject:
        return carry_out(self.state, self.lock, params.path["name"], params.values)

    # ---- what happened

    def _requests(self, params: Params) -> JsonObject:
        operation = params.text("operation")
        found = list(self.log) if operation is None else self.log.of(operation)
        return newest_first(
            params, found, url=f"{ROOT}/requests", name_of=lambda request: request.id, view=request_json
        )

    def _events(self, params: Params) -> JsonObject:
        with self.lock:
            return list_page(self.state, params, kind="event", url=f"{ROOT}/events", same=("type",))

    def _deliveries(self, params: Params) -> JsonObject:
        event, endpoint, state = (params.text(name) for name in ("event", "endpoint", "state"))
        with self.lock:
            found = [
                delivery
                for delivery in self.deliveries.all()
                if event in {None, delivery.event_id}
                and endpoint in {None, delivery.endpoint_id}
                and state in {None, delivery.state}
            ]
            return newest_first(
                params, found, url=f"{ROOT}/deliveries", name_of=lambda delivery: delivery.id, view=delivery_json
            )

    def _resend(self, params: Params) -> JsonObject:
        endpoint_id = params.text("endpoint")
        with self.lock:
            event = self.state.need("event", params.id)
            if endpoint_id is not None:
                self.state.need("webhook_endpoint", endpoint_id, param="endpoint")
            made = self.deliveries.resend(event, endpoint_id)
            return envelope(f"{ROOT}/deliveries", [delivery_json(delivery) for delivery in made])

    # ---- webhooks

    def _webhooks(self, params: Params) -> JsonObject:
        return options_json(self.deliveries.options)

    def _set_webhooks(self, params: Params) -> JsonObject:
        read = {
            "duplicates": params.integer("duplicates", least=0, most=20),
            "delay": _number(params, "delay"),
            "disorder": _number(params, "disorder"),
            "seed": params.integer("seed"),
        }
        settings: dict[str, Any] = {name: value for name, value in read.items() if value is not None}
        with self.lock:
            self.deliveries.options = WebhookOptions(**settings)
        return options_json(self.deliveries.options)

    async def _settle(self, params: Params) -> JsonObject:
        timeout = _number(params, "timeout")
        wait = 30.0 if timeout is None else min(timeout, _LONGEST_WAIT)
        try:
            await self.settle(wait)
        except TimeoutError as error:
            raise SandboxError(str(error), status=409, code="not_settled") from None
        return {
            "object": "sandbox.settled",
            "deliveries": Counter(delivery.state for delivery in self.deliveries.all()),
        }


def _number(params: Params, name: str) -> float | None:
    value = params.values.get(name)
    if value is None:
        return None
    try:
        number = float(value) if isinstance(value, (int, float, str)) and not isinstance(value, bool) else -1.0
    except (ValueError, OverflowError):
        number = -1.0
    if not isfinite(number) or number < 0:
        raise invalid(params.named(name), "a number that is not negative")
    return number


def _milliseconds(advance: Params | None) -> int | None:
    if advance is None:
        return None
    unknown = sorted(advance.values.keys() - set(_UNITS))
    if unknown:
        raise invalid(advance.named(unknown[0]), f"left out: advance takes {', '.join(_UNITS)}")
    read = {name: _number(advance, name) or 0 for name in _UNITS}
    step = (((read["days"] * 24 + read["hours"]) * 60 + read["minutes"]) * 60 + read["seconds"]) * 1000
    step += read["milliseconds"]
    if step > _MOST_DAYS * 86_400_000:
        raise invalid("advance", f"at most {_MOST_DAYS} days")
    return round(step)


def _json(status: int, body: JsonObject) -> web.Response:
    return web.Response(status=status, body=dumps(body), content_type="application/json")
