"""The way of a request to its behaviour and of the answer back. All that the API does alike is here.

route -> fault before the work -> key -> parameters -> idempotency -> behaviour -> answer -> fault after the work
"""

from __future__ import annotations

import asyncio
import logging
import threading

import attrs
from aiohttp import web

from wooshpay.core.json import JsonObject, dumps
from wooshpay.core.redaction import redact_json
from wooshpay.sandbox.engine.errors import SandboxError
from wooshpay.sandbox.engine.params import Params, as_object
from wooshpay.sandbox.engine.registry import Behaviour, find_behaviour
from wooshpay.sandbox.engine.state import Cause, State
from wooshpay.sandbox.requests import breakage
from wooshpay.sandbox.requests.access import check_access
from wooshpay.sandbox.requests.faults import Fault, Faults
from wooshpay.sandbox.requests.idempotency import Answer, Keys
from wooshpay.sandbox.requests.log import LoggedRequest, RequestLog
from wooshpay.sandbox.requests.reading import read_body, read_query
from wooshpay.sandbox.requests.routing import Route, Routes

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
    """

    state: State
    routes: Routes
    faults: Faults
    log: RequestLog
    keys: Keys
    lock: threading.RLock
    closing: asyncio.Event = attrs.field(factory=asyncio.Event)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one request."""
        with self.lock:
            entry = LoggedRequest(
                id=self.state.ids.new("req"),
                at=self.state.clock.now,
                method=request.method,
                path=request.path,
                idempotency_key=request.headers.get("Idempotency-Key") or None,
            )
        self.log.add(entry)
        route = self.routes.find(request.method, request.rel_url.raw_path)
        entry.operation = route.operation if route is not None else None
        fault = self.faults.take(entry.operation)
        entry.fault = fault.kind if fault is not None else None
        if fault is not None:
            broken = await breakage.before_work(request, fault, self.closing)
            if broken is not None:
                entry.status = broken.status if not breakage.is_lost(broken) else None
                return broken
        answer = await self._answer(request, route, entry, fault)
        whole = self._render(answer, entry)
        response = whole if fault is None else await breakage.after_work(request, fault, whole, self.closing)
        entry.status = response.status if not breakage.is_lost(response) else None
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
                raise SandboxError(f"There is no {request.method} {request.path}.", status=404, code="unknown_route")
            work = find_behaviour(route.operation)
            if work is None:
                raise SandboxError(
                    f"This sandbox does not have {route.operation}.", status=501, type="api_error", code="not_offered"
                )
            values = {**read_query(request.query.items()), **read_body(await request.read())}
            entry.params = as_object(redact_json(values)) or {}
            params = Params(values, path=route.path, publishable=publishable)
            key = entry.idempotency_key if request.method == "POST" else None
            if key is None:
                await breakage.slow_down(fault)
                return self._work(work, params, entry)
            return await self._work_once(work, params, entry, key, fault)
        except SandboxError as error:
            return _refusal(error, entry)
        except web.HTTPRequestEntityTooLarge:
            too_large = SandboxError("The body of the request is too large.", status=413, code="body_too_large")
            return _refusal(too_large, entry)

    async def _work_once(
        self, work: Behaviour, params: Params, entry: LoggedRequest, key: str, fault: Fault | None
    ) -> Answer:
        with self.lock:
            kept = self.keys.claim(key, entry.method, entry.path, params.values)
        if kept is not None:
            entry.replayed = True
            return kept
        try:
            await breakage.slow_down(fault)
            answer = self._work(work, params, entry)
            self.keys.finish(key, answer)
            return answer
        finally:
            self.keys.release(key)

    def _work(self, work: Behaviour, params: Params, entry: LoggedRequest) -> Answer:
        with self.lock, self.state.caused_by(Cause(request_id=entry.id, idempotency_key=entry.idempotency_key)):
            self.state.clock.run_due()
            try:
                result: JsonObject = work(self.state, params)
                return Answer(200, dumps(result))
            except SandboxError as error:
                return _refusal(error, entry)
            except Exception:
                _logger.exception("%s failed in the sandbox", entry.operation)
                bug = SandboxError("The sandbox failed; its log says why.", status=500, type="api_error", code="bug")
                return _refusal(bug, entry)

    def _render(self, answer: Answer, entry: LoggedRequest) -> web.Response:
        headers = {"Request-Id": entry.id}
        if entry.replayed:
            headers["Idempotent-Replayed"] = "true"
        return web.Response(status=answer.status, body=answer.body, content_type="application/json", headers=headers)


def _refusal(error: SandboxError, entry: LoggedRequest) -> Answer:
    entry.error_code = error.code
    return Answer(error.status, dumps(error.body()))
