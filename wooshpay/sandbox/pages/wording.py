"""What a hosted page says about a session: its title, its button, how it ended, and what a subscription will cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import attrs

from wooshpay.core.json import JsonObject
from wooshpay.sandbox.rules.currencies import written
from wooshpay.sandbox.rules.discounts import amount_off, covers
from wooshpay.sandbox.rules.pricing import amount_of

_THANKS: Final = "Thank you. There is nothing left to do here."
_DONE: Final = {
    "payment": ("This payment is complete", "Thank you. There is nothing left to pay here."),
    "subscription": ("Your subscription has started", _THANKS),
    "setup": ("Your payment method is saved", _THANKS),
}


@attrs.frozen(kw_only=True)
class Ending:
    """What the page of a session that is complete says.

    Attributes:
        title: The heading.
        text: A sentence.
        waits: Whether the payment is still processing.
        failed: Whether the payment failed after it had been processing.
    """

    title: str
    text: str
    waits: bool = False
    failed: bool = False


def ending(session: Mapping[str, Any], message: str | None, paying: str | None) -> Ending:
    """Return what the page of a session that is complete says.

    Args:
        session: The session.
        message: The merchant's own message, if there is one.
        paying: The status of the PaymentIntent that pays the session, if there is one.
    """
    title, text = _DONE[session["mode"]]
    if session["payment_status"] == "unpaid":
        if paying == "processing":
            return Ending(
                title="Your payment is being processed",
                text="The bank confirms it in about a minute. You do not need to pay again.",
                waits=True,
            )
        if paying == "requires_capture":
            return Ending(
                title="Your payment is authorized",
                text=message or "The shop collects the amount when it completes your order.",
            )
        return Ending(
            title="The payment failed",
            text="The bank refused it while it was being processed. Nothing was charged.",
            failed=True,
        )
    if session["mode"] == "payment" and session["payment_status"] == "no_payment_required":
        title = "Your order is complete"
    return Ending(title=title, text=message or text)


def heading(session: JsonObject) -> str:
    """What the page is about."""
    return "Save a payment method" if session["mode"] == "setup" else "Your order"


def button(session: JsonObject, trial_days: int | None) -> str:
    """What the button of the card form says."""
    if session["mode"] == "setup":
        return "Save card"
    if session["mode"] == "subscription" and session["amount_total"] == 0:
        return "Start free trial" if trial_days else "Subscribe"
    if session["amount_total"] == 0:
        return "Complete order"
    amount = written(session["amount_total"], session["currency"])
    return f"Pay {amount} and subscribe" if session["mode"] == "subscription" else f"Pay {amount}"


def billed(recurring: Mapping[str, Any]) -> str:
    """How often a line is billed: ``every month``, ``every 3 months``."""
    return f"every {_period(recurring)}"


def _each(recurring: Mapping[str, Any]) -> str:
    return f"per {recurring['interval']}" if recurring["interval_count"] == 1 else billed(recurring)


def plan(session: JsonObject, trial_days: int | None, coupon: JsonObject | None) -> str | None:
    """What the subscription costs over time: ``Free for 7 days, then 10.00 USD per month.``"""
    items = [item for item in session["line_items"]["data"] if item["price"].get("recurring")]
    if not items:
        return None
    often = _each(items[0]["price"]["recurring"])
    full, reduced = _due_each_time(items, coupon)
    currency: str = session["currency"]
    costs = f"{written(full, currency)} {often}"
    less = f"{written(reduced, currency)} {often}"
    if coupon is not None and reduced < full:
        duration = coupon.get("duration")
        if duration == "forever":
            costs = less
        elif duration == "repeating":
            costs = f"{less} while the discount lasts, then {costs}"
        elif trial_days is None:
            costs = (
                f"{written(reduced, currency)} for the first {_period(items[0]['price']['recurring'])}, then {costs}"
            )
    if trial_days is not None:
        return f"Free for {trial_days} {'day' if trial_days == 1 else 'days'}, then {costs}."
    return f"{costs[:1].upper()}{costs[1:]}."


def reduction(coupon: JsonObject) -> str:
    """What a discount is called: the coupon's name and what it takes off."""
    if coupon.get("percent_off") is not None:
        taken = f"{coupon['percent_off']:g}% off"
    else:
        taken = f"{written(coupon['amount_off'], coupon['currency'])} off"
    name = coupon.get("name")
    return f"{name} ({taken})" if name else taken


def _due_each_time(items: Sequence[JsonObject], coupon: JsonObject | None) -> tuple[int, int]:
    amounts = [amount_of(item["price"], item["quantity"]) for item in items]
    full = sum(amounts)
    if coupon is None:
        return full, full
    covered = sum(
        amount for item, amount in zip(items, amounts, strict=True) if covers(coupon, item["price"]["product"]["id"])
    )
    return full, full - amount_off(coupon, covered, items[0]["currency"])


def _period(recurring: Mapping[str, Any]) -> str:
    count, interval = recurring["interval_count"], recurring["interval"]
    return interval if count == 1 else f"{count} {interval}s"
