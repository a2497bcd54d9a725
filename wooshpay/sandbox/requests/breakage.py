"""How faults come true on an HTTP connection."""

from __future__ import annotations

import asyncio
import time
from email.utils import formatdate

from aiohttp import web

from wooshpay.core.json import dumps
from wooshpay.sandbox.engine.errors import SandboxError
from wooshpay.sandbox.requests.faults import Fault

_LOOK_EVERY = 0.2

_HTML = """<!doctype html>
<html><head><title>502 Bad Gateway</title></head>
<body><h1>502 Bad Gateway</h1><p>The server behind this one gave no answer.</p></body></html>
"""


class _Lost(web.Response):
    """Stands for an answer that did not arrive whole. The connection is closed, so aiohttp sends none of it."""

    def __init__(self) -> None:
        super().__init__()
        # Otherwise aiohttp's handler waits for a next request on the closed connection.
        self.force_close()


def is_lost(response: web.StreamResponse) -> bool:
    """Whether the client got no whole answer."""
    return isinstance(response, _Lost)


async def before_work(request: web.Request, fault: Fault, closing: asyncio.Event) -> web.StreamResponse | None:
    """Let a fault hit before anything is done; ``None`` where it lets the request through."""
    match fault.kind:
        case "refuse":
            return _abort(request)
        case "drop_before":
            await request.read()
            return _abort(request)
        case "stall":
            await request.read()
            await _until_gone(request, closing)
            return _abort(request)
        case "rate_limit":
            error = SandboxError("Too many requests.", status=429, type="api_error", code="rate_limit")
            return _error(error, _retry_after(fault))
        case "server_error":
            error = SandboxError("A temporary problem of our servers.", status=500, type="api_error", code="api_error")
            return _error(error, {})
        case "bad_gateway":
            return web.Response(status=502, text=_HTML, content_type="text/html")
        case _:
            return None


async def slow_down(fault: Fault | None) -> None:
    """Let a slow request take its time."""
    if fault is not None and fault.kind == "slow":
        await asyncio.sleep(fault.seconds)


async def after_work(
    request: web.Request, fault: Fault, response: web.Response, closing: asyncio.Event
) -> web.StreamResponse:
    """Let a fault hit when the work is done."""
    match fault.kind:
        case "drop_after":
            return _abort(request)
        case "stall_after":
            await _until_gone(request, closing)
            return _abort(request)
        case "cut_body":
            return await _cut(request, response, fault.bytes)
        case "invalid_json":
            return web.Response(status=200, text="{this is not JSON", content_type="application/json")
        case _:
            return response


def _abort(request: web.Request) -> web.StreamResponse:
    if request.transport is not None:
        request.transport.abort()
    return _Lost()


async def _until_gone(request: web.Request, closing: asyncio.Event) -> None:
    """Wait until the client gives up or the sandbox closes."""
    while request.transport is not None and not request.transport.is_closing():
        try:
            await asyncio.wait_for(closing.wait(), _LOOK_EVERY)
        except TimeoutError:
            continue
        return


async def _cut(request: web.Request, whole: web.Response, length: int) -> web.StreamResponse:
    body = whole.body if isinstance(whole.body, bytes) else b""
    partial = web.StreamResponse(status=whole.status, headers=whole.headers)
    partial.content_length = len(body)
    await partial.prepare(request)
    await partial.write(body[: min(length, len(body) - 1)])
    if request.transport is not None:
        request.transport.close()
    return _Lost()


def _error(error: SandboxError, headers: dict[str, str]) -> web.Response:
    return web.Response(status=error.status, body=dumps(error.body()), content_type="application/json", headers=headers)


def _retry_after(fault: Fault) -> dict[str, str]:
    match fault.retry_after_form:
        case "seconds":
            return {"Retry-After": f"{fault.retry_after:g}"}
        case "milliseconds":
            return {"Retry-After-Ms": str(round(fault.retry_after * 1000))}
        case "date":
            # Of real time: the client that reads it does not know the sandbox's clock.
            return {"Retry-After": formatdate(time.time() + fault.retry_after, usegmt=True)}
        case "none":
            return {}
