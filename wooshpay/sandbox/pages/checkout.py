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
from wooshpay.sandbox.pages import card_list, wording
from wooshpay.sandbox.pages.answers import no_such_page, read_form, redirect, same
from wooshpay.sandbox.pages.forms import CardForm
from wooshpay.sandbox.pages.shop import reachable, send_to
from wooshpay.sandbox.pages.templates import Link, message, page
from wooshpay.sandbox.rules.method_names import name_of

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
            return self._page(request, session, refusal=customer_steps.advised(refusal) if refusal else None)

    async def submit(self, request: web.Request) -> web.Response:
        """One of the page's forms: of a promotion code, or of a payment method."""
        posted = await read_form(request)
        with self.lock:
            session = self._session(request)
            if session is None:
                return no_such_page()
            if session["status"] != "open":
                return self._page(request, session)
            if "promotion_code" in posted or "remove_code" in posted:
                return self._change_code(request, session, posted)
            return self._complete(request, session, CardForm.read(posted))

    def _change_code(self, request: web.Request, session: Record, posted: Mapping[str, str]) -> web.Response:
        word = posted.get("promotion_code", "")
        try:
            if "remove_code" in posted:
                checkout_visit.remove_code(self.state, session)
            elif not word:
                errors = {"promotion_code": "Enter a promotion code."}
                return self._page(request, session, errors=errors, status=400)
            else:
                checkout_visit.enter_code(self.state, session, word)
        except SandboxError as error:
            if not session.private["allow_codes"]:
                return self._page(request, session, refusal=error.message, status=error.status)
            errors = {"promotion_code": error.message}
            return self._page(request, session, errors=errors, code=word, status=error.status)
        # To be loaded again at will: nothing is sent twice.
        return redirect(onward.after_session(self.state, session)) or no_such_page()

    def _complete(self, request: web.Request, session: Record, form: CardForm) -> web.Response:
        needs_method = checkout_visit.needs_method(session)
        errors = form.errors() if needs_method else form.contact_errors()
        if errors:
            return self._page(request, session, form, errors=errors, status=400)
        details = form.customer_details()
        data = form.method_data() if needs_method else customer_steps.NO_METHOD
        try:
            seen = customer_steps.pay_session(self.state, session, data, details)
        except SandboxError as error:
            return self._page(request, session, form, refusal=error.message, status=error.status)
        if seen.error is not None:
            errors = form.errors_for(seen.error)
            refusal = None if errors else seen.message
            return self._page(request, session, form, errors=errors, refusal=refusal, status=seen.error.status)
        done = message("Done", "You can close this page.", merchant=self._merchant)
        return send_to(request, seen.url or "") or done

    def _page(
        self,
        request: web.Request,
        session: Record,
        form: CardForm | None = None,
        *,
        errors: Mapping[str, str] = _NOTHING,
        refusal: str | None = None,
        code: str = "",
        status: int = 200,
    ) -> web.Response:
        over = self._over(request, session)
        if over is not None:
            return over
        seen = self.state.view(session)
        discount = orders.discount_of(self.state, session)
        coupon: JsonObject | None = discount["coupon"] if discount is not None else None
        trial_days: int | None = session.private["subscription_data"].get("trial_period_days")
        needs_method = checkout_visit.needs_method(session)
        methods = checkout_visit.methods_of(session) if needs_method else []
        return page(
            "checkout",
            status=status,
            script="card_list.js" if "card" in methods else "",
            merchant=self._merchant,
            session=seen,
            heading=wording.heading(seen),
            plan=wording.plan(seen, trial_days, coupon) if session["mode"] == "subscription" else None,
            billed=wording.billed,
            discount=wording.reduction(coupon) if coupon is not None else None,
            takes_codes=session.private["allow_codes"],
            code=code,
            button=wording.button(seen, trial_days),
            needs_method=needs_method,
            methods=methods,
            refused_methods=checkout_visit.not_offered(session) if needs_method else [],
            method_name=name_of,
            cards=card_list.panel(self.state),
            back=self._back(request, session),
            form=form or self._form(session),
            errors=errors,
            refusal=refusal,
        )

    def _form(self, session: Record) -> CardForm:
        """The form as it is when the page is loaded, also after a challenge or a wallet."""
        return CardForm.after(checkout_visit.last_method(self.state, session), customer_steps.known_contact(session))

    def _over(self, request: web.Request, session: Record) -> web.Response | None:
        """The page of a session at which nothing can be paid, now or ever."""
        url: str = self.state.view(session)["url"]
        if session["status"] == "complete":
            ending = onward.ending(self.state, session)
            done = onward.address(session.get("success_url"))
            links = [Link(f"Continue to {self._merchant}", reachable(request, done))] if done else []
            if ending.waits:
                links.append(Link("Check again", url))
            if ending.failed:
                links = self._ways_back(request, session)
            return message(ending.title, ending.text, merchant=self._merchant, links=links)
        if session["status"] == "expired":
            links = self._ways_back(request, session)
            go = "Go back to the shop and start again."
            return message("This page has expired", go, status=410, merchant=self._merchant, links=links)
        setup = checkout.setup_of(self.state, session)
        if setup is not None and setup["status"] == "processing":
            title, text = customer_steps.CHECKING
            links = [Link("Check again", url), *self._ways_back(request, session)]
            return message(title, text, merchant=self._merchant, links=links)
        return None

    def _ways_back(self, request: web.Request, session: Record) -> list[Link]:
        back = self._back(request, session)
        if back is not None:
            return [Link(f"Back to {self._merchant}", back)]
        # A link opens another session, so that its customer can start again.
        link = self.state.store["payment_link"].get(session.get("payment_link") or "")
        return [Link("Start again", self.state.view(link)["url"])] if link is not None and link["active"] else []

    def _back(self, request: web.Request, session: Record) -> str | None:
        """Where customers go who leave without paying."""
        url = customer_steps.way_back(session)
        return reachable(request, url) if url is not None else None

    @property
    def _merchant(self) -> str:
        return self.state.options.business_name

    def _session(self, request: web.Request) -> Record | None:
        found = _HOSTED_ID.fullmatch(request.match_info["id"])
        key = request.query.get("key", "")
        if found is None or not same(key, self.state.account.publishable_key):
            return None
        self.state.clock.run_due()
        return self.state.store["checkout.session"].get(f"cs_{found.group(1)}")
