"""The first page: where the sandbox is, what it holds, and what happened last."""

from __future__ import annotations

from itertools import islice
from typing import Final

import attrs
from aiohttp import web

from wooshpay.core.redaction import redact
from wooshpay.sandbox.pages.dashboard.clock import reminders
from wooshpay.sandbox.pages.dashboard.desk import Desk, Visit
from wooshpay.sandbox.pages.dashboard.events import event_lines
from wooshpay.sandbox.pages.dashboard.objects import balance, kinds
from wooshpay.sandbox.pages.dashboard.showing import show

_LATEST: Final = 8


@attrs.frozen
class Address:
    """A line of what a client needs to know."""

    name: str
    value: str


def addresses(desk: Desk, *, secrets: bool) -> list[Address]:
    """What a client needs to reach the sandbox."""
    account = desk.state.account
    lines = (
        Address("Base URL", desk.state.base_url),
        Address("Secret key", account.api_key),
        Address("Publishable key", account.publishable_key),
    )
    return [line if secrets else Address(line.name, redact(line.value)) for line in lines]


def show_overview(desk: Desk, visit: Visit) -> web.Response:
    """The overview."""
    return _show(desk, secrets=False)


def reveal_keys(desk: Desk, visit: Visit) -> web.Response:
    """The overview with the keys."""
    return _show(desk, secrets=True)


def _show(desk: Desk, *, secrets: bool) -> web.Response:
    state = desk.state
    return show(
        desk,
        "overview",
        title="Overview",
        section="",
        still=secrets,
        addresses=addresses(desk, secrets=secrets),
        secrets=secrets,
        kinds=kinds(state),
        balance=balance(state),
        requests=desk.log[-_LATEST:][::-1],
        events=event_lines(desk, islice(state.store["event"], _LATEST)),
        reminders=reminders(state, _LATEST),
    )
