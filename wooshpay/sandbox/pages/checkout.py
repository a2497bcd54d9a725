"""The hosted checkout page of a Checkout Session."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

import attrs
from aiohttp import web

from wooshpay.core.json import JsonObject
from wooshpay.sandbox.engine.errors import SandboxError
from wooshpay.sandbox.engine.guard import Guard
from wooshpay.sandbox.engine.params import Params
from wooshpay.sandbox.engine.state import State
from wooshpay.sandbox.engine.store import Record
from wooshpay.sandbox.lifecycles import checkout
from wooshpay.sandbox.pages.answers import address, no_such_page, redirect, same, texts
from wooshpay.sandbox.pages.forms import CardForm
from wooshpay.sandbox.pages.next import next_page
from wooshpay.sandbox.pages.templates import message, page

_HOSTED_ID = re.compile(r"cs_test_(\d+)")

# Offered where the session does not say which methods it takes.
_DEFAULT_METHODS: Final = ("card", "alipay")


@attrs.frozen(eq=False)
class CheckoutPage:
    """The pages of the sessions of one sandbox.

    Attributes:
        state: The sandbox.
        lock: Guards the objects.
    """

    state: State
    lock: Guard

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Put the page on a server."""
        router.add_get("/pay/{id}", self.show)
        router.add_post("/pay/{id}", self.pay)

    async def show(self, request: web.Request) -> web.Response:
        """The page of a session."""
        with self.lock:
            session = self._session(request)
            if session is None:
                return no_such_page()
            intent = self.state.need("payment_intent", session["payment_intent"])
            last: JsonObject = intent.get("last_payment_error") or {}
            return self._checkout(session, CardForm.empty(session), refusal=last.get("message"))

    async def pay(self, request: web.Request) -> web.Response:
        """The form of a session's page."""
        form = CardForm.read(texts(await request.post()))
        with self.lock:
            session = self._session(request)
            if session is None:
                return no_such_page()
            if session["status"] != "open":
                return self._checkout(session, form)
            if form.errors():
                return self._checkout(session, form, errors=form.errors(), status=400)
            checkout.note_customer(session, form.customer_details())
            try:
                intent = checkout.pay(self.state, session, Params(form.method_data(), place="payment_method_data"))
            except SandboxError as error:
                errors = form.errors_for(error)
                return self._checkout(
                    session, form, errors=errors, refusal=None if errors else error.message, status=error.status
                )
            return redirect(next_page(self.state, intent)) or message("Done", "The payment went through.")

    def _checkout(
        self,
        session: Record,
        form: CardForm,
        *,
        errors: Mapping[str, str] | None = None,
        refusal: str | None = None,
        status: int = 200,
    ) -> web.Response:
        if session["status"] == "complete":
            return message("This payment is complete", "Thank you. There is nothing left to pay here.")
        if session["status"] == "expired":
            return message("This page has expired", "Go back to the shop and start the payment again.", status=410)
        return page(
            "checkout",
            status=status,
            session=self.state.view(session),
            cancel_url=address(session.get("cancel_url")),
            methods=session.get("payment_method_types") or _DEFAULT_METHODS,
            form=form,
            errors=errors or {},
            refusal=refusal,
        )

    def _session(self, request: web.Request) -> Record | None:
        found = _HOSTED_ID.fullmatch(request.match_info["id"])
        key = request.query.get("key", "")
        if found is None or not same(key, self.state.account.publishable_key):
            return None
        self.state.clock.run_due()
        return self.state.store["checkout.session"].get(f"cs_{found.group(1)}")
