"""The prepaid balance that issued cards draw on, one for each currency.

WooshPay's guide says that it is topped up first, and its API does not show it. Here it is apart from the balance of
payments, and without limit until it is topped up for the first time: cards work without any preparation, and who
wants to see them run out of money tops up.

    from        by                  to
    unlimited   the first top-up    the amount topped up; what was authorized before is not taken from it
    an amount   a top-up            more by its amount
                an authorization    less by its amount; refused if there is less than that
                a capture           more by what was authorized and not captured
                a reversal          more by what was authorized
                a refund            more by its amount

Names and rules are the sandbox's own.
"""

from __future__ import annotations

from typing import Final

from wooshpay.sandbox.engine.state import State
from wooshpay.sandbox.engine.store import Record

KIND: Final = "issuing.balance"


def top_up(state: State, amount: int, currency: str) -> Record:
    """Put money on the balance of a currency."""
    balance = find(state, currency)
    if balance is None:
        balance = state.store.add(Record({"id": currency, "object": KIND, "amount": 0, "currency": currency}))
    balance["amount"] += amount
    return balance


def find(state: State, currency: str) -> Record | None:
    """The balance of a currency; ``None`` while it is unlimited."""
    return state.store[KIND].get(currency)


def take(balance: Record | None, amount: int) -> None:
    """Take minor units off a balance, or give them back; the unlimited one does not change."""
    if balance is not None:
        balance["amount"] -= amount
