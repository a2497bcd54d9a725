"""The balance. It has no states; what moves it is in `wooshpay.sandbox.lifecycles.ledger`."""

from __future__ import annotations

from typing import Final

from wooshpay.core.json import JsonObject
from wooshpay.sandbox.engine.act_parameters import ActParameter
from wooshpay.sandbox.engine.errors import missing
from wooshpay.sandbox.engine.params import Params
from wooshpay.sandbox.engine.registry import act, behaviour
from wooshpay.sandbox.engine.state import State
from wooshpay.sandbox.lifecycles import ledger

# Far beyond what any payout takes, and far below what JSON readers lose digits of.
_MOST: Final = 10**14


@behaviour("balance.retrieve")
def retrieve(state: State, params: Params) -> JsonObject:
    """Get the balance. Nothing is ever pending, as funds are available at once."""
    return {"object": "balance", "available": ledger.available(state), "pending": [], "livemode": False}


@act(
    "balance.top_up",
    ActParameter("amount", "How much.", "amount", required=True),
    ActParameter("currency", "The currency.", "currency", required=True),
)
def top_up(state: State, params: Params) -> JsonObject:
    """Add funds to the balance; returns the balance."""
    amount = params.integer("amount", least=1, most=_MOST)
    if amount is None:
        raise missing("amount")
    ledger.move(state, amount, params.need_currency("currency"))
    return retrieve(state, params)
