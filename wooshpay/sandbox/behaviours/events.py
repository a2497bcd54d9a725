"""Events. They come up once and never change; `State.emit` makes them."""

from __future__ import annotations

from wooshpay.core.json import JsonObject
from wooshpay.sandbox.engine.params import Params
from wooshpay.sandbox.engine.registry import behaviour, view
from wooshpay.sandbox.engine.state import State, plain_view
from wooshpay.sandbox.engine.store import Record


@view("event")
def show(state: State, event: Record) -> JsonObject:
    """Return an event with ``created`` in the unit that the webhook options had when it came up."""
    shown = plain_view(event)
    if event.private.get("created_unit") == "seconds":
        shown["created"] //= 1000
    return shown


@behaviour("events.retrieve")
def retrieve(state: State, params: Params) -> JsonObject:
    """Get an event."""
    return state.view(state.need("event", params.id))
