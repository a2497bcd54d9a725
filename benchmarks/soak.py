"""An hour's calls in minutes: do memory, connections, tasks and threads stay bounded, and is every caller served alike?

Against a light server in a process of its own, first awaited calls, many at a time, then calls from many
threads on one client. Each call makes a refund and checks that the answer is its own.
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import itertools
import json
import os
import sys
import threading
import time
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import attrs

from benchmarks.report import Figure
from benchmarks.servers import running
from wooshpay import AsyncWooshPay, RequestOptions, WooshPay, WooshPayError

_KEY: Final = "sk_test_soak"
_MB: Final = 1e6
# What the goals allow.
_GROWTH: Final = 1.05
_SPREAD: Final = 5.0


@attrs.define
class Run:
    """What was seen of one client.

    Attributes:
        calls: How many calls it is to make.
        latencies: Seconds of each call. Room for all is taken at once, so that it does not count as growth.
        failed: How many calls raised.
        wrong: How many got an answer that was not theirs.
        memory: Bytes that the process occupied after each quarter of the calls.
        most_tasks: The greatest number of tasks at a time.
        most_threads: The greatest number of threads at a time.
        seconds: How long all of it took.
        server: What the server counted.
    """

    calls: int
    latencies: array[float]
    failed: int = 0
    wrong: int = 0
    memory: list[int] = attrs.field(factory=list[int])
    most_tasks: int = 0
    most_threads: int = 0
    seconds: float = 0.0
    server: dict[str, int] = attrs.field(factory=dict[str, int])

    @classmethod
    def of(cls, calls: int) -> Run:
        """A run that is still to come."""
        return cls(calls, array("d", bytes(8 * calls)))

    def finish(self, number: int, started: float, *, own: bool) -> None:
        """Write down a call that returned."""
        self.latencies[number] = time.perf_counter() - started
        self.wrong += not own
        if (number + 1) % max(self.calls // 4, 1) == 0:
            self.memory.append(memory())
            self.most_threads = max(self.most_threads, threading.active_count())

    def percentile(self, part: float) -> float:
        """The latency, in milliseconds, that this part of the calls stays below."""
        return sorted(self.latencies)[int(len(self.latencies) * part)] * 1000


def memory() -> int:
    """Bytes that this process occupies."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def counts(port: int) -> dict[str, int]:
    """What the server has counted."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", "/counts")
    found: dict[str, int] = json.loads(connection.getresponse().read())
    connection.close()
    return found


async def awaited(port: int, calls: int, concurrency: int, connections: int) -> Run:
    """Make calls from so many tasks, each one after the other, over fewer connections."""
    run = Run.of(calls)
    numbers = iter(range(calls))
    async with AsyncWooshPay(_KEY, base_url=f"http://127.0.0.1:{port}", max_connections=connections) as client:

        async def work() -> None:
            for number in numbers:
                key, started = f"key-{number}", time.perf_counter()
                try:
                    refund = await client.refunds.create(
                        payment_intent="pi_1", options=RequestOptions(idempotency_key=key)
                    )
                    run.finish(number, started, own=refund.id == key)
                except WooshPayError:
                    run.failed += 1
                if number % 100 == 0:
                    run.most_tasks = max(run.most_tasks, len(asyncio.all_tasks()))

        started = time.perf_counter()
        await asyncio.gather(*(work() for _ in range(concurrency)))
        run.seconds = time.perf_counter() - started
    run.server = counts(port)
    return run


def threaded(port: int, calls: int, threads: int) -> Run:
    """Make calls from so many threads that share one client."""
    run = Run.of(calls)
    numbers = itertools.count()  # whose next() is one step for the interpreter, so threads may share it

    def work(client: WooshPay) -> None:
        while (number := next(numbers)) < calls:
            key, started = f"key-{number}", time.perf_counter()
            try:
                refund = client.refunds.create(payment_intent="pi_1", options=RequestOptions(idempotency_key=key))
                run.finish(number, started, own=refund.id == key)
            except WooshPayError:
                run.failed += 1

    with WooshPay(_KEY, base_url=f"http://127.0.0.1:{port}") as client:
        workers = [threading.Thread(target=work, args=(client,)) for _ in range(threads)]
        started = time.perf_counter()
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        run.seconds = time.perf_counter() - started
    run.server = counts(port)
    return run


def figures(name: str, run: Run, bounds: dict[str, float]) -> Iterator[Figure]:
    """What a run showed, beside what is allowed."""

    def figure(what: str, unit: str, measured: float, allowed: float | None = None) -> Figure:
        goal = None if allowed is None else 1.0
        return Figure(what=f"{name}: {what}", unit=unit, values={"measured": measured, "allowed": allowed}, goal=goal)

    yield figure("calls", "number", run.calls)
    yield figure("calls that raised, or got another's answer", "number", run.failed + run.wrong)
    yield figure("speed", "calls/s", run.calls / run.seconds)
    for quarter, occupied in enumerate(run.memory[:3], 1):
        yield figure(f"memory after {quarter}/4 of the calls", "MB", occupied / _MB)
    yield figure("memory after all", "MB", run.memory[3] / _MB, run.memory[1] / _MB * _GROWTH)
    median = run.percentile(0.5)
    yield figure("median latency", "ms", median)
    # Threads take turns as the interpreter likes: how fairly is shown, and no goal of ours.
    spread = median * _SPREAD if "tasks" in bounds else None
    yield figure("99 % of latencies below", "ms", run.percentile(0.99), spread)
    yield figure("connections at a time", "number", run.server["most_callers"], bounds["connections"])
    yield figure("requests in flight at a time", "number", run.server["most_in_flight"], bounds["connections"])
    if "tasks" in bounds:
        yield figure("tasks at a time", "number", run.most_tasks, bounds["tasks"])
    yield figure("threads at a time", "number", run.most_threads, bounds["threads"])


class Soak:
    """The benchmark."""

    about = "An hour's calls in minutes: memory, fairness and back-pressure, awaited and from threads."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add the options of the benchmark."""
        parser.add_argument("--calls", type=int, help="awaited calls; 200,000 unless told")
        parser.add_argument("--concurrency", type=int, default=256, help="awaited calls at a time")
        parser.add_argument("--connections", type=int, default=100, help="the client's max_connections")
        parser.add_argument("--threads", type=int, default=64, help="threads that share one client")

    def run(self, options: argparse.Namespace) -> list[Figure]:
        """Measure; less of it if ``options.quick``."""
        calls: int = options.calls or (20_000 if options.quick else 200_000)
        found: list[Figure] = []
        with running(_server) as server:
            run = asyncio.run(awaited(server.port, calls, options.concurrency, options.connections))
        # The workers, the one that runs them, and aiohttp's own for each request that is being written: none that wait.
        tasks = options.concurrency + 1 + options.connections
        bounds: dict[str, float] = {"connections": options.connections, "tasks": tasks, "threads": 1}
        found += figures(f"{options.concurrency} awaited", run, bounds)
        with running(_server) as server:
            run = threaded(server.port, calls // 4, options.threads)
        # The workers, the main thread, and the client's one.
        bounds = {"connections": options.threads, "threads": options.threads + 2}
        found += figures(f"{options.threads} threads", run, bounds)
        return found


def _server(port: int) -> list[str]:
    return [sys.executable, "-m", "benchmarks.soak_server", str(port)]


BENCHMARK: Final = Soak()
