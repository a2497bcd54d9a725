"""Claims of each inbox for webhooks: with more workers, and with more ids in it."""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import secrets
import sqlite3
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from typing import Final, Literal

from benchmarks.databases import Product, open_databases
from benchmarks.report import Figure
from wooshpay.webhooks.inbox import Claim, Inbox, MemoryInbox, PostgresInbox, RedisInbox, SqliteInbox

STORES: Final[tuple[Product | Literal["memory"], ...]] = ("memory", "sqlite", "redis", "postgres")
WORKERS: Final = (1, 4, 16)
FEW: Final = 1_000
MANY: Final = 1_000_000


class InboxesBenchmark:
    """Claims per second of each inbox, with more workers and with more ids."""

    about = "Claims of each inbox for webhooks: with more workers, and with more ids in it."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add the options of the benchmark."""
        parser.add_argument("--seconds", type=float, default=1.5, help="how long claims are made for each figure")
        parser.add_argument("--workers", type=int, nargs="+", default=list(WORKERS), help="how many worker processes")
        parser.add_argument("--ids", type=int, default=MANY, help="ids in the full inbox")

    def run(self, options: argparse.Namespace) -> list[Figure]:
        """Measure."""
        with open_databases() as databases:
            places = {store: databases.address(store) if store != "memory" else "" for store in STORES}
            figures = [workers(store, places[store], options.seconds, options.workers) for store in STORES]
            return figures + [growth(store, places[store], options.seconds, options.ids) for store in STORES]


BENCHMARK: Final = InboxesBenchmark()


def open_inbox(store: str, address: str) -> Inbox:
    """An inbox as one more worker opens it."""
    match store:
        case "sqlite":
            return SqliteInbox(address)
        case "redis":
            return RedisInbox(address)
        case "postgres":
            return PostgresInbox(address)
        case _:
            return MemoryInbox()


async def _cycles(inbox: Inbox, seconds: float) -> float:
    """Claims that are done at once, for some time: how many in a second."""
    prefix, count = secrets.token_hex(4), 0
    started = time.perf_counter()
    while (passed := time.perf_counter() - started) < seconds:
        for _ in range(10):
            claim = await inbox.claim(f"evt_{prefix}{count:012d}")
            assert isinstance(claim, Claim)
            assert await inbox.done(claim)
            count += 1
    return count / passed


def _work(store: str, address: str, seconds: float) -> float:
    async def work() -> float:
        inbox = open_inbox(store, address)
        try:
            await inbox.claim(f"evt_{secrets.token_hex(8)}")
            return await _cycles(inbox, seconds)
        finally:
            await inbox.close()

    return asyncio.run(work())


def workers(store: str, address: str, seconds: float, counts: Sequence[int]) -> Figure:
    """Claims per second with more and more worker processes; what is in memory has one."""
    values: dict[str, float | None] = {}
    for count in counts:
        name = f"{count} worker{'s' if count > 1 else ''}"
        if store == "memory" and count > 1:
            values[name] = None
            continue
        with ProcessPoolExecutor(count, mp_context=multiprocessing.get_context("spawn")) as pool:
            list(pool.map(time.sleep, [0.3] * count))
            values[name] = sum(pool.map(_work, [store] * count, [address] * count, [seconds] * count))
    return Figure(what=f"Claim and done, {store}", unit="events/s", values=values, less_is_better=False)


def growth(store: str, address: str, seconds: float, many: int) -> Figure:
    """One claim and done with many ids in the inbox, beside a thousand."""

    async def measure() -> dict[str, float | None]:
        inbox = open_inbox(store, address)
        try:
            took: dict[str, float | None] = {}
            for count in (FEW, many):
                await _fill(store, address, inbox, count)
                took[f"{count:,} ids"] = 1e6 / await _cycles(inbox, seconds)
            return dict(reversed(took.items()))
        finally:
            await inbox.close()

    return Figure(what=f"Claim and done, {store}", unit="us", values=asyncio.run(measure()))


async def _fill(store: str, address: str, inbox: Inbox, count: int) -> None:
    """Put done events into a store, by the store's own fastest way; through the inbox there would be no end to it."""
    await inbox.claim("evt_first")
    soon = time.time() + 6 * 86_400
    ids = (f"evt_{number:019d}" for number in range(count))
    insert = "INSERT INTO wooshpay_inbox (id, token, done, expires)"
    if store == "sqlite":
        with closing(sqlite3.connect(address, timeout=60)) as connection, connection:
            connection.executemany(f"{insert} VALUES (?, 't', 1, ?) ON CONFLICT DO NOTHING", ((id, soon) for id in ids))
    elif store == "postgres":
        import psycopg

        series = "SELECT 'evt_' || lpad(n::text, 19, '0'), 't', true, now() + interval '6 days'"
        with psycopg.connect(address) as postgres:
            postgres.execute(f"{insert} {series} FROM generate_series(1, {count}) n ON CONFLICT DO NOTHING".encode())
    elif store == "redis":
        from redis.asyncio import Redis

        async with Redis.from_url(address) as client:  # pyright: ignore[reportUnknownMemberType]  # so typed there
            while batch := [id for _, id in zip(range(10_000), ids, strict=False)]:
                pipeline = client.pipeline(transaction=False)
                for id in batch:
                    pipeline.set(f"wooshpay:inbox:{id}", "d:t", px=6 * 86_400_000)
                await pipeline.execute()
    else:
        for id in ids:
            claim = await inbox.claim(id)
            if isinstance(claim, Claim):
                await inbox.done(claim)
