"""The address of a payment link: it opens a Checkout Session and leads to its page."""

from __future__ import annotations

import attrs
from aiohttp import web

from wooshpay.sandbox.engine.errors import SandboxError
from wooshpay.sandbox.engine.guard import Guard
from wooshpay.sandbox.engine.state import State
from wooshpay.sandbox.lifecycles import payment_links
from wooshpay.sandbox.lifecycles.onward import after_session
from wooshpay.sandbox.pages.answers import no_such_page, redirect
from wooshpay.sandbox.pages.templates import message


@attrs.frozen(eq=False)
class LinkPage:
    """The payment links of one sandbox.

    Attributes:
        state: The sandbox.
        lock: Guards the objects.
    """

    state: State
    lock: Guard

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Put the page on a server."""
        # A browser that only asks for the head, to show a preview, must not open a session.
        router.add_get("/link/{id}", self.visit, allow_head=False)

    async def visit(self, request: web.Request) -> web.Response:
        """Somebody follows a link."""
        with self.lock:
            self.state.clock.run_due()
            link = self.state.store["payment_link"].get(request.match_info["id"])
            if link is None:
                return no_such_page()
            try:
                session = payment_links.visit(self.state, link)
            except SandboxError:
                return message(
                    "This link was switched off",
                    "You can no longer pay here. Ask the shop for another link.",
                    status=410,
                    merchant=self.state.options.business_name,
                )
            return redirect(after_session(self.state, session)) or no_such_page()
