"""Payment methods. What becomes of them is in `wooshpay.sandbox.lifecycles.payment_methods`.

operation         allowed
create            -; a card number that cannot be one is refused with 402
retrieve, list    always
update            while attached
attach            while unattached, or attached to the same customer; the card's check must not fail
                  a ready-made method, such as pm_card_visa: always; a new method is made of it and attached
detach            while attached
"""

from __future__ import annotations

from typing import Final

from wooshpay.core.json import JsonObject
from wooshpay.sandbox.engine.errors import SandboxError, wrong_state
from wooshpay.sandbox.engine.listing import list_page
from wooshpay.sandbox.engine.params import Params
from wooshpay.sandbox.engine.registry import behaviour
from wooshpay.sandbox.engine.state import State, plain_view
from wooshpay.sandbox.engine.store import Record
from wooshpay.sandbox.lifecycles import payment_methods
from wooshpay.sandbox.lifecycles.payment_methods import Draft
from wooshpay.sandbox.rules import cards
from wooshpay.sandbox.rules.methods import TYPES, require_savable

PATH: Final = "/v1/payment_methods"


@behaviour("payment_methods.create")
def create(state: State, params: Params) -> JsonObject:
    """Make a method that belongs to nobody yet."""
    draft = payment_methods.read(state, params)
    if draft.outcome is not None and cards.card_with(draft.outcome).decline is cards.INCORRECT_NUMBER:
        error = payment_methods.refused(draft.type, cards.INCORRECT_NUMBER)
        error.param = "card[number]"
        raise error
    return state.view(payment_methods.keep(state, draft))


@behaviour("payment_methods.retrieve")
def retrieve(state: State, params: Params) -> JsonObject:
    """Get a method; a ready-made one under its own ID, as every use of it would be made."""
    found = payment_methods.find(state, params.id)
    if isinstance(found, Record):
        return state.view(found)
    head = {"id": params.id, "object": "payment_method", "created": state.clock.second, "livemode": False}
    return plain_view(Record({**head, **found.fields}))


@behaviour("payment_methods.list")
def list_methods(state: State, params: Params) -> JsonObject:
    """List methods, newest first."""
    params.choice("type", TYPES)
    return list_page(state, params, kind="payment_method", url=PATH, same=("customer", "type"))


@behaviour("payment_methods.update")
def update(state: State, params: Params) -> JsonObject:
    """Change what is kept with a customer's method."""
    method = _find(state, params)
    if method.get("customer") is None:
        raise wrong_state(
            f"The payment method {method.id} is not attached to a customer; only attached ones can be changed.",
            code="payment_method_unexpected_state",
        )
    changes: JsonObject = {"metadata": params.metadata(method["metadata"])}
    billing = params.as_sent("billing_details")
    if billing is not None:
        changes["billing_details"] = {**(method.get("billing_details") or {}), **billing}
    card = params.within("card")
    if card is not None:
        if method["type"] != "card":
            raise SandboxError(
                f"The payment method {method.id} is no card: its type is {method['type']}.",
                code="parameter_invalid",
                param="card",
            )
        changes["card"] = {**method["card"], **payment_methods.read_expiry(card)}
    method.update(changes)
    return state.view(method)


@behaviour("payment_methods.attach")
def attach(state: State, params: Params) -> JsonObject:
    """Give a method to a customer."""
    method = payment_methods.find(state, params.id)
    customer = state.need("customer", params.need_text("customer"), param="customer")
    require_savable(payment_methods.type_of(method), param="customer")
    return state.view(payment_methods.attach(state, method, customer.id))


@behaviour("payment_methods.detach")
def detach(state: State, params: Params) -> JsonObject:
    """Take a method away from its customer, for good."""
    method = _find(state, params)
    payment_methods.detach(state, method)
    return state.view(method)


def _find(state: State, params: Params) -> Record:
    found = payment_methods.find(state, params.id)
    if isinstance(found, Draft):
        raise wrong_state(
            f"{params.id} is a ready-made payment method of the sandbox, which nobody can change."
            " Attach it to a customer, and use the ID of the payment method in the response.",
            code="payment_method_unexpected_state",
        )
    return found
