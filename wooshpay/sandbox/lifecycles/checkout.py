"""What happens to a Checkout Session between its creation and its end.

    mode          from      by                                             to (status, payment_status)
    payment       (new)     create, something to pay                       open, unpaid; its PaymentIntent exists
                  (new)     create, a discount takes off everything        open, unpaid; without a PaymentIntent
                  open      the payment succeeds                           complete, paid
                  open      the payment is authorized or processing        complete, unpaid
                  complete  the payment is captured or confirmed           complete, paid
                  complete  it is not, after all                           complete, unpaid
                  open      nothing to pay, confirmed on the page          complete, no_payment_required
    subscription  (new)     create                                         open, unpaid
                  open      the first invoice is paid                      complete, paid
                  open      its payment is processing                      complete, unpaid
                  complete  its payment is confirmed                       complete, paid
                  open      trial or nothing due: the method is saved      complete, no_payment_required
    setup         (new)     create                                         open, no_payment_required; its SetupIntent
                                                                           and its customer exist
                  open      the method is saved                            complete, no_payment_required
    any           open      refused, or the customer has to act            (as it was)
                  open      a promotion code is entered or taken away      (as it was), other amounts
                  open      expire, or 24 hours pass                       expired, (as it was); what was to be paid
                                                                           or saved by it is canceled
    any           complete, expired: nothing else

What the customer does on the page is in `wooshpay.sandbox.lifecycles.checkout_visit`. The statuses but ``open`` and
``unpaid`` are Stripe's, and so is their meaning.
"""

from __future__ import annotations

from typing import Final

from wooshpay.core.json import JsonObject
from wooshpay.sandbox.engine.clock import MILLISECONDS_PER_DAY
from wooshpay.sandbox.engine.errors import wrong_state
from wooshpay.sandbox.engine.registry import duty, reaction
from wooshpay.sandbox.engine.state import State
from wooshpay.sandbox.engine.store import Record
from wooshpay.sandbox.lifecycles import acceptance, orders, payment_methods, payments, setups, subscriptions
from wooshpay.sandbox.lifecycles.orders import Line, Reduction

LIFETIME: Final = MILLISECONDS_PER_DAY

_OF_CUSTOMER: Final = ("id", "object", "address", "created", "email", "livemode", "name", "phone")


def open_session(
    state: State,
    fields: JsonObject,
    *,
    lines: list[Line],
    reduction: Reduction | None = None,
    intent: JsonObject | None = None,
    subscription: JsonObject | None = None,
    allow_codes: bool = False,
) -> Record:
    """Open a session.

    Args:
        state: The sandbox.
        fields: What the session shows, with at least ``mode``, ``customer`` and ``success_url``.
        lines: What it sells; nothing in setup mode.
        reduction: Its discount.
        intent: Further fields of its PaymentIntent.
        subscription: ``trial_period_days`` and ``metadata`` of the subscription that will come of it.
        allow_codes: The customer may enter a promotion code.
    """
    mode = fields["mode"]
    session = state.add(
        "cs",
        "checkout.session",
        {
            "amount_subtotal": None,
            "amount_total": None,
            "billing_address_collection": "auto",
            "currency": None,
            "expires_at": state.clock.now + LIFETIME,
            "metadata": {},
            "payment_intent": None,
            "setup_intent": None,
            "subscription": None,
            **fields,
            "payment_status": "no_payment_required" if mode == "setup" else "unpaid",
            "status": "open",
        },
        allow_codes=allow_codes,
        line_items=[],
        offered=fields.get("payment_method_types") or acceptance.offered_types(state),
        subscription_data=subscription or {},
    )
    if mode == "setup":
        _prepare_setup(state, session)
    else:
        trial = bool((subscription or {}).get("trial_period_days"))
        session["currency"] = lines[0].plan.currency
        session.private["line_items"] = [item.id for item in orders.make_items(state, lines, trial=trial)]
        orders.set_discount(state, session, reduction)
    if mode == "payment" and session["amount_total"] > 0:
        made = _make_intent(state, session, intent or {})
        session["payment_intent"] = made.id
        state.emit("payment_intent.created", made)
    state.remind(session["expires_at"], "checkout.sessions.expire", session)
    return session


def expire(state: State, session: Record) -> None:
    """End an open session, and with it what was to be paid or saved by it."""
    require_open(session, "expired")
    session["status"] = "expired"
    intent = intent_of(state, session)
    if intent is not None and intent["status"] in payments.CANCELABLE:
        payments.cancel(state, intent, "checkout session expired")
    setup = setup_of(state, session)
    if setup is not None and setup["status"] in setups.CANCELABLE:
        setups.cancel(state, setup, "checkout session expired")
    drop_subscription(state, session)
    state.emit("checkout.session.expired", session)


def complete(state: State, session: Record, payment_status: str) -> None:
    """Note that an open session reached what it was opened for."""
    intent = intent_of(state, session)
    if payment_status == "no_payment_required" and intent is not None:
        # A promotion code took off everything.
        payments.cancel(state, intent, "nothing to pay")
        session["payment_intent"] = None
    session.update(status="complete", payment_status=payment_status)
    if intent is not None and session["payment_intent"]:
        _create_customer(state, session, intent)
    orders.redeem(state, session)
    # Missing from WooshPay's table of events; programs in use rely on it.
    state.emit("checkout.session.completed", session)


def require_open(session: Record, action: str) -> None:
    """Refuse what only an open session allows."""
    if session["status"] != "open":
        raise wrong_state(
            f"This Checkout Session could not be {action} because its status is {session['status']}; it must be open.",
            code="checkout_session_unexpected_state",
            about=session,
        )


@duty("checkout.sessions.expire")
def expire_when_due(state: State, id: str) -> None:
    """Expire a session that nobody completed in time."""
    session = state.need("checkout.session", id)
    if session["status"] == "open":
        expire(state, session)


# ---- what belongs to a session


def intent_of(state: State, session: Record) -> Record | None:
    """The PaymentIntent of a session in payment mode."""
    id: str | None = session.get("payment_intent")
    return state.need("payment_intent", id) if id else None


def setup_of(state: State, session: Record) -> Record | None:
    """The SetupIntent that saves a session's payment method, in setup mode or where nothing is due at first."""
    id: str | None = session.get("setup_intent") or session.private.get("setup")
    return state.need("setup_intent", id) if id else None


def pending_subscription(state: State, session: Record) -> Record | None:
    """The subscription that waits for its first payment on the session's page."""
    id: str | None = session.private.get("subscription")
    subscription = state.need("subscription", id) if id else None
    return subscription if subscription is not None and subscription["status"] == "incomplete" else None


def drop_subscription(state: State, session: Record) -> None:
    """End the subscription that waits for its first payment on the session's page."""
    subscription = pending_subscription(state, session)
    session.private["subscription"] = None
    if subscription is not None:
        subscriptions.end(state, subscription)


def session_of(state: State, intent: Record) -> Record | None:
    """The session that a PaymentIntent or SetupIntent belongs to, also by the first invoice of a subscription."""
    id: str | None = intent.private.get("session")
    invoice: str | None = intent.private.get("invoice")
    if id is None and invoice is not None:
        return _session_of_invoice(state, state.need("invoice", invoice))
    return state.need("checkout.session", id) if id is not None else None


def ensure_customer(state: State, session: Record, details: JsonObject) -> str:
    """The session's customer, made of what is known where there is none."""
    if not session["customer"]:
        email = details.get("email") or session.get("customer_email")
        fields: JsonObject = {"address": {}, "metadata": {}, "email": email, "name": details.get("name")}
        session["customer"] = state.add("cus", "customer", fields).id
    customer: str = session["customer"]
    return customer


# ---- what becomes of its payment


@reaction("payment_intent.succeeded")
@reaction("payment_intent.processing")
@reaction("payment_intent.amount_capturable_updated")
def payment_accepted(state: State, intent: Record) -> None:
    """Complete the session of a payment that was accepted; note when it is paid."""
    session = session_of(state, intent)
    if session is None:
        return
    if session["mode"] == "subscription" and intent["status"] == "succeeded":
        return  # its invoice tells when it is paid
    if session["status"] == "open":
        if session["mode"] == "subscription":
            session["subscription"] = session.private["subscription"]
        complete(state, session, "paid" if intent["status"] == "succeeded" else "unpaid")
    elif session["status"] == "complete" and intent["status"] == "succeeded":
        session["payment_status"] = "paid"


@reaction("invoice.paid")
def invoice_paid(state: State, invoice: Record) -> None:
    """Complete the session of a subscription whose first invoice is paid."""
    session = _session_of_invoice(state, invoice)
    if session is None:
        return
    paid = invoice["amount_paid"] > 0
    if session["status"] == "open":
        session["subscription"] = session.private["subscription"] = invoice["subscription"]
        complete(state, session, "paid" if paid else "no_payment_required")
    elif session["status"] == "complete" and paid:
        session["payment_status"] = "paid"


@reaction("setup_intent.succeeded")
def method_saved(state: State, setup: Record) -> None:
    """Complete the session of a payment method that was saved; a subscription starts with it."""
    session = session_of(state, setup)
    if session is None or session["status"] != "open":
        return
    if session["mode"] == "setup":
        complete(state, session, "no_payment_required")
    else:
        start_subscription(state, session, setup["payment_method"])


def start_subscription(state: State, session: Record, method: str | None) -> Record:
    """Start the subscription that a session sells. Where nothing is due its first invoice is paid in that moment."""
    lines = [orders.line_of(state, item) for item in orders.items_of(state, session)]
    priced = [(state.need("price", line.plan.terms["id"]), line.quantity) for line in lines]
    discount = orders.discount_of(state, session)
    data: JsonObject = session.private["subscription_data"]
    subscription = subscriptions.start(
        state,
        customer=session["customer"],
        items=[(price, quantity) for price, quantity in priced if price.get("recurring")],
        once=[(price, quantity) for price, quantity in priced if not price.get("recurring")],
        default_payment_method=method,
        trial_period_days=data.get("trial_period_days"),
        coupon=discount["coupon"] if discount is not None else None,
        metadata=data.get("metadata"),
        session=session.id,
    )
    session.private["subscription"] = subscription.id
    return subscription


def _session_of_invoice(state: State, invoice: Record) -> Record | None:
    id: str | None = invoice.get("subscription")
    subscription = state.need("subscription", id) if id is not None else None
    if subscription is None or subscription.private.get("first_invoice") != invoice.id:
        return None
    session: str | None = subscription.private.get("session")
    return state.need("checkout.session", session) if session is not None else None


def _prepare_setup(state: State, session: Record) -> None:
    customer = state.need("customer", ensure_customer(state, session, {}))
    session["customer_details"] = {name: customer[name] for name in _OF_CUSTOMER if customer.get(name) is not None}
    # Seen beside livemode, with the opposite value, in this mode alone.
    session["live_mode"] = True
    fields: JsonObject = {
        "customer": customer.id,
        # The guide has the session's pairs come with the webhooks of the setup.
        "metadata": dict(session["metadata"]),
        "payment_method_options": session.get("payment_method_options"),
        "payment_method_types": session.get("payment_method_types"),
        "usage": "off_session",
    }
    session["setup_intent"] = setups.make(state, fields, session=session.id).id


def _make_intent(state: State, session: Record, fields: JsonObject) -> Record:
    defaults: JsonObject = {
        "amount_capturable": 0,
        "amount_received": 0,
        "capture_method": "automatic",
        "confirmation_method": "automatic",
        "customer": session["customer"] or None,
        "metadata": {},
        "payment_method_types": ["card"],
        "status": "requires_payment_method",
    }
    whole = {**defaults, **fields, "amount": session["amount_total"], "currency": session["currency"]}
    intent = state.add("pi", "payment_intent", whole, session=session.id)
    intent["client_secret"] = state.ids.client_secret(intent.id)
    return intent


def _create_customer(state: State, session: Record, intent: Record) -> None:
    """Make a customer where the merchant wants one, or where a saved payment method needs one."""
    method = state.need("payment_method", intent["payment_method"])
    usage = payments.future_usage(intent, method["type"])
    if session["customer"] or (session.get("customer_creation") != "always" and usage is None):
        return
    intent["customer"] = ensure_customer(state, session, session.get("customer_details") or {})
    if usage is not None:
        payment_methods.save(method, intent["customer"], usage)
