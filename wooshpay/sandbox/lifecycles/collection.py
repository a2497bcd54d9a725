"""How invoices are collected without anybody's doing.

    invoice                                         when                           what
    draft with auto_advance, made by hand           an hour after its creation     finalized, then as below
    of a renewal                                    at once                        finalized, then as below
    open, charged automatically, auto_advance       at once                        the method is charged off session
    open, of a change of plan                       after an hour; at once if      the same
                                                    the account's option says so
    refused                                         1, 3, 5 and 7 days after       the same
                                                    the first attempt
    refused five times                              -                              given up
    send_invoice                                    at once                        sent
                                                    at its due date, still open    the subscription is past due

Stripe leaves a renewal in draft for an hour. Nothing in WooshPay's pages speaks of that, and whoever advances the clock
to the end of a period expects it paid. The invoice of a change of plan waits, as WooshPay's own guide pays it by a
call. The days of the retries are this sandbox's choice.

Each attempt charges the method that is the default at that moment, see `standing.method_for`. After the last retry
nothing is charged by itself any more: a new card then needs a call of ``invoices.pay``.
"""

from __future__ import annotations

from typing import Final

from wooshpay.sandbox.engine.clock import MILLISECONDS_PER_DAY
from wooshpay.sandbox.engine.errors import SandboxError
from wooshpay.sandbox.engine.registry import duty, reaction
from wooshpay.sandbox.engine.state import State
from wooshpay.sandbox.engine.store import Record
from wooshpay.sandbox.lifecycles import invoices, payments, standing

RETRY_DAYS: Final = (1, 3, 5, 7)
HOUR: Final = 3_600_000

_COLLECT: Final = "invoices.collect"


def advance(state: State, invoice: Record, *, wait: int = 0, present: bool = False) -> None:
    """Finalize a draft, then collect or send the open invoice.

    Args:
        state: The sandbox.
        invoice: The invoice.
        wait: Milliseconds until the first attempt to collect it. Default: 0, which collects it at once.
        present: Whether the customer can authenticate a payment that is tried at once. Default: false.
    """
    if invoice["status"] == "draft":
        invoices.finalize(state, invoice)
    if invoice["status"] != "open":
        return
    if invoice["collection_method"] == "send_invoice":
        invoices.send(state, invoice)
        return
    due = state.clock.now + wait
    invoice["next_payment_attempt"] = due
    invoice.private["first_attempt"] = due
    invoice.private["retries"] = 0
    if wait:
        state.remind(due, _COLLECT, invoice)
    else:
        _collect(state, invoice, present=present)


def advance_later(state: State, invoice: Record) -> None:
    """Let a draft go on by itself in an hour."""
    due = state.clock.now + HOUR
    invoice["next_payment_attempt"] = due
    state.remind(due, "invoices.advance", invoice)


@duty("invoices.advance")
def advance_when_due(state: State, id: str) -> None:
    """Go on with a draft that nobody touched."""
    invoice = state.store["invoice"].get(id)
    if invoice is not None and invoice["status"] == "draft" and invoice["auto_advance"]:
        advance(state, invoice)


@duty(_COLLECT)
def collect_when_due(state: State, id: str) -> None:
    """Try again to collect an invoice."""
    invoice = state.need("invoice", id)
    due: int | None = invoice.get("next_payment_attempt")
    if invoice["status"] == "open" and due is not None and due <= state.clock.now:
        _collect(state, invoice)


@duty("invoices.overdue")
def overdue(state: State, id: str) -> None:
    """Note that an invoice which was sent is past its due date."""
    invoice = state.need("invoice", id)
    if invoice["status"] == "open":
        standing.invoice_failed(state, invoice)


@reaction("payment_intent.payment_failed")
def payment_failed(state: State, intent: Record) -> None:
    """An invoice stays open when a payment of it fails, whoever tried."""
    invoice = invoices.invoice_of(state, intent)
    if invoice is not None and invoice["status"] in invoices.OWED:
        _note_failure(state, invoice)


def stop(state: State, subscription: Record) -> None:
    """Collect nothing more for a subscription; what is open can still be paid."""
    for invoice in state.store["invoice"].where(subscription=subscription.id):
        if invoice["status"] in {"draft", "open"}:
            invoice.update(auto_advance=False, next_payment_attempt=None)


def _collect(state: State, invoice: Record, *, present: bool = False) -> None:
    intent = invoices.intent_of(state, invoice)
    if intent["status"] not in payments.CONFIRMABLE:
        return  # a payment is under way, and its outcome comes by itself
    method = standing.method_for(state, invoice)
    if method is None:
        _note_failure(state, invoice)
        return
    try:
        payments.attempt(state, intent, method, off_session=not present)
    except SandboxError as error:
        # A refusal has been noted when its event came up; anything else means that the method is no good.
        if error.status != 402:
            _note_failure(state, invoice)
        return
    if intent["status"] == "requires_action":
        # Not paid yet: the invoice is tried again if the customer does not authenticate.
        _note_failure(state, invoice)


def _note_failure(state: State, invoice: Record) -> None:
    due: int | None = invoice.get("next_payment_attempt")
    by_itself = due is not None and due <= state.clock.now
    if by_itself:
        _plan_retry(state, invoice)
    standing.invoice_failed(state, invoice)
    state.emit("invoice.payment_failed", invoice)
    if by_itself and invoice["next_payment_attempt"] is None:
        standing.invoice_given_up(state, invoice)


def _plan_retry(state: State, invoice: Record) -> None:
    retries: int = invoice.private["retries"]
    if retries == len(RETRY_DAYS):
        invoice["next_payment_attempt"] = None
        return
    due = invoice.private["first_attempt"] + RETRY_DAYS[retries] * MILLISECONDS_PER_DAY
    invoice.private["retries"] = retries + 1
    invoice["next_payment_attempt"] = due
    state.remind(due, _COLLECT, invoice)
