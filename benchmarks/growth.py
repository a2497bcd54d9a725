"""Cost as work grows: calls at a time, entries of a list, clients, and entries of a walk over pages."""

from __future__ import annotations

import asyncio
import gc
import resource
import statistics
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

import attrs

from benchmarks.goals import Goals
from benchmarks.over_http import CannedServer, at_once, canned
from benchmarks.payloads import CREATE
from benchmarks.peers.plain import aiohttp_json
from benchmarks.peers.wooshpay_client import KEY
from benchmarks.report import Figure
from benchmarks.rounds import Effort, Subject, calibrated, sample

CONCURRENCIES: Final = (1, 4, 16, 64, 256, 1024)
LENGTHS: Final = (10, 100, 1_000, 10_000)
CLIENTS: Final = (1, 10, 100)
PAGED: Final = (100, 10_000, 1_000_000)
_UNCOLLECTED: Final = "wooshpay, the garbage collector off"
_PAGE: Final = 100
# Peak memory after all pages beside that after a hundredth of them.
_STAYS: Final = 1.05

BENCHMARK: Final = Goals(
    "Cost as work grows: 1 to 1,024 calls at a time, lists of 10 to 10,000, 1 to 100 clients, 1,000,000 paged entries.",
    functions=[f"benchmarks.growth:{name}" for name in ("concurrency", "lengths", "clients", "paging")],
)


def concurrency(effort: Effort) -> list[Figure]:
    """The CPU of a call, with more and more calls at a time, and that of aiohttp alone."""
    from wooshpay import AsyncWooshPay

    with canned() as server, asyncio.Runner() as runner:
        loop = runner.get_loop()
        client = AsyncWooshPay(KEY, base_url=server.url, max_connections=max(CONCURRENCIES))
        raw = runner.run(_made(lambda: aiohttp_json(server.url)))
        sizes = _within(CONCURRENCIES, effort)

        def create() -> Awaitable[object]:
            return client.payment_intents.create(**CREATE)

        subjects = {
            name: {f"{many:,}": server.counted(at_once(name, call, many, loop)) for many in sizes}
            for name, call in (("wooshpay", create), ("aiohttp + json", raw.create))
        }
        subjects[_UNCOLLECTED] = {many: _uncollected(subject) for many, subject in subjects["wooshpay"].items()}
        took = _by_turns(subjects, effort)
        runner.run(_awaited(client.close))
        runner.run(_awaited(raw.close))
    note = (
        "One call at a time pays whole turns of the event loop, from the packet to the wake-up; with more, a turn"
        " serves many calls, which is the fall, for aiohttp alone too. The rise at 1,024 is in part the garbage"
        " collector's, which looks at all that is under way: see the row without it. The rest is aiohttp's, which"
        " rises as well."
    )
    return [_row("CPU of a create, by calls at a time", name, values, note) for name, values in took.items()]


def lengths(effort: Effort) -> list[Figure]:
    """The CPU of each entry of a list, with more and more entries, and that of aiohttp alone."""
    from wooshpay import AsyncWooshPay

    with canned() as server, asyncio.Runner() as runner:
        loop = runner.get_loop()
        client = AsyncWooshPay(KEY, base_url=server.url)
        session = runner.run(_made(lambda: _Plain(server.url)))
        subjects: dict[str, dict[str, Subject]] = {"wooshpay": {}, "aiohttp + json": {}}
        for length in _within(LENGTHS, effort):
            ours, plain = _listing(client, length), session.listing(length)
            subjects["wooshpay"][f"{length:,}"] = server.counted(at_once("wooshpay", ours, 1, loop))
            subjects["aiohttp + json"][f"{length:,}"] = server.counted(at_once("aiohttp + json", plain, 1, loop))
        subjects[_UNCOLLECTED] = {length: _uncollected(subject) for length, subject in subjects["wooshpay"].items()}
        took = _by_turns(subjects, effort)
        runner.run(_awaited(client.close))
        runner.run(_awaited(session.close))
    note = (
        "The entries share the cost of their request, which is the fall to 100. The rise after it is the garbage"
        " collector's, which goes over all entries again and again while a page is built, and typed objects are more"
        " in number than dicts: without it the cost stays the same to the end."
    )
    each = {
        name: {length: cpu / int(length.replace(",", "")) for length, cpu in values.items()}
        for name, values in took.items()
    }
    return [_row("CPU of an entry, by entries of the list", name, values, note) for name, values in each.items()]


def clients(effort: Effort) -> list[Figure]:
    """The CPU of a call that one of many clients makes, and what a client occupies."""
    from wooshpay import AsyncWooshPay

    with canned() as server, asyncio.Runner() as runner:
        loop = runner.get_loop()
        counts = _within(CLIENTS, effort)
        made = [AsyncWooshPay(KEY, base_url=server.url) for _ in range(max(counts))]

        def shared(count: int) -> Callable[[], Awaitable[object]]:
            turn = iter(range(sys.maxsize))
            return lambda: made[next(turn) % count].payment_intents.create(**CREATE)

        subjects = {f"{count}": server.counted(at_once("wooshpay", shared(count), 64, loop)) for count in counts}
        one_each = shared(max(counts))
        for _ in made:
            runner.run(_awaited(one_each))  # opens its connection
        took = _by_turns({"wooshpay": subjects}, effort)["wooshpay"]
        for client in made:
            runner.run(_awaited(client.close))
    note = "64 calls at a time, over all clients. Clients share nothing, so that more of them do not slow each other."
    return [_row("CPU of a create, by clients in the process", "wooshpay", took, note)]


def paging(effort: Effort) -> list[Figure]:
    """The CPU of each entry of a walk over all pages, and the most memory that it took."""
    cpu: dict[str, float | None] = {}
    memory: dict[str, float | None] = {}
    with canned() as server, asyncio.Runner() as runner:
        _walking(server, 1, runner).run(1)  # what is made once for all is not counted
        for total in (1, *(max(1, round(count * effort.part)) for count in PAGED)):
            pages = -(-total // _PAGE)
            walk = server.counted(_walking(server, total, runner))
            cpu[f"{total:,}"] = sample(walk, pages).cpu * pages / total * 1e6
            memory[f"{total:,}"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    (few, before), (many, after) = list(memory.items())[-2:]
    note = (
        f"A page of {_PAGE} is held at a time, whatever the number of pages. One entry alone pays for a whole request,"
        " and each walk here for a client and a connection of its own."
    )
    return [
        Figure(what="CPU of an entry, by entries of a walk", unit="us", values=cpu, note=note, by_size=True),
        Figure(
            what="Peak memory of a walk over pages",
            unit="MiB",
            values={f"{many} entries": after, f"{few} entries": before},
            goal=_STAYS,
        ),
    ]


def _within(sizes: Sequence[int], effort: Effort) -> list[int]:
    """All sizes, or but the smaller ones where hardly anything is to be measured."""
    return [size for size in sizes if size <= max(sizes) * effort.part * 10]


def _row(what: str, name: str, values: Mapping[str, float], note: str) -> Figure:
    explained = note if name == "wooshpay" else ""
    return Figure(what=f"{what}: {name}", unit="us", values=values, note=explained, by_size=True)


def _uncollected(subject: Subject) -> Subject:
    def run(calls: int) -> None:
        gc.disable()
        try:
            subject.run(calls)
        finally:
            gc.enable()

    return attrs.evolve(subject, run=run)


def _walking(server: CannedServer, total: int, runner: asyncio.Runner) -> Subject:
    from wooshpay import AsyncWooshPay

    async def walk() -> int:
        async with AsyncWooshPay(KEY, base_url=server.url) as client:
            pager = client.payment_methods.list(customer=f"cus_{total}", limit=_PAGE)
            return sum([1 async for _ in pager])

    def run(calls: int) -> None:
        found = runner.run(walk())
        if found != total:
            raise RuntimeError(f"The walk gave {found} of {total} entries.")

    return Subject("wooshpay", run)


def _listing(client: Any, length: int) -> Callable[[], Awaitable[object]]:
    return lambda: client.payment_intents.list(limit=length).page()


class _Plain:
    """aiohttp and json by hand, for lists of any length."""

    def __init__(self, url: str) -> None:
        import aiohttp

        self._url = url
        self._session = aiohttp.ClientSession()
        self.close = self._session.close

    def listing(self, length: int) -> Callable[[], Awaitable[object]]:
        """A call for a list."""
        import json

        async def page() -> object:
            async with self._session.get(f"{self._url}/v1/payment_intents?limit={length}") as response:
                return json.loads(await response.read())

        return page


def _by_turns(subjects: dict[str, dict[str, Subject]], effort: Effort) -> dict[str, dict[str, float]]:
    """Microseconds of CPU of a call: all take turns, in every round."""
    calls = {
        name: {size: calibrated(subject, effort.seconds) for size, subject in sizes.items()}
        for name, sizes in subjects.items()
    }
    taken: dict[str, dict[str, list[float]]] = {name: {size: [] for size in sizes} for name, sizes in subjects.items()}
    for _ in range(effort.rounds):
        for name, sizes in subjects.items():
            for size, subject in sizes.items():
                taken[name][size].append(sample(subject, calls[name][size]).cpu * 1e6)
    return {name: {size: statistics.median(values) for size, values in sizes.items()} for name, sizes in taken.items()}


async def _made(make: Callable[[], Any]) -> Any:
    return make()


async def _awaited(call: Callable[[], Awaitable[object]]) -> None:
    await call()
