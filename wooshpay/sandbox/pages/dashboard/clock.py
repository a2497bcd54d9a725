"""The clock: what time it is in the sandbox, moving it, and what falls due next."""

from __future__ import annotations

import math
from typing import Final

import attrs
from aiohttp import web

from wooshpay.core.docstring import read_docstring
from wooshpay.sandbox.engine.clock import MILLISECONDS_PER_DAY
from wooshpay.sandbox.engine.registry import find_duty
from wooshpay.sandbox.engine.state import State
from wooshpay.sandbox.pages.dashboard.access import ROOT
from wooshpay.sandbox.pages.dashboard.desk import Desk, Visit
from wooshpay.sandbox.pages.dashboard.rows import find
from wooshpay.sandbox.pages.dashboard.showing import show
from wooshpay.sandbox.pages.dashboard.words import duration

_UNITS: Final = {"seconds": 1000, "minutes": 60_000, "hours": 3_600_000, "days": MILLISECONDS_PER_DAY}
_MOST_DAYS: Final = 3660
_MOST_SHOWN: Final = 50


@attrs.frozen(kw_only=True)
class Reminder:
    """Something that falls due.

    Attributes:
        number: Tells it from others.
        due: When.
        wait: How long that is from now, in words.
        what: What happens then.
        subject: The id of the object that it happens to.
        kept: Whether there is such an object.
    """

    number: int
    due: int
    wait: str
    what: str
    subject: str
    kept: bool


def reminders(state: State, most: int) -> list[Reminder]:
    """What falls due next."""
    now = state.clock.now
    return [
        Reminder(
            number=alarm.number,
            due=alarm.due,
            wait=duration(alarm.due - now),
            what=read_docstring(find_duty(alarm.name).__doc__).summary or alarm.name,
            subject=alarm.subject,
            kept=find(state.store, alarm.subject) is not None,
        )
        for alarm in state.clock.upcoming(most)
    ]


def read_step(form_amount: str, unit: str) -> int:
    """How far to move the clock, in milliseconds.

    Raises:
        ValueError: It says what to change.
    """
    try:
        step = float(form_amount) * _UNITS[unit]
    except (ValueError, KeyError):
        raise ValueError("Enter a number and choose a unit.") from None
    if not math.isfinite(step) or not 0 < step <= _MOST_DAYS * MILLISECONDS_PER_DAY:
        raise ValueError(f"The clock moves forward only, and at most {_MOST_DAYS} days at once.")
    return round(step)


def show_clock(desk: Desk, visit: Visit) -> web.Response:
    """The clock."""
    return _show(desk)


def advance(desk: Desk, visit: Visit) -> web.Response:
    """Move the clock; what falls due on the way happens."""
    preset = visit.form.get("step", "")
    amount, _, unit = preset.partition(" ")
    if not preset:
        amount, unit = visit.form.get("amount", ""), visit.form.get("unit", "")
    try:
        step = read_step(amount, unit)
    except ValueError as error:
        return _show(desk, status=400, amount=amount, unit=unit, error=str(error))
    desk.state.clock.advance(milliseconds=step)
    return _back()


def freeze(desk: Desk, visit: Visit) -> web.Response:
    """Stop the clock."""
    desk.state.clock.freeze()
    return _back()


def resume(desk: Desk, visit: Visit) -> web.Response:
    """Let the clock run on."""
    desk.state.clock.resume()
    return _back()


def _back() -> web.Response:
    return web.Response(status=303, headers={"Location": f"{ROOT}/clock"})


def _show(desk: Desk, *, status: int = 200, amount: str = "", unit: str = "days", error: str = "") -> web.Response:
    return show(
        desk,
        "clock",
        title="Clock",
        section="clock",
        status=status,
        still=bool(error),
        reminders=reminders(desk.state, _MOST_SHOWN),
        units=list(_UNITS),
        amount=amount,
        unit=unit,
        error=error,
    )
