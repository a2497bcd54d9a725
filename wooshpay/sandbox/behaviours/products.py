"""Products. They have no states but ``active``: what is not active cannot be ordered any more."""

from __future__ import annotations

from typing import Final

from wooshpay.core.json import JsonObject
from wooshpay.sandbox.engine.listing import list_page
from wooshpay.sandbox.engine.params import Params
from wooshpay.sandbox.engine.registry import behaviour
from wooshpay.sandbox.engine.state import State
from wooshpay.sandbox.engine.store import Record
from wooshpay.sandbox.lifecycles import catalog

PATH: Final = "/v1/products"


@behaviour("products.create")
def create(state: State, params: Params) -> JsonObject:
    """Make a product. An inline one is made without an event, as part of an order."""
    product = catalog.make_product(state, catalog.read_product(params))
    state.emit("product.created", product)
    return state.view(product)


@behaviour("products.retrieve")
def retrieve(state: State, params: Params) -> JsonObject:
    """Get a product."""
    return state.view(state.need("product", params.id))


@behaviour("products.update")
def update(state: State, params: Params) -> JsonObject:
    """Change what is sent; an empty text or list removes it."""
    product = state.need("product", params.id)
    changes: JsonObject = {"metadata": params.metadata(product["metadata"])}
    if params.given("name"):
        changes["name"] = params.need_text("name")
    if params.given("active"):
        changes["active"] = params.flag("active")
    if params.given("description"):
        changes["description"] = params.text("description") or None
    if params.given("url"):
        changes["url"] = params.url("url") or None
    if params.given("images"):
        changes["images"] = catalog.read_images(params) or None
    product.update({**changes, "updated": state.clock.second})
    return state.view(product)


@behaviour("products.list")
def list_products(state: State, params: Params) -> JsonObject:
    """List products, newest first."""
    active = params.flag("active")

    def keep(product: Record) -> bool:
        return active is None or product["active"] == active

    return list_page(state, params, kind="product", url=PATH, keep=keep)
