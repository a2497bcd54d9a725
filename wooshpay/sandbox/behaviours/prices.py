"""Prices. They have no states but ``active``; what they cost never changes."""

from __future__ import annotations

from wooshpay.core.json import JsonObject
from wooshpay.sandbox.engine.errors import SandboxError
from wooshpay.sandbox.engine.params import Params
from wooshpay.sandbox.engine.registry import behaviour, view
from wooshpay.sandbox.engine.state import State, plain_view
from wooshpay.sandbox.engine.store import Record
from wooshpay.sandbox.lifecycles import catalog

# What a price is cannot change once somebody may have bought at it.
_FIXED = ("currency", "unit_amount", "product", "product_data", "recurring", "billing_scheme", "tiers", "tiers_mode")


@behaviour("prices.create")
def create(state: State, params: Params) -> JsonObject:
    """Make a price of a product, or of one made with it.

    The reference gives ``tiers`` for inline prices only; they are taken here too.
    """
    return state.view(catalog.make_price(state, catalog.read_terms(state, params)))


@behaviour("prices.retrieve")
def retrieve(state: State, params: Params) -> JsonObject:
    """Get a price."""
    return state.view(state.need("price", params.id))


@behaviour("prices.update")
def update(state: State, params: Params) -> JsonObject:
    """Change what is sent of the notes on a price."""
    price = state.need("price", params.id)
    for name in _FIXED:
        if params.given(name):
            raise SandboxError(
                f"The {name} of a price cannot change; make a new price.", code="parameter_invalid", param=name
            )
    changes: JsonObject = {"metadata": params.metadata(price["metadata"])}
    if params.given("active"):
        changes["active"] = params.flag("active")
    if params.given("lookup_key"):
        changes["lookup_key"] = catalog.read_lookup_key(params)
    if params.given("nickname"):
        changes["nickname"] = params.text("nickname") or None
    price.update(changes)
    return state.view(price)


@view("price")
def view_price(state: State, price: Record) -> JsonObject:
    """A price with its product in full."""
    return {**plain_view(price), "product": state.view(state.need("product", price["product"]))}
