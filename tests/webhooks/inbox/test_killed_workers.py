"""Ten workers, thousands of events, three deliveries of each in random order, and SIGKILL at random moments.

With WOOSHPAY_TEST_EVENTS=10000 in the environment it takes some minutes and says more.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sqlite3
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Final

import attrs
import psycopg
import pytest
from webhooks.inbox import django_stores
from webhooks.inbox.django_stores import DJANGO
from webhooks.inbox.sqlalchemy_stores import execute
from webhooks.inbox.stores import DURABLE, Place, make_place

EVENTS: Final = int(os.environ.get("WOOSHPAY_TEST_EVENTS", "2500"))
# The stores that are tested with several databases or drivers get fewer events in the usual run, and the workers of a
# web framework start slowly.
FEWER_EVENTS: Final = int(os.environ.get("WOOSHPAY_TEST_EVENTS", "500"))
DELIVERIES: Final = 3
WORKERS: Final = 10
AT_ONCE: Final = 6
KILLS: Final = 30
FEWER_KILLS: Final = KILLS if "WOOSHPAY_TEST_EVENTS" in os.environ else 10
LEASE: Final = 1.5
SEED: Final = 20_261_124
LIMIT_SECONDS: Final = 300
HOME: Final = Path(__file__).parents[2]


@attrs.define(eq=False)
class Worker:
    """One worker process and the deliveries that it has not answered."""

    process: asyncio.subprocess.Process
    open: list[str] = attrs.field(factory=list[str])


@attrs.define(eq=False)
class WooshPay:
    """Delivers every event to one worker or another until it is answered 200, as WooshPay does."""

    command: list[str]
    chance: random.Random
    events: int
    kills: int
    queue: list[str] = attrs.field(factory=list[str])
    later: list[tuple[float, str]] = attrs.field(factory=list[tuple[float, str]])
    statuses: Counter[int] = attrs.field(factory=Counter[int])
    ran: dict[str, float] = attrs.field(factory=dict[str, float])
    killed: dict[int, float] = attrs.field(factory=dict[int, float])
    workers: list[Worker] = attrs.field(factory=list[Worker])
    left: int = 0

    async def run(self) -> None:
        """Deliver everything, and kill workers meanwhile."""
        self.queue = [f"evt_{number}" for number in range(self.events)] * DELIVERIES
        self.left = len(self.queue)
        self.chance.shuffle(self.queue)
        kill_when = sorted((self.chance.randrange(self.left // 20, self.left) for _ in range(self.kills)), reverse=True)
        try:
            async with asyncio.timeout(LIMIT_SECONDS), asyncio.TaskGroup() as lanes:
                for _ in range(WORKERS):
                    lanes.create_task(self._lane(kill_when))
        finally:
            for worker in self.workers:
                if worker.process.returncode is None:
                    worker.process.kill()
                await worker.process.wait()

    async def _lane(self, kill_when: list[int]) -> None:
        """One worker after another, each until it is killed or nothing is left to deliver."""
        while self.left:
            worker = Worker(
                await asyncio.create_subprocess_exec(
                    *self.command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, cwd=HOME
                )
            )
            self.workers.append(worker)
            await self._serve(worker, kill_when)
            # What a killed worker did not answer counts as not delivered.
            self.queue += worker.open
            worker.open.clear()

    async def _serve(self, worker: Worker, kill_when: list[int]) -> None:
        process = worker.process
        assert process.stdin is not None
        assert process.stdout is not None
        while self.left:
            now = time.monotonic()
            due = [event for when, event in self.later if when <= now]
            self.later = [(when, event) for when, event in self.later if when > now]
            self.queue += due
            while self.queue and len(worker.open) < AT_ONCE:
                event = self.queue.pop()
                worker.open.append(event)
                process.stdin.write(f"{event}\n".encode())
            if not worker.open:
                await asyncio.sleep(0.02)
                continue
            line = (await process.stdout.readline()).decode().split()
            if len(line) != 3:
                return
            self._answered(worker, *line)
            if kill_when and self.left <= kill_when[0]:
                kill_when.pop(0)
                process.send_signal(signal.SIGKILL)
                await process.wait()
                self.killed[process.pid] = time.monotonic()
                # What it had still said before it died was an answer.
                for rest in (await process.stdout.read()).decode().splitlines():
                    if len(rest.split()) == 3 and rest.split()[0] in worker.open:
                        self._answered(worker, *rest.split())
                return
        process.stdin.close()
        await process.wait()

    def _answered(self, worker: Worker, event: str, status: str, ran: str) -> None:
        worker.open.remove(event)
        self.statuses[int(status)] += 1
        if status == "200":
            self.left -= 1
            if ran == "ran":
                self.ran.setdefault(event, time.monotonic())
        else:
            self.later.append((time.monotonic() + 0.1 + self.chance.random() * 0.2, event))


def amounts_of(store: str) -> tuple[int, int]:
    """Return how many events there are for a store, and how many workers are killed."""
    return (FEWER_EVENTS, FEWER_KILLS) if store in DJANGO or store.startswith("sqlalchemy") else (EVENTS, KILLS)


async def deliver_all(place: Place, notes: Path, *, rows: bool) -> WooshPay:
    worker = [sys.executable, "-m", "webhooks.inbox.worker", place.store, place.address, place.prefix]
    events, kills = amounts_of(place.store)
    command = [*worker, str(LEASE), str(notes), "rows" if rows else "-"]
    wooshpay = WooshPay(command, random.Random(SEED), events, kills)
    await wooshpay.run()
    assert len(wooshpay.killed) >= kills // 2, "too few workers were killed for this to say anything"
    assert wooshpay.statuses[200] == wooshpay.events * DELIVERIES
    assert set(wooshpay.statuses) <= {200, 409, 503}, wooshpay.statuses
    return wooshpay


@pytest.fixture(autouse=True)
def _workers_find_the_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(HOME), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]))


@pytest.mark.parametrize("store", [*DURABLE, "sqlalchemy psycopg"])
async def test_every_event_is_handled_by_one_live_worker_at_a_time_and_never_after_it_is_done(
    store: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    place = make_place(store, tmp_path, request.getfixturevalue)
    notes = tmp_path / "notes"
    wooshpay = await deliver_all(place, notes, rows=False)

    runs = read_runs(notes.read_text().splitlines(), wooshpay.killed)
    assert len(runs) == wooshpay.events
    for event, spans in runs.items():
        assert any(whole for _, _, whole in spans), f"{event} was never handled to its end"
        for (_, end, _), (start, _, _) in pairwise(spans):
            assert end <= start, f"{event} was held by two live workers"
        # A handler may be through before its worker is killed; only what was marked done must not run again.
        if event in wooshpay.ran:
            assert spans[-1][0] <= wooshpay.ran[event], f"{event} ran again after it was done"
    again = sum(len(spans) > 1 for spans in runs.values())
    assert again <= len(wooshpay.killed) * AT_ONCE, "events ran again that no killed worker held"

    inbox = place.open(lease=LEASE)
    assert await inbox.counts() == (0, wooshpay.events)
    await inbox.close()


def read_runs(lines: Iterable[str], killed: dict[int, float]) -> dict[str, list[tuple[float, float, bool]]]:
    """For each event when it was worked on, in order: start, end, and whether to its own end.

    A killed worker held what it had started until it was killed.
    """
    runs: dict[str, list[tuple[float, float, bool]]] = defaultdict(list)
    started: dict[tuple[str, int], float] = {}
    for line in lines:
        what, event, process, moment = line.split()
        if what == "start":
            started[event, int(process)] = float(moment)
        else:
            runs[event].append((started.pop((event, int(process))), float(moment), True))
    for (event, worker), start in started.items():
        runs[event].append((start, killed[worker], False))
    return {event: sorted(spans) for event, spans in runs.items()}


@pytest.mark.parametrize("store", ["sqlite", "postgres", "pgbouncer", *DJANGO])
async def test_rows_in_the_inbox_s_transaction_take_effect_exactly_once(
    store: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    place = make_place(store, tmp_path, request.getfixturevalue)
    table = "CREATE TABLE effects (event text)"
    if store in DJANGO:
        django_stores.execute(place.address, table)
    elif store == "sqlite":
        with closing(sqlite3.connect(place.address)) as connection:
            connection.execute(table)
    else:
        with psycopg.connect(place.address, autocommit=True) as postgres:
            postgres.execute(table)
    wooshpay = await deliver_all(place, tmp_path / "notes", rows=True)

    rows = "SELECT event FROM effects"
    if store in DJANGO:
        effects = Counter(str(event) for (event,) in django_stores.execute(place.address, rows))
    elif store == "sqlite":
        with closing(sqlite3.connect(place.address)) as connection:
            effects = Counter(str(event) for (event,) in connection.execute(rows))
    else:
        with psycopg.connect(place.address) as postgres:
            effects = Counter(str(event) for (event,) in postgres.execute(rows))
    assert len(effects) == wooshpay.events
    assert set(effects.values()) == {1}


@pytest.mark.parametrize("store", ["sqlalchemy aiosqlite", "sqlalchemy psycopg async", "sqlalchemy pymysql"])
async def test_rows_in_a_session_of_sqlalchemy_take_effect_exactly_once(
    store: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    place = make_place(store, tmp_path, request.getfixturevalue)
    execute(place.address, "CREATE TABLE effects (event VARCHAR(50))")
    wooshpay = await deliver_all(place, tmp_path / "notes", rows=True)
    effects = Counter(str(event) for (event,) in execute(place.address, "SELECT event FROM effects"))
    assert len(effects) == wooshpay.events
    assert set(effects.values()) == {1}
