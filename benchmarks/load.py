"""A lean HTTP client: what is measured is to be the server, not this."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterable, Iterator, Sequence

import attrs

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


@attrs.frozen
class Ask:
    """One request, as it goes over the wire."""

    raw: bytes

    @classmethod
    def make(cls, method: str, path: str, headers: dict[str, str], body: bytes = b"") -> Ask:
        """Write a request out."""
        lines = [
            f"{method} {path} HTTP/1.1",
            "Host: 127.0.0.1",
            *(f"{name}: {value}" for name, value in headers.items()),
        ]
        return cls("\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode() + body)


class Refused(Exception):
    """An answer was no success."""


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, ask: Ask) -> bytes:
    """Send a request on an open connection; give the body of the answer.

    Raises:
        Refused: Its status was not 200.
    """
    writer.write(ask.raw)
    head = await reader.readuntil(b"\r\n\r\n")
    found = _LENGTH.search(head)
    body = await reader.readexactly(int(found.group(1)) if found else 0)
    if not head.startswith(b"HTTP/1.1 200"):
        raise Refused(head.decode() + body.decode())
    return body


async def _run(port: int, asks: Sequence[Ask], connections: int) -> tuple[float, list[bytes]]:
    bodies: list[bytes] = []
    left: Iterator[Ask] = iter(asks)

    async def work(left: Iterable[Ask]) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        bodies.extend([await answer(reader, writer, ask) for ask in left])
        writer.close()
        await writer.wait_closed()

    started = time.perf_counter()
    await asyncio.gather(*(work(left) for _ in range(connections)))
    return time.perf_counter() - started, bodies


def send_all(port: int, asks: Sequence[Ask], *, connections: int = 4) -> tuple[float, list[bytes]]:
    """Send requests over some connections at a time: the seconds that it took, and the bodies of the answers."""
    return asyncio.run(_run(port, asks, connections))
