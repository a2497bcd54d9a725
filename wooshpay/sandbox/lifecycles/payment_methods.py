"""Payment methods: made, given to a customer, taken away again.

A method has no status of its own; what becomes of it shows in its customer and in what it can still be used for.

    from          by                                                     to
    (new)         create, payment_method_data                            unattached
    unattached    attach, or a payment or setup that saves it            attached
                  attach, the card's check fails                         unattached
                  a payment that does not save it is accepted            spent
    attached      attach for the same customer                           attached
                  detach                                                 detached
    spent, detached: cannot be attached, charged or set up any more.

A ready-made method, such as ``pm_card_visa``, is none of these: each use of its ID makes a new, unattached method.

An attached method works for its own customer only. The rules are Stripe's; WooshPay's pages about them were not read.
A card that was set up, or paid with, for use off session is ``agreed``: see `wooshpay.sandbox.lifecycles.actions`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

import attrs

from wooshpay.core.json import JsonObject
from wooshpay.sandbox.engine.errors import SandboxError, invalid, missing, wrong_state
from wooshpay.sandbox.engine.params import Params
from wooshpay.sandbox.engine.state import State
from wooshpay.sandbox.engine.store import Record
from wooshpay.sandbox.lifecycles import acceptance
from wooshpay.sandbox.rules import cards
from wooshpay.sandbox.rules.cards import Decline
from wooshpay.sandbox.rules.methods import TYPES


@attrs.frozen
class Draft:
    """A payment method that was read and not yet made. The card number is gone by now.

    Attributes:
        fields: What the API will show.
        outcome: What a card does; ``None`` for other types.
    """

    fields: JsonObject
    outcome: str | None = None

    @property
    def type(self) -> str:
        """The type of method."""
        found: str = self.fields["type"]
        return found


# How many years the cards of ready-made payment methods are still valid when they are used.
_VALID_YEARS: Final = 10


# ---- making


def read_types(state: State, params: Params) -> list[str] | None:
    """The parameter ``payment_method_types``."""
    types = params.texts("payment_method_types")
    for place, type in enumerate(types or ()):
        param = f"{params.named('payment_method_types')}[{place}]"
        if type not in TYPES:
            raise invalid(param, "a type of payment method")
        acceptance.require_enabled(state, type, param=param)
    return types or None


def make(state: State, data: Params, *, customer: str | None = None) -> Record:
    """Make a payment method of ``payment_method_data``.

    Args:
        state: The sandbox.
        data: The type, and what belongs to it.
        customer: Whose it is from the start; nobody's when left out.
    """
    return keep(state, read(state, data), customer=customer)


def read(state: State, data: Params) -> Draft:
    """Read ``payment_method_data``. Nothing is made yet, so that a refusal leaves nothing behind."""
    type = data.choice("type", TYPES) or ""
    if not type:
        raise missing(data.named("type"))
    acceptance.require_enabled(state, type, param=data.named("type"))
    billing = data.as_sent("billing_details")
    fields: JsonObject = {"type": type, "billing_details": billing, "metadata": data.metadata() or {}}
    if type != "card":
        return Draft(fields)
    card = data.need_within("card")
    number = card.need_text("number")
    expiry = read_expiry(card)
    if len(expiry) < 2:
        raise missing(card.named("exp_year" if "exp_month" in expiry else "exp_month"))
    outcome = cards.outcome_of(number)
    fields["card"] = {
        "brand": cards.brand_of(number),
        "checks": _checks(billing or {}, _read_cvc(card), cards.card_with(outcome).decline),
        "country": "US",
        **expiry,
        "fingerprint": cards.fingerprint_of(number, state.account.api_key),
        "funding": "credit",
        "last4": cards.digits_of(number)[-4:],
    }
    return Draft(fields, outcome)


def read_expiry(card: Params) -> JsonObject:
    """The month and the year of expiry, as far as they were sent."""
    month = card.integer("exp_month", least=1, most=12)
    year = card.integer("exp_year", least=0, most=9999)
    if year is not None and year < 100:
        year += 2000
    return {name: value for name, value in (("exp_month", month), ("exp_year", year)) if value is not None}


def choose(state: State, params: Params) -> Draft | Record | None:
    """The method that ``payment_method_data`` or ``payment_method`` bring; nothing is made yet."""
    data = params.within("payment_method_data")
    return read(state, data) if data is not None else named(state, params)


def named(state: State, params: Params, name: str = "payment_method") -> Draft | Record | None:
    """Return the payment method whose ID is in a parameter; None if the parameter was not sent.

    Raises:
        SandboxError: 404, there is no such payment method.
    """
    id = params.text(name) or None
    return find(state, id, param=params.named(name)) if id is not None else None


def find(state: State, id: str, *, param: str | None = None) -> Draft | Record:
    """Return the payment method with an ID. Every ID that a call names is looked up here.

    Returns:
        The payment method; a draft for a ready-made one such as ``pm_card_visa``, so that each use makes a new method.

    Raises:
        SandboxError: 404, there is no such payment method.
    """
    card = cards.card_for_method(id)
    return _ready_made(state, card.number) if card is not None else state.need("payment_method", id, param=param)


def _ready_made(state: State, number: str) -> Draft:
    year = datetime.fromtimestamp(state.clock.now / 1000, UTC).year + _VALID_YEARS
    card: JsonObject = {"number": number, "exp_month": 12, "exp_year": year, "cvc": "123"}
    return read(state, Params({"type": "card", "card": card}))


def keep(state: State, method: Draft | Record, *, customer: str | None = None) -> Record:
    """Make the payment method of a draft; one that exists already stays as it is."""
    if isinstance(method, Record):
        return method
    private = {} if method.outcome is None else {"outcome": method.outcome}
    return state.add("pm", "payment_method", {**method.fields, "customer": customer}, **private)


def type_of(method: Draft | Record) -> str:
    """The type of a method, made or not."""
    found: str = _fields_of(method)["type"]
    return found


def _fields_of(method: Draft | Record) -> JsonObject:
    return method if isinstance(method, Record) else method.fields


def _outcome_of(method: Draft | Record) -> str | None:
    found: str | None = method.private.get("outcome") if isinstance(method, Record) else method.outcome
    return found


def _read_cvc(card: Params) -> str | None:
    cvc = card.text("cvc")
    if cvc is not None and not (cvc.isascii() and cvc.isdigit() and len(cvc) in {3, 4}):
        raise invalid(card.named("cvc"), "three or four digits", code="invalid_cvc")
    return cvc


def _checks(billing: JsonObject, cvc: str | None, decline: Decline | None) -> JsonObject:
    address: JsonObject = billing.get("address") or {}
    checks: JsonObject = {
        "cvc_check": "unchecked" if cvc is None else "fail" if decline is cards.INCORRECT_CVC else "pass"
    }
    for field, check in (("line1", "address_line1_check"), ("postal_code", "address_zip_check")):
        if address.get(field):
            checks[check] = "pass"
    return checks


# ---- whose it is


def require_usable(method: Draft | Record, customer: str | None, *, param: str | None = "payment_method") -> None:
    """Refuse a method that is used up, or that is not the customer's.

    Raises:
        SandboxError: 400, ``payment_method_unexpected_state``.
    """
    if isinstance(method, Draft):
        return  # it is new, so nobody has it and nothing has used it
    owner: str | None = method.get("customer")
    ended: str | None = method.private.get("ended")
    if ended == "detached":
        reason = "was detached from its customer, and cannot be used again"
    elif ended is not None:
        reason = "was used up by a payment that did not save it; pass setup_future_usage and a customer to save one"
    elif owner is None or owner == customer:
        return
    elif customer is None:
        reason = f"belongs to a customer; pass customer {owner} with it"
    else:
        reason = f"belongs to another customer than {customer}"
    error = wrong_state(f"The payment method {method.id} {reason}.", code="payment_method_unexpected_state")
    error.param = param
    raise error


def check_attachable(state: State, method: Draft | Record, customer: str | None, *, param: str | None = None) -> None:
    """Refuse to give a method to a customer who may still have to be made.

    Raises:
        SandboxError: 400 as in `require_usable`; 402 where the check of the card fails.
    """
    require_usable(method, customer, param=param)
    if _fields_of(method).get("customer") is None:
        refusal = save_refusal(state, method)
        if refusal is not None:
            raise refused(type_of(method), refusal)


def attach(state: State, method: Draft | Record, customer_id: str) -> Record:
    """Give a method to a customer.

    Returns:
        The method, made if it was a draft.

    Raises:
        SandboxError: 400 where it is used up or another customer's; 402 where the check of the card fails.
    """
    check_attachable(state, method, customer_id)
    kept = keep(state, method)
    kept["customer"] = customer_id
    return kept


def detach(state: State, method: Record) -> None:
    """Take a method away from its customer, for good.

    Raises:
        SandboxError: 400 where it is no customer's.
    """
    owner: str | None = method.get("customer")
    if owner is None:
        raise wrong_state(
            f"The payment method {method.id} is not attached to a customer, so it cannot be detached.",
            code="payment_method_unexpected_state",
        )
    method["customer"] = None
    method.private["ended"] = "detached"
    customer = state.need("customer", owner)
    if customer.get("payment_method") == method.id:
        customer["payment_method"] = None
    for subscription in state.store["subscription"].where(customer=owner):
        if subscription.get("default_payment_method") == method.id:
            subscription["default_payment_method"] = None
            state.emit("customer.subscription.updated", subscription)


def save(method: Record, customer: str | None, usage: str | None) -> None:
    """Note that a payment or a setup saved the method: it stays usable, for its customer where there is one."""
    owner: str | None = method.get("customer")
    if "ended" in method.private or owner not in {None, customer}:
        return  # it was given to somebody else, or detached, while the customer was away
    method["customer"] = customer
    if usage == "off_session":
        method.private["agreed"] = True


def spend(method: Record) -> None:
    """Note that a payment used a method that nobody saved."""
    if method.get("customer") is None:
        method.private["ended"] = "spent"


# ---- what the issuer says


def bad_card(state: State, method: Draft | Record) -> Decline | None:
    """Why a card is no good at all, before anything is tried with it; ``None`` for other types."""
    outcome = _outcome_of(method)
    if outcome is None:
        return None
    if cards.card_with(outcome).decline is cards.INCORRECT_NUMBER:
        return cards.INCORRECT_NUMBER
    today = datetime.fromtimestamp(state.clock.now / 1000, UTC)
    card = _fields_of(method)["card"]
    return cards.EXPIRED if (card["exp_year"], card["exp_month"]) < (today.year, today.month) else None


def save_refusal(state: State, method: Draft | Record) -> Decline | None:
    """Why a method cannot be saved, if so."""
    outcome = _outcome_of(method)
    if outcome is None:
        return None
    card = cards.card_with(outcome)
    return bad_card(state, method) or (None if card.saved or card.later else card.decline)


def refused(type: str, decline: Decline) -> SandboxError:
    """The error that tells of a refusal of a type of method."""
    return SandboxError(
        decline.message,
        status=402,
        type="card_error" if type == "card" else "invalid_request_error",
        code=decline.code,
        decline_code=decline.decline_code,
    )
