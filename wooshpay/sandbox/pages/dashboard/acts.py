"""Simulated actions and operations of the merchant, each with a form made from its declared parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import attrs
from aiohttp import web

from wooshpay.core.docstring import read_docstring
from wooshpay.core.json import Json
from wooshpay.core.redaction import redact
from wooshpay.sandbox.controls.acting import carry_out
from wooshpay.sandbox.engine.act_parameters import ActParameter
from wooshpay.sandbox.engine.errors import SandboxError
from wooshpay.sandbox.engine.params import as_object, is_web_address
from wooshpay.sandbox.engine.registry import act_parameters, acts, find_act
from wooshpay.sandbox.engine.store import Store
from wooshpay.sandbox.pages.answers import no_such_page
from wooshpay.sandbox.pages.dashboard import operations
from wooshpay.sandbox.pages.dashboard.access import ROOT
from wooshpay.sandbox.pages.dashboard.act_forms import (
    fields,
    read_values,
    refused_field,
    values_in,
)
from wooshpay.sandbox.pages.dashboard.desk import Desk, Visit
from wooshpay.sandbox.pages.dashboard.json_text import json_tokens
from wooshpay.sandbox.pages.dashboard.rows import can_be_shown, find
from wooshpay.sandbox.pages.dashboard.showing import show

_SEEN_BY_CUSTOMER: Final = "sandbox.page"


@attrs.frozen(kw_only=True)
class Task:
    """What a page with a form is about: a simulated action, or an operation of the merchant.

    Attributes:
        name: Its name.
        path: Where the form goes, within the dashboard.
        summary: What it does, in a sentence.
        body: Further paragraphs.
        parameters: The parameters that it declares.
        button: The text of the button.
        simulated: Whether it is a simulated action.
    """

    name: str
    path: str
    summary: str
    body: tuple[str, ...] = ()
    parameters: tuple[ActParameter, ...]
    button: str
    simulated: bool

    @property
    def area(self) -> str:
        """The first part of its name, by which the list is grouped."""
        return self.name.partition(".")[0]


@attrs.frozen(kw_only=True)
class PageSeen:
    """What the customer sees after a simulated action.

    Attributes:
        status: How it ended.
        message: The sentence on the customer's page.
        url: Where the browser goes next; empty if it stays.
        shown_url: The same without secrets.
        leads: Whether the URL can be a link.
    """

    status: str
    message: str
    url: str
    shown_url: str
    leads: bool


@attrs.frozen(kw_only=True)
class Attempt:
    """One sending of a form.

    Attributes:
        typed: The values that were sent, by parameter.
        error: Why it was refused; ``None`` if it was not.
        answer: The result, or the whole error; ``None`` if there is none.
    """

    typed: Mapping[str, str]
    error: SandboxError | None = None
    answer: Json = None


def all_tasks() -> list[Task]:
    """Return all simulated actions, by name."""
    return [task for name in acts() if (task := find_task(name)) is not None]


def find_task(name: str) -> Task | None:
    """Return the simulated action with a name."""
    work = find_act(name)
    if work is None:
        return None
    says = read_docstring(work.__doc__)
    return Task(
        name=name,
        path=f"acts/{name}",
        summary=_plain(says.summary),
        body=tuple(_plain(text) for text in says.body),
        parameters=act_parameters(name),
        button="Carry out",
        simulated=True,
    )


def _find_operation(name: str) -> Task | None:
    operation = operations.OPERATIONS.get(name)
    if operation is None:
        return None
    return Task(
        name=name,
        path=f"operations/{name}",
        summary=operation.says,
        parameters=operation.parameters,
        button=operation.button,
        simulated=False,
    )


def _plain(text: str) -> str:
    return text.replace("`", "")


def page_seen(answer: Json) -> PageSeen | None:
    """Return what the customer sees, if that is what a result tells."""
    found = as_object(answer)
    if found is None or found.get("object") != _SEEN_BY_CUSTOMER:
        return None
    url = found.get("url")
    where = url if isinstance(url, str) else ""
    return PageSeen(
        status=str(found.get("status") or ""),
        message=redact(str(found.get("message") or "")),
        url=where,
        shown_url=redact(where),
        leads=is_web_address(where),
    )


# ---- simulated actions


def show_acts(desk: Desk, visit: Visit) -> web.Response:
    """Show all simulated actions."""
    return show(desk, "acts", title="Simulated actions", section="acts", acts=all_tasks())


def show_act(desk: Desk, visit: Visit) -> web.Response:
    """Show the form of a simulated action; the address can hold values."""
    task = find_task(visit.place("name"))
    if task is None:
        return no_such_page()
    return _show(desk, task, Attempt(typed=values_in(visit.request.query)))


def carry_out_act(desk: Desk, visit: Visit) -> web.Response:
    """Carry a simulated action out; show the result."""
    task = find_task(visit.place("name"))
    if task is None:
        return no_such_page()
    attempt = Attempt(typed=values_in(visit.form))
    try:
        values = read_values(task.parameters, attempt.typed)
        answer = carry_out(desk.state, desk.lock, task.name, values)
    except SandboxError as error:
        return _show(desk, task, attrs.evolve(attempt, error=error, answer=error.body()))
    return _show(desk, task, attrs.evolve(attempt, answer=answer))


# ---- operations of the merchant


def show_operation(desk: Desk, visit: Visit) -> web.Response:
    """Show the form of an operation; the address can hold values."""
    task = _find_operation(visit.place("name"))
    return no_such_page() if task is None else _show(desk, task, Attempt(typed=values_in(visit.request.query)))


async def carry_out_operation(desk: Desk, visit: Visit) -> web.Response:
    """Carry an operation out as the merchant; go on to its object."""
    task = _find_operation(visit.place("name"))
    if task is None:
        return no_such_page()
    attempt = Attempt(typed=values_in(visit.form))
    try:
        values = read_values(task.parameters, attempt.typed)
        operation = operations.OPERATIONS[task.name]
        answer = await operations.carry_out(desk, visit.request, operation, values, visit.form.get("key") or None)
    except SandboxError as error:
        with desk.lock:
            return _show(desk, task, attrs.evolve(attempt, error=error, answer=error.body()))
    with desk.lock:
        made = find(desk.state.store, str(answer.get("id")))
        if made is not None:
            return web.Response(status=303, headers={"Location": f"{ROOT}/object/{made.id}"})
        return _show(desk, task, attrs.evolve(attempt, answer=answer))


# ---- both


def _show(desk: Desk, task: Task, attempt: Attempt) -> web.Response:
    store = desk.state.store
    error = attempt.error
    return show(
        desk,
        "act",
        title=task.name,
        section="acts" if task.simulated else "objects",
        status=200 if error is None else error.status,
        still=attempt.answer is not None,
        task=task,
        fields=fields(store, task.parameters, attempt.typed, error),
        about=_about(store, task, attempt),
        key=operations.new_key(),
        error=error.message if error is not None else "",
        at_field=refused_field(task.parameters, error) is not None,
        done=attempt.answer is not None and error is None,
        seen=page_seen(attempt.answer),
        answer=json_tokens(attempt.answer, can_be_shown(store)) if attempt.answer is not None else None,
    )


def _about(store: Store, task: Task, attempt: Attempt) -> list[str]:
    """Return the IDs of the objects that the values name, then of those in the result, to lead to them."""
    named = [attempt.typed.get(parameter.name, "").strip() for parameter in task.parameters if parameter.kind == "id"]
    answer = as_object(attempt.answer) or {}
    made = [str(found.get("id")) for found in (answer, *map(as_object, answer.values())) if found is not None]
    return [id for id in dict.fromkeys((*named, *made)) if id and find(store, id) is not None]
