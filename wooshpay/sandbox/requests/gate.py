"""The way of a request to its behaviour and of the answer back. All that the API does alike is here.

route -> fault before the work -> key -> parameters -> idempotency -> behaviour -> answer -> fault after the work
"""

from __future__ import annotations

import logging
from typing import Final

import attrs
from aiohttp import web

from wooshpay.core.json import JsonObject, dumps
from wooshpay.core.log_fields import log_fields
from wooshpay.core.redaction import redact
from wooshpay.sandbox.engine.errors import SandboxError, bug
from wooshpay.sandbox.engine.guard import Guard
from wooshpay.sandbox.engine.ids import require_id
from wooshpay.sandbox.engine.params import Params
from wooshpay.sandbox.engine.registry import Behaviour, find_behaviour
from wooshpay.sandbox.engine.state import Cause, State
from wooshpay.sandbox.requests.access import check_access
from wooshpay.sandbox.requests.breakage import Breakage, is_lost, slow_down
from wooshpay.sandbox.requests.faults import Fault, Faults
from wooshpay.sandbox.requests.fitting import Unknowns, fit
from wooshpay.sandbox.requests.idempotency import Answer, Keys
from wooshpay.sandbox.requests.log import LoggedRequest, RequestLog
from wooshpay.sandbox.requests.reading import read_body, read_query, visible
from wooshpay.sandbox.requests.routing import Route, Routes
from wooshpay.sandbox.requests.strictness import unknown_parameters

_LONGEST_KEY: Final = 255

_logger = logging.getLogger("wooshpay.sandbox")


@attrs.define(kw_only=True, eq=False)
class Gate:
    """Answers every request to the API.

    Attributes:
        state: The sandbox behind it.
        routes: The routing table.
        faults: The faults that are switched on.
        log: Where requests are noted.
        keys: The idempotency keys.
        lock: Held while a behaviour works.
        strict: Whether parameters that the operation does not declare are refused.
    """

    state: State
    routes: Routes
    faults: Faults
    log: RequestLog
    keys: Keys
    lock: Guard
    strict: bool = False
    breakage: Breakage = attrs.field(
        default=attrs.Factory(lambda self: Breakage(error_bodies=self.state.options.error_bodies), takes_self=True)
    )

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one request."""
        with self.lock:
            entry = LoggedRequest(
                id=self.state.ids.new("req"),
                at=self.state.clock.now,
                method=request.method,
                path=redact(_printable(request.path)),
                idempotency_key=_printable(request.headers.get("Idempotency-Key", "")) or None,
            )
        self.log.add(entry)
        raw_path = request.rel_url.raw_path
        # What HEAD answers is what GET would, without its body.
        route = self.routes.find("GET" if request.method == "HEAD" else request.method, raw_path)
        entry.operation = route.operation if route is not None else None
        dead = self.breakage.on_dead_connection(request)
        if dead is not None:
            entry.fault = "stale_close"
            return dead
        fault = self.faults.take(entry.operation)
        entry.fault = fault.kind if fault is not None else None
        if fault is not None:
            broken = await self.breakage.before_work(request, fault)
            if broken is not None:
                if not is_lost(broken):
                    entry.status = broken.status
                    entry.note_answer(getattr(broken, "body", None))
                    broken.headers.update(_named(entry))
                return broken
        if route is None and request.method == "OPTIONS" and (methods := self.routes.methods(raw_path)):
            entry.status = 204
            return web.Response(status=204, headers={"Allow": ", ".join([*methods, "OPTIONS"]), **_named(entry)})
        answer = await self._answer(request, route, entry, fault)
        whole = self._render(answer, entry)
        response = whole if fault is None else await self.breakage.after_work(request, fault, whole)
        entry.status = response.status if not is_lost(response) else None
        return response

    async def _answer(
        self, request: web.Request, route: Route | None, entry: LoggedRequest, fault: Fault | None
    ) -> Answer:
        try:
            publishable = check_access(
                self.state.account,
                request.headers.get("Authorization"),
                publishable=route is not None and route.publishable,
            )
            if route is None:
                raise self._unknown(request)
            work = find_behaviour(route.operation)
            if work is None:
                raise SandboxError(
                    f"This sandbox does not have {route.operation}.", status=501, type="api_error", code="not_offered"
                )
            body = read_body(await request.read(), request.headers.get("Content-Type", ""))
            for name, id in route.path.items():
                require_id(_printable(id), param=name)
            values = {**read_query(request.query.items()), **body}
            entry.params = visible(values)
            fitted = self._fit(route.operation, values, entry)
            params = Params(
                fitted,
                path=route.path,
                publishable=publishable,
                listed_currencies=self.state.options.unknown_currencies == "refused",
            )
            key = _key_of(request) if request.method == "POST" else None
            if key is None:
                await slow_down(fault)
                return self._work(work, params, entry)
            return await self._work_once(work, params, entry, key, request.path, fault)
        except SandboxError as error:
            return self._refusal(error, entry)
        except web.HTTPRequestEntityTooLarge:
            too_large = SandboxError("The body of the request is too large.", status=413, code="body_too_large")
            return self._refusal(too_large, entry)
        except web.RequestPayloadError:
            cut = SandboxError("The body of the request did not arrive whole.", code="body_incomplete")
            return self._refusal(cut, entry)

    def _fit(self, operation: str, values: JsonObject, entry: LoggedRequest) -> JsonObject:
        unknown: Unknowns = []
        try:
            fitted = fit(self.routes.operation(operation), values, unknown)
        finally:
            entry.unknown_parameters = tuple(redact(parameter.name) for parameter in unknown)
        if unknown and self.strict:
            raise unknown_parameters(operation, unknown)
        return fitted

    async def _work_once(
        self, work: Behaviour, params: Params, entry: LoggedRequest, key: str, path: str, fault: Fault | None
    ) -> Answer:
        with self.lock:
            kept = self.keys.claim(key, entry.method, path, params.values)
        if kept is not None:
            entry.replayed = True
            return kept
        try:
            await slow_down(fault)
            # One unit: the state file never holds the work without its answer.
            with self.lock:
                answer = self._work(work, params, entry)
                self.keys.finish(key, answer)
            return answer
        finally:
            self.keys.release(key)

    def _work(self, work: Behaviour, params: Params, entry: LoggedRequest) -> Answer:
        with self.lock, self.state.caused_by(Cause(request_id=entry.id, idempotency_key=entry.idempotency_key)):
            try:
                self.state.clock.run_due()
                result: JsonObject = work(self.state, params)
                return Answer(200, dumps(result))
            except SandboxError as error:
                return self._refusal(error, entry)
            except Exception as error:
                _logger.exception(
                    "%s failed in the sandbox",
                    entry.operation,
                    extra=log_fields(
                        wooshpay_operation=entry.operation,
                        wooshpay_method=entry.method,
                        wooshpay_status=500,
                        wooshpay_request_id=entry.id,
                        wooshpay_idempotency_key=entry.idempotency_key,
                        wooshpay_error=type(error).__name__,
                    ),
                )
                self.lock.undo()
                return self._refusal(bug(), entry)

    def _render(self, answer: Answer, entry: LoggedRequest) -> web.Response:
        entry.note_answer(answer.body)
        headers = _named(entry)
        if entry.replayed:
            headers["Idempotent-Replayed"] = "true"
        return web.Response(status=answer.status, body=answer.body, content_type="application/json", headers=headers)

    def _refusal(self, error: SandboxError, entry: LoggedRequest) -> Answer:
        entry.error_code = error.code
        return Answer(error.status, dumps(error.body(self.state.options.error_bodies)))

    def _unknown(self, request: web.Request) -> SandboxError:
        message = f"There is no {request.method} {redact(_printable(request.path))}."
        methods = self.routes.methods(request.rel_url.raw_path)
        if methods:
            message += f" This path takes {', '.join(methods)}."
        return SandboxError(message, status=404, code="unknown_route")


def _key_of(request: web.Request) -> str | None:
    key = request.headers.get("Idempotency-Key") or None
    if key is not None and not (len(key) <= _LONGEST_KEY and key.isprintable()):
        raise SandboxError(
            f"Idempotency-Key must be a text of at most {_LONGEST_KEY} printable characters.",
            code="parameter_invalid",
            param="Idempotency-Key",
        )
    return key


def _printable(text: str) -> str:
    """Write out bytes that are no UTF-8: they can be neither kept nor answered."""
    return text.encode("utf-8", "backslashreplace").decode()


def _named(entry: LoggedRequest) -> dict[str, str]:
    return {"Request-Id": entry.id}
