"""Changes of what a subscription charges for, and what becomes of the rest of the period.

    proration_behavior    credit for the unused old, charge for the new
    create_prorations     wait as invoice items for the next invoice
    always_invoice        go on an invoice at once, with what else waits for the subscription
    none                  neither

A change to another interval starts a new period now, and is billed at once whatever the behavior; ``none`` leaves out
the credit. In a trial nothing is paid for yet, so nothing is prorated and its end stays. Credit and charge are counted
with the discount that the current period has.

How the invoice of a change is paid depends on the account's option ``plan_changes``. With ``invoice`` it is open for an
hour before it is collected by itself, since WooshPay's own flow ends with a call that pays it. With ``charge`` it is
charged at once, as at Stripe: if the card is declined or the customer has to authenticate, the call succeeds all the
same, the new plan is in place, the subscription is ``past_due`` and the invoice stays open and is tried again. Stripe
does so by default (``payment_behavior=allow_incomplete``). Nobody has seen which of the two WooshPay does.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Final, TypedDict

import attrs

from wooshpay.core.json import JsonObject
from wooshpay.sandbox.engine.errors import wrong_state
from wooshpay.sandbox.engine.state import State
from wooshpay.sandbox.engine.store import Record
from wooshpay.sandbox.lifecycles import billing_periods, collection, invoice_lines, invoices, subscriptions
from wooshpay.sandbox.lifecycles.billing_periods import amount_of_item, interval_of, items_of
from wooshpay.sandbox.rules.calendar import day_of_month
from wooshpay.sandbox.rules.discounts import amount_off
from wooshpay.sandbox.rules.proration import share, unused

BEHAVIORS: Final = ("create_prorations", "always_invoice", "none")


@attrs.frozen(kw_only=True)
class Change:
    """One change of the items.

    Attributes:
        item: The item; ``None`` for a new one.
        price: Its new price; ``None`` where that stays.
        quantity: Its new quantity.
        metadata: The pairs of a new item.
        deleted: The item goes.
    """

    item: Record | None
    price: Record | None
    quantity: int
    metadata: JsonObject = attrs.field(factory=dict[str, Any])
    deleted: bool = False


def require_changeable(subscription: Record) -> None:
    """Refuse to change the items of a subscription that has ended or not begun."""
    subscriptions.require_running(subscription, "changed")
    if subscription["status"] == "incomplete":
        raise wrong_state(
            "The items of this subscription cannot change because its first invoice is not paid yet.",
            code="subscription_unexpected_state",
            about=subscription,
        )


def apply(state: State, subscription: Record, changes: Sequence[Change], behavior: str) -> list[Record]:
    """Change the items of a subscription; the changes were checked before.

    Returns:
        The items that were changed or made.
    """
    old_interval = _interval(state, subscription)
    total_before = subscriptions.total_of(state, subscription)
    touched = [change.item for change in changes if change.item is not None]
    credits = [_Part.of(state, item) for item in touched]
    changed = [made for change in changes if (made := _apply_one(state, subscription, change)) is not None]
    restarts = _interval(state, subscription) != old_interval
    prorated = behavior != "none" and subscription["status"] != "trialing"
    if prorated:
        at = billing_periods.this_second(state)
        _prorate(state, subscription, credits, total_before, -1, at)
        if not restarts:
            total = subscriptions.total_of(state, subscription)
            _prorate(state, subscription, [_Part.of(state, item) for item in changed], total, 1, at)
    if subscription["status"] == "trialing":
        return changed
    if restarts:
        _restart(state, subscription)
    elif behavior == "always_invoice":
        _invoice(state, subscription, **_how_paid(state))
    return changed


def credit_rest(state: State, subscription: Record) -> None:
    """Credit what is unused of the current period, as when the subscription ends."""
    parts = [_Part.of(state, item) for item in items_of(state, subscription)]
    total = subscriptions.total_of(state, subscription)
    _prorate(state, subscription, parts, total, -1, billing_periods.this_second(state))


def invoice_waiting(state: State, subscription: Record) -> None:
    """Create an invoice for what waits for a subscription, if anything does, and collect it at once."""
    _invoice(state, subscription, wait=0, present=False)


def _invoice(state: State, subscription: Record, *, wait: int, present: bool) -> None:
    takes = {subscription.id}
    if not invoice_lines.waiting(state, subscription["customer"], subscription["currency"], takes):
        return
    invoice = billing_periods.draft(state, subscription, "subscription_update", whole_period=False, others=False)
    invoices.announce(state, invoice)
    collection.advance(state, invoice, wait=wait, present=present)


class _HowPaid(TypedDict):
    """When the invoice of a change is collected, and whether the customer can authenticate then."""

    wait: int
    present: bool


def _how_paid(state: State) -> _HowPaid:
    if state.options.plan_changes == "charge":
        return {"wait": 0, "present": True}
    return {"wait": collection.HOUR, "present": False}


@attrs.frozen
class _Part:
    """What one item costs, as it was at a moment."""

    price: str
    quantity: int
    amount: int

    @classmethod
    def of(cls, state: State, item: Record) -> _Part:
        return cls(item["price"], item["quantity"], amount_of_item(state, item))


def _apply_one(state: State, subscription: Record, change: Change) -> Record | None:
    if change.item is None:
        assert change.price is not None, "a new item has a price"
        return subscriptions.add_item(state, subscription, change.price, change.quantity, change.metadata)
    if change.deleted:
        state.store["subscription_item"].remove(change.item.id)
        return None
    if change.price is not None:
        change.item["price"] = change.price.id
    change.item["quantity"] = change.quantity
    return change.item


def _interval(state: State, subscription: Record) -> tuple[str, int]:
    return interval_of(state.need("price", items_of(state, subscription)[0]["price"]))


def _restart(state: State, subscription: Record) -> None:
    now = billing_periods.this_second(state)
    subscription.private["anchor_day"] = day_of_month(now)
    start, end = billing_periods.period_from(state, subscription, now)
    subscription.update(current_period_start=start, current_period_end=end, billing_cycle_anchor=now)
    if subscription["cancel_at_period_end"]:
        subscription["cancel_at"] = end
    state.remind(end, "subscriptions.renew", subscription)
    invoice = billing_periods.draft(state, subscription, "subscription_update", others=False)
    billing_periods.announce(state, subscription, invoice)
    collection.advance(state, invoice, **_how_paid(state))


def _prorate(state: State, subscription: Record, parts: Iterable[_Part], total: int, sign: int, at: int) -> None:
    start, end = subscription["current_period_start"], subscription["current_period_end"]
    day = datetime.fromtimestamp(at / 1000, UTC).strftime("%d %b %Y")
    for part in parts:
        price = state.need("price", part.price)
        net = _net(state, subscription, part, total)
        words = "Unused time on" if sign < 0 else "Remaining time on"
        invoice_lines.make_item(
            state,
            {
                "amount": sign * unused(net, start_ms=start, end_ms=end, at_ms=at),
                "currency": subscription["currency"],
                "customer": subscription["customer"],
                "description": f"{words} {part.quantity} of {invoice_lines.name_of(state, price)} after {day}",
                # The discount is in the amount already.
                "discountable": False,
                "period": {"start": max(at, start), "end": end},
                "price": price.id,
                "proration": True,
                "quantity": part.quantity,
                "subscription": subscription.id,
            },
        )


def _net(state: State, subscription: Record, part: _Part, total: int) -> int:
    """What an item costs with the period's discount; a sum off all items is shared among them by what they cost."""
    coupon: JsonObject | None = subscription.private.get("period_coupon")
    if coupon is None or total == 0 or not invoice_lines.is_for(state, coupon, part.price):
        return part.amount
    if coupon.get("percent_off") is not None:
        return part.amount - amount_off(coupon, part.amount, subscription["currency"])
    off = min(total, amount_off(coupon, total, subscription["currency"]))
    return part.amount - share(off, part.amount, total)
