"""The synchronous client: from one thread, from eight, and the handing of a call to its event loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Final

from benchmarks.goals import Goals
from benchmarks.over_http import Beside, called, throughput
from benchmarks.report import Figure
from benchmarks.rounds import Effort, Subject, compare, costs

THREADS: Final = 8

BENCHMARK: Final = Goals(
    "The synchronous client beside requests, httpx and other SDKs: one thread, eight threads, and the handoff.",
    functions=["benchmarks.sync:with_stdlib"],
)


def with_stdlib(effort: Effort) -> list[Figure]:
    """With the standard library's JSON."""
    return [*one_thread(effort), *many_threads(effort), *handoff(effort)]


def one_thread(effort: Effort) -> list[Figure]:
    """Payments, one after the other."""
    besides = [
        Beside("plain:requests_json", 1.8),
        Beside("stripe_python:called", 4),
        Beside("plain:httpx_sync"),
        Beside("stainless:called"),
        Beside("fern:called"),
    ]
    return [throughput("Sync create, one thread", beside, pairs) for beside, pairs in called(besides, effort)]


def many_threads(effort: Effort) -> list[Figure]:
    """Payments from eight threads that share one client."""
    besides = [Beside("plain:requests_json", 3), Beside("plain:httpx_sync", 1.8)]
    measured = called(besides, effort, threads=THREADS)
    return [throughput(f"Sync create, {THREADS} threads", beside, pairs) for beside, pairs in measured]


def handoff(effort: Effort) -> list[Figure]:
    """A call that does nothing, from a thread to the loop and back, beside the least that this can cost."""
    from wooshpay.transport.loop import PrivateLoop

    private, bare = PrivateLoop(_nothing), _BareLoop()

    def ours(calls: int) -> None:
        for number in range(calls):
            private.run(_same, number)

    def least(calls: int) -> None:
        for number in range(calls):
            bare.run(_same, number)

    try:
        (pairs,) = compare(Subject("wooshpay", ours), [Subject("lock + call_soon_threadsafe", least)], effort).values()
    finally:
        private.close()
        bare.close()
    return [costs("Sync handoff, without a request", pairs, goal=1.2, cpu=False)]


async def _same(value: int) -> int:
    return value


async def _nothing() -> None:
    pass


class _BareLoop:
    """An event loop in a thread, for one caller, and no care taken of anything."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._done = threading.Lock()
        self._done.acquire()
        self._task: asyncio.Task[None] | None = None
        self._result = 0

    def run(self, work: Callable[[int], Coroutine[None, None, int]], argument: int) -> int:
        """Run a coroutine on the loop, and wait for it."""

        async def drive() -> None:
            self._result = await work(argument)
            self._done.release()

        def start() -> None:
            self._task = self._loop.create_task(drive())

        self._loop.call_soon_threadsafe(start)
        self._done.acquire()
        return self._result

    def close(self) -> None:
        """End the thread."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
