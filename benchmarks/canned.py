"""A server that costs next to nothing: it answers with bytes made before, and counts what it answered.

``python -m benchmarks.canned PORT``. What is measured against it is the client. It knows three things:

- ``POST /v1/payment_intents`` answers with a payment intent;
- ``GET /v1/payment_intents?limit=N`` answers with a list of N;
- ``GET /v1/payment_methods?limit=N&customer=cus_TOTAL`` pages through so many of them, made as they are asked for.

``GET /served`` tells how many requests were answered, itself not counted.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Callable
from functools import lru_cache
from typing import Final
from urllib.parse import parse_qs, urlsplit

from benchmarks import payloads

# No client is to be able to ask for more than this at a time.
_MOST: Final = 10_000
_HEAD: Final = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nRequest-Id: req_1693466278934\r\nContent-Length: %d\r\n\r\n"
)
_NOT_FOUND: Final = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"


class Canned(asyncio.Protocol):
    """One connection. All of them count into the same place."""

    def __init__(self, answers: Answers) -> None:
        self._answers = answers
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer every request that is whole by now."""
        data = self._received + data if self._received else data
        while (end := data.find(b"\r\n\r\n")) >= 0:
            head = data[:end]
            length = _length(head.lower())
            whole = end + 4 + length
            if len(data) < whole:
                break
            self._transport.write(self._answers.answer(head[: head.index(b" HTTP/")]))
            data = data[whole:]
        self._received = data


def _length(head: bytes) -> int:
    start = head.find(b"\r\ncontent-length:")
    if start < 0:
        return 0
    stop = head.find(b"\r\n", start + 2)
    return int(head[start + 17 : stop if stop >= 0 else len(head)])


class Answers:
    """What is answered, and how often."""

    def __init__(self) -> None:
        self.served = 0
        self._ready: dict[bytes, bytes] = {
            b"POST /v1/payment_intents": _http(payloads.text("payment_intent")),
        }

    def answer(self, line: bytes) -> bytes:
        """Answer a request.

        Args:
            line: Method and target.
        """
        if line == b"GET /served":
            return _http(b"%d" % self.served)
        self.served += 1
        return self._ready.get(line) or _made(line.decode())


def _made(line: str) -> bytes:
    method, _, target = line.partition(" ")
    url = urlsplit(target)
    make = _LISTS.get(url.path)
    if method != "GET" or make is None:
        return _NOT_FOUND
    return make(**{name: values[0] for name, values in parse_qs(url.query).items()})


@lru_cache(maxsize=8)
def _payment_intents(limit: str = "10") -> bytes:
    return _http(payloads.page("payment_intent", range(min(int(limit), _MOST))))


def _payment_methods(customer: str, limit: str = "10", starting_after: str = "pm_0") -> bytes:
    first, total = int(starting_after[3:]), int(customer[4:])
    last = min(first + min(int(limit), _MOST), total)
    return _http(payloads.page("payment_method", range(first + 1, last + 1), has_more=last < total))


_LISTS: Final[dict[str, Callable[..., bytes]]] = {
    "/v1/payment_intents": _payment_intents,
    "/v1/payment_methods": _payment_methods,
}


def _http(body: bytes) -> bytes:
    return _HEAD % len(body) + body


async def _serve(port: int) -> None:
    answers = Answers()
    server = await asyncio.get_running_loop().create_server(lambda: Canned(answers), "127.0.0.1", port, backlog=2048)
    await server.serve_forever()


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int)
    try:
        asyncio.run(_serve(parser.parse_args().port))
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
