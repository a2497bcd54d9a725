"""A server on loopback that does what a script says, down to single bytes: for faults below HTTP."""

from __future__ import annotations

import asyncio
import json
import ssl
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import attrs


@attrs.frozen
class Received:
    """One request as it arrived."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    connection: int

    def json(self) -> Any:
        """The body, parsed."""
        return json.loads(self.body)


Step = Callable[["Connection"], Awaitable[None]]


class Connection:
    """What a step of the script may do with the connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        self.reader = reader
        self.writer = writer
        self.number = number
        self.received: list[Received] = []

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    def close(self) -> None:
        self.writer.close()

    def reset(self) -> None:
        self.writer.transport.abort()


def reply(status: int = 200, body: object = None, headers: dict[str, str] | None = None) -> Step:
    """Answer; dicts and lists go out as JSON, bytes as they are."""
    data = body if isinstance(body, bytes) else json.dumps({} if body is None else body).encode()

    async def step(connection: Connection) -> None:
        lines = [f"HTTP/1.1 {status:03} Whatever", f"Content-Length: {len(data)}"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        connection.send("\r\n".join(lines).encode() + b"\r\n\r\n" + data)

    return step


def answering(answer: Callable[[Received], object]) -> Step:
    """Answer each request with what a function makes of it."""

    async def step(connection: Connection) -> None:
        await reply(200, answer(connection.received[-1]))(connection)

    return step


def close() -> Step:
    """Read the request and close the connection without an answer."""

    async def step(connection: Connection) -> None:
        connection.close()

    return step


def reset() -> Step:
    """Read the request and reset the connection."""

    async def step(connection: Connection) -> None:
        connection.reset()

    return step


def cut(body: bytes = b'{"id": "re_1", "obj', promised: int = 1000) -> Step:
    """Begin an answer and close in the middle of the body."""

    async def step(connection: Connection) -> None:
        connection.send(f"HTTP/1.1 200 OK\r\nContent-Length: {promised}\r\n\r\n".encode() + body)
        connection.close()

    return step


def garbage() -> Step:
    """Answer with something that is not HTTP."""

    async def step(connection: Connection) -> None:
        connection.send(b"\x00\x01 this is no http at all\r\n\r\n")
        connection.close()

    return step


def stall(beginning: bytes = b"") -> Step:
    """Read the request, and say nothing but the beginning of an answer until the client goes away."""

    async def step(connection: Connection) -> None:
        connection.send(beginning)
        await connection.reader.read()

    return step


def drip(seconds: float) -> Step:
    """Begin an answer at once and never finish it, one byte every so often."""

    async def step(connection: Connection) -> None:
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        while not connection.reader.at_eof():
            connection.send(b" ")
            await asyncio.sleep(seconds)

    return step


def after(seconds: float, then: Step) -> Step:
    """Wait, then do something else."""

    async def step(connection: Connection) -> None:
        await asyncio.sleep(seconds)
        await then(connection)

    return step


def when_all_are_here(count: int, then: Step) -> Step:
    """Wait until so many requests have arrived, then do something else with each of them."""
    arrived: list[Connection] = []
    complete = asyncio.Event()

    async def step(connection: Connection) -> None:
        arrived.append(connection)
        if len(arrived) == count:
            complete.set()
        await complete.wait()
        await then(connection)

    return step


def hold(event: asyncio.Event, then: Step) -> Step:
    """Wait for an event, then do something else."""

    async def step(connection: Connection) -> None:
        await event.wait()
        await then(connection)

    return step


class Peer:
    """The server. Requests take the steps of the script in order; the last step repeats."""

    def __init__(self, *steps: Step, tls: ssl.SSLContext | None = None) -> None:
        self.script = list(steps) or [reply()]
        self.requests: list[Received] = []
        self.connections = 0
        self.open_connections = 0
        self._tls = tls
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[Any]] = set()

    @property
    def url(self) -> str:
        assert self._server is not None
        port: int = self._server.sockets[0].getsockname()[1]
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{port}"

    @property
    def keys(self) -> list[str | None]:
        """The idempotency keys in the order of arrival."""
        return [request.headers.get("idempotency-key") for request in self.requests]

    async def __aenter__(self) -> Peer:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._tls)
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.sleep(0)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self.connections += 1
        self.open_connections += 1
        connection = Connection(reader, writer, self.connections)
        try:
            while not writer.is_closing():
                received = await self._read(connection)
                if received is None:
                    break
                self.requests.append(received)
                connection.received.append(received)
                step = self.script.pop(0) if len(self.script) > 1 else self.script[0]
                await step(connection)
                await writer.drain()
        except (ConnectionError, asyncio.CancelledError, ssl.SSLError):
            pass
        finally:
            self.open_connections -= 1
            writer.close()
            try:
                await writer.wait_closed()
            except (ConnectionError, asyncio.CancelledError, ssl.SSLError):
                pass

    async def _read(self, connection: Connection) -> Received | None:
        try:
            head = await connection.reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            return None
        first, *lines = head.decode("latin-1").split("\r\n")
        method, target, _ = first.split(" ")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines if line)}
        if headers.get("transfer-encoding") == "chunked":
            body = await _read_chunks(connection.reader)
        else:
            body = await connection.reader.readexactly(int(headers.get("content-length", "0")))
        return Received(method, target, headers, body, connection.number)


async def _read_chunks(reader: asyncio.StreamReader) -> bytes:
    chunks: list[bytes] = []
    while size := int(await reader.readline(), 16):
        chunks.append(await reader.readexactly(size))
        await reader.readline()
    await reader.readline()
    return b"".join(chunks)


class ThreadedPeer:
    """The same server in a thread of its own, for tests of the synchronous client."""

    def __init__(self, *steps: Step) -> None:
        self._peer = Peer(*steps)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="peer")
        self._ready = threading.Event()
        self._stop = asyncio.Event()
        self.url = ""

    def __enter__(self) -> ThreadedPeer:
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    @property
    def requests(self) -> list[Received]:
        return self._peer.requests

    @property
    def keys(self) -> list[str | None]:
        return self._peer.keys

    @property
    def connections(self) -> int:
        return self._peer.connections

    @property
    def open_connections(self) -> int:
        return self._peer.open_connections

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._main())

    async def _main(self) -> None:
        async with self._peer:
            self.url = self._peer.url
            self._ready.set()
            await self._stop.wait()
