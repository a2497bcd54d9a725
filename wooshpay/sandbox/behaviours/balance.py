"""The balance. It has no states: charges and refunds move it, see `wooshpay.sandbox.ledger`."""

from __future__ import annotations

from wooshpay.core.json import JsonObject
from wooshpay.sandbox import ledger
from wooshpay.sandbox.params import Params
from wooshpay.sandbox.registry import behaviour
from wooshpay.sandbox.state import State


@behaviour("balance.retrieve")
def retrieve(state: State, params: Params) -> JsonObject:
    """Get the balance."""
    return {"object": "balance", "available": ledger.available(state), "pending": [], "livemode": False}
