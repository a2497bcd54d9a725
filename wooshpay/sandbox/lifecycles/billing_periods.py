"""What a subscription costs in a period, and the invoice of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from wooshpay.core.json import JsonObject
from wooshpay.sandbox.engine.state import State
from wooshpay.sandbox.engine.store import Record
from wooshpay.sandbox.lifecycles import invoice_lines, invoices
from wooshpay.sandbox.rules.calendar import add_interval
from wooshpay.sandbox.rules.pricing import amount_of


def items_of(state: State, subscription: Record) -> list[Record]:
    """The items of a subscription, oldest first."""
    return list(state.store["subscription_item"].where(subscription=subscription.id))[::-1]


def amount_of_item(state: State, item: Record) -> int:
    """What an item costs in a whole period, without discount."""
    return amount_of(state.need("price", item["price"]), item["quantity"])


def interval_of(price: Mapping[str, Any]) -> tuple[str, int]:
    """How often a recurring price is due."""
    recurring: JsonObject = price["recurring"]
    return recurring["interval"], recurring.get("interval_count") or 1


def this_second(state: State) -> int:
    """Return the time in whole seconds, rounded down, in milliseconds since 1970.

    ``created`` is rounded to the nearest second, so it can lie in the future. A period must not begin in the future: it
    would not be over yet when the clock was advanced by exactly its length.
    """
    return state.clock.now // 1000 * 1000


def period_from(state: State, subscription: Record, start: int) -> tuple[int, int]:
    """The period of a subscription that begins at a moment."""
    interval, count = interval_of(state.need("price", items_of(state, subscription)[0]["price"]))
    return start, add_interval(start, interval, count, anchor_day=subscription.private["anchor_day"])


def draft(
    state: State,
    subscription: Record,
    reason: str,
    *,
    extra: Sequence[Record] = (),
    whole_period: bool = True,
    others: bool = True,
) -> Record:
    """Make the draft of a subscription's invoice; its event is still to come.

    Args:
        state: The sandbox.
        subscription: The subscription.
        reason: The billing reason.
        extra: Invoice items made for this invoice.
        whole_period: The items are billed for the current period.
        others: Items that wait for no particular subscription are taken too.
    """
    customer = state.need("customer", subscription["customer"])
    period = (subscription["current_period_start"], subscription["current_period_end"])
    # The default payment method is not copied: whenever the invoice is charged, the method that is the default then
    # must be used, so that a new card rescues a renewal that failed.
    copied = ("collection_method", "days_until_due", "payment_settings")
    invoice = invoices.start_draft(
        state,
        customer,
        currency=subscription["currency"],
        reason=reason,
        period=period,
        fields={
            **{name: subscription[name] for name in copied},
            "auto_advance": True,
            "subscription": subscription.id,
        },
        coupon=coupon_of(state, subscription) if whole_period else None,
    )
    trial = subscription["status"] == "trialing"
    for item in items_of(state, subscription) if whole_period else ():
        amount = 0 if trial else amount_of_item(state, item)
        invoice_lines.add_period(state, invoice, item, amount, period, trial=trial)
    for item in extra:
        invoice_lines.take(state, invoice, item, waited=False)
    takes = {subscription.id, None} if others else {subscription.id}
    for item in invoice_lines.waiting(state, customer.id, subscription["currency"], takes):
        invoice_lines.take(state, invoice, item)
    subscription["latest_invoice"] = invoice.id
    return invoice


def announce(state: State, subscription: Record, invoice: Record) -> None:
    """Add up the invoice of a period, let its event come up, and note the discount that the period has."""
    invoices.announce(state, invoice)
    coupon: JsonObject | None = invoice.private["coupon"]
    discounted = coupon is not None and invoice["subtotal"] > invoice["total"]
    subscription.private["period_coupon"] = coupon if discounted else None
    if discounted and coupon is not None and coupon.get("duration") == "once":
        subscription.private["coupon"] = None


def coupon_of(state: State, subscription: Record) -> JsonObject | None:
    """The coupon that still works for a subscription, as it was when the subscription got it."""
    coupon: JsonObject | None = subscription.private.get("coupon")
    until: int | None = subscription.private.get("coupon_until")
    over = until is not None and subscription["current_period_start"] >= until
    return None if over else coupon


def coupon_end(coupon: Mapping[str, Any], start: int) -> int | None:
    """When a coupon stops working; ``None`` where time does not end it. A ``once`` coupon ends with its use."""
    if coupon.get("duration") != "repeating":
        return None
    for field, interval in (
        ("duration_in_months", "month"),
        ("duration_in_weeks", "week"),
        ("duration_in_days", "day"),
    ):
        count = int(coupon.get(field) or 0)
        if count:
            return add_interval(start, interval, count)
    return None
