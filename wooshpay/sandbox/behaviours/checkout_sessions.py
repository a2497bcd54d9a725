"""Checkout Sessions. Their states, and what moves them, are in `wooshpay.sandbox.lifecycles.checkout`.

operation                          allowed in these states
create                             -
retrieve, list, list_line_items    any
expire                             open
"""

from __future__ import annotations

from typing import Final

from wooshpay.core.json import JsonObject
from wooshpay.sandbox.behaviours.payment_intents import make_intent, read_intent
from wooshpay.sandbox.engine.errors import SandboxError, invalid, missing, not_found
from wooshpay.sandbox.engine.listing import envelope, list_page, pick_page
from wooshpay.sandbox.engine.params import Params
from wooshpay.sandbox.engine.registry import behaviour, view
from wooshpay.sandbox.engine.state import State, plain_view
from wooshpay.sandbox.engine.store import Record
from wooshpay.sandbox.lifecycles import checkout, payment_methods

PATH: Final = "/v1/checkout/sessions"


@behaviour("checkout.sessions.create")
def create(state: State, params: Params) -> JsonObject:
    """Open a session with a page to pay on."""
    success_url = params.url("success_url")
    if not success_url:
        raise missing("success_url")
    _refuse_other_modes(params)
    lines = checkout.read_lines(state, params)
    total = sum(line.amount for line in lines)
    types = payment_methods.read_types(params)
    customer = _customer(state, params)
    fields: JsonObject = {
        "amount_subtotal": total,
        "amount_total": total,
        "billing_address_collection": params.choice("billing_address_collection", ("required", "auto")) or "auto",
        "cancel_url": params.url("cancel_url"),
        "client_reference_id": params.text("client_reference_id"),
        "currency": lines[0].currency,
        "customer": customer or "",
        "customer_creation": params.choice("customer_creation", ("always", "if_required")),
        "customer_email": params.text("customer_email"),
        "expires_at": _expires_at(state, params),
        "metadata": params.metadata() or {},
        "mode": "payment",
        "payment_intent": None,
        "payment_method_options": params.as_sent("payment_method_options"),
        "payment_method_types": types,
        "payment_status": "unpaid",
        "phone_number_collection": params.as_sent("phone_number_collection"),
        "shipping_address_collection": params.as_sent("shipping_address_collection"),
        "status": "open",
        "success_url": success_url,
    }
    intent_fields = read_intent(
        state, _intent_params(params, customer), amount=total, currency=lines[0].currency, method_types=types
    )
    session = state.add("cs", "checkout.session", fields)
    session.private["line_items"] = [item.id for item in checkout.make_line_items(state, lines)]
    intent = make_intent(state, intent_fields, session=session.id)
    session["payment_intent"] = intent.id
    state.remind(session["expires_at"], "checkout.sessions.expire", session)
    state.emit("payment_intent.created", intent)
    return state.view(session)


@behaviour("checkout.sessions.retrieve")
def retrieve(state: State, params: Params) -> JsonObject:
    """Get a session."""
    return state.view(_find(state, params))


@behaviour("checkout.sessions.list")
def list_sessions(state: State, params: Params) -> JsonObject:
    """List sessions, newest first."""
    details = params.within("customer_details")
    email = details.text("email") if details is not None else None

    def keep(session: Record) -> bool:
        return email is None or _email(session) == email

    same = ("customer", "payment_intent")
    return list_page(state, params, kind="checkout.session", url=PATH, same=same, keep=keep)


@behaviour("checkout.sessions.list_line_items")
def list_line_items(state: State, params: Params) -> JsonObject:
    """List what a session sells, in the order in which it was sent."""
    session = _find(state, params)
    url = f"{PATH}/{session.id}/line_items"
    return pick_page(state, params, kind="item", ids=session.private["line_items"], url=url)


@behaviour("checkout.sessions.expire")
def expire(state: State, params: Params) -> JsonObject:
    """End a session that nobody paid yet."""
    session = _find(state, params)
    checkout.expire(state, session)
    return state.view(session)


@view("checkout.session")
def view_session(state: State, session: Record) -> JsonObject:
    """A session with its page and, in full, what it sells."""
    items = [state.view(state.need("item", id)) for id in session.private["line_items"]]
    digits = session.id.removeprefix("cs_")
    return {
        **plain_view(session),
        "line_items": envelope(f"{PATH}/{session.id}/line_items", items),
        "url": f"{state.base_url}/pay/cs_test_{digits}?key={state.account.publishable_key}",
    }


@view("item")
def view_item(state: State, item: Record) -> JsonObject:
    """A line item with its price in full."""
    return {**plain_view(item), "price": state.view(state.need("price", item["price"]))}


def _find(state: State, params: Params) -> Record:
    return state.need("checkout.session", params.id)


def _email(session: Record) -> str | None:
    details: JsonObject = session.get("customer_details") or {}
    return details.get("email") or session.get("customer_email")


def _customer(state: State, params: Params) -> str | None:
    id = params.text("customer") or None
    return state.need("customer", id, param="customer").id if id is not None else None


def _refuse_other_modes(params: Params) -> None:
    mode = params.choice("mode", ("payment", "subscription", "setup")) or "payment"
    if mode != "payment":
        raise SandboxError(
            f"This sandbox does not have sessions with mode {mode}; use payment.",
            code="parameter_invalid",
            param="mode",
        )
    for place, discount in enumerate(params.each("discounts")):
        for name in ("coupon", "promotion_code"):
            if discount.given(name):
                raise not_found(name, discount.need_text(name), param=f"discounts[{place}][{name}]")


def _expires_at(state: State, params: Params) -> int:
    now = state.clock.now
    expires_at = params.moment("expires_at")
    if expires_at is not None and not now < expires_at <= now + checkout.LIFETIME:
        raise invalid("expires_at", "within the next 24 hours")
    return expires_at or now + checkout.LIFETIME


def _intent_params(params: Params, customer: str | None) -> Params:
    sent = params.within("payment_intent_data") or Params({}, place="payment_intent_data")
    values: JsonObject = {
        **sent.values,
        "customer": customer,
        "payment_method_options": params.values.get("payment_method_options"),
        "return_url": None,
    }
    return Params(values, place=sent.place)
