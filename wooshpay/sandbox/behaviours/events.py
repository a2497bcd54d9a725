"""Events. They come up once and never change; `State.emit` makes them."""

from __future__ import annotations

from wooshpay.core.json import JsonObject
from wooshpay.sandbox.params import Params
from wooshpay.sandbox.registry import behaviour
from wooshpay.sandbox.state import State


@behaviour("events.retrieve")
def retrieve(state: State, params: Params) -> JsonObject:
    """Get an event."""
    return state.view(state.need("event", params.id))
