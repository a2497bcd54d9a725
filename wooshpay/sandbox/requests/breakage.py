"""How faults come true on an HTTP connection. What each kind does is said in `fault_kinds`."""

from __future__ import annotations

import asyncio
import socket
import struct
import time
from email.utils import formatdate
from typing import Final
from weakref import WeakSet

import attrs
from aiohttp import web

from wooshpay.core.json import dumps
from wooshpay.sandbox.engine.errors import ErrorBodies, SandboxError
from wooshpay.sandbox.requests.faults import Fault

_LOOK_EVERY: Final = 0.2
# Closing throws away what is not sent, and the peer is told by a reset.
_LINGER_NOT: Final = struct.pack("ii", 1, 0)

_HTML: Final = """<!doctype html>
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


@attrs.define(kw_only=True, eq=False)
class Breakage:
    """Lets faults hit requests.

    Attributes:
        closing: Set when the sandbox closes: nobody is held up any longer.
        error_bodies: The form of the error objects that faults answer with.
    """

    closing: asyncio.Event = attrs.field(factory=asyncio.Event)
    error_bodies: ErrorBodies = "nested"
    # Connections that answer no more.
    _dead: WeakSet[asyncio.Transport] = attrs.field(factory=lambda: WeakSet[asyncio.Transport]())

    def on_dead_connection(self, request: web.Request) -> web.StreamResponse | None:
        """Reset a request that came on a connection which is dead since its last answer."""
        return _reset(request) if request.transport in self._dead else None

    async def before_work(self, request: web.Request, fault: Fault) -> web.StreamResponse | None:
        """Let a fault hit before anything is done; ``None`` where it lets the request through."""
        match fault.kind:
            case "refuse":
                return _reset(request)
            case "drop_before":
                await request.read()
                return _reset(request)
            case "stall":
                await request.read()
                return await self._stall(request)
            case "rate_limit":
                return self._error(429, "Too many requests.", "rate_limit", _retry_after(fault))
            case "server_error":
                return self._error(500, "A temporary problem of our servers.", "api_error")
            case "unavailable":
                return self._error(503, "The service is not available at the moment.", "service_unavailable")
            case "bad_gateway":
                return web.Response(status=502, text=_HTML, content_type="text/html")
            case _:
                return None

    async def after_work(self, request: web.Request, fault: Fault, response: web.Response) -> web.StreamResponse:
        """Let a fault hit when the work is done."""
        match fault.kind:
            case "drop_after":
                return _reset(request)
            case "stall_after":
                return await self._stall(request)
            case "cut_body":
                return await _cut(request, response, fault.bytes)
            case "drip":
                return await self._drip(request, response, fault)
            case "stale_close":
                return await self._leave_dead(request, response, fault.seconds)
            case "invalid_json":
                return web.Response(status=200, text="{this is not JSON", content_type="application/json")
            case _:
                return response

    def _error(self, status: int, message: str, code: str, headers: dict[str, str] | None = None) -> web.Response:
        error = SandboxError(message, status=status, type="api_error", code=code)
        body = dumps(error.body(self.error_bodies))
        return web.Response(status=status, body=body, content_type="application/json", headers=headers)

    async def _stall(self, request: web.Request) -> web.StreamResponse:
        """Wait until the client gives up or the sandbox closes."""
        while request.transport is not None and not request.transport.is_closing():
            if await self._sandbox_closes(_LOOK_EVERY):
                break
        return _reset(request)

    async def _drip(self, request: web.Request, whole: web.Response, fault: Fault) -> web.StreamResponse:
        body = _body_of(whole)
        size = max(1, fault.bytes)
        pieces = [body[start : start + size] for start in range(0, len(body), size)]
        slow = _stream(whole)
        try:
            await slow.prepare(request)
            for piece in pieces:
                await slow.write(piece)
                if await self._sandbox_closes(fault.seconds / len(pieces)):
                    return _reset(request)
            await slow.write_eof()
        except ConnectionError:
            return _reset(request)
        return slow

    async def _leave_dead(self, request: web.Request, response: web.Response, seconds: float) -> web.StreamResponse:
        await response.prepare(request)
        await response.write_eof()
        if request.transport is not None:
            self._dead.add(request.transport)
            asyncio.get_running_loop().call_later(seconds, request.transport.close)
        return response

    async def _sandbox_closes(self, seconds: float) -> bool:
        try:
            await asyncio.wait_for(self.closing.wait(), seconds)
        except TimeoutError:
            return False
        return True


async def slow_down(fault: Fault | None) -> None:
    """Let a slow request take its time."""
    if fault is not None and fault.kind == "slow":
        await asyncio.sleep(fault.seconds)


def _reset(request: web.Request) -> web.StreamResponse:
    transport = request.transport
    if transport is not None:
        connection: socket.socket | None = transport.get_extra_info("socket")
        if connection is not None and not transport.is_closing():
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
        transport.abort()
    return _Lost()


async def _cut(request: web.Request, whole: web.Response, length: int) -> web.StreamResponse:
    body = _body_of(whole)
    partial = _stream(whole)
    await partial.prepare(request)
    await partial.write(body[: min(length, len(body) - 1)])
    if request.transport is not None:
        request.transport.close()
    return _Lost()


def _body_of(response: web.Response) -> bytes:
    return response.body if isinstance(response.body, bytes) else b""


def _stream(whole: web.Response) -> web.StreamResponse:
    """The same head, with a body that is written piece by piece."""
    stream = web.StreamResponse(status=whole.status, headers=whole.headers)
    stream.content_length = len(_body_of(whole))
    return stream


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
