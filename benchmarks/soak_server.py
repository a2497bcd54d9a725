"""``python -m benchmarks.soak_server PORT``: a server that makes refunds as lightly as it can, and counts.

Each refund has the idempotency key of its request as its id, so that a caller knows its own answer. Under
``/counts`` it says how many connections and requests it had at a time.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
from typing import Final

import attrs

_LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_KEY: Final = re.compile(rb"\r\nidempotency-key: *(\S+)", re.IGNORECASE)
_REFUND: Final = (
    b'{"id": "%b", "object": "refund", "amount": 1999, "created": 1753315200000, "currency": "USD", "metadata":'
    b' {"order": "6735"}, "payment_intent": "pi_1", "reason": "requested_by_customer",'
    b' "status": "succeeded", "livemode": false}'
)


@attrs.define
class Counts:
    """What happened so far."""

    requests: int = 0
    in_flight: int = 0
    most_in_flight: int = 0
    callers: int = 0
    most_callers: int = 0


class Connection(asyncio.Protocol):
    """One connection: requests one after the other, each answered after a while."""

    def __init__(self, counts: Counts, seconds: float) -> None:
        self._counts = counts
        self._seconds = seconds
        self._transport: asyncio.Transport | None = None
        self._received = b""
        self._calls = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self._transport = None
        self._counts.callers -= self._calls

    def data_received(self, data: bytes) -> None:
        """Take bytes in, and answer when they are a request."""
        self._received += data
        end = self._received.find(b"\r\n\r\n") + 4
        if end < 4:
            return
        length = _LENGTH.search(self._received, 0, end)
        if len(self._received) < end + (int(length.group(1)) if length else 0):
            return
        key = _KEY.search(self._received, 0, end)
        asks_for_counts = self._received.startswith(b"GET /counts")
        self._received = b""
        if asks_for_counts:
            self._send(json.dumps(attrs.asdict(self._counts)).encode())
        else:
            self._begin(_REFUND % (key.group(1) if key else b"re_1"))

    def _begin(self, answer: bytes) -> None:
        counts = self._counts
        if not self._calls:
            self._calls = True
            counts.callers += 1
            counts.most_callers = max(counts.most_callers, counts.callers)
        counts.requests += 1
        counts.in_flight += 1
        counts.most_in_flight = max(counts.most_in_flight, counts.in_flight)
        asyncio.get_running_loop().call_later(self._seconds, self._finish, answer)

    def _finish(self, answer: bytes) -> None:
        self._counts.in_flight -= 1
        self._send(answer)

    def _send(self, body: bytes) -> None:
        if self._transport is not None:
            head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
            self._transport.write(head + body)


async def serve(port: int, seconds: float) -> None:
    """Run until the process is interrupted."""
    counts = Counts()
    server = await asyncio.get_running_loop().create_server(lambda: Connection(counts, seconds), "127.0.0.1", port)
    async with server:
        await server.serve_forever()


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("--seconds", type=float, default=0.002, help="how long every answer takes")
    options = parser.parse_args()
    try:
        asyncio.run(serve(options.port, options.seconds))
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
