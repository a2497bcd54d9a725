"""What customers do on the pages of Checkout Sessions and payment links.

action                     allowed in these states
checkout.sessions.pay      open
checkout.sessions.cancel   open
payment_links.pay          active
"""

from __future__ import annotations

from typing import Final

from wooshpay.core.json import JsonObject
from wooshpay.sandbox.behaviours.customer_acts.choosing import (
    CARD,
    EMAIL,
    NAME,
    OUTCOMES,
    Choice,
    choose,
    outcome_parameter,
    page_json,
    press,
    read_contact,
)
from wooshpay.sandbox.engine.act_parameters import ActParameter
from wooshpay.sandbox.engine.errors import invalid
from wooshpay.sandbox.engine.params import Params
from wooshpay.sandbox.engine.registry import act
from wooshpay.sandbox.engine.state import State
from wooshpay.sandbox.engine.store import Record
from wooshpay.sandbox.lifecycles import actions, checkout, checkout_visit, customer_steps, orders, payment_links
from wooshpay.sandbox.rules.methods import TYPES

_METHOD: Final = ActParameter(
    "method",
    "The type of payment method, such as alipay. Default: card, or the first that the page offers.",
    "choice",
    choices=TYPES,
)
_OUTCOME: Final = outcome_parameter(OUTCOMES)
_SESSION: Final = ActParameter(
    "session", "The Checkout Session; it must be open.", "id", required=True, of="checkout.session"
)


@act(
    "checkout.sessions.pay",
    _SESSION,
    CARD,
    _METHOD,
    _OUTCOME,
    EMAIL,
    NAME,
    ActParameter("promotion_code", "The promotion code that the customer types."),
)
def pay(state: State, params: Params) -> JsonObject:
    """Pay a Checkout Session, subscribe with it or save a card with it, as a customer does on its page.

    With a card the payment ends as the card decides, and stops at a 3-D Secure challenge unless `outcome` says how
    that ends; `payment_intents.authenticate` and `setup_intents.authenticate` go on from there. A wallet or bank
    method pays at once unless `outcome` says otherwise. A decline is a result, not an error: the session stays open.
    """
    session = state.need("checkout.session", params.need_text("session"), param="session")
    checkout_visit.require_ready(state, session)
    details = read_contact(params, customer_steps.known_contact(session))
    word = params.text("promotion_code") or None
    reduction = checkout_visit.read_code(state, session, word) if word is not None else None
    after = session
    if reduction is not None:
        after = Record({**session, "amount_total": orders.total_with(state, session, reduction)}, **session.private)
    intent = checkout.intent_of(state, session) or checkout.setup_of(state, session)
    asks = intent is not None and actions.asks_three_d_secure(intent)
    choice = _choose(state, params, after, details, asks=asks)
    if word is not None:
        checkout_visit.enter_code(state, session, word)
    return _submit(state, session, choice, details)


@act("checkout.sessions.cancel", _SESSION)
def cancel(state: State, params: Params) -> JsonObject:
    """Leave the page of a Checkout Session for the shop without paying.

    The session stays open until it expires, as with WooshPay: a customer who comes back can still pay.
    """
    session = state.need("checkout.session", params.need_text("session"), param="session")
    return page_json(state, customer_steps.leave_session(session), session=session)


@act(
    "payment_links.pay",
    ActParameter("payment_link", "The payment link; it must be active.", "id", required=True, of="payment_link"),
    CARD,
    _METHOD,
    _OUTCOME,
    EMAIL,
    NAME,
)
def pay_link(state: State, params: Params) -> JsonObject:
    """Follow a payment link and pay, as a customer does; the link opens a Checkout Session."""
    link = state.need("payment_link", params.need_text("payment_link"), param="payment_link")
    payment_links.require_active(link)
    details = read_contact(params)
    choice = _choose(state, params, payment_links.preview(state, link), details, asks=False)
    session = payment_links.visit(state, link)
    return {**_submit(state, session, choice, details), "payment_link": state.view(link)}


def _choose(state: State, params: Params, session: Record, details: JsonObject, *, asks: bool) -> Choice:
    if not checkout_visit.needs_method(session):
        named = next((name for name in ("card", "method") if params.given(name)), None)
        if named is not None:
            raise invalid(named, "omitted: nothing is due, so the page asks for no payment method")
        if params.choice("outcome", OUTCOMES) not in {None, "paid"}:
            raise invalid("outcome", "omitted or paid: nothing is due, so the order completes at once")
        return Choice(data=customer_steps.NO_METHOD)
    saves = session["mode"] == "setup" or session["amount_total"] == 0
    return choose(state, params, checkout_visit.methods_of(session), details, asks=asks, saves=saves)


def _submit(state: State, session: Record, choice: Choice, details: JsonObject) -> JsonObject:
    seen = customer_steps.pay_session(state, session, choice.data, details)
    intent = _intent_of(state, session)
    seen = press(state, seen, intent, choice.button)
    subscription: str | None = session.get("subscription")
    return page_json(
        state,
        seen,
        session=session,
        payment_intent=intent if intent is not None and intent.kind == "payment_intent" else None,
        setup_intent=intent if intent is not None and intent.kind == "setup_intent" else None,
        subscription=state.need("subscription", subscription) if subscription else None,
    )


def _intent_of(state: State, session: Record) -> Record | None:
    """Return what the customer's payment method was tried on: in subscription mode it belongs to the first invoice."""
    started: str | None = session.private.get("subscription")
    if started is not None:
        first: str | None = state.need("subscription", started).private.get("first_invoice")
        paid_by: str | None = state.need("invoice", first).get("payment_intent") if first is not None else None
        if paid_by is not None:
            return state.need("payment_intent", paid_by)
    return checkout.intent_of(state, session) or checkout.setup_of(state, session)
