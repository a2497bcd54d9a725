"""Refunds. Their states, and what moves them, are in `wooshpay.sandbox.lifecycles.refunds`.

remainder of the charge      create
0                            refused: charge_already_refunded
less than the amount asked   refused: amount_too_large
enough                       succeeded or pending; the balance and the charge change with it
"""

from __future__ import annotations

from typing import Final

from wooshpay.core.json import JsonObject
from wooshpay.sandbox.engine.act_parameters import ActParameter
from wooshpay.sandbox.engine.params import Params
from wooshpay.sandbox.engine.registry import act, behaviour
from wooshpay.sandbox.engine.state import State
from wooshpay.sandbox.engine.store import Record
from wooshpay.sandbox.lifecycles import refunds
from wooshpay.sandbox.lifecycles.payments import require

REASONS: Final = ("duplicate", "fraudulent", "requested_by_customer", "resolved_dispute")


_REFUND: Final = ActParameter("refund", "The refund; it must be pending.", "id", required=True, of="refund")


@behaviour("refunds.create")
def create(state: State, params: Params) -> JsonObject:
    """Give money back, up to the remainder."""
    intent = state.need("payment_intent", params.need_text("payment_intent"), param="payment_intent")
    asked = params.amount("amount")
    reason = params.choice("reason", REASONS)
    metadata = params.metadata() or {}
    require(intent, frozenset({"succeeded"}), "refunded")
    charge = state.need("charge", intent["latest_charge"])
    return state.view(refunds.create(state, charge, asked, reason=reason, metadata=metadata))


@behaviour("refunds.retrieve")
def retrieve(state: State, params: Params) -> JsonObject:
    """Get a refund."""
    return state.view(state.need("refund", params.id))


@act("refunds.succeed", _REFUND)
def succeed(state: State, params: Params) -> JsonObject:
    """Complete a pending refund now: the customer gets the money."""
    refund = _named(state, params)
    refunds.succeed(state, refund)
    return state.view(refund)


@act("refunds.fail", _REFUND)
def fail(state: State, params: Params) -> JsonObject:
    """Reject a pending refund, as the bank does; the money comes back to the balance."""
    refund = _named(state, params)
    refunds.fail(state, refund)
    return state.view(refund)


def _named(state: State, params: Params) -> Record:
    return state.need("refund", params.need_text("refund"), param="refund")
