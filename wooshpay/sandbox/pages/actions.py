"""The pages that a ``next_action`` leads to: 3-D Secure challenges, wallets and banks."""

from __future__ import annotations

from typing import Final

import attrs
from aiohttp import web

from wooshpay.core.json import JsonObject
from wooshpay.sandbox.engine.errors import SandboxError
from wooshpay.sandbox.engine.guard import Guard
from wooshpay.sandbox.engine.state import State
from wooshpay.sandbox.engine.store import Record
from wooshpay.sandbox.lifecycles import payments
from wooshpay.sandbox.pages.answers import no_such_page, redirect, same
from wooshpay.sandbox.pages.next import next_page
from wooshpay.sandbox.pages.templates import message, page
from wooshpay.sandbox.rules.cards import Decline

_OUTCOMES: Final[dict[str, Decline | None]] = {
    "pay": None,
    "authenticate": None,
    "fail": payments.PAYMENT_FAILED,
    "cancel": payments.GIVEN_UP,
}


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
        choice = str((await request.post()).get("outcome", ""))
        failure = payments.CHALLENGE_FAILED if choice == "fail" else None
        return self._act(request, choice in {"authenticate", "fail"}, failure, "challenge")

    async def show_wallet(self, request: web.Request) -> web.Response:
        """The page of a wallet or bank method."""
        return self._show_action(request, "wallet")

    async def answer_wallet(self, request: web.Request) -> web.Response:
        """The form of a wallet's page."""
        choice = str((await request.post()).get("outcome", ""))
        return self._act(request, choice in _OUTCOMES, _OUTCOMES.get(choice), "wallet")

    def _show_action(self, request: web.Request, template: str) -> web.Response:
        with self.lock:
            intent = self._intent(request)
            return no_such_page() if intent is None else self._action(intent, template)

    def _action(self, intent: Record, template: str, *, status: int = 200) -> web.Response:
        if intent["status"] != "requires_action":
            return message("This step is over", "There is nothing left to do on this page.")
        method = self.state.need("payment_method", intent["payment_method"])
        if (method["type"] == "card") != (template == "challenge"):
            return no_such_page()
        card: JsonObject = method.get("card") or {}
        return page(
            template,
            status=status,
            amount=intent["amount"],
            currency=intent["currency"],
            method=method["type"].replace("_", " "),
            last4=card.get("last4"),
        )

    def _act(self, request: web.Request, known: bool, failure: Decline | None, template: str) -> web.Response:
        with self.lock:
            intent = self._intent(request)
            if intent is None:
                return no_such_page()
            if not known or intent["status"] != "requires_action":
                return self._action(intent, template, status=200 if known else 400)
            try:
                payments.customer_acted(self.state, intent, failure)
            except SandboxError:
                pass  # recorded on the intent, where the merchant finds it
            onward = redirect(next_page(self.state, intent))
            if onward is not None:
                return onward
            if intent["status"] in payments.PAID:
                return message("Done", "The payment went through. This page can be closed.")
            return message("Not paid", "The payment did not go through. This page can be closed.")

    def _intent(self, request: web.Request) -> Record | None:
        secret = request.query.get("clientSecret", "")
        self.state.clock.run_due()
        intent = self.state.store["payment_intent"].get(secret.partition("_secret_")[0])
        if intent is None or not same(secret, intent["client_secret"]):
            return None
        return intent
