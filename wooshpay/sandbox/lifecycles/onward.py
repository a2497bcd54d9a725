"""Where a customer goes from here, and what the customer reads when nothing is left to do."""

from __future__ import annotations

import re
from typing import Final

from wooshpay.core.json import JsonObject
from wooshpay.sandbox.engine.state import State
from wooshpay.sandbox.engine.store import Record
from wooshpay.sandbox.lifecycles import checkout

_SCHEME = re.compile(r"https?://", re.IGNORECASE)

_DONE: Final = {
    "payment": ("This payment is complete", "Thank you. There is nothing left to pay here."),
    "subscription": ("Your subscription has started", "Thank you. There is nothing left to do here."),
    "setup": ("Your payment method is saved", "Thank you. There is nothing left to do here."),
}


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


def ending(session: Record) -> tuple[str, str]:
    """Return the title and the text of the page of a session that is complete."""
    title, text = _DONE[session["mode"]]
    if session["mode"] == "payment" and session["payment_status"] == "no_payment_required":
        title = "Your order is complete"
    return title, session.private.get("confirmation") or text
