"""What becomes of a dispute. Its states and reasons are Stripe's; WooshPay shows one of each.

    from                      by                                                to
    (new)                     an hour passes after a payment with a card that   needs_response; the balance pays
                              is disputed; the bank: ``disputes.create``
                              ``disputes.create`` with ``inquiry``              warning_needs_response; no money moves
    needs_response            evidence is submitted                             under_review
                              close, or nothing was submitted by ``due_by``     lost
    under_review              an hour passes, the evidence says how it ends     won; the money comes back. Or lost
    needs_response,           the bank decides: ``disputes.win``                won; the money comes back
    under_review              ``disputes.lose``                                 lost
    warning_needs_response    evidence is submitted                             warning_under_review
                              close, or nothing was submitted by ``due_by``     warning_closed
    warning_under_review      an hour passes, the evidence wins                 warning_closed
                              an hour passes, the evidence loses                needs_response; the balance pays
    both warnings             all of the payment is refunded                    warning_closed
                              the bank is content: ``disputes.win``             warning_closed
                              the bank is not: ``disputes.lose``                needs_response; the balance pays

The evidence decides by a word in ``uncategorized_text``: ``winning_evidence`` or ``losing_evidence``. Without one a
dispute stays under review until the bank decides. The hours, and the fourteen days until ``due_by``, are the sandbox's.
"""

from __future__ import annotations

from typing import Final

from wooshpay.core.json import JsonObject
from wooshpay.sandbox.engine.clock import MILLISECONDS_PER_DAY
from wooshpay.sandbox.engine.errors import SandboxError, wrong_state
from wooshpay.sandbox.engine.registry import duty, reaction
from wooshpay.sandbox.engine.state import State
from wooshpay.sandbox.engine.store import Record
from wooshpay.sandbox.lifecycles import ledger
from wooshpay.sandbox.rules import cards
from wooshpay.sandbox.rules import evidence as rules

ARRIVES_AFTER: Final = MILLISECONDS_PER_DAY // 24
REVIEWED_AFTER: Final = MILLISECONDS_PER_DAY // 24
ANSWER_WITHIN: Final = 14 * MILLISECONDS_PER_DAY

REASONS: Final = (
    *("bank_cannot_process", "check_returned", "credit_not_processed", "customer_initiated", "debit_not_authorized"),
    *("duplicate", "fraudulent", "general", "incorrect_account_details", "insufficient_funds"),
    *("product_not_received", "product_unacceptable", "subscription_canceled", "unrecognized"),
)
WARNINGS: Final = frozenset({"warning_needs_response", "warning_under_review"})
ANSWERABLE: Final = frozenset({"needs_response", "warning_needs_response"})
OPEN: Final = frozenset({"needs_response", "under_review"}) | WARNINGS

_UNDER_REVIEW: Final = {"needs_response": "under_review", "warning_needs_response": "warning_under_review"}


def remainder(charge: Record) -> int:
    """What of a charge is neither refunded nor held back by disputes: all that can still be refunded or disputed."""
    left: int = charge["amount_captured"] - charge["amount_refunded"] - withdrawn(charge)
    return left


def withdrawn(charge: Record) -> int:
    """What open and lost disputes took of a charge."""
    taken: int = charge.private.get("disputed", 0)
    return taken


def make(state: State, charge: Record, *, reason: str, amount: int, inquiry: bool = False) -> Record:
    """Let a bank ask a payment back, or ask about it first."""
    now = state.clock.now
    dispute = state.add(
        "dp",
        "dispute",
        {
            "amount": amount,
            "balance_transactions": [],
            "charge": charge.id,
            # Seen: the only objects whose time of creation has milliseconds.
            "created": now,
            "currency": charge["currency"],
            "evidence": dict.fromkeys(rules.KEYS),
            # The reference's sample, which is Stripe's, counts due_by in seconds; answers seen count milliseconds.
            "evidence_details": {
                "due_by": now + ANSWER_WITHIN,
                "has_evidence": False,
                "past_due": False,
                "submission_count": 0,
            },
            "is_charge_refundable": False,
            "metadata": {},
            "payment_intent": charge.get("payment_intent"),
            "reason": reason,
            "status": "warning_needs_response" if inquiry else "needs_response",
        },
    )
    charge["disputed"] = True
    state.remind(now + ANSWER_WITHIN, "disputes.due", dispute)
    state.emit("charge.dispute.created", dispute)
    if not inquiry:
        _withdraw(state, dispute)
    return dispute


def give_evidence(state: State, dispute: Record, evidence: JsonObject, *, submit: bool) -> None:
    """Keep evidence, and hand all that is kept to the bank if it shall have it.

    Args:
        state: The sandbox.
        dispute: The dispute; `require_answerable` holds.
        evidence: All evidence as it stands now.
        submit: Whether the bank gets it.
    """
    details: JsonObject = dispute["evidence_details"]
    staged = not submit and rules.size(evidence) > 0
    count: int = details["submission_count"] + submit
    dispute.update(evidence=evidence, evidence_details={**details, "has_evidence": staged, "submission_count": count})
    if submit:
        dispute["status"] = _UNDER_REVIEW[dispute["status"]]
        state.remind(state.clock.now + REVIEWED_AFTER, "disputes.review", dispute)


def require_answerable(state: State, dispute: Record) -> None:
    """Refuse evidence that comes too late."""
    _require(dispute, ANSWERABLE, "given evidence")


def accept(state: State, dispute: Record) -> None:
    """Give up: the money stays with the customer."""
    _require(dispute, ANSWERABLE, "closed")
    _close(state, dispute, "warning_closed" if dispute["status"] in WARNINGS else "lost")


def win(state: State, dispute: Record) -> None:
    """Let the bank decide for the merchant."""
    _require(dispute, OPEN, "won")
    if dispute["status"] in WARNINGS:
        _close(state, dispute, "warning_closed")
        return
    _close(state, dispute, "won")
    _move(state, dispute, dispute["amount"])
    state.emit("charge.dispute.funds_reinstated", dispute)


def lose(state: State, dispute: Record) -> None:
    """Let the bank decide for the customer. An inquiry becomes a dispute, as far as there is money left to dispute."""
    _require(dispute, OPEN, "lost")
    if dispute["status"] not in WARNINGS:
        _close(state, dispute, "lost")
        return
    charge = state.need("charge", dispute["charge"])
    amount = min(dispute["amount"], remainder(charge))
    if amount < 1:
        _close(state, dispute, "warning_closed")
        return
    due = state.clock.now + ANSWER_WITHIN
    details: JsonObject = {**dispute["evidence_details"], "due_by": due}
    dispute.update(status="needs_response", amount=amount, evidence_details=details)
    state.remind(due, "disputes.due", dispute)
    state.emit("charge.dispute.updated", dispute)
    _withdraw(state, dispute)


@reaction("payment_intent.succeeded")
def payment_succeeded(state: State, intent: Record) -> None:
    """Announce the dispute that follows a payment with a card of that kind."""
    charge = state.store["charge"].get(intent.get("latest_charge") or "")
    if charge is not None and _reason_of(state, charge):
        state.remind(state.clock.now + ARRIVES_AFTER, "disputes.arrive", charge)


@reaction("charge.refund.updated")
def refunded(state: State, refund: Record) -> None:
    """Close the inquiries of a payment of which nothing is left to dispute."""
    charge = state.need("charge", refund["charge"])
    if remainder(charge) > 0:
        return
    for dispute in list(state.store["dispute"].where(charge=charge.id)):
        if dispute["status"] in WARNINGS:
            _close(state, dispute, "warning_closed")


@duty("disputes.arrive")
def arrive(state: State, id: str) -> None:
    """Let the dispute of a payment come, unless all of the payment was refunded by then."""
    charge = state.need("charge", id)
    amount = remainder(charge)
    if amount > 0:
        make(state, charge, reason=_reason_of(state, charge), amount=amount)


@duty("disputes.due")
def due(state: State, id: str) -> None:
    """End a dispute that nobody answered in time."""
    dispute = state.need("dispute", id)
    if dispute["status"] in ANSWERABLE and state.clock.now >= dispute["evidence_details"]["due_by"]:
        accept(state, dispute)


@duty("disputes.review")
def review(state: State, id: str) -> None:
    """Let the bank decide by the evidence, where that says how."""
    dispute = state.need("dispute", id)
    decide = {"won": win, "lost": lose}.get(rules.verdict(dispute["evidence"]) or "")
    if decide is not None and dispute["status"] in _UNDER_REVIEW.values():
        decide(state, dispute)


def _reason_of(state: State, charge: Record) -> str:
    method = state.store["payment_method"].get(charge.get("payment_method") or "")
    outcome: str | None = method.private.get("outcome") if method is not None else None
    return cards.card_with(outcome).dispute if outcome else ""


def _withdraw(state: State, dispute: Record) -> None:
    _move(state, dispute, -dispute["amount"])
    state.emit("charge.dispute.funds_withdrawn", dispute)


def _move(state: State, dispute: Record, amount: int) -> None:
    charge = state.need("charge", dispute["charge"])
    charge.private["disputed"] = withdrawn(charge) - amount
    charge["disputed"] = True
    ledger.move(state, amount, dispute["currency"])
    dispute["balance_transactions"] = [*dispute["balance_transactions"], state.ids.new("txn")]


def _close(state: State, dispute: Record, status: str) -> None:
    dispute["status"] = status
    state.emit("charge.dispute.closed", dispute)


def _require(dispute: Record, allowed: frozenset[str], action: str) -> None:
    if dispute["status"] not in allowed:
        raise wrong_state(
            f"This dispute could not be {action} because its status is {dispute['status']};"
            f" it must be one of {', '.join(sorted(allowed))}.",
            code="dispute_unexpected_state",
            about=dispute,
        )


def disputable(state: State, charge: Record, amount: int | None, *, param: str) -> int:
    """How much a new dispute of a charge is about.

    Raises:
        SandboxError: 400, there is not so much to dispute.
    """
    if not (charge["paid"] and charge["captured"]):
        raise SandboxError(
            f"Only a charge that was captured can be disputed; {charge.id} was not.",
            code="charge_not_captured",
            param=param,
        )
    left = remainder(charge)
    if left < 1:
        raise SandboxError(
            f"Nothing of {charge.id} is left to dispute: it was refunded or is disputed already.",
            code="charge_already_disputed" if withdrawn(charge) else "charge_already_refunded",
            param=param,
        )
    if amount is not None and amount > left:
        raise SandboxError(
            f"Only {left} of {charge.id} is left to dispute, not {amount}.", code="amount_too_large", param="amount"
        )
    return left if amount is None else amount
