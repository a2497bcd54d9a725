"""The hosted page of a Checkout Session."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

import attrs
from aiohttp import web

from wooshpay.core.json import JsonObject
from wooshpay.sandbox.engine.errors import SandboxError
from wooshpay.sandbox.engine.guard import Guard
from wooshpay.sandbox.engine.state import State
from wooshpay.sandbox.engine.store import Record
from wooshpay.sandbox.lifecycles import checkout, checkout_visit, customer_steps, onward, orders
from wooshpay.sandbox.pages import wording
from wooshpay.sandbox.pages.answers import no_such_page, redirect, same, texts
from wooshpay.sandbox.pages.forms import CardForm
from wooshpay.sandbox.pages.templates import message, page

_HOSTED_ID = re.compile(r"cs_test_(\d+)")
_NOTHING: Final[Mapping[str, str]] = {}


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
        router.add_post("/pay/{id}", self.submit)

    async def show(self, request: web.Request) -> web.Response:
        """The page of a session."""
        with self.lock:
            session = self._session(request)
            if session is None:
                return no_such_page()
            refusal = checkout_visit.last_refusal(self.state, session)
            return self._page(
                session, CardForm.empty(session), refusal=customer_steps.advised(refusal) if refusal else None
            )

    async def submit(self, request: web.Request) -> web.Response:
        """One of the page's forms: of a promotion code, or of a payment method."""
        posted = texts(await request.post())
        with self.lock:
            session = self._session(request)
            if session is None:
                return no_such_page()
            if session["status"] != "open":
                return self._page(session, CardForm.empty(session))
            if "promotion_code" in posted or "remove_code" in posted:
                return self._change_code(session, posted)
            return self._complete(session, CardForm.read(posted))

    def _change_code(self, session: Record, posted: Mapping[str, str]) -> web.Response:
        word = posted.get("promotion_code", "")
        form = CardForm.empty(session)
        try:
            if "remove_code" in posted:
                checkout_visit.remove_code(self.state, session)
            elif not word:
                return self._page(session, form, errors={"code": "Enter a promotion code."}, status=400)
            else:
                checkout_visit.enter_code(self.state, session, word)
        except SandboxError as error:
            if not session.private["allow_codes"]:
                return self._page(session, form, refusal=error.message, status=error.status)
            return self._page(session, form, errors={"code": error.message}, code=word, status=error.status)
        # To be loaded again at will: nothing is sent twice.
        return redirect(onward.after_session(self.state, session)) or no_such_page()

    def _complete(self, session: Record, form: CardForm) -> web.Response:
        needs_method = checkout_visit.needs_method(session)
        errors = form.errors() if needs_method else form.contact_errors()
        if errors:
            return self._page(session, form, errors=errors, status=400)
        details = form.customer_details()
        data = form.method_data() if needs_method else customer_steps.NO_METHOD
        try:
            seen = customer_steps.pay_session(self.state, session, data, details)
        except SandboxError as error:
            return self._page(session, form, refusal=error.message, status=error.status)
        if seen.error is not None:
            errors = form.errors_for(seen.error)
            refusal = None if errors else seen.message
            return self._page(session, form, errors=errors, refusal=refusal, status=seen.error.status)
        return redirect(seen.url or "") or message("Done", "This page can be closed.")

    def _page(
        self,
        session: Record,
        form: CardForm,
        *,
        errors: Mapping[str, str] = _NOTHING,
        refusal: str | None = None,
        code: str = "",
        status: int = 200,
    ) -> web.Response:
        if session["status"] == "complete":
            return message(*onward.ending(session))
        if session["status"] == "expired":
            return message("This page has expired", "Go back to the shop and start again.", status=410)
        setup = checkout.setup_of(self.state, session)
        if setup is not None and setup["status"] == "processing":
            return message(*customer_steps.CHECKING)
        seen = self.state.view(session)
        discount = orders.discount_of(self.state, session)
        coupon: JsonObject | None = discount["coupon"] if discount is not None else None
        trial_days: int | None = session.private["subscription_data"].get("trial_period_days")
        return page(
            "checkout",
            status=status,
            session=seen,
            heading=wording.heading(seen),
            plan=wording.plan(seen, trial_days, coupon) if session["mode"] == "subscription" else None,
            billed=wording.billed,
            discount=wording.reduction(coupon) if coupon is not None else None,
            takes_codes=session.private["allow_codes"],
            code=code,
            button=wording.button(seen, trial_days),
            needs_method=checkout_visit.needs_method(session),
            methods=checkout_visit.methods_of(session),
            cancel_url=customer_steps.way_back(session),
            form=form,
            errors=errors,
            refusal=refusal,
        )

    def _session(self, request: web.Request) -> Record | None:
        found = _HOSTED_ID.fullmatch(request.match_info["id"])
        key = request.query.get("key", "")
        if found is None or not same(key, self.state.account.publishable_key):
            return None
        self.state.clock.run_due()
        return self.state.store["checkout.session"].get(f"cs_{found.group(1)}")
