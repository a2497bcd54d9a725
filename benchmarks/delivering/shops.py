"""How a shop writes one order into its database: by hand, and in a handler of a receiver with an inbox.

By hand, it is done as each library's documentation recommends: with connections that are kept, and one commit.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from benchmarks.delivering.parties import KINDS, THREADS, Party
from wooshpay import webhooks
from wooshpay.webhooks import merchant_reference
from wooshpay.webhooks.inbox import Inbox, MemoryInbox, PostgresInbox, RedisInbox, SqliteInbox

if TYPE_CHECKING:
    from psycopg import AsyncConnection, Connection
    from psycopg_pool import AsyncConnectionPool, ConnectionPool

    from wooshpay.types import Event
    from wooshpay.webhooks.handlers import Handler

TABLE: Final = "CREATE TABLE shipments (event_id VARCHAR(64) NOT NULL, order_id VARCHAR(64) NOT NULL)"
COUNT: Final = "SELECT count(*), count(DISTINCT event_id) FROM shipments"
_INSERT: Final = "INSERT INTO shipments (event_id, order_id) VALUES (?, ?)"
_INSERT_POSTGRES: Final = "INSERT INTO shipments (event_id, order_id) VALUES (%s, %s)"


class Order(NamedTuple):
    """The row that is written for a delivery."""

    event_id: str
    order_id: str


def order_of(event: Event) -> Order:
    """Return the order that an event is about."""
    return Order(event.id, merchant_reference(event) or "")


class Shop:
    """A shop's database.

    Args:
        party: Names the database.
    """

    def __init__(self, party: Party) -> None:
        self.party = party

    def insert_now(self, order: Order) -> None:
        """Write an order by hand."""
        raise NotImplementedError

    async def insert(self, order: Order) -> None:
        """Write an order by hand, on an event loop."""
        await asyncio.to_thread(self.insert_now, order)

    def handler(self) -> tuple[Inbox, Handler]:
        """Return the inbox, and a handler that writes the order of its event."""
        raise NotImplementedError


class _SqliteRows(Shop):
    """Keeps a connection for each thread, as SQLite's connections belong to one thread at a time."""

    def __init__(self, party: Party) -> None:
        super().__init__(party)
        self._local = threading.local()

    def insert_now(self, order: Order) -> None:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = sqlite3.connect(self.party.database, timeout=30, isolation_level=None)
            # The safe settings, which the inbox has too.
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
        connection.execute(_INSERT, order)


class MemoryShop(_SqliteRows):
    """Keeps the events in memory, and the orders in SQLite."""

    def handler(self) -> tuple[Inbox, Handler]:
        def paid(event: Event) -> None:
            self.insert_now(order_of(event))

        return MemoryInbox(), paid


class SqliteShop(_SqliteRows):
    """Keeps the events and the orders in one SQLite file."""

    def handler(self) -> tuple[Inbox, Handler]:
        inbox = SqliteInbox(self.party.database)

        def paid(event: Event) -> None:
            with inbox.transaction() as connection:
                connection.execute(_INSERT, order_of(event))

        return inbox, paid


class _PostgresRows(Shop):
    """Keeps as many connections as the inbox does."""

    def __init__(self, party: Party) -> None:
        super().__init__(party)
        self._pool: ConnectionPool[Connection] | None = None
        self._async_pool: AsyncConnectionPool[AsyncConnection] | None = None
        self._opening = threading.Lock()

    def insert_now(self, order: Order) -> None:
        from psycopg_pool import ConnectionPool

        with self._opening:
            if self._pool is None:
                self._pool = ConnectionPool(self.party.database, min_size=1, max_size=THREADS, open=True)
        with self._pool.connection() as connection:
            connection.execute(_INSERT_POSTGRES, order)

    async def insert(self, order: Order) -> None:
        from psycopg_pool import AsyncConnectionPool

        if self._async_pool is None:
            self._async_pool = AsyncConnectionPool(self.party.database, min_size=1, max_size=THREADS, open=False)
        await self._async_pool.open()
        async with self._async_pool.connection() as connection:
            await connection.execute(_INSERT_POSTGRES, order)


class RedisShop(_PostgresRows):
    """Keeps the events in Redis, and the orders in PostgreSQL."""

    def handler(self) -> tuple[Inbox, Handler]:
        async def paid_async(event: Event) -> None:
            await self.insert(order_of(event))

        def paid(event: Event) -> None:
            self.insert_now(order_of(event))

        return RedisInbox(self.party.redis), paid_async if self.party.awaited else paid


class PostgresShop(_PostgresRows):
    """Keeps the events and the orders in PostgreSQL."""

    def handler(self) -> tuple[Inbox, Handler]:
        inbox = PostgresInbox(self.party.database)

        async def paid_async(event: Event) -> None:
            async with inbox.transaction() as connection:
                await connection.execute(_INSERT_POSTGRES, order_of(event))

        def paid(event: Event) -> None:
            with inbox.transaction_now() as connection:
                connection.execute(_INSERT_POSTGRES, order_of(event))

        return inbox, paid_async if self.party.awaited else paid


def inbox_class(name: str) -> Any:
    """Return an inbox of `wooshpay.webhooks` by its name."""
    return getattr(webhooks, name)


def open_shop(party: Party) -> Shop:
    """Open the shop of a party."""
    module, _, name = KINDS[party.kind].shop.partition(":")
    cls: type[Shop] = getattr(import_module(f"benchmarks.delivering.{module}"), name)
    return cls(party)
