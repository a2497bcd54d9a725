"""The sandbox beside localstripe, and a large sandbox beside a small one."""

from __future__ import annotations

import argparse
import json
import random
import statistics
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from benchmarks.load import Ask, send_all
from benchmarks.report import Figure
from benchmarks.servers import LOCALSTRIPE, SANDBOX, SANDBOX_WITH_STATE, Api, Server, running

SMALL: Final = 1_000
LARGE: Final = 100_000
_GROWTH_ALLOWED: Final = 1.5


class SandboxBenchmark:
    """Start-up, requests per second and memory beside localstripe; the cost of a large store."""

    about = "The sandbox beside localstripe: start-up, throughput, memory; and a large store beside a small one."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add the options of the benchmark."""
        parser.add_argument("--rounds", type=int, default=5, help="rounds, in which the servers take turns")
        parser.add_argument("--requests", type=int, default=400, help="requests of each kind and round")
        parser.add_argument("--large", type=int, default=LARGE, help="objects in the large store")

    def run(self, options: argparse.Namespace) -> list[Figure]:
        """Measure."""
        return [*beside(options.rounds, options.requests), *growth(options.rounds, options.requests, options.large)]


BENCHMARK: Final = SandboxBenchmark()


def beside(rounds: int, requests: int) -> list[Figure]:
    """The sandbox beside localstripe, each as it comes, and once more with a state file."""
    apis = (SANDBOX, LOCALSTRIPE, SANDBOX_WITH_STATE)
    starts: dict[str, list[float]] = {api.name: [] for api in apis}
    creates: dict[str, list[float]] = {api.name: [] for api in apis}
    reads: dict[str, list[float]] = {api.name: [] for api in apis}
    memory: dict[str, float | None] = {}
    for number in range(rounds + 1):
        for api in apis:
            with tempfile.TemporaryDirectory() as folder, running(_commanded(api, Path(folder))) as server:
                # The first round compiles what is not yet compiled.
                if number:
                    starts[api.name].append(server.seconds_to_answer)
                send_all(server.port, [api.create(place) for place in range(20)])
                before = server.memory
                seconds, bodies = send_all(server.port, [api.create(place) for place in range(requests)])
                creates[api.name].append(requests / seconds)
                if number == 0:
                    memory[api.name] = _kilobytes_per_thousand(before, server, requests)
                asks = [api.read(f"/v1/customers/{json.loads(body)['id']}") for body in bodies]
                seconds, _ = send_all(server.port, asks)
                reads[api.name].append(requests / seconds)
    return [
        Figure(what="From start to first response", unit="s", values=_medians(starts), goal=1),
        Figure(what="Create", unit="requests/s", values=_medians(creates), less_is_better=False, goal=1),
        Figure(what="Retrieve", unit="requests/s", values=_medians(reads), less_is_better=False, goal=1),
        Figure(what="Memory for 1,000 objects", unit="KiB", values=memory),
    ]


def growth(rounds: int, requests: int, large: int) -> list[Figure]:
    """A store of many objects beside one of a thousand."""
    names = {f"{large:,} objects": large, f"{SMALL:,} objects": SMALL}
    kinds = ("Retrieve", "Page of 100, newest", "Page of 100, in the middle", "Page of 100, of one customer")
    took: dict[str, dict[str, list[float]]] = {kind: {name: [] for name in names} for kind in kinds}
    with ExitStack() as stack:
        asked: dict[str, dict[str, list[Ask]]] = {}
        servers: dict[str, Server] = {}
        for name, count in names.items():
            servers[name] = stack.enter_context(running(_filled(count)))
            asked[name] = _asks(servers[name], requests)
        for number in range(rounds + 1):
            for kind in kinds:
                for name, server in servers.items():
                    asks = asked[name][kind]
                    seconds, _ = send_all(server.port, asks, connections=1)
                    # The first round warms up: indexes are made when they are first needed.
                    if number:
                        took[kind][name].append(seconds / len(asks) * 1000)
    return [Figure(what=kind, unit="ms", values=_medians(took[kind]), goal=_GROWTH_ALLOWED) for kind in kinds]


def _asks(server: Server, requests: int) -> dict[str, list[Ask]]:
    listed = "/v1/payment_intents/list?limit=100"
    ids: list[str] = []
    customers: set[str] = set()
    cursor, more = "", True
    while more:
        _, (body,) = send_all(server.port, [SANDBOX.read(f"{listed}{cursor}")], connections=1)
        page = json.loads(body)
        ids += [intent["id"] for intent in page["data"]]
        customers |= {intent["customer"] for intent in page["data"]}
        cursor, more = f"&starting_after={ids[-1]}", page["has_more"]
    chance = random.Random(1)
    some = [chance.choice(ids) for _ in range(requests)]
    pages = max(1, requests // 10)
    return {
        "Retrieve": [SANDBOX.read(f"/v1/payment_intents/{id}") for id in some],
        "Page of 100, newest": [SANDBOX.read(listed)] * pages,
        "Page of 100, in the middle": [SANDBOX.read(f"{listed}&starting_after={id}") for id in some[:pages]],
        "Page of 100, of one customer": [
            SANDBOX.read(f"{listed}&customer={id}") for id in chance.choices(sorted(customers), k=pages)
        ],
    }


def _commanded(api: Api, folder: Path) -> Callable[[int], Sequence[str]]:
    return lambda port: api.command(port, folder)


def _filled(count: int) -> Callable[[int], Sequence[str]]:
    return lambda port: [sys.executable, "-m", "benchmarks.served", str(port), "--objects", str(count)]


def _kilobytes_per_thousand(before: int | None, server: Server, objects: int) -> float | None:
    after = server.memory
    return None if before is None or after is None else (after - before) / 1024 / objects * 1000


def _medians(measured: dict[str, list[float]]) -> dict[str, float | None]:
    return {name: statistics.median(values) for name, values in measured.items()}
