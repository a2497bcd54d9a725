"""How a subscription stands, as it follows from its invoices.

    from                  by                                                    to
    incomplete            its first invoice is paid                             active
                          its first invoice is voided                           incomplete_expired
    active                its newest invoice could not be collected,            past_due
                          or was sent and is past its due date
    past_due, unpaid      its newest invoice is paid or voided                  active
    past_due              every retry of an invoice was refused                 unpaid

Stripe lets the merchant choose what follows the last retry, and WooshPay's pages are silent. This sandbox keeps the
subscription, ``unpaid``: it goes on to make invoices, as drafts that nobody collects, and paying the newest one
brings it back.
"""

from __future__ import annotations

from typing import Final

from wooshpay.core.json import JsonObject
from wooshpay.sandbox.engine.state import State
from wooshpay.sandbox.engine.store import Record

ENDED: Final = frozenset({"canceled", "incomplete_expired"})
_OWING: Final = frozenset({"past_due", "unpaid"})


def subscription_of(state: State, invoice: Record) -> Record | None:
    """The subscription that an invoice is for."""
    id: str | None = invoice.get("subscription")
    return state.need("subscription", id) if id is not None else None


def method_for(state: State, invoice: Record) -> Record | None:
    """Return the payment method to charge now.

    That is the method that the merchant named for this invoice, otherwise the current default of the subscription,
    otherwise the current default of the customer, otherwise the newest method that is attached to the customer. Only
    methods that are attached to the customer count.
    """
    subscription = subscription_of(state, invoice)
    customer = state.need("customer", invoice["customer"])
    chosen = (
        invoice.get("default_payment_method"),
        subscription.get("default_payment_method") if subscription is not None else None,
        subscription.get("default_source") if subscription is not None else None,
        customer.get("payment_method"),
    )
    for id in chosen:
        method = state.store["payment_method"].get(id) if id else None
        if method is not None and method.get("customer") == customer.id:
            return method
    return next(state.store["payment_method"].where(customer=customer.id), None)


def invoice_paid(state: State, invoice: Record, method: Record | None) -> None:
    """Note that an invoice was paid, and with what."""
    subscription = subscription_of(state, invoice)
    if subscription is None or subscription["status"] in ENDED:
        return
    _keep_method(state, subscription, invoice, method)
    begins = _is_first(invoice) and subscription["status"] == "incomplete"
    if begins or (subscription["status"] in _OWING and _is_newest(subscription, invoice)):
        _become(state, subscription, "active")


def invoice_failed(state: State, invoice: Record) -> None:
    """Note that an invoice could not be collected, or is past its due date."""
    subscription = subscription_of(state, invoice)
    if subscription is not None and subscription["status"] == "active" and _is_newest(subscription, invoice):
        _become(state, subscription, "past_due")


def invoice_given_up(state: State, invoice: Record) -> None:
    """Note that nobody tries to collect an invoice any more."""
    subscription = subscription_of(state, invoice)
    if subscription is not None and subscription["status"] == "past_due":
        _become(state, subscription, "unpaid")


def invoice_voided(state: State, invoice: Record) -> None:
    """Note that an invoice was a mistake."""
    subscription = subscription_of(state, invoice)
    if subscription is None:
        return
    if _is_first(invoice) and subscription["status"] == "incomplete":
        subscription["ended_at"] = state.clock.second
        _become(state, subscription, "incomplete_expired")
    elif subscription["status"] in _OWING and _is_newest(subscription, invoice):
        _become(state, subscription, "active")


def _keep_method(state: State, subscription: Record, invoice: Record, method: Record | None) -> None:
    """What paid first is charged again, unless something else would be; later ones where the settings say so."""
    if method is None or method.get("customer") != subscription["customer"]:
        return
    settings: JsonObject = subscription.get("payment_settings") or {}
    on_subscription = settings.get("save_default_payment_method") == "on_subscription"
    first = _is_first(invoice) and not subscription.get("default_payment_method")
    if on_subscription or (first and method_for(state, invoice) is not method):
        subscription["default_payment_method"] = method.id


def _is_first(invoice: Record) -> bool:
    return bool(invoice["billing_reason"] == "subscription_create")


def _is_newest(subscription: Record, invoice: Record) -> bool:
    return bool(subscription["latest_invoice"] == invoice.id)


def _become(state: State, subscription: Record, status: str) -> None:
    subscription["status"] = status
    state.emit("customer.subscription.updated", subscription)
