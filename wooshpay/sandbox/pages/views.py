"""The pages over HTTP: who may see them, what a form means, where the customer goes next."""

from __future__ import annotations

import hmac
import re
import threading
from collections.abc import Mapping
from typing import Final

import attrs
from aiohttp import web
from yarl import URL

from wooshpay.core.json import JsonObject
from wooshpay.sandbox.engine.errors import SandboxError
from wooshpay.sandbox.engine.params import Params
from wooshpay.sandbox.engine.state import State
from wooshpay.sandbox.engine.store import Record
from wooshpay.sandbox.lifecycles import checkout, payments
from wooshpay.sandbox.pages.forms import CardForm
from wooshpay.sandbox.pages.templates import message, page
from wooshpay.sandbox.rules.cards import Decline

_HOSTED_ID = re.compile(r"cs_test_(\d+)")
_SCHEME = re.compile(r"https?://", re.IGNORECASE)

# Offered where the session does not say which methods it takes.
_DEFAULT_METHODS: Final = ("card", "alipay")

_OUTCOMES: Final[dict[str, Decline | None]] = {
    "pay": None,
    "authenticate": None,
    "fail": payments.PAYMENT_FAILED,
    "cancel": payments.GIVEN_UP,
}


@attrs.frozen(eq=False)
class Pages:
    """The pages of one sandbox.

    Attributes:
        state: The sandbox.
        lock: Guards the objects.
    """

    state: State
    lock: threading.RLock

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Put the pages on a server."""
        router.add_get("/pay/{id}", self.show_checkout)
        router.add_post("/pay/{id}", self.pay)
        router.add_get("/3ds/challenge", self.show_challenge)
        router.add_post("/3ds/challenge", self.answer_challenge)
        router.add_get("/paymentcode", self.show_wallet)
        router.add_post("/paymentcode", self.answer_wallet)

    # ---- hosted checkout

    async def show_checkout(self, request: web.Request) -> web.Response:
        """The page of a session."""
        with self.lock:
            session = self._session(request)
            if session is None:
                return _no_such_page()
            intent = self.state.need("payment_intent", session["payment_intent"])
            last: JsonObject = intent.get("last_payment_error") or {}
            return self._checkout(session, CardForm.empty(session), refusal=last.get("message"))

    async def pay(self, request: web.Request) -> web.Response:
        """The form of a session's page."""
        form = CardForm.read(_texts(await request.post()))
        with self.lock:
            session = self._session(request)
            if session is None:
                return _no_such_page()
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
            return _redirect(self._next(intent)) or message("Done", "The payment went through.")

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
            cancel_url=_address(session.get("cancel_url")),
            methods=session.get("payment_method_types") or _DEFAULT_METHODS,
            form=form,
            errors=errors or {},
            refusal=refusal,
        )

    def _session(self, request: web.Request) -> Record | None:
        found = _HOSTED_ID.fullmatch(request.match_info["id"])
        key = request.query.get("key", "")
        if found is None or not _same(key, self.state.account.publishable_key):
            return None
        self.state.clock.run_due()
        return self.state.store["checkout.session"].get(f"cs_{found.group(1)}")

    # ---- what a next_action asks for

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
            return _no_such_page() if intent is None else self._action(intent, template)

    def _action(self, intent: Record, template: str, *, status: int = 200) -> web.Response:
        if intent["status"] != "requires_action":
            return message("This step is over", "There is nothing left to do on this page.")
        method = self.state.need("payment_method", intent["payment_method"])
        if (method["type"] == "card") != (template == "challenge"):
            return _no_such_page()
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
                return _no_such_page()
            if not known or intent["status"] != "requires_action":
                return self._action(intent, template, status=200 if known else 400)
            try:
                payments.customer_acted(self.state, intent, failure)
            except SandboxError:
                pass  # recorded on the intent, where the merchant finds it
            redirect = _redirect(self._next(intent))
            if redirect is not None:
                return redirect
            if intent["status"] in payments.PAID:
                return message("Done", "The payment went through. This page can be closed.")
            return message("Not paid", "The payment did not go through. This page can be closed.")

    def _intent(self, request: web.Request) -> Record | None:
        secret = request.query.get("clientSecret", "")
        self.state.clock.run_due()
        intent = self.state.store["payment_intent"].get(secret.partition("_secret_")[0])
        if intent is None or not _same(secret, intent["client_secret"]):
            return None
        return intent

    def _next(self, intent: Record) -> str:
        """Where the customer goes from here; nothing where the merchant gave no address."""
        action: JsonObject | None = intent.get("next_action")
        if action is not None:
            return next(str(shape["url"]) for name, shape in action.items() if name != "type")
        id: str | None = intent.private.get("session")
        if id is None:
            return _address(intent.get("return_url")) or ""
        session = self.state.need("checkout.session", id)
        if intent["status"] in payments.PAID:
            return _address(session["success_url"]) or ""
        return str(self.state.view(session)["url"])


def _texts(posted: Mapping[str, object]) -> dict[str, str]:
    return {name: value.strip() for name, value in posted.items() if isinstance(value, str)}


def _redirect(where: str) -> web.Response | None:
    """Send the browser on. The address stays as the merchant wrote it: braces in it are not quoted."""
    if not where:
        return None
    return web.Response(status=303, headers={"Location": where if where.isascii() else str(URL(where))})


def _same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode(), expected.encode())


def _no_such_page() -> web.Response:
    return message("There is no such page", "Check the address; it may be cut off.", status=404)


def _address(url: str | None) -> str | None:
    """A merchant's address as a browser needs it: WooshPay takes it without a scheme."""
    if not url:
        return None
    return url if _SCHEME.match(url) else f"https://{url}"
