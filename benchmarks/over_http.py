"""Calls over HTTP: the canned server in a process of its own, and the participants that call it."""

from __future__ import annotations

import asyncio
import http.client
import sys
from collections.abc import Awaitable, Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, Literal

import attrs

from benchmarks.peers import AsyncPeer, SyncPeer, open_peer
from benchmarks.report import Figure, not_installed
from benchmarks.rounds import Effort, Pairs, Subject, compare, rates
from benchmarks.servers import running


@attrs.frozen
class CannedServer:
    """The canned server as it runs.

    Attributes:
        port: Where it listens.
    """

    port: int
    _control: http.client.HTTPConnection

    @property
    def url(self) -> str:
        """Its base URL."""
        return f"http://127.0.0.1:{self.port}"

    def served(self) -> int:
        """How many requests it has answered."""
        self._control.request("GET", "/served")
        return int(self._control.getresponse().read())

    def counted(self, subject: Subject) -> Subject:
        """A subject whose calls are counted by the server: one that makes more or fewer requests ends the run."""

        def run(calls: int) -> None:
            before = self.served()
            subject.run(calls)
            after = self.served()
            if after - before != calls:
                raise RuntimeError(f"{subject.name} made {after - before} requests for {calls} calls.")

        return attrs.evolve(subject, run=run)


@contextmanager
def canned() -> Generator[CannedServer]:
    """Run the canned server until the block ends."""
    with running(lambda port: [sys.executable, "-m", "benchmarks.canned", str(port)]) as server:
        control = http.client.HTTPConnection("127.0.0.1", server.port)
        try:
            yield CannedServer(server.port, control)
        finally:
            control.close()


@attrs.frozen
class Beside:
    """Who stands beside this SDK.

    Attributes:
        peer: Module and function in ``benchmarks.peers``.
        goal: Of the other's calls per second, how many times as many ours are to be.
    """

    peer: str
    goal: float | None = None


def awaited(
    call: Literal["create", "page"], concurrency: int, besides: Sequence[Beside], effort: Effort
) -> list[tuple[Beside, Pairs | None]]:
    """Measure the asynchronous client beside others.

    Args:
        call: What is called.
        concurrency: How many calls run at a time.
        besides: The others.
        effort: How much is measured.

    Returns:
        The samples with each of them; ``None`` where one is not installed.
    """
    with canned() as server, asyncio.Runner() as runner:
        loop = runner.get_loop()

        async def opened() -> list[AsyncPeer | None]:
            names = ["wooshpay_client:awaited", *(beside.peer for beside in besides)]
            return [open_peer(AsyncPeer, name, server.url) for name in names]

        peers = loop.run_until_complete(opened())
        ours, *others = [_awaited(peer, call, concurrency, loop, server) for peer in peers]
        assert ours is not None
        pairs = compare(ours, [other for other in others if other is not None], effort)
        loop.run_until_complete(_close(peers))
    return [
        (beside, None if other is None else pairs[other.name]) for beside, other in zip(besides, others, strict=True)
    ]


def called(besides: Sequence[Beside], effort: Effort, *, threads: int = 1) -> list[tuple[Beside, Pairs | None]]:
    """Measure the synchronous client beside others, creating payments from one thread or from several.

    Args:
        besides: The others.
        effort: How much is measured.
        threads: How many threads share each client.

    Returns:
        The samples with each of them; ``None`` where one is not installed.
    """
    with canned() as server, ThreadPoolExecutor(threads) as pool:
        names = ["wooshpay_client:called", *(beside.peer for beside in besides)]
        peers = [open_peer(SyncPeer, name, server.url) for name in names]
        ours, *others = [_called(peer, threads, pool, server) for peer in peers]
        assert ours is not None
        pairs = compare(ours, [other for other in others if other is not None], effort)
        for peer in peers:
            if peer is not None:
                peer.close()
    return [
        (beside, None if other is None else pairs[other.name]) for beside, other in zip(besides, others, strict=True)
    ]


def _awaited(
    peer: AsyncPeer | None,
    call: Literal["create", "page"],
    concurrency: int,
    loop: asyncio.AbstractEventLoop,
    server: CannedServer,
) -> Subject | None:
    if peer is None:
        return None
    check_answer(peer.name, loop.run_until_complete(_once(peer.create)))
    return server.counted(at_once(peer.name, peer.create if call == "create" else peer.page, concurrency, loop))


def _called(peer: SyncPeer | None, threads: int, pool: ThreadPoolExecutor, server: CannedServer) -> Subject | None:
    if peer is None:
        return None
    check_answer(peer.name, peer.create())
    return server.counted(_in_threads(peer.name, peer.create, threads, pool))


def check_answer(name: str, answer: Any) -> None:
    """Make sure that a client gives the whole payment intent, the objects in it too.

    Raises:
        RuntimeError: It does not.
    """
    is_plain = isinstance(answer, dict)
    for step in ("latest_charge", "payment_method_details", "card", "last4"):
        answer = answer[step] if is_plain else getattr(answer, step)
    if answer != "4242":
        raise RuntimeError(f"{name} did not decode what it received.")


def throughput(what: str, beside: Beside, pairs: Pairs | None) -> Figure:
    """Calls per second of two, with their CPU."""
    if pairs is None:
        return not_installed(what, beside.peer, "calls/s", beside.goal)
    return rates(what, pairs, unit="calls/s", goal=beside.goal)


def at_once(
    name: str, call: Callable[[], Awaitable[object]], concurrency: int, loop: asyncio.AbstractEventLoop
) -> Subject:
    """A subject whose calls run on a loop, so many of them at a time."""

    async def work(left: Iterator[int]) -> None:
        for _ in left:
            await call()

    async def together(calls: int) -> None:
        left = iter(range(calls))
        await asyncio.gather(*(work(left) for _ in range(min(concurrency, calls))))

    return Subject(name, lambda calls: loop.run_until_complete(together(calls)), at_once=concurrency)


def _in_threads(name: str, call: Callable[[], object], threads: int, pool: ThreadPoolExecutor) -> Subject:
    def work(calls: int) -> None:
        for _ in range(calls):
            call()

    def run(calls: int) -> None:
        if threads == 1:
            work(calls)
        else:
            list(pool.map(work, [calls // threads] * threads))

    return Subject(name, run, at_once=threads)


async def _once(call: Callable[[], Awaitable[object]]) -> object:
    return await call()


async def _close(peers: Sequence[AsyncPeer | None]) -> None:
    for peer in peers:
        if peer is not None:
            await peer.close()
