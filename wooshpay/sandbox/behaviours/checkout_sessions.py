"""Checkout Sessions. Their states, and what moves them, are in `wooshpay.sandbox.lifecycles.checkout`.

operation                          allowed in these states
create                             -
retrieve, list, list_line_items    any
expire                             open
"""

from __future__ import annotations

from typing import Final

from wooshpay.core.json import JsonObject
from wooshpay.sandbox.behaviours.payment_intents import read_intent
from wooshpay.sandbox.engine.errors import SandboxError, invalid, missing
from wooshpay.sandbox.engine.listing import envelope, list_page, pick_page
from wooshpay.sandbox.engine.params import Params
from wooshpay.sandbox.engine.registry import behaviour, view
from wooshpay.sandbox.engine.state import State, plain_view
from wooshpay.sandbox.engine.store import Record
from wooshpay.sandbox.lifecycles import acceptance, checkout, orders, payment_methods
from wooshpay.sandbox.rules.methods import SAVED, require_savable

PATH: Final = "/v1/checkout/sessions"
MODES: Final = ("payment", "subscription", "setup")
MOST_TRIAL_DAYS: Final = 730

# Parameters that one or two modes have.
_MODES_OF: Final = {
    "line_items": ("payment", "subscription"),
    "discounts": ("payment", "subscription"),
    "allow_promotion_codes": ("payment", "subscription"),
    "payment_intent_data": ("payment",),
    "subscription_data": ("subscription",),
}


@behaviour("checkout.sessions.create")
def create(state: State, params: Params) -> JsonObject:
    """Open a session with a page to pay, to subscribe or to save a card on."""
    success_url = params.url("success_url")
    if not success_url:
        raise missing("success_url")
    mode = _read_mode(params)
    types = payment_methods.read_types(state, params)
    customer = _customer(state, params)
    fields: JsonObject = {
        "billing_address_collection": params.choice("billing_address_collection", ("required", "auto")) or "auto",
        "cancel_url": params.url("cancel_url"),
        "client_reference_id": params.text("client_reference_id"),
        "customer": customer or "",
        "customer_creation": params.choice("customer_creation", ("always", "if_required")),
        "customer_email": params.text("customer_email"),
        "expires_at": _expires_at(state, params),
        "metadata": params.metadata() or {},
        "mode": mode,
        "payment_method_options": params.as_sent("payment_method_options"),
        "payment_method_types": types,
        "phone_number_collection": params.as_sent("phone_number_collection"),
        "shipping_address_collection": params.as_sent("shipping_address_collection"),
        "success_url": success_url,
    }
    if mode != "payment":
        for place, type in enumerate(types or ()):
            require_savable(type, param=f"payment_method_types[{place}]")
    if mode == "setup":
        _require_savable_type(types or acceptance.offered_types(state))
        return state.view(checkout.open_session(state, fields, lines=[]))
    lines = orders.read_lines(state, params, subscribes=mode == "subscription")
    currency = lines[0].plan.currency
    subscription = _read_subscription(params)
    trial = bool(subscription.get("trial_period_days"))
    amount = sum(line.due(trial=trial) for line in lines)
    reduction = orders.read_discounts(state, params, customer=customer, amount=amount, currency=currency)
    allow_codes = bool(params.flag("allow_promotion_codes"))
    if allow_codes and reduction is not None:
        raise SandboxError(
            "Pass discounts or allow_promotion_codes, not both.", code="parameter_invalid", param="discounts"
        )
    total = orders.total_of(lines, reduction, trial=trial)
    offered = types or acceptance.offered_types(state)
    if mode == "payment":
        acceptance.require_minimum(state, total, currency, param="line_items")
    if mode == "subscription" or total > 0:
        acceptance.require_one_usable(
            state, offered, max(total, 1), currency, saving=mode != "payment", param="payment_method_types"
        )
    intent = read_intent(state, _intent_params(params, customer), amount=amount, currency=currency, method_types=types)
    # Unverified: programs in use find their order so. Nothing of it is in the reference.
    intent["merchant_order_id"] = intent["merchant_order_id"] or fields["client_reference_id"]
    session = checkout.open_session(
        state,
        fields,
        lines=lines,
        reduction=reduction,
        intent=intent,
        subscription=subscription,
        allow_codes=allow_codes,
    )
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
    """A line item with its price in full; on a session also with its discounts."""
    seen = {**plain_view(item), "price": state.view(state.need("price", item["price"]))}
    if "discounts" in seen:
        seen["discounts"] = [state.view(state.need("discount", id)) for id in seen["discounts"]]
    return seen


def _find(state: State, params: Params) -> Record:
    return state.need("checkout.session", params.id)


def _require_savable_type(types: list[str]) -> None:
    if not SAVED.intersection(types):
        raise SandboxError(
            f"None of the payment methods {', '.join(types)} can be saved for later payments."
            f" Types that can be saved: {', '.join(sorted(SAVED))}.",
            code="payment_method_not_usable",
            param="payment_method_types",
        )


def _email(session: Record) -> str | None:
    details: JsonObject = session.get("customer_details") or {}
    return details.get("email") or session.get("customer_email")


def _customer(state: State, params: Params) -> str | None:
    id = params.text("customer") or None
    return state.need("customer", id, param="customer").id if id is not None else None


def _read_mode(params: Params) -> str:
    """The mode. Seen: a session without mode and line items saves a card."""
    mode = params.choice("mode", MODES) or ("payment" if params.given("line_items") else "setup")
    for name, modes in _MODES_OF.items():
        if mode not in modes and params.given(name):
            raise SandboxError(
                f"{name} goes with mode {' or '.join(modes)} only, and the mode is {mode}.",
                code="parameter_invalid",
                param=name,
            )
    return mode


def _read_subscription(params: Params) -> JsonObject:
    data = params.within("subscription_data")
    if data is None:
        return {}
    days = data.integer("trial_period_days", least=1, most=MOST_TRIAL_DAYS)
    return {"trial_period_days": days, "metadata": data.metadata() or {}}


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
