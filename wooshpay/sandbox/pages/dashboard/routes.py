"""What is where on the dashboard, and the checks that every visit passes."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, TypeAlias

import attrs
from aiohttp import web

from wooshpay.core.log_fields import log_fields
from wooshpay.sandbox.engine.errors import SandboxError
from wooshpay.sandbox.pages.answers import no_such_page, texts
from wooshpay.sandbox.pages.dashboard import (
    access,
    acts,
    assets,
    changes,
    clock,
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
            router.add_post(access.ROOT + path, self._checked(self._doing(page)))
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
                    "Open the address that the sandbox gives, as dashboard URL: it carries the key.",
                    status=403,
                )
            return await handler(request)

        return check

    def _looking(self, page: Page) -> _Handler:
        async def look(request: web.Request) -> web.StreamResponse:
            return self._make(page, Visit(request, {}))

        return look

    def _doing(self, page: Page) -> _Handler:
        async def do(request: web.Request) -> web.StreamResponse:
            form = texts(await request.post())
            if not access.is_form_token(form.pop("token", ""), self.desk.state):
                return message(
                    "This form is no longer good", "Load the page again and send the form once more.", status=403
                )
            response = self._make(page, Visit(request, form))
            self.desk.touch()
            return response

        return do

    def _make(self, page: Page, visit: Visit) -> web.Response:
        try:
            with self.desk.lock:
                self.desk.state.clock.run_due()
                return page(self.desk, visit)
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
            return message("The sandbox failed", "Its log says why.", status=500)

    async def _following(self, request: web.Request) -> web.StreamResponse:
        return await changes.follow(self.desk, request)

    async def _nowhere(self, request: web.Request) -> web.StreamResponse:
        return no_such_page()
