"""The faults: which are switched on, and a form for more of them, made of what `fault_kinds` says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
from aiohttp import web

from wooshpay.api import declarations
from wooshpay.sandbox.pages.answers import no_such_page
from wooshpay.sandbox.pages.dashboard.access import ROOT
from wooshpay.sandbox.pages.dashboard.desk import Desk, Visit
from wooshpay.sandbox.pages.dashboard.showing import show
from wooshpay.sandbox.requests.fault_kinds import FAULT_KINDS, PARAMETERS, FaultParameter, ParameterFacts
from wooshpay.sandbox.requests.faults import Fault


@attrs.frozen(kw_only=True)
class FaultLine:
    """A fault that is switched on.

    Attributes:
        id: Its name.
        title: Its kind in a few words.
        operation: What it waits for; empty for any request.
        chance: How likely it hits a request that fits, in words.
        remaining: How many requests it still hits; empty for all.
        settings: Its settings in words.
        hits: How many requests it has hit.
    """

    id: str
    title: str
    operation: str
    chance: str
    remaining: str
    settings: str
    hits: int


@attrs.frozen
class Setting:
    """A field of the form.

    Attributes:
        name: The parameter.
        facts: What it is.
        used_by: The kinds of faults that it is for, in words.
    """

    name: FaultParameter
    facts: ParameterFacts
    used_by: str


def line(fault: Fault) -> FaultLine:
    """The line of a fault."""
    facts = FAULT_KINDS[fault.kind]
    return FaultLine(
        id=fault.id,
        title=facts.title,
        operation=fault.operation or "",
        chance=f"{fault.probability * 100:.4g} %",
        remaining="" if fault.remaining is None else str(fault.remaining),
        settings=", ".join(f"{name} {getattr(fault, name)}" for name in facts.parameters),
        hits=fault.hits,
    )


def settings() -> list[Setting]:
    """The fields of the form that only some kinds of faults have."""
    return [
        Setting(name, facts, ", ".join(kind.title for kind in FAULT_KINDS.values() if name in kind.parameters))
        for name, facts in PARAMETERS.items()
    ]


def read_fault(form: Mapping[str, str]) -> dict[str, Any]:
    """The arguments for `Faults.add` in a form.

    Raises:
        ValueError: It says what to change.
    """
    probability = _number(form, "probability", 1.0)
    arguments: dict[str, Any] = {
        "kind": form.get("kind", ""),
        "operation": form.get("operation") or None,
        "times": _number(form, "times", None),
        "probability": probability,
        "seed": _number(form, "seed", None),
    }
    for name, facts in PARAMETERS.items():
        text = form.get(name)
        if text:
            arguments[name] = text if facts.options else _number(form, name, facts.default)
    return arguments


def _number(form: Mapping[str, str], name: str, default: float | None) -> Any:
    """A number; with decimals only where the default has some."""
    text = form.get(name)
    if not text:
        return default
    try:
        return float(text) if isinstance(default, float) else int(text)
    except ValueError:
        raise ValueError(f"{name} must be a {'' if isinstance(default, float) else 'whole '}number.") from None


def show_faults(desk: Desk, visit: Visit) -> web.Response:
    """The faults, and the form."""
    return _show(desk, {})


def switch_on(desk: Desk, visit: Visit) -> web.Response:
    """Switch a fault on."""
    try:
        desk.faults.add(**read_fault(visit.form))
    except ValueError as error:
        return _show(desk, visit.form, status=400, error=str(error))
    return _back()


def remove(desk: Desk, visit: Visit) -> web.Response:
    """Switch a fault off."""
    fault = desk.faults.get(visit.place("id"))
    if fault is None:
        return no_such_page()
    desk.faults.remove(fault)
    return _back()


def clear(desk: Desk, visit: Visit) -> web.Response:
    """Switch all faults off."""
    desk.faults.clear()
    return _back()


def _back() -> web.Response:
    return web.Response(status=303, headers={"Location": f"{ROOT}/faults"})


def _show(desk: Desk, form: Mapping[str, str], *, status: int = 200, error: str = "") -> web.Response:
    return show(
        desk,
        "faults",
        title="Faults",
        section="faults",
        status=status,
        still=bool(error),
        faults=[line(fault) for fault in desk.faults],
        kinds=list(FAULT_KINDS.values()),
        settings=settings(),
        operations=[declaration.name for declaration in declarations()],
        form=form,
        error=error,
    )
