"""A proxy on loopback that breaks connections below HTTP: what a server's own faults cannot show.

It stands between a client and a server, reads each request whole, throws dice that are seeded by the request's
name, and carries the request and its answer over, or lets a fault hit them. It remembers what it read.
"""

from __future__ import annotations

import asyncio
import random
import re
import socket
import struct
import threading
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Final, Literal, TypeAlias, get_args
from urllib.parse import urlsplit
from weakref import WeakSet

import attrs

LineFault: TypeAlias = Literal[
    "shut",
    "reset_before",
    "half_sent",
    "reset_after",
    "cut_head",
    "cut_body",
    "stall_before",
    "stall_after",
    "stale",
]
"""What happens to a request.

``shut``: it is reset with nothing done, and for a moment new connections are refused, as when a server restarts.
``reset_before``: nothing reaches the server, and the connection is reset.
``half_sent``: half of it reaches the server, then both connections are reset.
``reset_after``: the server has answered, but the connection is reset before the first byte of the answer.
``cut_head``, ``cut_body``: the answer ends within its head or within its body.
``stall_before``, ``stall_after``: the server got nothing, or has answered; the client never hears of it.
``stale``: it is answered, but the connection is dead afterwards: the next request on it is reset, with nothing done.
"""

LINE_FAULTS: Final[tuple[LineFault, ...]] = get_args(LineFault)
# Closing throws away what is not sent, and the peer is told by a reset.
_LINGER_NOT: Final = struct.pack("ii", 1, 0)
_LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_KEY: Final = re.compile(rb"\r\nidempotency-key: *([^\r]+)", re.IGNORECASE)


@attrs.frozen
class Message:
    """A request or an answer, as it went over the wire."""

    head: bytes
    body: bytes

    @property
    def key(self) -> str | None:
        """The idempotency key of a request."""
        found = _KEY.search(self.head)
        return None if found is None else found.group(1).decode()

    @property
    def whole(self) -> bytes:
        """Head and body."""
        return self.head + self.body


@attrs.frozen
class Attempt:
    """One request that reached the proxy.

    Attributes:
        key: Its idempotency key.
        fault: What hit it here; ``None`` where it was carried over.
    """

    key: str | None
    fault: LineFault | None


class FaultyProxy:
    """Runs on a thread of its own, inside a ``with`` block.

    Args:
        target: The URL of the server.
        name_of: Gives the name of a request: the same for every attempt of one logical call.
        chances: The probability of each fault.
        seed: Makes the faults of each name repeatable.
        shut_seconds: How long connections are refused after the fault ``shut``.
    """

    def __init__(
        self,
        target: str,
        *,
        name_of: Callable[[Message], str] = lambda message: message.key or "",
        chances: Mapping[LineFault, float] | None = None,
        seed: int = 0,
        shut_seconds: float = 0.05,
    ) -> None:
        parts = urlsplit(target)
        assert parts.hostname is not None, f"{target} names no host"
        assert parts.port is not None, f"{target} names no port"
        self._target = (parts.hostname, parts.port)
        self._name_of = name_of
        self._chances = dict(chances or {})
        self._seed = seed
        self._shut_seconds = shut_seconds
        self._next: LineFault | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._main, name="faulty-proxy", daemon=True)
        self._ready = threading.Event()
        self._ending = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: WeakSet[asyncio.StreamWriter] = WeakSet()
        self._welcomes: set[asyncio.Task[None]] = set()
        self._listener: socket.socket | None = None
        # Bound without listening: it keeps the port while connections are refused.
        self._port_keeper = _bound(0)
        self.url = f"http://127.0.0.1:{self._port_keeper.getsockname()[1]}"
        self.calm = False
        self.attempts: dict[str, list[Attempt]] = {}
        self.hits: Counter[LineFault] = Counter()

    def __enter__(self) -> FaultyProxy:
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._loop.call_soon_threadsafe(self._ending.set)
        self._thread.join()
        self._port_keeper.close()

    def let_next(self, fault: LineFault) -> None:
        """Let a fault hit the next request, whatever the dice would say."""
        self._next = fault

    def shut(self) -> None:
        """Refuse new connections from now on."""
        asyncio.run_coroutine_threadsafe(self._shut(), self._loop).result()

    def open(self) -> None:
        """Take connections again."""
        asyncio.run_coroutine_threadsafe(self._open(), self._loop).result()

    # ---- its thread

    def _main(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._run())

    async def _run(self) -> None:
        await self._open()
        self._ready.set()
        await self._ending.wait()
        await self._shut()
        await asyncio.gather(*self._welcomes)
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for writer in list(self._writers):
            writer.transport.abort()
        await asyncio.sleep(0)

    async def _open(self) -> None:
        # asyncio's own server may lose a connection that comes in while it closes.
        if self._listener is None and not self._ending.is_set():
            self._listener = _bound(self._port_keeper.getsockname()[1])
            self._listener.setblocking(False)
            self._listener.listen(1024)
            self._loop.add_reader(self._listener, self._accept, self._listener)

    async def _shut(self) -> None:
        if self._listener is not None:
            self._accept(self._listener)
            self._loop.remove_reader(self._listener)
            self._listener.close()
            self._listener = None

    async def _shut_for_a_moment(self) -> None:
        if self._listener is not None:
            await self._shut()
            await asyncio.sleep(self._shut_seconds)
            await self._open()

    def _accept(self, listener: socket.socket) -> None:
        try:
            while True:
                connection, _ = listener.accept()
                task = self._loop.create_task(self._welcome(connection))
                self._welcomes.add(task)
                task.add_done_callback(self._welcomes.discard)
        except (BlockingIOError, ConnectionError):
            pass

    async def _welcome(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        await self._loop.connect_accepted_socket(self._connection, connection)

    def _connection(self) -> asyncio.StreamReaderProtocol:
        reader = _Reader(loop=self._loop)

        def begin(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = self._start(self._serve(reader, writer))
            task.add_done_callback(lambda _: writer.close())
            reader.when_it_ends = task.cancel
            self._writers.add(writer)

        return asyncio.StreamReaderProtocol(reader, begin, loop=self._loop)

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    # ---- one connection

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            server_reader, server = await asyncio.open_connection(*self._target)
        except ConnectionError:
            return _reset(writer)
        self._writers.add(server)
        try:
            await self._carry_all(reader, writer, server_reader, server)
        finally:
            server.close()

    async def _carry_all(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        server_reader: asyncio.StreamReader,
        server: asyncio.StreamWriter,
    ) -> None:
        dead = False
        try:
            while (request := await _read(reader)) is not None:
                fault = self._fault_for(request)
                self._note(request, "stale" if dead else None if fault == "stale" else fault)
                if fault == "shut":
                    self._start(self._shut_for_a_moment())
                if dead or fault in {"shut", "reset_before"}:
                    raise ConnectionResetError
                if fault == "half_sent":
                    server.write(request.head + request.body[: len(request.body) // 2])
                    await server.drain()
                    _reset(server)
                    raise ConnectionResetError
                if fault == "stall_before":
                    await asyncio.Event().wait()
                server.write(request.whole)
                answer = await _read(server_reader)
                if answer is None or fault == "reset_after":
                    raise ConnectionResetError
                if fault == "stall_after":
                    await asyncio.Event().wait()
                cut = {"cut_head": len(answer.head) // 2, "cut_body": len(answer.head) + len(answer.body) // 2}
                if fault in cut:
                    writer.write(answer.whole[: cut[fault]])
                    break
                writer.write(answer.whole)
                await writer.drain()
                dead = fault == "stale"
        except asyncio.IncompleteReadError as error:
            writer.write(error.partial)
        except ConnectionError:
            _reset(writer)

    def _fault_for(self, request: Message) -> LineFault | None:
        chosen, self._next = self._next, None
        if chosen is not None or self.calm:
            return chosen
        name = self._name_of(request)
        left = random.Random(f"{self._seed} {name} {len(self.attempts.get(name, []))}").random()
        for fault, chance in self._chances.items():
            left -= chance
            if left < 0:
                return fault
        return None

    def _note(self, request: Message, met: LineFault | None) -> None:
        self.attempts.setdefault(self._name_of(request), []).append(Attempt(request.key, met))
        if met is not None:
            self.hits[met] += 1


class _Reader(asyncio.StreamReader):
    """A reader that tells at once when the peer is gone, though nobody reads."""

    when_it_ends: Callable[[], object] = staticmethod(lambda: None)

    def __init__(self, *, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(limit=2**20, loop=loop)

    def feed_eof(self) -> None:
        super().feed_eof()
        self.when_it_ends()

    def set_exception(self, exc: BaseException) -> None:
        super().set_exception(exc)  # type: ignore[arg-type]  # typeshed wants less than asyncio gives
        self.when_it_ends()


async def _read(reader: asyncio.StreamReader) -> Message | None:
    """Read a request or an answer; ``None`` at the end.

    Raises:
        IncompleteReadError: It was cut off; ``partial`` is what came.
    """
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as error:
        if error.partial:
            raise
        return None
    found = _LENGTH.search(head)
    try:
        body = await reader.readexactly(int(found.group(1)) if found else 0)
    except asyncio.IncompleteReadError as error:
        raise asyncio.IncompleteReadError(head + error.partial, None) from None
    return Message(head, body)


def _reset(writer: asyncio.StreamWriter) -> None:
    # Without its socket it is closed already.
    sock = writer.get_extra_info("socket")
    if sock is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
    writer.transport.abort()


def _bound(port: int) -> socket.socket:
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    sock.bind(("127.0.0.1", port))
    return sock
