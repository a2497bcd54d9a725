"""The acts: what somebody other than the merchant does, asked for by the tester."""

from __future__ import annotations

import attrs
from aiohttp import web

from wooshpay.core.docstring import Docstring, read_docstring
from wooshpay.core.json import Json, JsonObject, loads
from wooshpay.sandbox.controls.acting import carry_out
from wooshpay.sandbox.engine.errors import SandboxError
from wooshpay.sandbox.engine.params import as_object
from wooshpay.sandbox.engine.registry import acts, find_act
from wooshpay.sandbox.pages.answers import no_such_page
from wooshpay.sandbox.pages.dashboard.desk import Desk, Visit
from wooshpay.sandbox.pages.dashboard.json_text import json_tokens
from wooshpay.sandbox.pages.dashboard.rows import can_be_shown
from wooshpay.sandbox.pages.dashboard.showing import show

_NOTHING_YET = "{\n  \n}"


@attrs.frozen
class Act:
    """An act.

    Attributes:
        name: Its name.
        says: Its docstring.
    """

    name: str
    says: Docstring


def all_acts() -> list[Act]:
    """All acts, by name."""
    return [Act(name, read_docstring(work.__doc__)) for name, work in acts().items()]


def read_parameters(text: str) -> JsonObject:
    """The parameters that were typed.

    Raises:
        ValueError: It says what to change.
    """
    if not text.strip():
        return {}
    try:
        values = as_object(loads(text.encode()))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"The parameters are not valid JSON: {error}.") from None
    if values is None:
        raise ValueError('The parameters must be a JSON object, such as {"amount": 100}.')
    return values


def show_acts(desk: Desk, visit: Visit) -> web.Response:
    """All acts."""
    return show(desk, "acts", title="Acts", section="acts", acts=all_acts())


def show_act(desk: Desk, visit: Visit) -> web.Response:
    """One act, with its form."""
    return _show(desk, visit)


def carry_out_act(desk: Desk, visit: Visit) -> web.Response:
    """Carry an act out; show what it gives."""
    if find_act(visit.place("name")) is None:
        return no_such_page()
    text = visit.form.get("parameters", "")
    try:
        answer = carry_out(desk.state, desk.lock, visit.place("name"), read_parameters(text))
    except ValueError as error:
        return _show(desk, visit, status=400, text=text, error=str(error))
    except SandboxError as error:
        return _show(desk, visit, status=error.status, text=text, error=error.message, answer=error.body())
    return _show(desk, visit, text=text, answer=answer, done=True)


def _show(
    desk: Desk,
    visit: Visit,
    *,
    status: int = 200,
    text: str = _NOTHING_YET,
    error: str = "",
    answer: Json = None,
    done: bool = False,
) -> web.Response:
    act = next((act for act in all_acts() if act.name == visit.place("name")), None)
    if act is None:
        return no_such_page()
    return show(
        desk,
        "act",
        title=act.name,
        section="acts",
        status=status,
        still=answer is not None or bool(error),
        act=act,
        text=text,
        error=error,
        done=done,
        answer=json_tokens(answer, can_be_shown(desk.state.store)) if answer is not None else None,
    )
