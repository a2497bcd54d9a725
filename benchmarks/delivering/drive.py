"""Sends deliveries to a party in a process of its own, and counts the rows that they made."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from typing import Any, Final
from urllib.parse import urlsplit

from benchmarks import payloads
from benchmarks.child import environment
from benchmarks.delivering.applications import HEADER, PATH
from benchmarks.delivering.parties import ADAPTERS, Party
from benchmarks.delivering.shops import COUNT, TABLE
from benchmarks.load import Ask, send_all
from benchmarks.rounds import Sample
from benchmarks.servers import processor_seconds, running
from benchmarks.webhooks import SECRET
from wooshpay.webhooks import sign

# Deliveries that are sent at the same time: as many as gunicorn has threads and PostgresInbox has connections.
CONNECTIONS: Final = 4


def deliveries(first: int, count: int) -> Iterator[tuple[bytes, dict[str, str]]]:
    """Make signed deliveries of different events: each one's body and headers."""
    text = payloads.event()
    id = json.loads(text)["id"].encode()
    for number in range(first, first + count):
        body = text.replace(id, b"evt_%019d" % number)
        yield body, {HEADER: sign(body, SECRET), "Content-Type": "application/json"}


@contextmanager
def served(party: Party) -> Generator[Callable[[int, int], Sample]]:
    """Run a party in a process of its own within this block.

    Yields:
        Delivers: takes the number of the first event and how many there are, and returns what one delivery took.
    """
    with _over_http(party) if ADAPTERS[party.adapter].server != "none" else _over_pipes(party) as deliver:
        yield deliver


@contextmanager
def _over_http(party: Party) -> Generator[Callable[[int, int], Sample]]:
    with running(party.command) as server:

        def deliver(first: int, count: int) -> Sample:
            asks = [Ask.make("POST", PATH, headers, body) for body, headers in deliveries(first, count)]
            before = processor_seconds(server.process.pid)
            seconds, _ = send_all(server.port, asks, connections=CONNECTIONS)
            return Sample(seconds / count, (processor_seconds(server.process.pid) - before) / count)

        yield deliver


@contextmanager
def _over_pipes(party: Party) -> Generator[Callable[[int, int], Sample]]:
    """The process calls its own function, one delivery after the other, as Lambda does."""
    with subprocess.Popen(
        party.command(0), env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None

        def deliver(first: int, count: int) -> Sample:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(f"{json.dumps([first, count])}\n")
            process.stdin.flush()
            answer = process.stdout.readline()
            if not answer:
                raise RuntimeError(f"{party.command(0)!r} ended")
            return Sample(*json.loads(answer))

        yield deliver
        process.stdin.close()


def spare_the_disk(redis: str) -> None:
    """Configure the Redis of the benchmark to write to the disk once a second instead of after each command."""
    if os.environ.get("WOOSHPAY_TEST_REDIS_URL"):
        return  # it is somebody's own, whose settings stay as they are
    from redis import Redis

    with Redis.from_url(redis) as client:  # pyright: ignore[reportUnknownMemberType]  # so typed there
        client.config_set("appendfsync", "everysec")  # pyright: ignore[reportUnknownMemberType]


def create_table(database: str) -> None:
    """Create the shop's table, if it is missing."""
    _execute(database, TABLE.replace("TABLE", "TABLE IF NOT EXISTS", 1))


def count_rows(database: str) -> tuple[int, int]:
    """Return how many rows the shop's table has, and of how many events."""
    [(rows, events)] = _execute(database, COUNT)
    return rows, events


def _execute(database: str, statement: str) -> list[Any]:
    address = urlsplit(database)
    if not address.scheme:
        with closing(sqlite3.connect(database)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")  # which stays with the file
            return connection.execute(statement).fetchall()
    if address.scheme == "postgresql":
        import psycopg

        with psycopg.connect(database) as postgres:
            cursor = postgres.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []
    import pymysql

    with (
        closing(
            pymysql.connect(host=address.hostname, port=address.port or 3306, user=address.username, autocommit=True)
        ) as mysql,
        mysql.cursor() as found,
    ):
        name = address.path[1:]
        found.execute(f"CREATE DATABASE IF NOT EXISTS {name}")
        found.execute(f"USE {name}")
        found.execute(statement)
        return list(found.fetchall())
