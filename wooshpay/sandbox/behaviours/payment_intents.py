"""PaymentIntents. Their states, and what moves them, are in `wooshpay.sandbox.lifecycles.payments`.

    operation             allowed in these states
    create                -
    retrieve, list        any
    search                any
    update                any but canceled; once requires_capture, processing or succeeded, notes only
    confirm               requires_payment_method, requires_confirmation, requires_action
    capture               requires_capture
    cancel                requires_payment_method, requires_confirmation, requires_action, requires_capture

The intent of a Checkout Session is confirmed on the session's page, and ends with the session. The intent of an Invoice
can be confirmed; its amount is the invoice's, and it ends with the invoice.
"""

from __future__ import annotations

import hmac
from typing import Final, TypedDict

from wooshpay.core.json import JsonObject
from wooshpay.sandbox.engine.errors import SandboxError, missing, wrong_state
from wooshpay.sandbox.engine.listing import list_page
from wooshpay.sandbox.engine.params import Params
from wooshpay.sandbox.engine.registry import behaviour
from wooshpay.sandbox.engine.searching import search_page
from wooshpay.sandbox.engine.state import State
from wooshpay.sandbox.engine.store import Record
from wooshpay.sandbox.lifecycles import acceptance, payment_methods, payments
from wooshpay.sandbox.lifecycles.payment_methods import Draft
from wooshpay.sandbox.rules.methods import require_payable, require_savable

PATH: Final = "/v1/payment_intents"
USAGES: Final = ("on_session", "off_session")
CAPTURE_METHODS: Final = ("automatic", "manual")

# What may change at any time, as it does not touch the payment itself.
_NOTES: Final = ("description", "merchant_order_id", "merchant_user_id", "receipt_email")
_PAYMENT: Final = (
    *("amount", "currency", "customer", "payment_method", "payment_method_data", "payment_method_options"),
    *("payment_method_types", "quantity", "return_url", "setup_future_usage"),
)
_SEARCHABLE: Final = ("merchant_order_id", "merchant_user_id", "status", "customer", "currency", "description")

# Settled by the invoice that the intent belongs to.
_INVOICED: Final = ("amount", "currency", "customer", "quantity")

# What a publishable key gets to see, with the client secret: enough for a page to go on with the payment.
_PUBLIC_PART: Final = (
    *("id", "object", "amount", "canceled_at", "capture_method", "client_secret", "confirmation_method"),
    *("created", "currency", "last_payment_error", "livemode", "next_action", "payment_method_types", "status"),
)


class Attempted(TypedDict):
    """How an attempt is made."""

    off_session: bool
    refuse_action: bool


@behaviour("payment_intents.create")
def create(state: State, params: Params) -> JsonObject:
    """Create an intent; with ``confirm`` take the payment at once."""
    amount, currency = params.need_amount("amount"), params.need_currency("currency")
    acceptance.require_minimum(state, amount, currency)
    types = payment_methods.read_types(state, params)
    confirmed = read_confirm(params)
    fields = read_intent(state, params, amount=amount, currency=currency, method_types=types)
    attempted = _read_attempt(params)
    method = payment_methods.choose(state, params)
    if confirmed and method is None:
        method = _method_by_type(state, types)
    _check_method(fields, method)
    _check_types(state, fields, method)
    intent = make_intent(state, fields)
    kept = None
    if method is not None:
        kept = payment_methods.keep(state, method)
        _set_method(intent, kept)
    state.emit("payment_intent.created", intent)
    if confirmed and kept is not None:
        payments.attempt(state, intent, kept, **attempted)
    return state.view(intent)


def read_intent(
    state: State, params: Params, *, amount: int, currency: str, method_types: list[str] | None
) -> JsonObject:
    """Read what ``create`` and a session's ``payment_intent_data`` share. Nothing is made yet."""
    return {
        "amount": amount,
        "amount_capturable": 0,
        "amount_received": 0,
        "capture_method": params.choice("capture_method", CAPTURE_METHODS) or _capture_option(params),
        "confirmation_method": "automatic",
        "currency": currency,
        "customer": _customer(state, params),
        "metadata": params.metadata() or {},
        "payment_method_options": params.as_sent("payment_method_options"),
        "payment_method_types": method_types or acceptance.usual_types(state),
        "quantity": params.integer("quantity", least=1),
        "return_url": params.url("return_url"),
        "setup_future_usage": params.choice("setup_future_usage", USAGES),
        "shipping": params.as_sent("shipping"),
        "status": "requires_payment_method",
        **{name: params.text(name) for name in _NOTES},
    }


def make_intent(state: State, fields: JsonObject, **private: object) -> Record:
    """Make an intent of what `read_intent` gave."""
    intent = state.add("pi", "payment_intent", fields, **private)
    intent["client_secret"] = state.ids.client_secret(intent.id)
    return intent


@behaviour("payment_intents.retrieve")
def retrieve(state: State, params: Params) -> JsonObject:
    """Get an intent; with a publishable key a part of it, against its client secret."""
    if not params.publishable:
        return state.view(_find(state, params))
    found = state.store["payment_intent"].get(params.id)
    secret = params.text("client_secret") or ""
    # The same answer for a wrong id and a wrong secret: a publishable key is public and must not tell them apart.
    if found is None or not hmac.compare_digest(secret.encode(), str(found["client_secret"]).encode()):
        raise SandboxError(
            "With a publishable key a PaymentIntent is answered only together with its client_secret.",
            status=403,
            code="client_secret_required",
            param="client_secret",
        )
    whole = state.view(found)
    return {name: whole[name] for name in _PUBLIC_PART if name in whole}


@behaviour("payment_intents.list")
def list_intents(state: State, params: Params) -> JsonObject:
    """List intents, newest first."""
    return list_page(state, params, kind="payment_intent", url=PATH, same=("customer",))


@behaviour("payment_intents.search")
def search(state: State, params: Params) -> JsonObject:
    """Find intents by their texts and metadata."""
    return search_page(state, params, kind="payment_intent", url=f"{PATH}/search", fields=_SEARCHABLE)


@behaviour("payment_intents.update")
def update(state: State, params: Params) -> JsonObject:
    """Change an intent without confirming it."""
    intent = _find(state, params)
    if intent["status"] == "canceled":
        raise wrong_state("This PaymentIntent is canceled; nothing about it can change any more.", about=intent)
    touched = [name for name in _PAYMENT if params.given(name)]
    if touched and intent["status"] not in payments.CONFIRMABLE:
        raise wrong_state(
            f"{', '.join(touched)} cannot change while the PaymentIntent's status is {intent['status']}.", about=intent
        )
    if touched and "session" in intent.private:
        raise wrong_state(
            f"{', '.join(touched)} cannot change: this PaymentIntent belongs to a Checkout Session.", about=intent
        )
    fixed = [name for name in _INVOICED if name in touched]
    if fixed and "invoice" in intent.private:
        raise wrong_state(f"{', '.join(fixed)} cannot change: this PaymentIntent belongs to an Invoice.", about=intent)
    changes = _read_changes(state, intent, params)
    after = {**intent, **changes}
    method = payment_methods.choose(state, params)
    held: str | None = intent.get("payment_method")
    # A method that it has already must still fit the other changes.
    used = method or (state.need("payment_method", held) if touched and held is not None else None)
    _check_method(after, used)
    if touched:
        acceptance.require_minimum(state, after["amount"], after["currency"])
        _check_types(state, after, used)
    intent.update(changes)
    if method is not None:
        _set_method(intent, payment_methods.keep(state, method))
    if intent["status"] == "requires_action" and (method is not None or changes.keys() & {"amount", "currency"}):
        intent.update(status="requires_confirmation", next_action=None)
    return state.view(intent)


def _read_changes(state: State, intent: Record, params: Params) -> JsonObject:
    """Read everything before anything is changed, so that a refusal leaves the intent as it was."""
    read: JsonObject = {
        "amount": params.amount("amount"),
        "currency": params.currency("currency"),
        "customer": _customer(state, params),
        "payment_method_options": params.as_sent("payment_method_options"),
        "payment_method_types": payment_methods.read_types(state, params),
        "quantity": params.integer("quantity", least=1),
        "return_url": params.url("return_url"),
        "setup_future_usage": params.choice("setup_future_usage", USAGES),
        "shipping": params.as_sent("shipping"),
        **{name: params.text(name) for name in _NOTES},
    }
    changes = {name: value for name, value in read.items() if value is not None}
    changes["metadata"] = params.metadata(intent["metadata"])
    return changes


@behaviour("payment_intents.confirm")
def confirm(state: State, params: Params) -> JsonObject:
    """Take the payment, or ask the customer to act."""
    intent = _find(state, params)
    if "session" in intent.private:
        raise wrong_state(
            "This PaymentIntent belongs to a Checkout Session; it is paid on the session's page.", about=intent
        )
    payments.require(intent, payments.CONFIRMABLE, "confirmed")
    read: JsonObject = {
        "payment_method_options": params.as_sent("payment_method_options"),
        "return_url": params.url("return_url"),
        "setup_future_usage": params.choice("setup_future_usage", USAGES),
        "shipping": params.as_sent("shipping"),
    }
    changes = {name: value for name, value in read.items() if value is not None}
    after = {**intent, **changes}
    attempted = _read_attempt(params)
    method = payment_methods.choose(state, params)
    if method is None:
        id: str | None = intent.get("payment_method")
        types: list[str] = intent["payment_method_types"]
        method = state.need("payment_method", id) if id is not None else _method_by_type(state, types)
    _check_method(after, method)
    intent.update(changes)
    kept = payment_methods.keep(state, method)
    _set_method(intent, kept)
    payments.attempt(state, intent, kept, **attempted)
    return state.view(intent)


@behaviour("payment_intents.capture")
def capture(state: State, params: Params) -> JsonObject:
    """Take an authorized payment."""
    intent = _find(state, params)
    payments.capture(state, intent, params.amount("amount_to_capture"))
    return state.view(intent)


@behaviour("payment_intents.cancel")
def cancel(state: State, params: Params) -> JsonObject:
    """End a payment that was not taken."""
    intent = _find(state, params)
    reason = params.need_text("cancellation_reason")
    if "session" in intent.private:
        raise wrong_state("This PaymentIntent belongs to a Checkout Session; expire the session instead.", about=intent)
    if "invoice" in intent.private:
        raise wrong_state("This PaymentIntent belongs to an Invoice; void the invoice instead.", about=intent)
    payments.cancel(state, intent, reason)
    return state.view(intent)


def _find(state: State, params: Params) -> Record:
    return state.need("payment_intent", params.id)


def _customer(state: State, params: Params) -> str | None:
    customer = params.text("customer") or None
    return state.need("customer", customer, param="customer").id if customer is not None else None


def _capture_option(params: Params) -> str:
    options = params.within("payment_method_options")
    card = options.within("card") if options is not None else None
    return (card.choice("capture_method", CAPTURE_METHODS) if card is not None else None) or "automatic"


def _method_by_type(state: State, types: list[str] | None) -> Draft:
    """A method made of its type alone: a guide confirms a wallet so. A card needs its data."""
    if types is None or len(types) != 1 or types == ["card"]:
        raise missing("payment_method_data")
    return payment_methods.read(state, Params({"type": types[0]}))


def _check_method(fields: JsonObject, method: Draft | Record | None) -> None:
    """Refuse a method that does not fit an intent with these fields, before either is changed."""
    if method is None:
        return
    payment_methods.require_usable(method, fields.get("customer"))
    type = payment_methods.type_of(method)
    require_payable(type, fields["amount"], fields["currency"])
    if payments.future_usage(fields, type) is not None:
        require_savable(type, param="setup_future_usage")


def _check_types(state: State, fields: JsonObject, method: Draft | Record | None) -> None:
    """Refuse an intent that none of its types of payment method can pay, as long as it has no method."""
    if method is None:
        types: list[str] = fields["payment_method_types"]
        amount, currency = fields["amount"], fields["currency"]
        acceptance.require_one_usable(state, types, amount, currency, param="payment_method_types")


def _set_method(intent: Record, method: Record) -> None:
    intent["payment_method"] = method.id
    intent["payment_method_types"] = [method["type"]]
    if intent["status"] == "requires_payment_method":
        intent["status"] = "requires_confirmation"


def read_confirm(params: Params) -> bool:
    """Return whether an intent is confirmed as it is created. The reference allows ``return_url`` only then."""
    confirmed = bool(params.flag("confirm"))
    if not confirmed and params.text("return_url"):
        raise SandboxError(
            "return_url can only be sent together with confirm=true."
            " Send it with the call that confirms, where the customer may have to leave your page.",
            code="parameter_invalid",
            param="return_url",
        )
    return confirmed


def _read_attempt(params: Params) -> Attempted:
    return {
        "off_session": bool(params.flag("off_session") or params.flag("off-session")),
        "refuse_action": bool(params.flag("error_on_requires_action")),
    }
