"""Where a customer goes from here."""

from __future__ import annotations

from wooshpay.core.json import JsonObject
from wooshpay.sandbox.engine.state import State
from wooshpay.sandbox.engine.store import Record
from wooshpay.sandbox.lifecycles import payments
from wooshpay.sandbox.pages.answers import address


def next_page(state: State, intent: Record) -> str:
    """Where the customer goes from here; nothing where the merchant gave no address."""
    action: JsonObject | None = intent.get("next_action")
    if action is not None:
        return next(str(shape["url"]) for name, shape in action.items() if name != "type")
    id: str | None = intent.private.get("session")
    if id is None:
        return address(intent.get("return_url")) or ""
    session = state.need("checkout.session", id)
    if intent["status"] in payments.PAID:
        return address(session["success_url"]) or ""
    return str(state.view(session)["url"])
