"""Simulated actions: what a customer, a cardholder or a bank does, carried out when the tester asks for it."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from difflib import get_close_matches

from wooshpay.core.json import JsonObject
from wooshpay.sandbox.engine.act_parameters import ActParameter, SimulatedAction
from wooshpay.sandbox.engine.errors import SandboxError, missing
from wooshpay.sandbox.engine.guard import Guard
from wooshpay.sandbox.engine.params import Params
from wooshpay.sandbox.engine.registry import act_parameters, acts, find_act
from wooshpay.sandbox.engine.state import Cause, State


def carry_out(state: State, lock: Guard, name: str, values: JsonObject) -> JsonObject:
    """Carry out a simulated action as the work of a request: what is due comes first, and events name the request.

    Raises:
        SandboxError: 404 if there is no such action or no object with an ID that was passed; 400 if a parameter is
            unknown, missing or not valid, or if the object is in another state than the action needs. Nothing has
            changed then.
    """
    work = find_act(name)
    if work is None:
        hint = _nearest(name, acts()) or "GET /sandbox/acts or sandbox.acts() lists all of them."
        raise SandboxError(f"There is no simulated action {name!r}; {hint}", status=404, code="unknown_act")
    parameters = act_parameters(name)
    params = Params(values)
    _check_names(name, parameters, params)
    with lock:
        cause = Cause(request_id=state.ids.new("req"))
        with state.caused_by(cause):
            state.clock.run_due()
            for parameter in parameters:
                _check_value(state, parameter, params)
            return work(state, params)


def list_acts() -> list[SimulatedAction]:
    """Return all simulated actions, by name."""
    return [_described(name, inspect.getdoc(work) or "") for name, work in acts().items()]


def _described(name: str, text: str) -> SimulatedAction:
    summary, _, details = text.replace("``", "`").partition("\n\n")
    return SimulatedAction(
        name=name, summary=" ".join(summary.split()), details=details.strip(), parameters=act_parameters(name)
    )


def _check_names(action: str, parameters: Iterable[ActParameter], params: Params) -> None:
    known = [parameter.name for parameter in parameters]
    for name in params.values:
        if name not in known:
            listed = f"its parameters are {', '.join(known)}." if known else "it has no parameters."
            hint = _nearest(name, known) or listed
            raise SandboxError(
                f"The simulated action {action} has no parameter {name!r}; {hint}",
                code="parameter_unknown",
                param=name,
            )
    for parameter in parameters:
        if parameter.required and params.values.get(parameter.name) in (None, ""):
            raise missing(parameter.name)


def _check_value(state: State, parameter: ActParameter, params: Params) -> None:
    """Refuse a value that is not of the declared kind. The action itself has narrower rules."""
    name = parameter.name
    if not params.given(name):
        return
    match parameter.kind:
        case "id":
            id = params.text(name)
            if id:
                state.need(parameter.of, id, param=name)
        case "choice":
            params.choice(name, parameter.choices)
        case "amount":
            params.integer(name, least=1)
        case "integer":
            params.integer(name)
        case "currency":
            params.currency(name)
        case "flag":
            params.flag(name)
        case "object":
            params.within(name)
        case "text":
            params.text(name)


def _nearest(name: str, known: Iterable[str]) -> str:
    near = get_close_matches(name, known, 1)
    return f"did you mean {near[0]}?" if near else ""
