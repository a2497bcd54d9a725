"""The balance. It has no states: charges and refunds move it, see `wooshpay.sandbox.lifecycles.ledger`."""

from __future__ import annotations

from wooshpay.core.json import JsonObject
from wooshpay.sandbox.engine.params import Params
from wooshpay.sandbox.engine.registry import behaviour
from wooshpay.sandbox.engine.state import State
from wooshpay.sandbox.lifecycles import ledger


@behaviour("balance.retrieve")
def retrieve(state: State, params: Params) -> JsonObject:
    """Get the balance."""
    return {"object": "balance", "available": ledger.available(state), "pending": [], "livemode": False}
