"""Events. They come up once and never change; `State.emit` makes them."""

from __future__ import annotations

from wooshpay.core.json import JsonObject
from wooshpay.sandbox.engine.params import Params
from wooshpay.sandbox.engine.registry import behaviour
from wooshpay.sandbox.engine.state import State


@behaviour("events.retrieve")
def retrieve(state: State, params: Params) -> JsonObject:
    """Get an event."""
    return state.view(state.need("event", params.id))
