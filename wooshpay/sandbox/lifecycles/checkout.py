"""What happens to a Checkout Session between its creation and its end.

from    by                                                          to
(new)   create                                                      open, unpaid; its PaymentIntent exists
open    a payment on the hosted page is accepted                    complete; paid, or unpaid until captured
                                                                    or no longer processing
open    expire, or 24 hours pass                                    expired; the intent is canceled
"""

from __future__ import annotations

from typing import Final

import attrs

from wooshpay.core.json import JsonObject
from wooshpay.sandbox.engine.clock import MILLISECONDS_PER_DAY
from wooshpay.sandbox.engine.errors import SandboxError, invalid, missing, wrong_state
from wooshpay.sandbox.engine.params import MAX_AMOUNT, Params
from wooshpay.sandbox.engine.registry import duty, reaction
from wooshpay.sandbox.engine.state import State
from wooshpay.sandbox.engine.store import Record
from wooshpay.sandbox.lifecycles import catalog, payment_methods, payments
from wooshpay.sandbox.lifecycles.catalog import PricePlan
from wooshpay.sandbox.rules.pricing import amount_of

LIFETIME: Final = MILLISECONDS_PER_DAY


@attrs.frozen
class Line:
    """One line of an order, read and priced, before anything is kept.

    Attributes:
        quantity: How many units.
        plan: The price.
    """

    quantity: int
    plan: PricePlan

    @property
    def currency(self) -> str:
        """The currency of the price."""
        return self.plan.currency

    @property
    def amount(self) -> int:
        """What the line costs, in minor units."""
        return amount_of(self.plan.terms, self.quantity)


def read_lines(state: State, params: Params) -> list[Line]:
    """Read ``line_items``. Nothing is made yet, so that a refusal leaves nothing behind."""
    lines = [_read_line(state, entry) for entry in params.each("line_items")]
    if not lines:
        raise missing(params.named("line_items"))
    if len({line.currency for line in lines}) > 1:
        raise SandboxError(
            "All line items must have one currency.", code="parameter_invalid", param=params.named("line_items")
        )
    if sum(line.amount for line in lines) > MAX_AMOUNT:
        raise invalid(params.named("line_items"), f"at most {MAX_AMOUNT} minor units in all", code="amount_too_large")
    return lines


def _read_line(state: State, entry: Params) -> Line:
    quantity = entry.integer("quantity", least=1)
    if quantity is None:
        raise missing(entry.named("quantity"))
    return Line(quantity, catalog.read_price(state, entry, recurring=False))


def make_line_items(state: State, lines: list[Line]) -> list[Record]:
    """Make the line items, and the prices and products that came inline."""
    return [_make_line_item(state, line) for line in lines]


def _make_line_item(state: State, line: Line) -> Record:
    id = state.ids.new("li")
    price = catalog.make_price(state, line.plan)
    product = state.need("product", price["product"])
    fields: JsonObject = {
        "id": id,
        "object": "item",
        "amount_discount": 0,
        "amount_subtotal": line.amount,
        "amount_total": line.amount,
        "currency": line.currency,
        "description": product["name"],
        "discounts": [],
        "price": price.id,
        "quantity": line.quantity,
    }
    return state.store.add(Record(fields))


def pay(state: State, session: Record, method_data: Params) -> Record:
    """Pay an open session on its page; give its PaymentIntent.

    Raises:
        SandboxError: The session is over, the data is wrong, or the payment was refused.
    """
    _require_open(session, "paid")
    intent = state.need("payment_intent", session["payment_intent"])
    method = payment_methods.make(state, method_data, customer=session["customer"] or None)
    payments.attempt(state, intent, method)
    return intent


def expire(state: State, session: Record) -> None:
    """End an open session, and its PaymentIntent with it."""
    _require_open(session, "expired")
    intent = state.need("payment_intent", session["payment_intent"])
    session["status"] = "expired"
    if intent["status"] in payments.CANCELABLE:
        payments.cancel(state, intent, "checkout session expired")
    state.emit("checkout.session.expired", session)


def _require_open(session: Record, action: str) -> None:
    if session["status"] != "open":
        raise wrong_state(
            f"This Checkout Session could not be {action} because its status is {session['status']}; it must be open.",
            code="checkout_session_unexpected_state",
        )


@duty("checkout.sessions.expire")
def expire_when_due(state: State, id: str) -> None:
    """Expire a session that nobody paid in time."""
    session = state.need("checkout.session", id)
    if session["status"] == "open":
        expire(state, session)


@reaction("payment_intent.succeeded")
@reaction("payment_intent.processing")
@reaction("payment_intent.amount_capturable_updated")
def payment_accepted(state: State, intent: Record) -> None:
    """Complete the session of a payment that was accepted; note when it is paid."""
    id: str | None = intent.private.get("session")
    if id is None:
        return
    session = state.need("checkout.session", id)
    if intent["status"] == "succeeded":
        session["payment_status"] = "paid"
    if session["status"] == "open":
        session["status"] = "complete"
        _create_customer(state, session, intent)
        # Missing from WooshPay's table of events; programs in use rely on it.
        state.emit("checkout.session.completed", session)


def _create_customer(state: State, session: Record, intent: Record) -> None:
    if session.get("customer_creation") != "always" or session["customer"]:
        return
    details: JsonObject = session.get("customer_details") or {}
    email = details.get("email") or session.get("customer_email")
    fields: JsonObject = {"address": {}, "metadata": {}, "email": email, "name": details.get("name")}
    customer = state.add("cus", "customer", fields)
    session["customer"] = intent["customer"] = customer.id


def note_customer(session: Record, details: JsonObject) -> None:
    """Keep what the customer told on the page."""
    if details:
        session["customer_details"] = {**(session.get("customer_details") or {}), **details}
