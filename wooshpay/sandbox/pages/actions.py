"""The pages that a ``next_action`` leads to: 3-D Secure challenges, wallets and banks, for payments and for setups."""

from __future__ import annotations

import attrs
from aiohttp import web

from wooshpay.core.json import JsonObject
from wooshpay.sandbox.engine.guard import Guard
from wooshpay.sandbox.engine.state import State
from wooshpay.sandbox.engine.store import Record
from wooshpay.sandbox.lifecycles import actions, customer_steps, onward
from wooshpay.sandbox.pages.answers import no_such_page, read_form, same
from wooshpay.sandbox.pages.shop import reachable, send_to
from wooshpay.sandbox.pages.templates import Link, message, page
from wooshpay.sandbox.rules.method_names import name_of
from wooshpay.sandbox.rules.methods import WITH_CODE


@attrs.frozen(eq=False)
class ActionPages:
    """The pages of the actions of one sandbox.

    Attributes:
        state: The sandbox.
        lock: Guards the objects.
    """

    state: State
    lock: Guard

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Put the pages on a server."""
        router.add_get("/3ds/challenge", self.show_challenge)
        router.add_post("/3ds/challenge", self.answer_challenge)
        router.add_get("/paymentcode", self.show_wallet)
        router.add_post("/paymentcode", self.answer_wallet)

    async def show_challenge(self, request: web.Request) -> web.Response:
        """The 3-D Secure challenge."""
        return self._show_action(request, "challenge")

    async def answer_challenge(self, request: web.Request) -> web.Response:
        """The form of the challenge."""
        return self._act(request, (await read_form(request)).get("outcome", ""), "challenge")

    async def show_wallet(self, request: web.Request) -> web.Response:
        """The page of a wallet or bank method."""
        return self._show_action(request, "wallet")

    async def answer_wallet(self, request: web.Request) -> web.Response:
        """The form of a wallet's page."""
        return self._act(request, (await read_form(request)).get("outcome", ""), "wallet")

    def _show_action(self, request: web.Request, template: str) -> web.Response:
        with self.lock:
            intent = self._intent(request)
            return no_such_page() if intent is None else self._action(request, intent, template)

    def _action(self, request: web.Request, intent: Record, template: str, *, status: int = 200) -> web.Response:
        merchant = self.state.options.business_name
        if intent["status"] != "requires_action":
            where = onward.next_page(self.state, intent)
            links = [Link("Continue", reachable(request, where))] if where else []
            return message("This step is over", "There is nothing left to do here.", merchant=merchant, links=links)
        method = self.state.need("payment_method", intent["payment_method"])
        type: str = method["type"]
        if (type == "card") != (template == "challenge"):
            return no_such_page()
        card: JsonObject = method.get("card") or {}
        paying = intent.kind == "payment_intent"
        return page(
            template,
            status=status,
            merchant=merchant,
            amount=intent["amount"] if paying else None,
            currency=intent["currency"] if paying else None,
            method=name_of(type),
            last4=card.get("last4"),
            code=actions.code_of(intent, type) if paying and type in WITH_CODE else None,
        )

    def _act(self, request: web.Request, button: str, template: str) -> web.Response:
        with self.lock:
            intent = self._intent(request)
            if intent is None:
                return no_such_page()
            choice = customer_steps.ANSWERS[template][intent.kind].get(button)
            if choice is None or intent["status"] != "requires_action":
                return self._action(request, intent, template, status=200 if choice is not None else 400)
            seen = customer_steps.answer(self.state, intent, choice)
            merchant = self.state.options.business_name
            return send_to(request, seen.url or "") or message(seen.title, seen.message, merchant=merchant)

    def _intent(self, request: web.Request) -> Record | None:
        secret = request.query.get("clientSecret", "")
        id = secret.partition("_secret_")[0]
        kind = "setup_intent" if id.startswith("seti_") else "payment_intent"
        self.state.clock.run_due()
        intent = self.state.store[kind].get(id)
        if intent is None or not same(secret, intent["client_secret"]):
            return None
        return intent
