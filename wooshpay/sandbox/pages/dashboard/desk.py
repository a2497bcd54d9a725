"""What the pages of the dashboard work with."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import attrs
from aiohttp import web

from wooshpay.sandbox.engine.guard import Guard
from wooshpay.sandbox.engine.state import State
from wooshpay.sandbox.pages.dashboard.trails import Trails
from wooshpay.sandbox.requests.faults import Faults
from wooshpay.sandbox.requests.log import RequestLog
from wooshpay.sandbox.webhooks.deliveries import Deliveries


@attrs.define(kw_only=True, eq=False)
class Desk:
    """The sandbox, as the dashboard sees it.

    Attributes:
        state: The sandbox.
        lock: Held while a page is made.
        log: The requests to the API.
        faults: The faults that are switched on.
        deliveries: The webhook deliveries.
        closing: Set when the sandbox closes: whoever listens for changes is let go.
        trails: Finds what belongs to an object.
        touched: Grows when something was done that leaves no other sign.
    """

    state: State
    lock: Guard
    log: RequestLog
    faults: Faults
    deliveries: Deliveries
    closing: asyncio.Event
    trails: Trails = attrs.field(factory=Trails)
    touched: int = 0

    def __attrs_post_init__(self) -> None:
        self.state.clock.watch(self.touch)

    def touch(self) -> None:
        """Say that something may have changed."""
        self.touched += 1


@attrs.frozen
class Visit:
    """One request for a page, after its right to it was checked.

    Attributes:
        request: The request.
        form: The fields of its form; none where it only looks.
    """

    request: web.Request
    form: Mapping[str, str]

    def place(self, name: str) -> str:
        """What stands in a placeholder of the path."""
        return self.request.match_info[name]

    def query(self, name: str) -> str | None:
        """A parameter of the address; ``None`` where it is absent or empty."""
        return self.request.query.get(name) or None
