"""Where a customer goes from here."""

from __future__ import annotations

from wooshpay.core.json import JsonObject
from wooshpay.sandbox.engine.state import State
from wooshpay.sandbox.engine.store import Record
from wooshpay.sandbox.lifecycles import checkout
from wooshpay.sandbox.pages.answers import address


def next_page(state: State, intent: Record) -> str:
    """Where the customer goes after an attempt; nothing where the merchant gave no address."""
    action: JsonObject | None = intent.get("next_action")
    if action is not None:
        return str(next(shape["url"] for name, shape in action.items() if name != "type"))
    session = checkout.session_of(state, intent)
    return after_session(state, session) if session is not None else address(intent.get("return_url")) or ""


def after_session(state: State, session: Record) -> str:
    """Where the customer of a session goes: on to the merchant when it is complete, or else to its page."""
    done = session["status"] == "complete"
    return (address(session.get("success_url")) if done else None) or str(state.view(session)["url"])
