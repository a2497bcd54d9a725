"""A payment server on loopback that mixes its responses up: doubled, late, split, or sent before there was a request.

It keeps the rule of idempotency keys, so that what was carried out can be compared with what a client returned.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import re
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import attrs

_LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_KEY: Final = re.compile(rb"\r\nidempotency-key: *([^\r]+)", re.IGNORECASE)
# Seconds until a late response is sent. The client waits longer or shorter than this before its next call.
PAUSE: Final = 0.002


@attrs.define
class Connection:
    """One connection, and what the server still has to send on it."""

    number: int
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    rest: bytes = b""

    async def send(self, data: bytes) -> None:
        """Write bytes now."""
        if self.writer.is_closing():
            raise ConnectionResetError("The client has closed the connection.")
        self.writer.write(data)
        await self.writer.drain()


class DesyncServer:
    """Serves payment intents, and stray responses besides.

    Args:
        kind: One of `KINDS`.
        tls: The context to serve TLS with.

    Attributes:
        executed: By idempotency key, the payment intent that was created under it.
        strays: How many responses were sent that belong to no request.
    """

    def __init__(self, kind: str, tls: ssl.SSLContext | None = None) -> None:
        self._send = KINDS[kind]
        self._greets = kind == "before any request"
        self._tls = tls
        self._numbers = itertools.count(1)
        self._connections: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self._late: set[asyncio.Task[None]] = set()
        self.executed: dict[str, Mapping[str, Any]] = {}
        self.strays = 0

    @property
    def port(self) -> int:
        """Return the port that the server listens on."""
        assert self._server is not None
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def __aenter__(self) -> DesyncServer:
        listener = socket.create_server(("127.0.0.1", 0))
        # Small, so that a large request body does not fit into the sockets and is still unwritten when it is answered.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
        # Late bytes go out when they are written, and do not wait for the next request.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._server = await asyncio.start_server(self._serve, sock=listener, ssl=self._tls)
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in [*self._connections, *self._late]:
            task.cancel()
        await asyncio.gather(*self._connections, *self._late, return_exceptions=True)

    async def settle(self) -> None:
        """Wait until everything late was sent and has arrived."""
        while self._late:
            await asyncio.wait(set(self._late))
        await asyncio.sleep(PAUSE)

    def stray(self, status: int = 200) -> bytes:
        """Return a response that belongs to no request."""
        self.strays += 1
        number = 900_000 + self.strays
        if status >= 400:
            return response({"error": {"type": "card_error", "code": "card_declined", "message": f"{number}"}}, status)
        return response({"id": f"pi_stray_{number}", "object": "payment_intent", "amount": number, "currency": "USD"})

    def later(self, connection: Connection, data: bytes) -> None:
        """Send bytes after a pause, whatever happens in the meantime."""

        async def send() -> None:
            await asyncio.sleep(PAUSE)
            try:
                await connection.send(data)
            except ConnectionError:
                pass  # the client has closed the connection, as it should

        task = asyncio.ensure_future(send())
        self._late.add(task)
        task.add_done_callback(self._late.discard)

    def execute(self, key: str, body: Mapping[str, Any]) -> bytes:
        """Create the payment intent of a key once, and return the response."""
        if key not in self.executed:
            self.executed[key] = {
                "id": f"pi_{len(self.executed) + 1}",
                "object": "payment_intent",
                "amount": body["amount"],
                "currency": body["currency"],
            }
        return response(self.executed[key])

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            connection = Connection(next(self._numbers), reader, writer)
            if self._greets and connection.number % 2:
                await connection.send(self.stray())
            while True:
                await self._send(self, connection)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError, ssl.SSLError):
            pass
        finally:
            self._connections.discard(task)
            writer.close()


def response(body: Mapping[str, Any], status: int = 200, *, chunked: bool = False) -> bytes:
    """Write a response down as it goes over the wire."""
    data = json.dumps(body).encode()
    if chunked:
        return (
            f"HTTP/1.1 {status} X\r\nTransfer-Encoding: chunked\r\n\r\n{len(data):x}\r\n".encode()
            + data
            + b"\r\n0\r\n\r\n"
        )
    return f"HTTP/1.1 {status} X\r\nContent-Length: {len(data)}\r\n\r\n".encode() + data


async def read(connection: Connection, server: DesyncServer) -> bytes:
    """Read a request whole, carry it out, and return its response."""
    head = await read_head(connection)
    return await read_rest(connection, server, head)


async def read_head(connection: Connection) -> bytes:
    """Read the head of a request."""
    return await connection.reader.readuntil(b"\r\n\r\n")


async def read_rest(connection: Connection, server: DesyncServer, head: bytes) -> bytes:
    """Read the body of a request, carry it out, and return its response."""
    length, key = _LENGTH.search(head), _KEY.search(head)
    assert length is not None
    assert key is not None
    body = json.loads(await connection.reader.readexactly(int(length[1])))
    return server.execute(key[1].decode(), body)


Sending = Callable[[DesyncServer, Connection], Awaitable[None]]


async def _doubled(server: DesyncServer, connection: Connection) -> None:
    await connection.send(await read(connection, server) + server.stray())


async def _doubled_chunked(server: DesyncServer, connection: Connection) -> None:
    await read(connection, server)
    real = response([*server.executed.values()][-1], chunked=True)
    await connection.send(real + server.stray())


async def _late(server: DesyncServer, connection: Connection) -> None:
    await connection.send(await read(connection, server))
    server.later(connection, server.stray())


async def _late_error(server: DesyncServer, connection: Connection) -> None:
    await connection.send(await read(connection, server))
    server.later(connection, server.stray(402))


async def _late_after_504(server: DesyncServer, connection: Connection) -> None:
    real = await read(connection, server)
    if connection.number % 2:
        # The gateway gave up; the response of the server behind it comes later. Another client's comes with it.
        await connection.send(response({"error": {"type": "api_error", "message": "gateway timeout"}}, 504))
        server.later(connection, server.stray())
    else:
        await connection.send(real)


async def _split_head(server: DesyncServer, connection: Connection) -> None:
    real, stray = await read(connection, server), server.stray()
    await connection.send(real + stray[:20])
    server.later(connection, stray[20:])


async def _split_head_late(server: DesyncServer, connection: Connection) -> None:
    head = await read_head(connection)
    if connection.rest:
        await connection.send(connection.rest)
    await connection.send(await read_rest(connection, server, head))
    stray = server.stray()
    connection.rest = stray[20:]
    server.later(connection, stray[:20])


async def _split_body(server: DesyncServer, connection: Connection) -> None:
    real, stray = await read(connection, server), server.stray()
    await connection.send(real + stray[:-10])
    server.later(connection, stray[-10:])


async def _informational(server: DesyncServer, connection: Connection) -> None:
    await connection.send(await read(connection, server))
    server.later(connection, b"HTTP/1.1 100 Continue\r\n\r\n" + server.stray())


async def _before_any_request(server: DesyncServer, connection: Connection) -> None:
    await connection.send(await read(connection, server))


async def _same_instant(server: DesyncServer, connection: Connection) -> None:
    head = await read_head(connection)
    if connection.number % 2:
        await connection.send(server.stray())
    await connection.send(await read_rest(connection, server, head))


async def _garbage(server: DesyncServer, connection: Connection) -> None:
    await connection.send(await read(connection, server))
    server.later(connection, b"\x00\x01\x02 no HTTP at all")


async def _before_the_body(server: DesyncServer, connection: Connection) -> None:
    head = await read_head(connection)
    if connection.number % 2:
        stray = server.stray()
        await connection.send(stray)
        await asyncio.sleep(PAUSE)
    await connection.send(await read_rest(connection, server, head))


KINDS: Final[Mapping[str, Sending]] = {
    "doubled": _doubled,
    "doubled, chunked": _doubled_chunked,
    "late": _late,
    "late, an error": _late_error,
    "late, after a 504": _late_after_504,
    "split in the head": _split_head,
    "split in the head, late": _split_head_late,
    "split in the body": _split_body,
    "informational, then late": _informational,
    "before any request": _before_any_request,
    "in the same instant": _same_instant,
    "garbage, late": _garbage,
    "before the request's body": _before_the_body,
}
