"""Telling open pages that something changed, so that they look again."""

from __future__ import annotations

import asyncio
import hashlib
from typing import Final

from aiohttp import web

from wooshpay.sandbox.pages.dashboard.desk import Desk

_LOOK_EVERY: Final = 0.25
# A line now and then keeps the connection open, and tells the sandbox when nobody is there any more.
_LOOKS_PER_SIGN_OF_LIFE: Final = 60
_NEWEST: Final = 50


def stamp(desk: Desk) -> str:
    """A text that is another one when anything that the dashboard shows may have changed. Cheap at any size."""
    state = desk.state
    facts = (
        desk.touched,
        state.ids.last,
        desk.deliveries.moves,
        tuple((fault.id, fault.hits) for fault in desk.faults),
        len(desk.log),
        # Answers come after their requests; the ones that are long under way are few and new.
        tuple((entry.id, entry.status, entry.fault) for entry in desk.log[-_NEWEST:]),
        tuple(alarm.number for alarm in state.clock.upcoming(1)),
    )
    return hashlib.sha256(repr(facts).encode()).hexdigest()[:16]


async def follow(desk: Desk, request: web.Request) -> web.StreamResponse:
    """Server-sent events: the stamp, now and whenever it changes."""
    stream = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
    await stream.prepare(request)
    told, looks = "", 0
    while request.transport is not None and not request.transport.is_closing():
        with desk.lock:
            found = stamp(desk)
        try:
            if found != told:
                await stream.write(f"data: {found}\n\n".encode())
                told = found
            elif looks % _LOOKS_PER_SIGN_OF_LIFE == 0:
                await stream.write(b": here\n\n")
        except ConnectionError:
            break
        looks += 1
        try:
            await asyncio.wait_for(desk.closing.wait(), _LOOK_EVERY)
        except TimeoutError:
            continue
        break
    return stream
