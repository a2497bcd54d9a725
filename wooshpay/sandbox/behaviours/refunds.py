"""Refunds: money given back for a payment that succeeded.

remainder of the charge      create
0                            refused: charge_already_refunded
less than the amount asked   refused: amount_too_large
enough                       succeeded at once; the balance and the charge change with it
"""

from __future__ import annotations

from typing import Final

from wooshpay.core.json import JsonObject
from wooshpay.sandbox.engine.errors import SandboxError
from wooshpay.sandbox.engine.params import Params
from wooshpay.sandbox.engine.registry import behaviour
from wooshpay.sandbox.engine.state import State
from wooshpay.sandbox.engine.store import Record
from wooshpay.sandbox.lifecycles import ledger
from wooshpay.sandbox.lifecycles.payment_methods import refund_rules
from wooshpay.sandbox.lifecycles.payments import require

REASONS: Final = ("duplicate", "fraudulent", "requested_by_customer", "resolved_dispute")


@behaviour("refunds.create")
def create(state: State, params: Params) -> JsonObject:
    """Give money back, up to the remainder."""
    intent = state.need("payment_intent", params.need_text("payment_intent"), param="payment_intent")
    asked = params.amount("amount")
    reason = params.choice("reason", REASONS)
    metadata = params.metadata() or {}
    require(intent, frozenset({"succeeded"}), "refunded")
    charge = state.need("charge", intent["latest_charge"])
    amount = _amount(charge, asked)
    refund = state.add(
        "re",
        "refund",
        {
            "amount": amount,
            "charge": charge.id,
            "currency": charge["currency"],
            "metadata": metadata,
            "payment_intent": intent.id,
            "reason": reason,
            "status": "succeeded",
        },
    )
    # The reference's Refund has no livemode.
    del refund["livemode"]
    charge["amount_refunded"] += amount
    charge["refunded"] = charge["amount_refunded"] == charge["amount_captured"]
    charge.private.setdefault("refunds", []).append(refund.id)
    ledger.move(state, -amount, charge["currency"])
    state.emit("charge.refund.updated", refund)
    return state.view(refund)


@behaviour("refunds.retrieve")
def retrieve(state: State, params: Params) -> JsonObject:
    """Get a refund."""
    return state.view(state.need("refund", params.id))


def _amount(charge: Record, asked: int | None) -> int:
    remainder: int = charge["amount_captured"] - charge["amount_refunded"]
    if remainder == 0:
        raise SandboxError("This payment has been refunded already.", code="charge_already_refunded")
    amount = remainder if asked is None else asked
    if amount > remainder:
        raise SandboxError(
            f"Only {remainder} of this payment remains to be refunded, not {amount}.",
            code="amount_too_large",
            param="amount",
        )
    type: str = charge["payment_method_details"]["type"]
    rules = refund_rules(type)
    if (
        not rules.allowed
        or (not rules.partial and amount < charge["amount_captured"])
        or (not rules.repeated and charge["amount_refunded"] > 0)
    ):
        raise SandboxError(f"{type} does not allow this refund.", code="refund_not_allowed", param="payment_intent")
    return amount
