"""Attempts to pay with issued cards. Their states are in `wooshpay.sandbox.lifecycles.issuing.authorizations`.

operation         allowed in these states
retrieve, list    any

No operation makes one: cardholders and sellers do, in `wooshpay.sandbox.behaviours.issuing.acts`.
"""

from __future__ import annotations

from typing import Final

from wooshpay.core.json import JsonObject
from wooshpay.sandbox.engine.listing import list_page
from wooshpay.sandbox.engine.params import Params
from wooshpay.sandbox.engine.registry import behaviour, view
from wooshpay.sandbox.engine.state import State, plain_view
from wooshpay.sandbox.engine.store import Record
from wooshpay.sandbox.lifecycles.issuing import authorizations, cards, transactions

PATH: Final = "/v1/issuing/authorizations"
STATUSES: Final = ("pending", "closed", "reversed")


@behaviour("issuing.authorizations.retrieve")
def retrieve(state: State, params: Params) -> JsonObject:
    """Get an authorization."""
    return state.view(state.need(authorizations.KIND, params.id))


@behaviour("issuing.authorizations.list")
def list_authorizations(state: State, params: Params) -> JsonObject:
    """List authorizations, newest first."""
    params.choice("status", STATUSES)
    return list_page(state, params, kind=authorizations.KIND, url=PATH, same=("card", "cardholder", "status"))


@view("issuing.authorization")
def view_authorization(state: State, authorization: Record) -> JsonObject:
    """An authorization with its card in full, and the money that moved, oldest first."""
    moved = [state.view(found) for found in state.store[transactions.KIND].where(authorization=authorization.id)]
    return {
        **plain_view(authorization),
        "card": state.view(state.need(cards.KIND, authorization["card"])),
        "transactions": moved[::-1],
    }
