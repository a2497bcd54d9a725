"""Charges: one for each attempt that reached the issuer. They come of PaymentIntents and are only read here.

status       comes of
pending      an attempt whose outcome comes later
succeeded    an accepted attempt; ``captured`` tells whether the money was taken
failed       a refused attempt
"""

from __future__ import annotations

from wooshpay.core.json import JsonObject
from wooshpay.sandbox.engine.listing import envelope, list_page
from wooshpay.sandbox.engine.params import Params
from wooshpay.sandbox.engine.registry import behaviour, view
from wooshpay.sandbox.engine.state import State, plain_view
from wooshpay.sandbox.engine.store import Record


@behaviour("charges.retrieve")
def retrieve(state: State, params: Params) -> JsonObject:
    """Get a charge."""
    return state.view(state.need("charge", params.id))


@behaviour("charges.list")
def list_charges(state: State, params: Params) -> JsonObject:
    """List charges, newest first."""
    return list_page(state, params, kind="charge", url="/v1/charges/list", same=("customer", "payment_intent"))


@view("charge")
def view_charge(state: State, record: Record) -> JsonObject:
    """A charge with its refunds, newest first."""
    refunds = [state.view(state.need("refund", id)) for id in reversed(record.private.get("refunds", ()))]
    return {**plain_view(record), "refunds": envelope(f"/v1/charges/{record.id}/refunds", refunds)}
