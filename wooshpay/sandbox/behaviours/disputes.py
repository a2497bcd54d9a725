"""Disputes. Their states, and what moves them, are in `wooshpay.sandbox.lifecycles.disputes`.

operation, act               allowed in these states
retrieve, list               any
update, metadata alone       any
update with evidence         needs_response, warning_needs_response
close                        needs_response, warning_needs_response
disputes.create              -
disputes.win, .lose          all but won, lost and warning_closed
"""

from __future__ import annotations

from typing import Final

from wooshpay.core.json import JsonObject
from wooshpay.sandbox.engine.act_parameters import ActParameter
from wooshpay.sandbox.engine.errors import SandboxError, invalid, missing
from wooshpay.sandbox.engine.listing import list_page
from wooshpay.sandbox.engine.params import Params
from wooshpay.sandbox.engine.registry import act, behaviour, view
from wooshpay.sandbox.engine.state import State, plain_view
from wooshpay.sandbox.engine.store import Record
from wooshpay.sandbox.lifecycles import disputes
from wooshpay.sandbox.rules import evidence as rules

# The reference strikes them out of this answer alone.
_NOT_IN_CLOSE: Final = ("balance_transactions", "is_charge_refundable", "reason")


_DISPUTE: Final = ActParameter(
    "dispute", "The dispute; the bank must not have decided it yet.", "id", required=True, of="dispute"
)


@behaviour("disputes.retrieve")
def retrieve(state: State, params: Params) -> JsonObject:
    """Get a dispute."""
    return state.view(_find(state, params))


@behaviour("disputes.list")
def list_disputes(state: State, params: Params) -> JsonObject:
    """List disputes, newest first."""
    return list_page(state, params, kind="dispute", url="/v1/disputes", same=("charge", "payment_intent"))


@behaviour("disputes.update")
def update(state: State, params: Params) -> JsonObject:
    """Give evidence; it goes to the bank at once unless ``submit`` is false."""
    dispute = _find(state, params)
    metadata = params.metadata(dispute["metadata"])
    submit = params.flag("submit")
    changes = _read_evidence(state, params)
    if changes or submit:
        disputes.require_answerable(state, dispute)
    evidence = {**dispute["evidence"], **changes}
    if rules.size(evidence) > rules.LARGEST:
        raise invalid("evidence", f"at most {rules.LARGEST} characters in all", code="evidence_too_large")
    if submit and not rules.size(evidence):
        raise missing("evidence")
    changed = bool(changes or submit) or metadata != dispute["metadata"]
    dispute["metadata"] = metadata
    if changes or submit:
        # Evidence that takes the last of it back leaves nothing to submit.
        disputes.give_evidence(state, dispute, evidence, submit=submit is not False and rules.size(evidence) > 0)
    if changed:
        state.emit("charge.dispute.updated", dispute)
    return state.view(dispute)


@behaviour("disputes.close")
def close(state: State, params: Params) -> JsonObject:
    """Accept a dispute."""
    dispute = _find(state, params)
    disputes.accept(state, dispute)
    return {name: value for name, value in state.view(dispute).items() if name not in _NOT_IN_CLOSE}


@view("dispute")
def view_dispute(state: State, dispute: Record) -> JsonObject:
    """A dispute; its evidence has all keys, with null where nothing was said."""
    shown = plain_view(dispute)
    shown["evidence_details"]["past_due"] = state.clock.now >= dispute["evidence_details"]["due_by"]
    charge = state.need("charge", dispute["charge"])
    shown["is_charge_refundable"] = dispute["status"] in disputes.WARNINGS and disputes.remainder(charge) > 0
    return shown


@act(
    "disputes.create",
    ActParameter("payment_intent", "The payment. Pass this or charge.", "id", of="payment_intent"),
    ActParameter("charge", "The charge. Pass this or payment_intent.", "id", of="charge"),
    ActParameter("amount", "How much is disputed. Default: all that is left of the payment.", "amount"),
    ActParameter("reason", "Why.", "choice", choices=disputes.REASONS, default="general"),
    ActParameter("inquiry", "The bank only asks, and takes no money yet.", "flag", default=False),
)
def create(state: State, params: Params) -> JsonObject:
    """Dispute a payment, as a customer does at the bank."""
    amount = params.amount("amount")
    reason = params.choice("reason", disputes.REASONS) or "general"
    inquiry = params.flag("inquiry") or False
    charge, param = _charge(state, params)
    amount = disputes.disputable(state, charge, amount, param=param)
    return state.view(disputes.make(state, charge, reason=reason, amount=amount, inquiry=inquiry))


@act("disputes.win", _DISPUTE)
def win(state: State, params: Params) -> JsonObject:
    """Decide a dispute for the merchant, as the bank does."""
    dispute = state.need("dispute", params.need_text("dispute"), param="dispute")
    disputes.win(state, dispute)
    return state.view(dispute)


@act("disputes.lose", _DISPUTE)
def lose(state: State, params: Params) -> JsonObject:
    """Decide a dispute for the customer, as the bank does."""
    dispute = state.need("dispute", params.need_text("dispute"), param="dispute")
    disputes.lose(state, dispute)
    return state.view(dispute)


def _find(state: State, params: Params) -> Record:
    return state.need("dispute", params.id)


def _charge(state: State, params: Params) -> tuple[Record, str]:
    id = params.text("charge") or None
    if id is not None and params.given("payment_intent"):
        raise invalid("charge", "omitted with a payment_intent: pass one of the two")
    if id is not None:
        return state.need("charge", id, param="charge"), "charge"
    intent = state.need("payment_intent", params.need_text("payment_intent"), param="payment_intent")
    latest: str | None = intent.get("latest_charge")
    if latest is None:
        raise SandboxError(
            f"{intent.id} has no charge yet that could be disputed.", code="charge_not_captured", param="payment_intent"
        )
    return state.need("charge", latest), "payment_intent"


def _read_evidence(state: State, params: Params) -> JsonObject:
    """What is said now; an empty text takes a key back."""
    sent = params.within("evidence")
    if sent is None:
        return {}
    changes: JsonObject = {}
    for name in sent.values:
        if name not in rules.KEYS:
            raise SandboxError(
                f"{sent.named(name)} is no key of evidence; the keys are {', '.join(rules.KEYS)}.",
                code="parameter_unknown",
                param=sent.named(name),
            )
        text = sent.text(name) or None
        if text is not None and name in rules.FILES:
            _check_file(state, text, sent.named(name))
        changes[name] = text
    return changes


def _check_file(state: State, id: str, param: str) -> None:
    file = state.need("file", id, param=param)
    if file["purpose"] != "dispute_evidence":
        raise invalid(param, f"a file with the purpose dispute_evidence; that of {id} is {file['purpose']}")
