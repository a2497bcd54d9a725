"""What is where on the dashboard, and the checks that every visit passes."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, TypeAlias

import attrs
from aiohttp import web

from wooshpay.core.log_fields import log_fields
from wooshpay.sandbox.engine.errors import SandboxError
from wooshpay.sandbox.pages.answers import no_such_page, read_form
from wooshpay.sandbox.pages.dashboard import (
    access,
    acts,
    assets,
    changes,
    clock,
    endpoints,
    events,
    faults,
    objects,
    outcomes,
    overview,
    request_log,
    webhooks,
)
from wooshpay.sandbox.pages.dashboard.desk import Desk, Visit
from wooshpay.sandbox.pages.templates import message

# A page is made while the lock is held: it never waits.
Page: TypeAlias = Callable[[Desk, Visit], web.Response]
Call: TypeAlias = Callable[[Desk, Visit], Awaitable[web.Response]]

_LOOKS: Final[Mapping[str, Page]] = {
    "": overview.show_overview,
    "/find": objects.find_object,
    "/objects": objects.show_kinds,
    "/objects/{kind}": objects.show_kind,
    "/object/{id}": objects.show_object,
    "/object/{id}/open/{number}": objects.open_link,
    "/requests": request_log.show_requests,
    "/requests/{id}": request_log.show_request,
    "/events": events.show_events,
    "/webhooks": webhooks.show_webhooks,
    "/webhooks/{endpoint}": webhooks.show_endpoint,
    "/clock": clock.show_clock,
    "/faults": faults.show_faults,
    "/outcomes": outcomes.show_outcomes,
    "/acts": acts.show_acts,
    "/acts/{name}": acts.show_act,
    "/operations/{name}": acts.show_operation,
}

_DEEDS: Final[Mapping[str, Page]] = {
    "/reveal": overview.reveal_keys,
    "/object/{id}/reveal": objects.reveal_object,
    "/events/{id}/resend": events.resend,
    "/clock/advance": clock.advance,
    "/clock/freeze": clock.freeze,
    "/clock/resume": clock.resume,
    "/faults": faults.switch_on,
    "/faults/clear": faults.clear,
    "/faults/{id}/remove": faults.remove,
    "/acts/{name}": acts.carry_out_act,
    "/webhooks/{endpoint}/reveal": webhooks.reveal_endpoint,
    "/webhooks/{endpoint}/resend": webhooks.resend_failed,
}

# Requests to the API as the merchant: the lock is not held while they wait.
_CALLS: Final[Mapping[str, Call]] = {
    "/operations/{name}": acts.carry_out_operation,
    "/webhooks": endpoints.create,
    "/webhooks/{endpoint}": endpoints.update,
    "/webhooks/{endpoint}/disable": endpoints.disable,
    "/webhooks/{endpoint}/enable": endpoints.enable,
    "/webhooks/{endpoint}/delete": endpoints.delete,
    "/webhooks/{endpoint}/test": endpoints.send_test_event,
}

_logger = logging.getLogger("wooshpay.sandbox")

_Handler: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]


@attrs.frozen(eq=False)
class Dashboard:
    """The dashboard of one sandbox.

    Attributes:
        desk: The sandbox.
    """

    desk: Desk

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Put the dashboard on a server."""
        for path, page in _LOOKS.items():
            router.add_get(access.ROOT + path, self._checked(self._looking(page)))
        for path, page in _DEEDS.items():
            router.add_post(access.ROOT + path, self._checked(self._doing(self._at_once(page))))
        for path, call in _CALLS.items():
            router.add_post(access.ROOT + path, self._checked(self._doing(call)))
        router.add_get(access.ROOT + "/changes", self._checked(self._following))
        router.add_get(access.ROOT + "/assets/{name}", assets.serve)
        router.add_route("*", access.ROOT + "/{path:.*}", self._checked(self._nowhere))

    def _checked(self, handler: _Handler) -> _Handler:
        async def check(request: web.Request) -> web.StreamResponse:
            state = self.desk.state
            host = request.headers.get("Host", "")
            if not state.own_names.include(host):
                return message(
                    "Unknown host name",
                    "The dashboard is served only under the sandbox's own host names, as any other name may belong to"
                    " somebody who points it here. To add one, start the sandbox with --public-url or"
                    " Sandbox(public_url=...). A proxy must pass on the Host header.",
                    status=403,
                )
            key = request.query.get("key")
            if key is not None and request.method == "GET" and access.is_key(key, state):
                return access.let_in(state, host)
            if key is not None or not access.may_enter(request, state):
                return message(
                    "The dashboard is locked",
                    "Open the dashboard URL that the sandbox prints when it starts. The URL contains the key.",
                    status=403,
                )
            return await handler(request)

        return check

    def _looking(self, page: Page) -> _Handler:
        async def look(request: web.Request) -> web.StreamResponse:
            return await self._made(self._at_once(page), Visit(request, {}))

        return look

    def _doing(self, call: Call) -> _Handler:
        async def do(request: web.Request) -> web.StreamResponse:
            form = await read_form(request)
            if not access.is_form_token(form.pop("token", ""), self.desk.state):
                return message("This form has expired", "Load the page again, then send the form again.", status=403)
            response = await self._made(call, Visit(request, form))
            self.desk.touch()
            return response

        return do

    def _at_once(self, page: Page) -> Call:
        async def make(desk: Desk, visit: Visit) -> web.Response:
            with desk.lock:
                desk.state.clock.run_due()
                return page(desk, visit)

        return make

    async def _made(self, call: Call, visit: Visit) -> web.Response:
        try:
            return await call(self.desk, visit)
        except SandboxError as error:
            return message("This did not work", error.message, status=error.status)
        except Exception as error:
            _logger.exception(
                "%s failed in the sandbox",
                visit.request.path,
                extra=log_fields(
                    wooshpay_method=visit.request.method,
                    wooshpay_path=visit.request.path,
                    wooshpay_status=500,
                    wooshpay_error=type(error).__name__,
                ),
            )
            return message("The sandbox failed", "The sandbox's log says why.", status=500)

    async def _following(self, request: web.Request) -> web.StreamResponse:
        return await changes.follow(self.desk, request)

    async def _nowhere(self, request: web.Request) -> web.StreamResponse:
        return no_such_page()
