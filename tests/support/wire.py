"""Both clients over real sockets, in the same words, and how to read what they sent."""

from __future__ import annotations

import asyncio
import json
import operator
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any
from urllib.parse import parse_qsl

from support.peer import Received, ThreadedPeer, answering

from wooshpay import AsyncWooshPay, WooshPay


class Both:
    """One peer and a client of either world, for as many calls as there are.

    Attributes:
        answer: What the peer answers each request with.
    """

    def __init__(self) -> None:
        self.answer: Callable[[Received], object] = lambda _: {}
        self._peer = ThreadedPeer(answering(lambda received: self.answer(received)))

    def __enter__(self) -> Both:
        self._peer.__enter__()
        self._runner = asyncio.Runner()
        settings: Any = {"base_url": self._peer.url, "max_retries": 0}
        self._sync = WooshPay("sk_test_x", **settings)
        self._async = AsyncWooshPay("sk_test_x", **settings)
        self._sync.request("GET", "/v1/first")  # starts its thread, which then stays until the end
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._sync.close()
        self._runner.run(self._async.close())
        self._runner.close()
        self._peer.__exit__()

    @property
    def requests(self) -> list[Received]:
        """What arrived since this list was last cleared."""
        return self._peer.requests

    def operation(self, world: str, name: str) -> Any:
        """Find an operation, such as ``refunds.create``, on the client of a world."""
        return operator.attrgetter(name)(self._sync if world == "sync" else self._async)

    def wait(self, world: str, result: Any) -> Any:
        """Give what a call of this world comes to."""
        return self._runner.run(_awaited(result)) if world == "async" else result

    def take(self, world: str, source: Iterator[Any] | AsyncIterator[Any], count: int | None = None) -> list[Any]:
        """Go through what a pager gives, to its end or until so many came."""
        return self._runner.run(_taken(source, count)) if isinstance(source, AsyncIterator) else _first(source, count)


async def _awaited(result: Any) -> Any:
    return await result


async def _taken(source: AsyncIterator[Any], count: int | None) -> list[Any]:
    taken: list[Any] = []
    async for item in source:
        taken.append(item)
        if len(taken) == count:
            break
    return taken


def _first(source: Iterator[Any], count: int | None) -> list[Any]:
    taken: list[Any] = []
    for item in source:
        taken.append(item)
        if len(taken) == count:
            break
    return taken


def path_of(request: Received) -> str:
    """The path as it was sent, percent-quoted."""
    return request.target.partition("?")[0]


def query_of(request: Received) -> dict[str, Any]:
    """The query string read back: ``created[gte]=1`` is an object in it, ``ids[]=a`` a list."""
    return nested(request.target.partition("?")[2])


def body_of(request: Received) -> Any:
    """The JSON body, or ``None`` where there is none."""
    return json.loads(request.body) if request.body else None


def nested(query: str) -> dict[str, Any]:
    """Read a query string as `query_of` does."""
    found: dict[str, Any] = {}
    for key, value in parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query)):
        first, *rest = [part.removesuffix("]") for part in key.split("[")]
        inner: Any = found
        for this, following in zip([first, *rest], [*rest, None], strict=True):
            if this == "":
                inner.append(value)
            elif following is None:
                assert this not in inner, f"{key} came twice"
                inner[this] = value
            else:
                inner = inner.setdefault(this, [] if following == "" else {})
    return found
