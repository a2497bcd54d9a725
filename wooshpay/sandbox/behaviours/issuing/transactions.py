"""Money that moved through issued cards. What makes transactions is in
`wooshpay.sandbox.lifecycles.issuing.transactions`; they have no states.
"""

from __future__ import annotations

from typing import Final

from wooshpay.core.json import JsonObject
from wooshpay.sandbox.behaviours.issuing.reading import read_metadata
from wooshpay.sandbox.engine.listing import list_page
from wooshpay.sandbox.engine.params import Params
from wooshpay.sandbox.engine.registry import behaviour, view
from wooshpay.sandbox.engine.state import State, plain_view
from wooshpay.sandbox.engine.store import Record
from wooshpay.sandbox.lifecycles.issuing import transactions

PATH: Final = "/v1/issuing/transactions"


@behaviour("issuing.transactions.retrieve")
def retrieve(state: State, params: Params) -> JsonObject:
    """Get a transaction."""
    return state.view(_find(state, params))


@behaviour("issuing.transactions.update")
def update(state: State, params: Params) -> JsonObject:
    """Change the metadata; nothing else can be changed."""
    transaction = _find(state, params)
    transaction["metadata"] = read_metadata(params, transaction["metadata"])
    return state.view(transaction)


@behaviour("issuing.transactions.list")
def list_transactions(state: State, params: Params) -> JsonObject:
    """List transactions, newest first."""
    params.choice("type", ("capture", "refund"))
    return list_page(state, params, kind=transactions.KIND, url=PATH, same=("card", "cardholder", "type"))


@view("issuing.transaction")
def view_transaction(state: State, transaction: Record) -> JsonObject:
    """A transaction; the reference types its time as text, unlike any other."""
    return {**plain_view(transaction), "created": str(transaction["created"])}


def _find(state: State, params: Params) -> Record:
    return state.need(transactions.KIND, params.id)
