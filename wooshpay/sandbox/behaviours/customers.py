"""Customers. They have no states."""

from __future__ import annotations

from typing import Final

from wooshpay.core.json import JsonObject
from wooshpay.sandbox.engine.errors import not_found
from wooshpay.sandbox.engine.listing import list_page
from wooshpay.sandbox.engine.params import Params
from wooshpay.sandbox.engine.registry import behaviour
from wooshpay.sandbox.engine.state import State
from wooshpay.sandbox.engine.store import Record
from wooshpay.sandbox.lifecycles import payment_methods
from wooshpay.sandbox.lifecycles.payment_methods import Draft
from wooshpay.sandbox.rules.methods import TYPES, require_savable

_TEXTS: Final = ("email", "name", "phone", "description")


@behaviour("customers.create")
def create(state: State, params: Params) -> JsonObject:
    """Create a customer; nothing is required."""
    fields: JsonObject = {"address": {}, "metadata": {}, **_read(params, {})}
    method = _method(state, params, None)
    customer = state.add("cus", "customer", fields)
    _save(state, customer, method)
    return state.view(customer)


@behaviour("customers.retrieve")
def retrieve(state: State, params: Params) -> JsonObject:
    """Get a customer."""
    return state.view(state.need("customer", params.id))


@behaviour("customers.update")
def update(state: State, params: Params) -> JsonObject:
    """Change what is sent; an empty text removes it."""
    customer = state.need("customer", params.id)
    changes = _read(params, customer["metadata"])
    method = _method(state, params, customer.id)
    customer.update(changes)
    _save(state, customer, method)
    return state.view(customer)


@behaviour("customers.list_payment_methods")
def list_payment_methods(state: State, params: Params) -> JsonObject:
    """List the methods that are saved for a customer, newest first."""
    customer = state.need("customer", params.path["customer_id"])
    params.choice("type", TYPES)
    own = Params({**params.values, "customer": customer.id})
    url = f"/v1/customers/{customer.id}/payment_methods"
    return list_page(state, own, kind="payment_method", url=url, same=("customer", "type"))


@behaviour("customers.retrieve_payment_method")
def retrieve_payment_method(state: State, params: Params) -> JsonObject:
    """Get a method of a customer."""
    customer = state.need("customer", params.path["customer_id"])
    id = params.path["paymentmethod_id"]
    method = payment_methods.find(state, id)
    if isinstance(method, Draft) or method.get("customer") != customer.id:
        raise not_found("payment_method of this customer", id)
    return state.view(method)


def _read(params: Params, metadata: JsonObject) -> JsonObject:
    fields: JsonObject = {name: params.text(name) or None for name in _TEXTS if name in params.values}
    for name in ("address", "shipping"):
        if params.given(name):
            fields[name] = params.as_sent(name)
    fields["metadata"] = params.metadata(metadata)
    return fields


def _method(state: State, params: Params, customer: str | None) -> Draft | Record | None:
    """The method to save, checked already."""
    method = payment_methods.named(state, params)
    if method is not None:
        require_savable(payment_methods.type_of(method), param="payment_method")
        payment_methods.check_attachable(state, method, customer, param="payment_method")
    return method


def _save(state: State, customer: Record, method: Draft | Record | None) -> None:
    if method is not None:
        customer["payment_method"] = payment_methods.attach(state, method, customer.id).id
