"""The merchant's own account. It has no states.

Of its one operation only the title was read; the shape of the answer is a guess.
"""

from __future__ import annotations

from wooshpay.core.json import JsonObject
from wooshpay.sandbox.engine.listing import envelope
from wooshpay.sandbox.engine.params import Params
from wooshpay.sandbox.engine.registry import behaviour
from wooshpay.sandbox.engine.state import State
from wooshpay.sandbox.lifecycles.acceptance import enabled_types
from wooshpay.sandbox.rules.methods import SAVED, rules_of


@behaviour("accounts.list_payment_methods")
def list_payment_methods(state: State, params: Params) -> JsonObject:
    """List the types of methods that are enabled for the account, with the currencies where a guide names them."""
    entries: list[JsonObject] = []
    for type in enabled_types(state):
        currencies = sorted(rules_of(type).limits)
        entry: JsonObject = {"type": type, "can_be_saved": type in SAVED}
        entries.append({**entry, **({"currencies": currencies} if currencies else {})})
    return envelope("/v1/accounts/payment_methods", entries)
