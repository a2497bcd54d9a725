"""What becomes of a payout. The balance pays ``source_amount`` when it is made.

    from                 by                                                         to
    (new)                create                                                     pending
    pending              an hour passes                                             in_transit
                         somebody at WooshPay cancels it (``payouts.cancel``)       canceled; the money comes back
    in_transit           a day has passed since it was made                         paid; at a test account that
                                                                                    refuses: failed
    pending, in_transit  the bank answers sooner: ``payouts.pay``                   paid
                         ``payouts.fail``                                           failed; the money comes back

WooshPay takes one to three business days; the hour and the day are the sandbox's own. A payout that the bank answers
while it is pending is in transit first.
"""

from __future__ import annotations

from typing import Final

import attrs

from wooshpay.core.json import JsonObject
from wooshpay.sandbox.engine.clock import MILLISECONDS_PER_DAY
from wooshpay.sandbox.engine.errors import SandboxError, wrong_state
from wooshpay.sandbox.engine.registry import duty
from wooshpay.sandbox.engine.state import State
from wooshpay.sandbox.engine.store import Record
from wooshpay.sandbox.lifecycles import ledger
from wooshpay.sandbox.rules import payout_limits, payout_outcomes, rates
from wooshpay.sandbox.rules.payout_outcomes import Failure

SENT_AFTER: Final = MILLISECONDS_PER_DAY // 24
ANSWERED_AFTER: Final = MILLISECONDS_PER_DAY


@attrs.frozen(kw_only=True)
class Sums:
    """What a payout takes from the balance, and what arrives, both in minor units."""

    source_amount: int
    source_currency: str
    payment_amount: int
    payment_currency: str


def price(
    source_currency: str, payment_currency: str, *, payment_amount: int | None, source_amount: int | None
) -> Sums:
    """Find both sums of a payout of the one that was asked for, within the limits of the guide.

    ``payment_amount`` decides where both are given: with equal currencies WooshPay was seen to do so; with others it
    is inferred.
    """
    rates.require_known(payment_currency, "payment_currency")
    rates.require_known(source_currency, "source_currency")
    param = "payment_amount" if payment_amount is not None else "source_amount"
    if payment_amount is not None:
        arriving, spent = payment_amount, rates.cost(payment_amount, payment_currency, source_currency)
    else:
        assert source_amount is not None, "one of the two is given"
        arriving, spent = rates.proceeds(source_amount, source_currency, payment_currency), source_amount
    payout_limits.check_amount(arriving, payment_currency, param=param)
    if arriving < 1 or spent < 1:
        raise SandboxError(
            f"{param} is so small that nothing of it is left once it is exchanged between {source_currency} and"
            f" {payment_currency}.",
            code="amount_too_small",
            param=param,
        )
    return Sums(
        source_amount=spent,
        source_currency=source_currency,
        payment_amount=arriving,
        payment_currency=payment_currency,
    )


def make(state: State, sums: Sums, beneficiary: JsonObject, fields: JsonObject) -> Record:
    """Make a payout that the balance has the money for, and set it on its way.

    Args:
        state: The sandbox.
        sums: What it takes and what arrives.
        beneficiary: Who gets it, as the API shows it now: later changes do not change the payout.
        fields: Whatever else is kept with it.
    """
    destination: JsonObject = beneficiary["destination_data"]
    payout = state.add(
        "po",
        "payout",
        {
            "status": "pending",
            **attrs.asdict(sums),
            "beneficiary_data": beneficiary,
            "failure_code": None,
            "failure_message": None,
            "method": "standard",
            **fields,
        },
        account=_account(destination),
    )
    ledger.move(state, -sums.source_amount, sums.source_currency)
    state.remind(state.clock.now + SENT_AFTER, "payouts.send", payout)
    state.remind(state.clock.now + ANSWERED_AFTER, "payouts.answer", payout)
    state.emit("payout.created", payout)
    return payout


def pay(state: State, payout: Record) -> None:
    """Let the money arrive."""
    _send_if_pending(state, payout, "paid")
    payout["status"] = "paid"
    state.emit("payout.paid", payout)


def fail(state: State, payout: Record, failure: Failure) -> None:
    """Let the bank reject the payout; the money comes back."""
    _send_if_pending(state, payout, "failed")
    payout.update(status="failed", failure_code=failure.code, failure_message=failure.message)
    _return(state, payout)
    state.emit("payout.failed", payout)


def cancel(state: State, payout: Record) -> None:
    """Stop a payout that the bank does not have yet; the money comes back."""
    _require(payout, ("pending",), "canceled")
    payout["status"] = "canceled"
    _return(state, payout)
    state.emit("payout.canceled", payout)


@duty("payouts.send")
def send_when_due(state: State, id: str) -> None:
    """Hand a payout to the bank."""
    payout = state.need("payout", id)
    if payout["status"] == "pending":
        _send(state, payout)


@duty("payouts.answer")
def answer_when_due(state: State, id: str) -> None:
    """Bring the bank's answer."""
    payout = state.need("payout", id)
    if payout["status"] != "in_transit":
        return
    failure = payout_outcomes.failure_of(payout.private["account"])
    if failure is None:
        pay(state, payout)
    else:
        fail(state, payout, failure)


def _account(destination: JsonObject) -> JsonObject:
    """The details that ``destination_type`` names; those of ``upi`` are answered under another key."""
    type: str = destination["destination_type"]
    details: JsonObject = destination.get(type) or destination["imps"]
    return {name: value for name, value in details.items() if isinstance(value, str)}


def _send(state: State, payout: Record) -> None:
    payout["status"] = "in_transit"
    state.emit("payout.updated", payout)


def _send_if_pending(state: State, payout: Record, action: str) -> None:
    _require(payout, ("pending", "in_transit"), action)
    if payout["status"] == "pending":
        _send(state, payout)


def _return(state: State, payout: Record) -> None:
    ledger.move(state, payout["source_amount"], payout["source_currency"])


def _require(payout: Record, allowed: tuple[str, ...], action: str) -> None:
    if payout["status"] not in allowed:
        raise wrong_state(
            f"This payout could not be {action} because its status is {payout['status']};"
            f" it must be {' or '.join(allowed)}.",
            code="payout_unexpected_state",
            about=payout,
        )
