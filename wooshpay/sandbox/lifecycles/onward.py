"""Where a customer goes from here, and what the customer reads when nothing is left to do."""

from __future__ import annotations

import re
from typing import Final

import attrs

from wooshpay.core.json import JsonObject
from wooshpay.sandbox.engine.state import State
from wooshpay.sandbox.engine.store import Record
from wooshpay.sandbox.lifecycles import checkout, checkout_visit

_SCHEME = re.compile(r"https?://", re.IGNORECASE)

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


def address(url: str | None) -> str | None:
    """Return a merchant's address as a browser needs it: WooshPay accepts it without a scheme."""
    if not url:
        return None
    return url if _SCHEME.match(url) else f"https://{url}"


def next_page(state: State, intent: Record) -> str:
    """Return where the customer goes after an attempt; an empty text if the merchant gave no address."""
    action: JsonObject | None = intent.get("next_action")
    if action is not None:
        return str(next(shape["url"] for name, shape in action.items() if name != "type"))
    session = checkout.session_of(state, intent)
    return after_session(state, session) if session is not None else address(intent.get("return_url")) or ""


def after_session(state: State, session: Record) -> str:
    """Return where the customer of a session goes: to the merchant when it is complete, or else to its page."""
    done = session["status"] == "complete"
    return (address(session.get("success_url")) if done else None) or str(state.view(session)["url"])


def ending(state: State, session: Record) -> Ending:
    """Return what the page of a session that is complete says."""
    title, text = _DONE[session["mode"]]
    confirmation: str | None = session.private.get("confirmation")
    if session["payment_status"] == "unpaid":
        paying = checkout_visit.paying_intent(state, session)
        status = paying["status"] if paying is not None else None
        if status == "processing":
            return Ending(
                title="Your payment is being processed",
                text="The bank confirms it in about a minute. You do not need to pay again.",
                waits=True,
            )
        if status == "requires_capture":
            return Ending(
                title="Your payment is authorized",
                text=confirmation or "The shop collects the amount when it completes your order.",
            )
        return Ending(
            title="The payment failed",
            text="The bank refused it while it was being processed. Nothing was charged.",
            failed=True,
        )
    if session["mode"] == "payment" and session["payment_status"] == "no_payment_required":
        title = "Your order is complete"
    return Ending(title=title, text=confirmation or text)
