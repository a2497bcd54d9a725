"""Customers. They have no states."""

from __future__ import annotations

from typing import Final

from wooshpay.core.json import JsonObject
from wooshpay.sandbox.engine.params import Params
from wooshpay.sandbox.engine.registry import behaviour
from wooshpay.sandbox.engine.state import State

_TEXTS: Final = ("email", "name", "phone", "description")


@behaviour("customers.create")
def create(state: State, params: Params) -> JsonObject:
    """Create a customer; nothing is required."""
    fields: JsonObject = {"address": {}, "metadata": {}, **_read(state, params, {})}
    return state.view(state.add("cus", "customer", fields))


@behaviour("customers.retrieve")
def retrieve(state: State, params: Params) -> JsonObject:
    """Get a customer."""
    return state.view(state.need("customer", params.id))


@behaviour("customers.update")
def update(state: State, params: Params) -> JsonObject:
    """Change what is sent; an empty text removes it."""
    customer = state.need("customer", params.id)
    customer.update(_read(state, params, customer["metadata"]))
    return state.view(customer)


def _read(state: State, params: Params, metadata: JsonObject) -> JsonObject:
    fields: JsonObject = {name: params.text(name) or None for name in _TEXTS if name in params.values}
    for name in ("address", "shipping"):
        if params.given(name):
            fields[name] = params.as_sent(name)
    method = params.text("payment_method") or None
    if method is not None:
        fields["payment_method"] = state.need("payment_method", method, param="payment_method").id
    fields["metadata"] = params.metadata(metadata)
    return fields
