"""What becomes of cardholders.

    from              by                              to
    (new)             create                          active; inactive if asked for
    active, inactive  update                          active, inactive
    active, inactive  the issuer blocks the holder    blocked, for good

Cards of a cardholder that is not active are declined. The statuses are Stripe's, and so are the names of the events:
``issuing_cardholder.created`` and ``issuing_cardholder.updated`` (inferred).
"""

from __future__ import annotations

from wooshpay.core.json import JsonObject
from wooshpay.sandbox.engine.errors import wrong_state
from wooshpay.sandbox.engine.state import State
from wooshpay.sandbox.engine.store import Record


def make(state: State, fields: JsonObject) -> Record:
    """Make a cardholder."""
    holder = state.add("ich", "issuing.cardholder", fields)
    state.emit("issuing_cardholder.created", holder)
    return holder


def change(state: State, holder: Record, fields: JsonObject) -> None:
    """Change a cardholder."""
    if holder["status"] == "blocked" and "status" in fields:
        raise wrong_state(
            "This cardholder is blocked for good; the status cannot change any more.",
            code="issuing_cardholder_unexpected_state",
            about=holder,
        )
    holder.update(fields)
    state.emit("issuing_cardholder.updated", holder)


def block(state: State, holder: Record) -> None:
    """Block a cardholder, as the issuer does after abuse."""
    if holder["status"] != "blocked":
        holder["status"] = "blocked"
        state.emit("issuing_cardholder.updated", holder)
