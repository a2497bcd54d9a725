"""The periods of a subscription: one ends, the next begins and is billed.

Periods follow one another without a gap, whatever the time is when the sandbox gets to them. Those of months and years
keep to the day of the month of the ``billing_cycle_anchor``.
"""

from __future__ import annotations

from wooshpay.sandbox.engine.registry import duty
from wooshpay.sandbox.engine.state import State
from wooshpay.sandbox.engine.store import Record
from wooshpay.sandbox.lifecycles import billing_periods, collection, subscriptions
from wooshpay.sandbox.lifecycles.standing import ENDED


@duty("subscriptions.renew")
def renew_when_due(state: State, id: str) -> None:
    """Begin the next period, or end the subscription with the one that is over."""
    subscription = state.need("subscription", id)
    over: int = subscription["current_period_end"]
    # An alarm of a period that a change of plan has moved means nothing any more.
    if subscription["status"] in ENDED | {"incomplete"} or state.clock.now < over:
        return
    cancel_at: int | None = subscription.get("cancel_at")
    if cancel_at is not None and cancel_at <= over:
        subscriptions.end(state, subscription)
    else:
        _renew(state, subscription)


def _renew(state: State, subscription: Record) -> None:
    start, end = billing_periods.period_from(state, subscription, subscription["current_period_end"])
    subscription.update(current_period_start=start, current_period_end=end)
    if subscription["status"] == "trialing":
        subscription["status"] = "active"
    state.remind(end, "subscriptions.renew", subscription)
    invoice = billing_periods.draft(state, subscription, "subscription_cycle")
    if subscription["status"] == "unpaid":
        invoice["auto_advance"] = False
    state.emit("customer.subscription.updated", subscription)
    billing_periods.announce(state, subscription, invoice)
    if invoice["auto_advance"]:
        collection.advance(state, invoice)


@duty("subscriptions.trial_will_end")
def tell_of_trial_end(state: State, id: str) -> None:
    """Tell the merchant three days before a trial ends; at once where it is shorter."""
    subscription = state.need("subscription", id)
    if subscription["status"] == "trialing":
        state.emit("customer.subscription.trial_will_end", subscription)
