"""Setup attempts: one for each try of a SetupIntent. They come of setups and are only read here.

Their states are in `wooshpay.sandbox.lifecycles.setups`.
"""

from __future__ import annotations

from wooshpay.core.json import JsonObject
from wooshpay.sandbox.engine.listing import list_page
from wooshpay.sandbox.engine.params import Params
from wooshpay.sandbox.engine.registry import behaviour
from wooshpay.sandbox.engine.state import State


@behaviour("setup_attempts.list")
def list_attempts(state: State, params: Params) -> JsonObject:
    """List attempts, newest first."""
    return list_page(state, params, kind="setup_attempt", url="/v1/setup_attempts/list", same=("setup_intent",))
