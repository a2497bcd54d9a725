"""Servers at which a call stands still in one phase, for as long as a test wants: from connecting to backing off.

They have no thread and no event loop of their own. The kernel takes connections and bytes in; the test looks at
them when it asks, which is the only time at which anything is read or answered.
"""

from __future__ import annotations

import json
import re
import select
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import attrs

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_KEY = re.compile(rb"\r\nidempotency-key: *(\S+)", re.IGNORECASE)
_SYN_SENT: Final = "02"


@attrs.define(eq=False)
class Caller:
    """One connection, what came over it, and whether it still stands."""

    socket: socket.socket
    waiting: bytearray = attrs.field(factory=bytearray)
    requests: list[bytes] = attrs.field(factory=list[bytes])
    gone: bool = False

    def read(self) -> None:
        """Take in what has arrived, without waiting."""
        try:
            while data := self.socket.recv(1 << 20):
                self.waiting += data
            self.gone = True
        except BlockingIOError:
            pass
        except ConnectionError:
            self.gone = True
        while (end := self.waiting.find(b"\r\n\r\n") + 4) > 3:
            found = _LENGTH.search(self.waiting, 0, end)
            whole = end + (int(found.group(1)) if found else 0)
            if len(self.waiting) < whole:
                break
            self.requests.append(bytes(self.waiting[:whole]))
            del self.waiting[:whole]

    def answer(self, status: int, body: object, headers: str = "") -> None:
        """Answer the last request."""
        data = json.dumps(body).encode()
        head = f"HTTP/1.1 {status} Whatever\r\n{headers}Content-Length: {len(data)}\r\n\r\n"
        try:
            self.socket.sendall(head.encode() + data)
        except ConnectionError:
            self.gone = True


class Stuck:
    """What the servers have in common. Once it relents, it answers every request with the id that was asked for."""

    def __init__(self, *, backlog: int = 64) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=backlog)
        self._listening.setblocking(False)
        self._answered = 0
        self.callers: list[Caller] = []
        self.relented = False
        self.port: int = self._listening.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Stuck:
        return self

    def __exit__(self, *exc_info: object) -> None:
        for caller in self.callers:
            caller.socket.close()
        self._listening.close()

    def standing_still(self) -> int:
        """How many calls have come to their halt here by now."""
        raise NotImplementedError

    @property
    def open(self) -> int:
        """How many connections the other side still holds."""
        self.look()
        return sum(not caller.gone for caller in self.callers)

    def carried_out(self) -> list[str]:
        """Let in whatever is still on its way; give the keys of all requests that ever arrived whole."""
        end = time.monotonic() + 0.3
        while time.monotonic() < end:
            self.look()
            select.select([self._listening, *(c.socket for c in self.callers if not c.gone)], [], [], 0.05)
        found = [_KEY.search(request) for caller in self.callers for request in caller.requests]
        return [match.group(1).decode() for match in found if match]

    def relent(self) -> None:
        """Answer from now on."""
        self.relented = True

    def answered(self) -> int:
        """Answer what has arrived, and give how many calls were answered since the server relented."""
        self.look()
        return self._answered

    def look(self) -> None:
        """Take in what came: connections, requests."""
        self._accept()
        for caller in self.callers:
            if not caller.gone:
                before = len(caller.requests)
                caller.read()
                for request in caller.requests[before:]:
                    self._respond(caller, request)

    def _respond(self, caller: Caller, request: bytes) -> None:
        if self.relented:
            self._answered += 1
            last = request.split(b" ", 2)[1].rpartition(b"/")[2].decode()
            caller.answer(200, {"id": last, "object": "refund"})

    def _accept(self) -> None:
        try:
            while True:
                accepted, (_, port) = self._listening.accept()
                accepted.setblocking(False)
                if port in self._fillers():
                    accepted.close()
                else:
                    self.callers.append(Caller(accepted))
        except BlockingIOError:
            pass

    def _fillers(self) -> set[int]:
        """The ports of connections that are the server's own."""
        return set()


class StuckConnecting(Stuck):
    """Its queue of connections is full, so the kernel leaves every further one unanswered."""

    def __init__(self) -> None:
        super().__init__(backlog=0)
        self._filling: list[socket.socket] = []
        while self._fits():
            pass

    def __exit__(self, *exc_info: object) -> None:
        super().__exit__(*exc_info)
        for filler in self._filling:
            filler.close()

    def standing_still(self) -> int:
        lines = (line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:])
        return sum(
            state == _SYN_SENT and _port(remote) == self.port and _port(local) not in self._fillers()
            for _, local, remote, state, *_ in lines
        )

    def _fillers(self) -> set[int]:
        return {filler.getsockname()[1] for filler in self._filling}

    def _fits(self) -> bool:
        """Connect once more; whether that still went."""
        filler = socket.socket()
        filler.setblocking(False)
        self._filling.append(filler)
        filler.connect_ex(("127.0.0.1", self.port))
        return bool(select.select([], [filler], [], 0.1)[1])


def _port(address: str) -> int:
    return int(address.rpartition(":")[2], 16)


class StuckWriting(Stuck):
    """Takes connections and reads nothing from them: the request that does not fit the buffers stays half-written."""

    def __init__(self) -> None:
        super().__init__()
        self._letting_in = False

    def standing_still(self) -> int:
        self._accept()
        return sum(self._full(caller) for caller in self.callers)

    def look(self) -> None:
        if self._letting_in or self.relented:
            super().look()
        else:
            self._accept()

    def carried_out(self) -> list[str]:
        self._letting_in = True
        return super().carried_out()

    @staticmethod
    def _full(caller: Caller) -> bool:
        """Whether bytes are there to read, and no more come."""
        sizes: list[int] = []
        for _ in range(2):
            try:
                sizes.append(len(caller.socket.recv(1 << 26, socket.MSG_PEEK)))
            except BlockingIOError:
                return False
            time.sleep(0.05)
        return sizes[0] == sizes[1] > 0


class StuckReading(Stuck):
    """Reads the request and never answers."""

    def standing_still(self) -> int:
        self.look()
        return sum(bool(caller.requests) for caller in self.callers)


class StuckInBody(StuckReading):
    """Begins an answer and stops in its middle."""

    def _respond(self, caller: Caller, request: bytes) -> None:
        if self.relented:
            super()._respond(caller, request)
        else:
            caller.socket.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"id": "re_half')


class StuckBackingOff(StuckReading):
    """Answers 503 and asks for half a minute of patience."""

    def _respond(self, caller: Caller, request: bytes) -> None:
        if self.relented:
            super()._respond(caller, request)
        else:
            caller.answer(503, {}, "Retry-After: 30\r\n")


PHASES: Final[dict[str, Callable[[], Stuck]]] = {
    "connecting": StuckConnecting,
    "writing": StuckWriting,
    "reading": StuckReading,
    "reading the body": StuckInBody,
    "backing off": StuckBackingOff,
}
