"""The merchant's balance: one amount for each currency. There are no fees, and funds are available at once.

    what moves it                                               by
    a payment is captured                                       + what is captured
    money is put on it for the test (``balance.top_up``)        + the amount
    a refund; one that fails afterwards                         - the amount; + the same again
    a dispute takes the money; it is won                        - the amount in dispute; + the same again
    a payout is made; it fails or is canceled                   - its source_amount; + the same again

So the balance of a currency always equals: captured + topped up - refunded - disputed + reinstated - paid out +
returned. Refunds and disputes may take it below zero; a payout may not.
"""

from __future__ import annotations

from wooshpay.core.json import JsonObject
from wooshpay.sandbox.engine.errors import SandboxError
from wooshpay.sandbox.engine.state import State
from wooshpay.sandbox.engine.store import Record
from wooshpay.sandbox.rules.currencies import written

_KIND = "balance.amount"


def move(state: State, amount: int, currency: str) -> None:
    """Put minor units on the balance, or take them off."""
    name = currency.lower()
    entry = state.store[_KIND].get(name)
    if entry is None:
        entry = state.store.add(Record({"id": name, "object": _KIND, "currency": name, "amount": 0}))
    entry["amount"] += amount


def held(state: State, currency: str) -> int:
    """How much the balance holds in a currency, in minor units."""
    entry = state.store[_KIND].get(currency.lower())
    return entry["amount"] if entry is not None else 0


def require(state: State, amount: int, currency: str, *, param: str | None = None) -> None:
    """Refuse to spend more than the balance holds."""
    funds = held(state, currency)
    if amount > funds:
        lacking = f'"amount": {amount - funds}, "currency": "{currency}"'
        raise SandboxError(
            f"The balance holds {written(funds, currency)}, which is less than {written(amount, currency)}. Take"
            f" payments in {currency}, or top the balance up: POST /sandbox/acts/balance.top_up with {{{lacking}}}.",
            code="balance_insufficient",
            param=param,
        )


def available(state: State) -> list[JsonObject]:
    """The amounts by currency, in alphabetical order. The reference shows balance currencies in lower case."""
    entries = sorted(state.store[_KIND], key=lambda entry: entry.id)
    return [{"amount": entry["amount"], "currency": entry["currency"]} for entry in entries]
