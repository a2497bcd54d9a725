"""Verifying and reading events beside the bare minimum and stripe-python; claims of each inbox."""

from __future__ import annotations

import argparse
import asyncio
import hmac
import json
import multiprocessing
import secrets
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Generator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Final

from benchmarks.report import Figure
from wooshpay import webhooks
from wooshpay.webhooks.inbox import Claim, Inbox, MemoryInbox, PostgresInbox, RedisInbox, SqliteInbox

SECRET: Final = "whsec_5WbX5kEWLlfzsGNjH64I8lOOqUB6e8FH"
STORES: Final = ("memory", "sqlite", "redis", "postgres")
WORKERS: Final = (1, 4, 16)
FEW: Final = 1_000
MANY: Final = 1_000_000


class WebhooksBenchmark:
    """Events verified and read; claims per second of each inbox, with more workers and with more ids."""

    about = "Webhooks: verify and construct beside bare HMAC and JSON and stripe-python; claims of each inbox."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add the options of the benchmark."""
        parser.add_argument("--rounds", type=int, default=7, help="rounds, in which the participants take turns")
        parser.add_argument("--seconds", type=float, default=1.5, help="how long claims are made for each figure")
        parser.add_argument("--ids", type=int, default=MANY, help="ids in the full inbox")

    def run(self, options: argparse.Namespace) -> list[Figure]:
        """Measure."""
        figures = construct(options.rounds)
        with servers() as places:
            figures += [workers(store, places[store], options.seconds) for store in STORES]
            figures += [growth(store, places[store], options.seconds, options.ids) for store in STORES]
        return figures


BENCHMARK: Final = WebhooksBenchmark()


# ---- construct


def construct(rounds: int) -> list[Figure]:
    """An event of 2.5 KB from body and headers to a typed object."""
    import stripe

    body = _body()
    t = int(time.time())
    headers = {"Wooshpay-Signature": webhooks.sign(body, SECRET, t=t)}
    text, header = body.decode(), headers["Wooshpay-Signature"]

    def ours() -> None:
        assert webhooks.construct(body, headers, SECRET).data.object is not None

    def bare() -> None:
        expected = hmac.digest(SECRET.encode(), b"%d." % t + body, "sha256").hex()
        assert hmac.compare_digest(expected, header.partition("v1=")[2])
        json.loads(body)

    def stripes() -> None:
        stripe.Webhook.construct_event(text, header, SECRET)

    took = _interleaved({"wooshpay": ours, "bare HMAC and json": bare, "stripe": stripes}, rounds, calls=400)
    about = "Event to typed object"
    minimum, peer = _of(took, "wooshpay", "bare HMAC and json"), _of(took, "wooshpay", "stripe")
    return [
        Figure(what=f"{about}, beside the bare minimum", unit="us", values=minimum, goal=1.6),
        Figure(what=f"{about}, beside stripe-python", unit="us", values=peer, goal=1 / 15),
    ]


def _body() -> bytes:
    """An event about a payment with nested objects."""
    address = {"line1": "1 Long Street", "city": "London", "country": "GB", "postal_code": "N1 9GU"}
    card = {"brand": "visa", "country": "US", "exp_month": 12, "exp_year": 2034, "funding": "credit", "last4": "1111"}
    intent = {
        "id": "pi_1693466278934609920",
        "object": "payment_intent",
        "amount": 1999,
        "amount_received": 1999,
        "capture_method": "automatic",
        "client_secret": "pi_1693466278934609920_secret_xjsfriry3X8stv3ROmynz0kz",
        "created": 1692588799000,
        "currency": "USD",
        "livemode": False,
        "merchant_order_id": "order-1001",
        "metadata": {f"key_{number}": "a value of some length" * 2 for number in range(20)},
        "payment_method": {
            "id": "pm_1693466278808780800",
            "object": "payment_method",
            "billing_details": {"name": "Ada", "email": "ada@example.com", "address": address},
            "card": card,
            "created": 1692588799000,
            "livemode": False,
            "type": "card",
        },
        "payment_method_options": {"card": {"request_three_d_secure": "auto"}},
        "payment_method_types": ["card"],
        "shipping": {"name": "Ada", "phone": "1", "address": address},
        "status": "succeeded",
    }
    event = {
        "id": "evt_1693466279148519424",
        "object": "event",
        "api_version": "1.0.1",
        "created": 1692588799000,
        "data": {"object": intent},
        "livemode": False,
        "type": "payment_intent.succeeded",
    }
    return json.dumps(event, separators=(",", ":")).encode()


def _interleaved(works: dict[str, Callable[[], None]], rounds: int, *, calls: int) -> dict[str, float]:
    took: dict[str, list[float]] = {name: [] for name in works}
    for number in range(rounds + 1):
        for name, work in works.items():
            started = time.perf_counter()
            for _ in range(calls):
                work()
            if number:  # the first round warms up
                took[name].append((time.perf_counter() - started) / calls * 1e6)
    return {name: statistics.median(values) for name, values in took.items()}


def _of(took: dict[str, float], *names: str) -> dict[str, float | None]:
    return {name: took[name] for name in names}


# ---- inboxes


@contextmanager
def servers() -> Generator[dict[str, str]]:
    """Where each store is, the servers running."""
    # The servers of the tests: the wheels that hold them are in the extra dev.
    sys.path.append(str(Path(__file__).parents[1] / "tests"))
    from webhooks.servers import postgres_url, redis_url

    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        redis, postgres = stack.enter_context(redis_url()), stack.enter_context(postgres_url())
        yield {"memory": "", "sqlite": f"{folder}/inbox.db", "redis": redis, "postgres": postgres}


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


def workers(store: str, address: str, seconds: float) -> Figure:
    """Claims per second with more and more worker processes; what is in memory has one."""
    values: dict[str, float | None] = {}
    for count in WORKERS:
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
