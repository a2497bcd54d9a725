"""The merchant's balance: one amount for each currency, moved by charges and refunds."""

from __future__ import annotations

from wooshpay.core.json import JsonObject
from wooshpay.sandbox.engine.state import State
from wooshpay.sandbox.engine.store import Record

_KIND = "balance.amount"


def move(state: State, amount: int, currency: str) -> None:
    """Put minor units on the balance, or take them off. There are no fees, and funds are available at once."""
    name = currency.lower()
    entry = state.store[_KIND].get(name)
    if entry is None:
        entry = state.store.add(Record({"id": name, "object": _KIND, "currency": name, "amount": 0}))
    entry["amount"] += amount


def available(state: State) -> list[JsonObject]:
    """The amounts by currency, in alphabetical order. The reference shows balance currencies in lower case."""
    entries = sorted(state.store[_KIND], key=lambda entry: entry.id)
    return [{"amount": entry["amount"], "currency": entry["currency"]} for entry in entries]
