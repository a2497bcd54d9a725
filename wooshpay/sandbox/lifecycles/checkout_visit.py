"""What a customer does on the hosted page of an open Checkout Session: enters a promotion code, pays, saves a method.

mode          due        submitting the form
payment       > 0        attempts the session's PaymentIntent
              nothing    completes the session; no method is needed
subscription  > 0        starts the subscription, incomplete, and attempts its first payment; again with the next method
              nothing    attempts a SetupIntent; the subscription starts when the method is saved
setup         -          attempts the session's SetupIntent
"""

from __future__ import annotations

from typing import Final

from wooshpay.core.json import JsonObject
from wooshpay.sandbox.engine.errors import SandboxError, wrong_state
from wooshpay.sandbox.engine.params import Params
from wooshpay.sandbox.engine.state import State
from wooshpay.sandbox.engine.store import Record
from wooshpay.sandbox.lifecycles import checkout, coupons, orders, payment_methods, payments, setups, subscriptions
from wooshpay.sandbox.rules.methods import SAVED, require_payable

# Offered where the session does not say which methods it takes.
_DEFAULT_METHODS: Final = ("card", "alipay")


def methods_of(session: Record) -> list[str]:
    """The types of payment method that a session's page offers: those that take what is due, and can do it again."""
    types: list[str] = session.get("payment_method_types") or list(_DEFAULT_METHODS)
    return [type for type in types if _fits(session, type)]


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
    checkout.require_open(session, "changed")
    if not session.private["allow_codes"]:
        raise wrong_state("This Checkout Session takes no promotion codes.", code="checkout_session_unexpected_state")
    customer: str | None = session["customer"] or None
    code = coupons.find_code(state, word, customer)
    if code is None:
        raise SandboxError("There is no such promotion code. Check the spelling.", code="promotion_code_invalid")
    reduction = orders.by_code(
        state, code, customer=customer, amount=session["amount_subtotal"], currency=session["currency"]
    )
    _change(state, session, reduction)


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


def _fits(session: Record, type: str) -> bool:
    if session["mode"] != "payment" and type not in SAVED:
        return False
    if session["mode"] == "setup":
        return True
    try:
        require_payable(type, session["amount_total"] or 1, session["currency"])
    except SandboxError:
        return False
    return True


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
