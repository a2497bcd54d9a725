"""What becomes of a subscription between its start and its end.

    from                                   by                                             to
    (new)                                  create, with a trial                           trialing
                                           create, nothing due or send_invoice            active
                                           create, something due                          incomplete
    incomplete                             23 hours pass                                  incomplete_expired
    trialing                               the trial ends                                 active, then as its invoice
    trialing, active, past_due             the period ends                                (as it was), a new period
    unpaid                                 the period ends                                unpaid, its invoice a draft
    trialing, active, past_due, unpaid     the period ends, with cancel_at_period_end     canceled
    any but incomplete_expired, canceled   cancel; its cancel_at comes                    canceled
    incomplete_expired, canceled           nothing

What payments of its invoices do to it is in `wooshpay.sandbox.lifecycles.standing`, periods and their ends are in
`wooshpay.sandbox.lifecycles.renewals`, changes of its items in `wooshpay.sandbox.lifecycles.plan_changes`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from wooshpay.core.json import JsonObject
from wooshpay.sandbox.engine.clock import MILLISECONDS_PER_DAY
from wooshpay.sandbox.engine.errors import SandboxError, wrong_state
from wooshpay.sandbox.engine.params import MAX_AMOUNT
from wooshpay.sandbox.engine.registry import duty
from wooshpay.sandbox.engine.state import State
from wooshpay.sandbox.engine.store import Record, snapshot
from wooshpay.sandbox.lifecycles import billing_periods, collection, invoice_lines, invoices, payments
from wooshpay.sandbox.lifecycles.billing_periods import amount_of_item, interval_of, items_of
from wooshpay.sandbox.lifecycles.standing import ENDED
from wooshpay.sandbox.rules.calendar import add_interval, day_of_month
from wooshpay.sandbox.rules.pricing import amount_of

HOURS_TO_PAY: Final = 23
TRIAL_NOTICE_DAYS: Final = 3

_HOUR: Final = 3_600_000


def require_running(subscription: Record, action: str) -> None:
    """Refuse to change a subscription that has ended."""
    if subscription["status"] in ENDED:
        raise wrong_state(
            f"This subscription could not be {action} because its status is {subscription['status']}.",
            code="subscription_unexpected_state",
            about=subscription,
        )


def start(
    state: State,
    *,
    customer: str,
    items: Sequence[tuple[Record, int]],
    default_payment_method: str | None,
    trial_period_days: int | None = None,
    coupon: str | Mapping[str, Any] | None = None,
    metadata: JsonObject | None = None,
    description: str | None = None,
    session: str | None = None,
    item_metadata: Sequence[JsonObject] = (),
    once: Sequence[tuple[Record, int]] = (),
    fields: JsonObject | None = None,
) -> Record:
    """Make a subscription and its first invoice, and take no money yet.

    Args:
        state: The sandbox.
        customer: The customer's id.
        items: Recurring prices and quantities: one currency, one interval.
        default_payment_method: The id of the method to charge.
        trial_period_days: Days before the first charge.
        coupon: The id of a coupon, or one as it was when the customer got it; its duration says how long it works.
        metadata: The merchant's pairs.
        description: The merchant's text.
        session: The id of the Checkout Session that it comes from.
        item_metadata: The merchant's pairs of the items, in the same order.
        once: Further prices and quantities, for the first invoice only.
        fields: Further fields of the subscription.

    Returns:
        The subscription: ``trialing``, ``active`` where nothing is due, or ``incomplete``.
    """
    prices = [price for price, _ in items]
    check_prices(prices, [amount_of(price, quantity) for price, quantity in (*items, *once)])
    if isinstance(coupon, str):
        coupon = state.need("coupon", coupon, param="coupon")
    kept: JsonObject | None = snapshot(dict(coupon)) if coupon is not None else None
    now = billing_periods.this_second(state)
    trial_end = now + trial_period_days * MILLISECONDS_PER_DAY if trial_period_days else None
    subscription = state.add(
        "sub",
        "subscription",
        {
            "cancel_at": None,
            "cancel_at_period_end": False,
            "canceled_at": None,
            "collection_method": "charge_automatically",
            "currency": prices[0]["currency"],
            "customer": customer,
            "days_until_due": None,
            "default_payment_method": default_payment_method,
            "description": description,
            "ended_at": None,
            "latest_invoice": None,
            "metadata": metadata or {},
            "payment_settings": None,
            "start_date": now,
            "trial_end": trial_end,
            "trial_start": now if trial_end else None,
            "billing_cycle_anchor": trial_end or now,
            "current_period_start": now,
            "current_period_end": trial_end or add_interval(now, *interval_of(prices[0])),
            **(fields or {}),
        },
        session=session,
        anchor_day=day_of_month(trial_end or now),
        coupon=kept,
        coupon_until=billing_periods.coupon_end(kept, now) if kept is not None else None,
    )
    sent = subscription["collection_method"] == "send_invoice"
    subscription["status"] = "trialing" if trial_end else "active" if sent else "incomplete"
    for place, (price, quantity) in enumerate(items):
        add_item(state, subscription, price, quantity, item_metadata[place] if item_metadata else {})
    extra = [_item_once(state, subscription, price, quantity) for price, quantity in once]
    invoice = billing_periods.draft(state, subscription, "subscription_create", extra=extra)
    subscription.private["first_invoice"] = invoice.id
    state.emit("customer.subscription.created", subscription)
    billing_periods.announce(state, subscription, invoice)
    _set_alarms(state, subscription)
    invoices.finalize(state, invoice)
    if sent and invoice["status"] == "open":
        invoices.send(state, invoice)
    return subscription


def pay_first(state: State, subscription: Record, method: Record) -> Record | None:
    """Take the money of the first invoice while the customer is present.

    Returns:
        The PaymentIntent, which may wait for the customer; ``None`` where nothing was due, and the method is kept.

    Raises:
        SandboxError: The payment was refused; another method may be tried.
    """
    invoice = state.need("invoice", subscription.private["first_invoice"])
    if invoice["status"] == "open":
        return invoices.pay(state, invoice, method)
    require_running(subscription, "paid")
    if invoice["amount_due"] == 0 and not subscription.get("default_payment_method"):
        subscription["default_payment_method"] = method.id
    return None


def end(state: State, subscription: Record) -> None:
    """End a subscription now. An open invoice of it can still be paid, but is not collected any more."""
    now = state.clock.second
    if subscription["status"] == "incomplete":
        # It never began, so its first invoice is no debt.
        first = state.need("invoice", subscription.private["first_invoice"])
        subscription["status"] = "canceled"
        invoices.void(state, first)
    subscription.update(status="canceled", ended_at=now, canceled_at=subscription.get("canceled_at") or now)
    collection.stop(state, subscription)
    state.emit("customer.subscription.deleted", subscription)


def check_prices(prices: Sequence[Record], amounts: Sequence[int]) -> None:
    """Refuse prices that one subscription cannot have side by side."""
    if any(not price.get("recurring") for price in prices):
        raise _bad("A subscription needs prices that are recurring.")
    if len({price["currency"] for price in prices}) > 1:
        raise _bad("All items of a subscription must have one currency.")
    if len({interval_of(price) for price in prices}) > 1:
        raise _bad("All items of a subscription must have the same interval and interval_count.")
    if sum(amounts) > MAX_AMOUNT:
        raise SandboxError(
            f"A subscription costs at most {MAX_AMOUNT} minor units in a period.",
            code="amount_too_large",
            param="items",
        )


def add_item(state: State, subscription: Record, price: Record, quantity: int, metadata: JsonObject) -> Record:
    """Make an item of a subscription."""
    item = state.add(
        "si",
        "subscription_item",
        {"metadata": metadata, "price": price.id, "quantity": quantity, "subscription": subscription.id},
    )
    # The reference's item does not have it.
    del item["livemode"]
    return item


def total_of(state: State, subscription: Record) -> int:
    """What a whole period costs, without discount."""
    return sum(amount_of_item(state, item) for item in items_of(state, subscription))


@duty("subscriptions.expire")
def expire_when_due(state: State, id: str) -> None:
    """End a subscription whose first invoice was not paid in time."""
    subscription = state.need("subscription", id)
    if subscription["status"] != "incomplete":
        return
    first = state.need("invoice", subscription.private["first_invoice"])
    if invoices.intent_of(state, first)["status"] not in payments.CANCELABLE:
        # A payment is under way: look again when its outcome is there.
        state.remind(state.clock.now + payments.PROCESSING_MILLISECONDS, "subscriptions.expire", subscription)
        return
    invoices.void(state, first)


@duty("subscriptions.end")
def end_when_due(state: State, id: str) -> None:
    """End a subscription at the time that was asked for."""
    subscription = state.need("subscription", id)
    cancel_at: int | None = subscription.get("cancel_at")
    if subscription["status"] not in ENDED and cancel_at is not None and cancel_at <= state.clock.now:
        end(state, subscription)


def _set_alarms(state: State, subscription: Record) -> None:
    if subscription["status"] == "incomplete":
        state.remind(state.clock.now + HOURS_TO_PAY * _HOUR, "subscriptions.expire", subscription)
    state.remind(subscription["current_period_end"], "subscriptions.renew", subscription)
    if subscription.get("cancel_at") is not None:
        state.remind(subscription["cancel_at"], "subscriptions.end", subscription)
    if subscription.get("trial_end") is not None:
        notice = subscription["trial_end"] - TRIAL_NOTICE_DAYS * MILLISECONDS_PER_DAY
        state.remind(max(notice, state.clock.now), "subscriptions.trial_will_end", subscription)


def _item_once(state: State, subscription: Record, price: Record, quantity: int) -> Record:
    amount = amount_of(price, quantity)
    fields: JsonObject = {
        "amount": amount,
        "currency": subscription["currency"],
        "customer": subscription["customer"],
        "description": invoice_lines.name_of(state, price),
        "price": price.id,
        "quantity": quantity,
        "subscription": subscription.id,
        "unit_amount": price.get("unit_amount"),
    }
    return invoice_lines.make_item(state, fields)


def _bad(message: str) -> SandboxError:
    return SandboxError(message, code="parameter_invalid", param="items")
