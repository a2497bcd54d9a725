"""What becomes of a refund: money given back for a payment that succeeded.

    from       by                                                          to
    (new)      create, of a card                                           succeeded
               create, of a wallet or bank, or of a card of the table      pending
    pending    a minute passes, or the act refunds.succeed                 succeeded
               a minute passes with a card of the table,
               or the act refunds.fail                                     failed; the money is back on the balance

The money leaves the balance with create, pending or not. Which methods refund later is a rule of the sandbox, as no
page says it: see `wooshpay.sandbox.rules.methods`; a card of the table says it of itself.
"""

from __future__ import annotations

from typing import Final

from wooshpay.core.json import JsonObject
from wooshpay.sandbox.engine.clock import MILLISECONDS_PER_DAY
from wooshpay.sandbox.engine.errors import SandboxError, wrong_state
from wooshpay.sandbox.engine.registry import duty
from wooshpay.sandbox.engine.state import State
from wooshpay.sandbox.engine.store import Record
from wooshpay.sandbox.lifecycles import disputes, ledger
from wooshpay.sandbox.rules import cards
from wooshpay.sandbox.rules.methods import rules_of

PENDING_MILLISECONDS: Final = 60_000


def create(state: State, charge: Record, asked: int | None, *, reason: str | None, metadata: JsonObject) -> Record:
    """Give money back.

    Args:
        state: The sandbox.
        charge: The charge of the payment.
        asked: Minor units; everything that remains when left out.
        reason: Why.
        metadata: Free pairs.

    Raises:
        SandboxError: 400 where less remains, or where the payment method does not allow it.
    """
    amount = _amount(state, charge, asked)
    later, fails = _course(state, charge)
    refund = state.add(
        "re",
        "refund",
        {
            "amount": amount,
            "charge": charge.id,
            "currency": charge["currency"],
            "metadata": metadata,
            "payment_intent": charge["payment_intent"],
            "reason": reason,
            "status": "pending" if later else "succeeded",
        },
        fails=fails,
    )
    # The reference's Refund has no livemode.
    del refund["livemode"]
    charge.private.setdefault("refunds", []).append(refund.id)
    _give_back(state, charge, amount)
    if later:
        state.remind(state.clock.now + PENDING_MILLISECONDS, "refunds.finish", refund)
    state.emit("charge.refund.updated", refund)
    return refund


@duty("refunds.finish")
def finish(state: State, id: str) -> None:
    """Bring the outcome of a pending refund."""
    refund = state.need("refund", id)
    if refund["status"] == "pending":
        if refund.private["fails"]:
            fail(state, refund)
        else:
            succeed(state, refund)


def succeed(state: State, refund: Record) -> None:
    """Let the money of a pending refund arrive."""
    _require_pending(refund)
    refund["status"] = "succeeded"
    state.emit("charge.refund.updated", refund)


def fail(state: State, refund: Record) -> None:
    """Let a pending refund come back; its money is on the balance again."""
    _require_pending(refund)
    card = state.need("charge", refund["charge"])["payment_method_details"]["type"] == "card"
    refund.update(status="failed", failure_reason="expired_or_canceled_card" if card else "unknown")
    _give_back(state, state.need("charge", refund["charge"]), -refund["amount"])
    state.emit("charge.refund.updated", refund)


def _require_pending(refund: Record) -> None:
    if refund["status"] != "pending":
        raise wrong_state(
            f"This refund is {refund['status']}; only a pending one can still succeed or fail.",
            code="refund_unexpected_state",
            about=refund,
        )


def _give_back(state: State, charge: Record, amount: int) -> None:
    charge["amount_refunded"] += amount
    charge["refunded"] = charge["amount_refunded"] == charge["amount_captured"]
    ledger.move(state, -amount, charge["currency"])


def _course(state: State, charge: Record) -> tuple[bool, bool]:
    """Whether the refund is pending at first, and whether it fails then."""
    method = state.need("payment_method", charge["payment_method"])
    card = cards.card_with(method.private.get("outcome", "succeeds"))
    return rules_of(method["type"]).refunds.later or bool(card.refund), card.refund == "fails"


def _amount(state: State, charge: Record, asked: int | None) -> int:
    remainder = disputes.remainder(charge)
    if remainder == 0:
        if disputes.withdrawn(charge):
            raise SandboxError(
                "Nothing is left to refund: the customer's bank has taken this payment back in a dispute.",
                code="charge_disputed",
            )
        raise SandboxError("This payment has been refunded already.", code="charge_already_refunded")
    amount = remainder if asked is None else asked
    if amount > remainder:
        raise SandboxError(
            f"Only {remainder} of this payment remains to be refunded, not {amount}.",
            code="amount_too_large",
            param="amount",
        )
    obstacle = _obstacle(state, charge, amount)
    if obstacle is not None:
        type: str = charge["payment_method_details"]["type"]
        raise SandboxError(
            f"This refund is not possible: {type} {obstacle}.", code="refund_not_allowed", param="payment_intent"
        )
    return amount


def _obstacle(state: State, charge: Record, amount: int) -> str | None:
    rules = rules_of(charge["payment_method_details"]["type"]).refunds
    if not rules.allowed:
        return "has no refunds"
    if not rules.partial and amount < charge["amount_captured"]:
        return f"is refunded as a whole only, that is {charge['amount_captured']}"
    if not rules.repeated and charge["amount_refunded"] > 0:
        return "is refunded only once for each payment"
    if rules.days is not None and state.clock.now > charge["created"] + rules.days * MILLISECONDS_PER_DAY:
        return f"is refunded within {rules.days} days only"
    return None
