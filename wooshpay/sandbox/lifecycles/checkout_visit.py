"""What a customer does on the hosted page of an open Checkout Session: enters a promotion code, pays, saves a method.

mode          due        submitting the form
payment       > 0        attempts the session's PaymentIntent
              nothing    completes the session; no method is needed
subscription  > 0        starts the subscription, incomplete, and attempts its first payment; again with the next method
              nothing    attempts a SetupIntent; the subscription starts when the method is saved
setup         -          attempts the session's SetupIntent
"""

from __future__ import annotations

from typing import NamedTuple

from wooshpay.core.json import JsonObject
from wooshpay.sandbox.engine.errors import SandboxError, wrong_state
from wooshpay.sandbox.engine.params import Params
from wooshpay.sandbox.engine.state import State
from wooshpay.sandbox.engine.store import Record
from wooshpay.sandbox.lifecycles import (
    acceptance,
    checkout,
    coupons,
    orders,
    payment_methods,
    payments,
    setups,
    subscriptions,
)
from wooshpay.sandbox.rules.currencies import written
from wooshpay.sandbox.rules.method_names import name_of
from wooshpay.sandbox.rules.methods import SAVED, rules_of


class NotOffered(NamedTuple):
    """A payment method that the page of a session does not offer.

    Attributes:
        name: The name of the method.
        reason: Why, as the end of a sentence that begins with the name.
    """

    name: str
    reason: str


def methods_of(session: Record) -> list[str]:
    """The types of payment method that a session's page offers: those that take what is due, and can do it again."""
    return [type for type in _types_of(session) if _obstacle(session, type) is None]


def not_offered(session: Record) -> list[NotOffered]:
    """Return the types of payment method that a session's page does not offer, with the reasons.

    They are those that the merchant listed; if nothing at all is offered, the usual ones too.
    """
    if not session.get("payment_method_types") and methods_of(session):
        return []
    found = [(type, _obstacle(session, type)) for type in _types_of(session)]
    return [NotOffered(name_of(type), reason) for type, reason in found if reason is not None]


def require_ready(state: State, session: Record) -> None:
    """Refuse to go on with a session that is over, or whose bank is still checking the card.

    Raises:
        SandboxError: 400, with the status that is needed.
    """
    checkout.require_open(session, "completed")
    setup = checkout.setup_of(state, session)
    if setup is not None and (session["mode"] == "setup" or setup["status"] == "processing"):
        setups.require(setup, setups.CONFIRMABLE, "confirmed")


def needs_method(session: Record) -> bool:
    """Whether a payment method is needed to complete a session."""
    return bool(session["mode"] != "payment" or session["amount_total"] > 0)


def submit(state: State, session: Record, data: Params, details: JsonObject) -> Record | None:
    """Complete an open session, or get as far as the customer's next step.

    Args:
        state: The sandbox.
        session: The session.
        data: The payment method, as ``payment_method_data``.
        details: What the customer told about themselves.

    Returns:
        The PaymentIntent or SetupIntent that was attempted; ``None`` where the session completed without.

    Raises:
        SandboxError: The session is over, the data is wrong, or the method was refused.
    """
    checkout.require_open(session, "completed")
    if not needs_method(session):
        _note_customer(session, details)
        checkout.complete(state, session, "no_payment_required")
        return None
    offered = methods_of(session)
    draft = payment_methods.read(state, data)
    if draft.type not in offered:
        raise SandboxError(
            f"The payment method must be one of {', '.join(offered)}.", code="parameter_invalid", param="type"
        )
    if session["mode"] == "setup":
        setup = state.need("setup_intent", session["setup_intent"])
        setups.require(setup, setups.CONFIRMABLE, "confirmed")
        _note_customer(session, details)
        setups.attempt(state, setup, payment_methods.keep(state, draft))
        return setup
    if session["mode"] == "payment":
        intent = state.need("payment_intent", session["payment_intent"])
        payments.require(intent, payments.CONFIRMABLE, "confirmed")
        _note_customer(session, details)
        payments.attempt(state, intent, payment_methods.keep(state, draft))
        return intent
    return _subscribe(state, session, draft, details)


def enter_code(state: State, session: Record, word: str) -> None:
    """Apply the promotion code that the customer typed.

    Raises:
        SandboxError: There is no such code, or it does not hold for this order.
    """
    _change(state, session, read_code(state, session, word))


def read_code(state: State, session: Record, word: str) -> orders.Reduction:
    """Return the reduction of the promotion code that the customer typed. Nothing is changed.

    Raises:
        SandboxError: There is no such code, or it does not hold for this order.
    """
    checkout.require_open(session, "changed")
    if not session.private["allow_codes"]:
        raise wrong_state(
            "This Checkout Session takes no promotion codes.", code="checkout_session_unexpected_state", about=session
        )
    customer: str | None = session["customer"] or None
    code = coupons.find_code(state, word, customer)
    if code is None:
        raise SandboxError("There is no such promotion code. Check the spelling.", code="promotion_code_invalid")
    reduction = orders.by_code(
        state, code, customer=customer, amount=session["amount_subtotal"], currency=session["currency"]
    )
    if session["mode"] == "payment":
        lines = [orders.line_of(state, item) for item in orders.items_of(state, session)]
        total = orders.total_of(lines, reduction)
        acceptance.require_minimum(state, total, session["currency"], param="promotion_code")
    return reduction


def remove_code(state: State, session: Record) -> None:
    """Take the promotion code away that the customer typed; a discount of the merchant's stays."""
    checkout.require_open(session, "changed")
    if session.private["allow_codes"]:
        _change(state, session, None)


def last_refusal(state: State, session: Record) -> str | None:
    """Why the last attempt on the page was refused, for the customer."""
    message: str | None = _last_error(state, session).get("message")
    return message


def last_method(state: State, session: Record) -> Record | None:
    """Return the payment method of the last attempt on the page, if it was refused."""
    id: str | None = _last_error(state, session).get("payment_method")
    return state.store["payment_method"].get(id) if id else None


def paying_intent(state: State, session: Record) -> Record | None:
    """Return the PaymentIntent that pays a session: its own one, or that of the first invoice of a subscription."""
    id: str | None = session.get("subscription") or session.private.get("subscription")
    if id is None:
        return checkout.intent_of(state, session)
    invoice = state.need("invoice", state.need("subscription", id).private["first_invoice"])
    intent: str | None = invoice.get("payment_intent")
    return state.need("payment_intent", intent) if intent else None


def _last_error(state: State, session: Record) -> JsonObject:
    subscription = checkout.pending_subscription(state, session)
    intent = checkout.intent_of(state, session)
    if subscription is not None:
        invoice = state.need("invoice", subscription.private["first_invoice"])
        intent = state.need("payment_intent", invoice["payment_intent"])
    if intent is not None:
        return intent.get("last_payment_error") or {}
    setup = checkout.setup_of(state, session)
    return (setup.get("last_setup_error") or {}) if setup is not None else {}


def _types_of(session: Record) -> list[str]:
    # A state file of an earlier version does not have what was offered when the session was opened.
    listed: list[str] | None = session.get("payment_method_types") or session.private.get("offered")
    return listed or list(acceptance.DEFAULT_TYPES)


def _obstacle(session: Record, type: str) -> str | None:
    if session["mode"] != "payment" and type not in SAVED:
        return "cannot be saved for later payments."
    limits = rules_of(type).limits
    if session["mode"] == "setup" or not limits:
        return None
    currency, amount = session["currency"], session["amount_total"] or 1
    if currency not in limits:
        return f"does not take {currency}. It takes {', '.join(sorted(limits))}."
    least, most = limits[currency].least, limits[currency].most
    if amount < least:
        return f"takes at least {written(least, currency)}."
    if most is not None and amount > most:
        return f"takes at most {written(most, currency)}."
    return None


def _subscribe(state: State, session: Record, draft: payment_methods.Draft, details: JsonObject) -> Record | None:
    if session["amount_total"] == 0:
        setup = checkout.setup_of(state, session)
        if setup is not None and setup["status"] == "processing":
            setups.require(setup, setups.CONFIRMABLE, "confirmed")
        _note_customer(session, details)
        customer = checkout.ensure_customer(state, session, details)
        if setup is None or setup["status"] not in setups.CONFIRMABLE:
            setup = setups.make(state, {"customer": customer, "usage": "off_session"}, session=session.id)
            session.private["setup"] = setup.id
        setups.attempt(state, setup, payment_methods.keep(state, draft))
        return setup
    _note_customer(session, details)
    checkout.ensure_customer(state, session, details)
    subscription = checkout.pending_subscription(state, session)
    if subscription is None:
        subscription = checkout.start_subscription(state, session, None)
    method = payment_methods.keep(state, draft)
    # Renewals charge what the customer chose here, whatever is saved for them later.
    subscription["default_payment_method"] = method.id
    try:
        intent = subscriptions.pay_first(state, subscription, method)
    except SandboxError:
        subscription["default_payment_method"] = None
        raise
    if intent is None:
        # The customer's credit paid it all.
        payment_methods.save(method, session["customer"], "off_session")
    return intent


def _change(state: State, session: Record, reduction: orders.Reduction | None) -> None:
    checkout.drop_subscription(state, session)
    orders.set_discount(state, session, reduction)
    intent = checkout.intent_of(state, session)
    if intent is not None and session["amount_total"] > 0:
        # A challenge for the old amount is over.
        intent.update(
            amount=session["amount_total"],
            next_action=None,
            payment_method=None,
            last_payment_error=None,
            status="requires_payment_method",
        )


def _note_customer(session: Record, details: JsonObject) -> None:
    if details:
        session["customer_details"] = {**(session.get("customer_details") or {}), **details}
