"""Payouts. Their states, and what moves them, are in `wooshpay.sandbox.lifecycles.payouts`.

operation, act            allowed in these states
create                    -
retrieve, list, update    any
payouts.cancel            pending
payouts.pay, .fail        pending, in_transit
"""

from __future__ import annotations

from typing import Final

from wooshpay.core.json import JsonObject
from wooshpay.sandbox.behaviours import beneficiaries
from wooshpay.sandbox.engine.act_parameters import ActParameter
from wooshpay.sandbox.engine.errors import SandboxError, missing
from wooshpay.sandbox.engine.listing import list_page
from wooshpay.sandbox.engine.params import Params
from wooshpay.sandbox.engine.registry import act, behaviour
from wooshpay.sandbox.engine.state import State
from wooshpay.sandbox.engine.store import Record
from wooshpay.sandbox.lifecycles import ledger, payouts
from wooshpay.sandbox.rules import payout_outcomes
from wooshpay.sandbox.rules.payout_outcomes import Failure

STATUSES: Final = ("pending", "in_transit", "paid", "failed", "canceled")
_TYPES: Final = ("local", "global", "to_China")
_MOST: Final = 10**14

_PAYOUT: Final = ActParameter("payout", "The payout.", "id", required=True, of="payout")


@behaviour("payouts.create")
def create(state: State, params: Params) -> JsonObject:
    """Send money from the balance."""
    payment_amount = params.integer("payment_amount", least=1, most=_MOST)
    source_amount = params.integer("source_amount", least=1, most=_MOST)
    payment_currency = params.need_currency("payment_currency")
    source_currency = params.need_currency("source_currency")
    if payment_amount is None and source_amount is None:
        raise missing("payment_amount")
    fields: JsonObject = {
        "description": params.text("description"),
        "merchant_payout_id": params.text("merchant_payout_id"),
        "metadata": params.metadata() or {},
        # In the references of 2022 and 2023 only; kept as sent.
        "payment_intents_id": _payment_intents(state, params),
        "type": params.choice("type", _TYPES),
    }
    known, draft = _read_beneficiary(state, params)
    sums = payouts.price(source_currency, payment_currency, payment_amount=payment_amount, source_amount=source_amount)
    ledger.require(
        state, sums.source_amount, source_currency, param="payment_amount" if payment_amount else "source_amount"
    )
    beneficiary = known if known is not None else beneficiaries.make(state, draft)
    fields["beneficiary"] = known.id if known is not None else None
    return state.view(payouts.make(state, sums, state.view(beneficiary), fields))


@behaviour("payouts.retrieve")
def retrieve(state: State, params: Params) -> JsonObject:
    """Get a payout."""
    return state.view(state.need("payout", params.id))


@behaviour("payouts.update")
def update(state: State, params: Params) -> JsonObject:
    """Change the metadata; there is nothing else to change."""
    payout = state.need("payout", params.id)
    metadata = params.metadata(payout["metadata"])
    if metadata != payout["metadata"]:
        payout["metadata"] = metadata
        state.emit("payout.updated", payout)
    return state.view(payout)


@behaviour("payouts.list")
def list_payouts(state: State, params: Params) -> JsonObject:
    """List payouts, newest first. A ``destination`` is the id of a beneficiary, in lack of external accounts."""
    params.choice("status", STATUSES)
    destination = params.text("destination")

    def keep(payout: Record) -> bool:
        return destination is None or payout["beneficiary_data"]["id"] == destination

    return list_page(state, params, kind="payout", url="/v1/payouts", same=("status",), keep=keep)


@act("payouts.pay", _PAYOUT)
def pay(state: State, params: Params) -> JsonObject:
    """Pay a payout now: the money arrives."""
    payout = _named(state, params)
    payouts.pay(state, payout)
    return state.view(payout)


@act(
    "payouts.fail",
    _PAYOUT,
    ActParameter(
        "failure_code",
        "Why the bank rejects it. Any code can be passed.",
        default=payout_outcomes.COULD_NOT_PROCESS.code,
    ),
    ActParameter("failure_message", "The sentence for the merchant. Default: the one that belongs to the code."),
)
def fail(state: State, params: Params) -> JsonObject:
    """Reject a payout now, as the bank does; the money comes back."""
    payout = _named(state, params)
    code = params.text("failure_code") or payout_outcomes.COULD_NOT_PROCESS.code
    known = payout_outcomes.CODES.get(code, payout_outcomes.COULD_NOT_PROCESS)
    payouts.fail(state, payout, Failure(code, params.text("failure_message") or known.message))
    return state.view(payout)


@act("payouts.cancel", _PAYOUT)
def cancel(state: State, params: Params) -> JsonObject:
    """Cancel a pending payout, as WooshPay does; the money comes back.

    Merchants have no operation for it.
    """
    payout = _named(state, params)
    payouts.cancel(state, payout)
    return state.view(payout)


def _named(state: State, params: Params) -> Record:
    return state.need("payout", params.need_text("payout"), param="payout")


def _read_beneficiary(state: State, params: Params) -> tuple[Record | None, JsonObject]:
    """The beneficiary that was named, or what a new one is made of."""
    id = params.text("beneficiary") or None
    data = params.within("beneficiary_data")
    if id is not None and data is not None:
        raise SandboxError(
            "Pass beneficiary or beneficiary_data, not both.", code="parameter_invalid", param="beneficiary_data"
        )
    if id is not None:
        return state.need("beneficiary", id, param="beneficiary"), {}
    if data is None:
        raise missing("beneficiary")
    return None, beneficiaries.read(data)


def _payment_intents(state: State, params: Params) -> list[str] | None:
    ids = params.texts("payment_intents_id")
    for place, id in enumerate(ids or ()):
        state.need("payment_intent", id, param=f"payment_intents_id[{place}]")
    return ids
