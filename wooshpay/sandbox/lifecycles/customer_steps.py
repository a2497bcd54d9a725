"""What a customer does on a hosted page, and what the customer sees then.

The pages and the simulated actions both come here, so they cannot differ.

    step                       on the page of                 leads to
    `pay_session`              a Checkout Session             the shop, a challenge, a wallet, or the page again
    `leave_session`            a Checkout Session             the shop; the session stays open
    `answer`                   a 3-D Secure challenge or      the shop, or the page of the session or the invoice
                               a wallet or bank
    `pay_invoice`              an invoice                     the same page, a challenge

A customer follows a payment link with `wooshpay.sandbox.lifecycles.payment_links.visit`, which opens a session.
"""

from __future__ import annotations

import re
from typing import Final, Literal, TypeAlias

import attrs

from wooshpay.core.json import JsonObject
from wooshpay.sandbox.engine.errors import SandboxError
from wooshpay.sandbox.engine.params import Params
from wooshpay.sandbox.engine.state import State
from wooshpay.sandbox.engine.store import Record
from wooshpay.sandbox.lifecycles import checkout, checkout_visit, invoices, onward, payment_methods, payments, setups
from wooshpay.sandbox.rules.cards import Decline
from wooshpay.sandbox.rules.method_names import name_of

PageStatus: TypeAlias = Literal[
    "paid", "authorized", "saved", "complete", "declined", "challenge", "redirect", "processing", "canceled"
]
"""How far the customer got.

``complete``: nothing was due, as with a free trial. ``authorized``: the merchant has to capture the payment.
``challenge``: the bank asks for 3-D Secure. ``redirect``: the wallet or bank waits for the customer on its own page.
"""

FIELD_OF_CODE: Final = {"incorrect_number": "number", "expired_card": "expiry", "incorrect_cvc": "cvc"}
"""The field of the card form that a refusal is about, by the code of the error."""

NO_METHOD: Final = Params({}, place="payment_method_data")
"""What the form of a session sends if the session needs no payment method."""

CHECKING: Final = ("Your bank is checking the card", "This takes about a minute.")
"""The title and the text of the page of a session while the bank checks the card that is to be saved."""

INVOICE_PAID: Final = "This invoice is paid. Thank you."
INVOICE_PROCESSING: Final = "A payment of this invoice is being processed. The bank confirms it in about a minute."

_EMAIL: Final = re.compile(r"[^@\s]+@[^@\s]+")


@attrs.frozen(kw_only=True)
class PageResult:
    """What a customer sees after a step.

    Attributes:
        status: How far the customer got.
        title: The title of the page that the customer sees, if the sandbox shows one.
        message: The sentence that the customer reads.
        url: The address to which the browser is sent; ``None`` if it stays on the page.
        error: The refusal of the bank, if the payment method was refused on this page.
    """

    status: PageStatus
    title: str = ""
    message: str
    url: str | None = None
    error: SandboxError | None = None


@attrs.frozen
class Answer:
    """What a button of a challenge or of a wallet's page stands for.

    Attributes:
        failure: Why the payment fails; ``None`` if it does not fail.
        later: Whether the outcome comes after a minute.
    """

    failure: Decline | None = None
    later: bool = False


def _wallet(failed: Decline, given_up: Decline) -> dict[str, Answer]:
    return {
        "pay": Answer(),
        "fail": Answer(failed),
        "cancel": Answer(given_up),
        "pay_later": Answer(later=True),
        "fail_later": Answer(failed, later=True),
    }


ANSWERS: Final[dict[str, dict[str, dict[str, Answer]]]] = {
    "challenge": {
        "payment_intent": {"authenticate": Answer(), "fail": Answer(payments.CHALLENGE_FAILED)},
        "setup_intent": {"authenticate": Answer(), "fail": Answer(setups.CHALLENGE_FAILED)},
    },
    "wallet": {
        "payment_intent": _wallet(payments.PAYMENT_FAILED, payments.GIVEN_UP),
        "setup_intent": _wallet(setups.SETUP_FAILED, setups.GIVEN_UP),
    },
}
"""The buttons of each page, by the kind of intent that it is for."""


# ---- what customers type


def is_email(text: str) -> bool:
    """Return whether a text can be an e-mail address."""
    return _EMAIL.fullmatch(text) is not None


def known_contact(session: Record) -> JsonObject:
    """Return what the form of a session shows about the customer at first, as ``billing_details``.

    After a refused attempt this is what the customer typed then.
    """
    details: JsonObject = session.get("customer_details") or {}
    return contact(details.get("email") or session.get("customer_email") or "", details.get("name") or "")


def contact(email: str, name: str) -> JsonObject:
    """Return what a customer typed about themselves as ``billing_details``."""
    return {field: value for field, value in (("email", email), ("name", name)) if value}


def method_data(type: str, card: JsonObject | None, details: JsonObject) -> Params:
    """Return what a customer chose and typed as ``payment_method_data``.

    Args:
        type: The type of payment method.
        card: Number, expiry and CVC, if the type is ``card``.
        details: The customer's `contact` details.
    """
    data: JsonObject = {"type": type, **({"billing_details": details} if details else {})}
    if type == "card":
        data["card"] = card
    return Params(data, place="payment_method_data")


# ---- the steps


def pay_session(state: State, session: Record, data: Params, details: JsonObject) -> PageResult:
    """Submit the form of an open session.

    Args:
        state: The sandbox.
        session: The session.
        data: The payment method, as ``payment_method_data``; empty if the session needs none.
        details: What the customer typed about themselves.

    Raises:
        SandboxError: The session is not open, or the data is not valid. Nothing has changed then.
    """
    try:
        intent = checkout_visit.submit(state, session, data, details)
    except SandboxError as error:
        if error.status != 402:
            raise
        return _declined(error, error.message if error.code in FIELD_OF_CODE else advised(error.message))
    if intent is not None:
        return result_of(state, intent)
    return _after(state, session, "paid" if session["payment_status"] == "paid" else "complete")


def leave_session(session: Record) -> PageResult:
    """Go back to the shop without paying. The session stays open until it expires.

    Raises:
        SandboxError: The session is not open.
    """
    checkout.require_open(session, "canceled by the customer")
    back = way_back(session)
    where = "is back in the shop" if back else "closed the page"
    return PageResult(status="canceled", message=f"The customer {where}. The Checkout Session is still open.", url=back)


def way_back(session: Record) -> str | None:
    """Return the merchant's address for customers who do not want to pay; ``None`` if there is none."""
    return onward.address(session.get("cancel_url"))


def answer(state: State, intent: Record, choice: Answer) -> PageResult:
    """Press a button on the page of a challenge, wallet or bank.

    Args:
        state: The sandbox.
        intent: The PaymentIntent or SetupIntent; its status is ``requires_action``.
        choice: The button.
    """
    act = payments.customer_acted if intent.kind == "payment_intent" else setups.customer_acted
    try:
        act(state, intent, choice.failure, later=choice.later)
    except SandboxError:
        pass  # The refusal is recorded on the intent, where the merchant finds it.
    return result_of(state, intent)


def require_payable_invoice(state: State, invoice: Record) -> None:
    """Refuse to pay an invoice that is not owed, or of which a payment is under way.

    Raises:
        SandboxError: 400, with the status that is needed.
    """
    invoices.require(invoice, invoices.OWED, "paid")
    invoices.require_idle(invoice, invoices.intent_of(state, invoice), payments.CONFIRMABLE, "paid")


def pay_invoice(state: State, invoice: Record, data: Params) -> PageResult:
    """Submit the form of an invoice's page.

    Raises:
        SandboxError: The invoice cannot be paid now, or the data is not valid. Nothing has changed then.
    """
    require_payable_invoice(state, invoice)
    intent = invoices.intent_of(state, invoice)
    method = payment_methods.make(state, data)
    # From a 3-D Secure challenge the customer comes back to the invoice.
    intent["return_url"] = invoices.page_of(state, invoice)
    try:
        invoices.pay(state, invoice, method)
    except SandboxError as error:
        if error.status != 402:
            raise
        return _declined(error, error.message)
    return result_of(state, intent)


# ---- what the customer sees


def result_of(state: State, intent: Record) -> PageResult:
    """Return what a customer sees after an attempt of a PaymentIntent or SetupIntent."""
    session = checkout.session_of(state, intent)
    status = _status(state, intent, session)
    if session is not None and session["status"] == "complete":
        return _after(state, session, status)
    url = onward.next_page(state, intent) or None
    title, message = _sentences(state, intent, status)
    if session is not None and status == "processing":
        title, message = CHECKING
    elif invoices.invoice_of(state, intent) is not None:
        message = {"paid": INVOICE_PAID, "processing": INVOICE_PROCESSING}.get(status, message)
    error: JsonObject = intent.get("last_payment_error") or intent.get("last_setup_error") or {}
    if url is not None and status in {"declined", "canceled"} and error:
        message = advised(error["message"]) if session is not None else error["message"]
    return PageResult(status=status, title=title, message=message, url=url)


def advised(refusal: str) -> str:
    """Return a refusal of the bank together with what the customer can do about it."""
    return f"{refusal} Try again or use another payment method."


def _declined(error: SandboxError, message: str) -> PageResult:
    return PageResult(status="declined", message=message, error=error)


def _after(state: State, session: Record, status: PageStatus) -> PageResult:
    end = onward.ending(state, session)
    return PageResult(status=status, title=end.title, message=end.text, url=onward.after_session(state, session))


def _status(state: State, intent: Record, session: Record | None) -> PageStatus:
    status: str = intent["status"]
    if status == "requires_action":
        method = state.need("payment_method", intent["payment_method"])
        return "challenge" if method["type"] == "card" else "redirect"
    if status == "processing":
        return "processing"
    if status == "requires_capture":
        return "authorized"
    if status == "succeeded":
        free = session is not None and session["mode"] != "setup" and session["payment_status"] != "paid"
        return "paid" if intent.kind == "payment_intent" else "complete" if free else "saved"
    error: JsonObject = intent.get("last_payment_error") or intent.get("last_setup_error") or {}
    given_up = error.get("code") in {payments.GIVEN_UP.code, setups.GIVEN_UP.code}
    return "canceled" if given_up else "declined"


def _sentences(state: State, intent: Record, status: PageStatus) -> tuple[str, str]:
    """Return the title and the text of the page."""
    paying = intent.kind == "payment_intent"
    if status == "challenge":
        return "", "Your bank asks you to confirm"
    if status == "redirect":
        method: str = state.need("payment_method", intent["payment_method"])["type"]
        return "", f"{'Pay with' if paying else 'Save'} {name_of(method)}"
    if status == "processing":
        return "Under way", "The bank confirms this in a minute. You can close this page."
    if status in {"declined", "canceled"}:
        failed = "The payment did not go through" if paying else "The payment method was not saved"
        return "Not paid" if paying else "Not saved", f"{failed}. You can close this page and go back to the shop."
    done = "The payment went through" if paying else "The payment method was saved"
    return "Done", f"{done}. You can close this page."
