"""Money that moved through issued cards.

    of                        by                      made
    a pending authorization   the seller captures     a transaction of type capture, negative
    a capture                 the seller gives back   a transaction of type refund, positive, up to what is left

A transaction never changes but for its metadata. Signs are Stripe's, and so is the name of the event,
``issuing_transaction.created`` (inferred).
"""

from __future__ import annotations

from datetime import UTC, datetime
from fractions import Fraction
from math import floor
from typing import Final

from wooshpay.core.json import JsonObject
from wooshpay.sandbox.engine.errors import SandboxError, wrong_state
from wooshpay.sandbox.engine.state import State
from wooshpay.sandbox.engine.store import Record, snapshot
from wooshpay.sandbox.lifecycles.issuing import authorizations, funds

KIND: Final = "issuing.transaction"


def capture(state: State, authorization: Record, amount: int | None) -> Record:
    """Take what was authorized, or a part of it."""
    held: int = authorization["amount"]
    taken = held if amount is None else amount
    authorizations.require_pending(authorization, "captured")
    if taken > held:
        raise SandboxError(f"Only {held} can be captured, not {taken}.", code="amount_too_large", param="amount")
    transaction = _make(state, authorization, "capture", taken)
    authorizations.close(state, authorization, taken)
    state.emit("issuing_transaction.created", transaction)
    return transaction


def refund(state: State, captured: Record, amount: int | None) -> Record:
    """Give back what was captured, or a part of it."""
    if captured["type"] != "capture":
        raise wrong_state(
            f"A transaction of type {captured['type']} cannot be refunded; name the capture.",
            code="issuing_transaction_unexpected_state",
        )
    before: int = captured.private["refunded"]
    left: int = -captured["amount"] - before
    given = left if amount is None else amount
    if left == 0:
        raise wrong_state("This capture is refunded already.", code="issuing_transaction_unexpected_state")
    if given > left:
        raise SandboxError(
            f"Only {left} of this capture remains to be refunded, not {given}.", code="amount_too_large", param="amount"
        )
    authorization = state.need(authorizations.KIND, captured["authorization"])
    captured.private["refunded"] = before + given
    if authorization.private["prepaid"]:
        funds.take(funds.find(state, authorization["currency"]), -given)
    transaction = _make(state, authorization, "refund", given, before=before)
    state.emit("issuing_transaction.created", transaction)
    return transaction


def _make(state: State, authorization: Record, type: str, amount: int, *, before: int = 0) -> Record:
    sign = -1 if type == "capture" else 1
    fields: JsonObject = {
        "amount": sign * amount,
        "authorization": authorization.id,
        "card": authorization["card"],
        "cardholder": authorization["cardholder"],
        "currency": authorization["currency"],
        # Shares are told apart by what they come to together, so that parts add up to the whole.
        "merchant_amount": sign * (_share(authorization, before + amount) - _share(authorization, before)),
        "merchant_currency": authorization["merchant_currency"],
        "merchant_data": snapshot(authorization["merchant_data"]),
        "metadata": {},
        "network_data": {
            "authorization_code": state.ids.digits(6),
            "processing_date": datetime.fromtimestamp(state.clock.now // 1000, UTC).date().isoformat(),
            "transaction_id": authorization["network_data"]["transaction_id"],
        },
        "type": type,
    }
    return state.add("ipi", KIND, fields, refunded=0)


def _share(authorization: Record, amount: int) -> int:
    """A part of what the seller asked for, in the seller's currency; halves are rounded up."""
    return floor(Fraction(authorization["merchant_amount"] * amount, authorization["amount"]) + Fraction(1, 2))
