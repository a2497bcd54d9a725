"""Acts: what somebody other than the merchant does, carried out when the tester asks for it."""

from __future__ import annotations

import inspect
from difflib import get_close_matches

from wooshpay.core.json import JsonObject
from wooshpay.sandbox.engine.errors import SandboxError
from wooshpay.sandbox.engine.guard import Guard
from wooshpay.sandbox.engine.params import Params
from wooshpay.sandbox.engine.registry import acts, find_act
from wooshpay.sandbox.engine.state import Cause, State


def carry_out(state: State, lock: Guard, name: str, values: JsonObject) -> JsonObject:
    """Carry out an act as the work of a request: what is due comes first, and events name the request.

    Raises:
        SandboxError: 404, there is no such act; or whatever the act refuses.
    """
    work = find_act(name)
    if work is None:
        near = get_close_matches(name, acts(), 1)
        hint = f"did you mean {near[0]}?" if near else "GET /sandbox/acts lists them."
        raise SandboxError(f"There is no act {name!r}; {hint}", status=404, code="unknown_act")
    with lock:
        cause = Cause(request_id=state.ids.new("req"))
        with state.caused_by(cause):
            state.clock.run_due()
            return work(state, Params(values, listed_currencies=state.options.unknown_currencies == "refused"))


def list_acts() -> list[JsonObject]:
    """All acts, by name, and what each does."""
    return [
        {"object": "sandbox.act", "name": name, "what": inspect.getdoc(work) or ""} for name, work in acts().items()
    ]
