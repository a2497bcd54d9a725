"""The databases and drivers that `SqlAlchemyInbox` is tested with, as stores of the tests that every inbox passes."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import psycopg
import pymysql
from sqlalchemy import Engine, create_engine, make_url, text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool, NullPool, QueuePool

from wooshpay.api.events import Event
from wooshpay.webhooks.inbox import SqlAlchemyInbox

DRIVERS: Final = {
    "sqlalchemy sqlite": "sqlite",
    "sqlalchemy aiosqlite": "sqlite+aiosqlite",
    "sqlalchemy psycopg": "postgresql+psycopg",
    "sqlalchemy psycopg async": "postgresql+psycopg",
    "sqlalchemy pymysql": "mysql+pymysql",
    "sqlalchemy aiomysql": "mysql+aiomysql",
}
SQLALCHEMY: Final = tuple(DRIVERS)
# Without a pool, an AsyncEngine can be used on any event loop.
WITHOUT_POOL: Final = " without pool"
ON_ANY_LOOP: Final = (
    "sqlalchemy sqlite",
    "sqlalchemy psycopg",
    "sqlalchemy pymysql",
    f"sqlalchemy aiosqlite{WITHOUT_POOL}",
    f"sqlalchemy psycopg async{WITHOUT_POOL}",
    f"sqlalchemy aiomysql{WITHOUT_POOL}",
)


class OwnInbox(SqlAlchemyInbox[Any]):
    """An inbox that disposes of its engine when it is closed, as an application does when it ends."""

    def __init__(self, engine: Engine | AsyncEngine, **settings: Any) -> None:
        super().__init__(engine, **settings)
        self.engine = engine

    def open(self) -> Any:
        """Open a transaction, of either kind."""
        return self.transaction()

    async def close(self) -> None:
        await super().close()
        if isinstance(self.engine, AsyncEngine):
            await self.engine.dispose()
        else:
            self.engine.dispose()


class Opened:
    """Opens inboxes, and closes them and their engines when the test is over."""

    def __init__(self) -> None:
        self._inboxes: list[OwnInbox] = []

    def __call__(self, engine: Any, **settings: Any) -> OwnInbox:
        self._inboxes.append(OwnInbox(engine, **settings))
        return self._inboxes[-1]

    async def close(self) -> None:
        for inbox in self._inboxes:
            await inbox.close()


def is_async(store: str) -> bool:
    """Return whether a store has an `AsyncEngine`."""
    return "aio" in store or "async" in store


def make_engine(store: str, address: str, **settings: Any) -> Engine | AsyncEngine:
    """Make an engine for a store."""
    if store.endswith(WITHOUT_POOL):
        settings["poolclass"] = NullPool
    elif "aiosqlite" in store:
        # Before SQLAlchemy 2.0.38, an engine of aiosqlite has no pool unless it is named.
        settings.setdefault("poolclass", AsyncAdaptedQueuePool)
    elif "pool_size" in settings:
        settings["poolclass"] = AsyncAdaptedQueuePool if is_async(store) else QueuePool
    return create_async_engine(address, **settings) if is_async(store) else create_engine(address, **settings)


def open_inbox(store: str, address: str, **settings: Any) -> OwnInbox:
    """Open an inbox in a store, with an engine of its own."""
    return OwnInbox(make_engine(store, address), **settings)


def handler_of(inbox: OwnInbox, seconds: float) -> Callable[[Event], Any]:
    """Return the handler of a worker that writes a row for each event, in the inbox's transaction."""
    row = text("INSERT INTO effects (event) VALUES (:event)")

    async def awaited(event: Event) -> None:
        async with inbox.open() as session:
            await session.execute(row, {"event": event.id})
            await asyncio.sleep(seconds)

    def plain(event: Event) -> None:
        with inbox.open() as session:
            session.execute(row, {"event": event.id})
            time.sleep(seconds)

    return awaited if isinstance(inbox.engine, AsyncEngine) else plain


def make_address(store: str, folder: Path, url: Callable[[str], str]) -> str:
    """Make an empty place in a store, with the table of the inbox. Return its address for SQLAlchemy."""
    driver = DRIVERS[store.removesuffix(WITHOUT_POOL)]
    name = f"test_{secrets.token_hex(4)}"
    match driver.partition("+")[0]:
        case "sqlite":
            address = f"{driver}:///{folder}/inbox.db"
        case "postgresql":
            server = url("postgres_url")
            with psycopg.connect(server, autocommit=True) as postgres:
                postgres.execute(f"CREATE SCHEMA {name}".encode())
            joint = "&" if "?" in server else "?"
            address = f"{server.replace('postgresql', driver, 1)}{joint}options=-csearch_path%3D{name}"
        case _:
            server = url("mariadb_url")
            execute_mariadb(server, f"CREATE DATABASE {name}")
            address = f"{server.replace('mysql', driver, 1)}/{name}"
    create_table(store, address)
    return address


def create_table(store: str, address: str) -> None:
    """Create the inbox's table, as a script does."""
    if not is_async(store):
        engine = create_engine(address)
        SqlAlchemyInbox(engine).create()
        engine.dispose()
        return

    async def create() -> None:
        engine = create_async_engine(address)
        await SqlAlchemyInbox(engine).create()
        await engine.dispose()

    in_thread(create)


def in_thread(work: Callable[[], Any]) -> None:
    """Run a coroutine function on an event loop of its own, whether or not one runs here."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(lambda: asyncio.run(work())).result()


def execute(address: str, *statements: str) -> list[Any]:
    """Execute statements on a connection of its own; return the rows of the last one."""
    url = make_url(address)
    plain = {"sqlite+aiosqlite": "sqlite", "mysql+aiomysql": "mysql+pymysql"}.get(url.drivername, url.drivername)
    engine = create_engine(url.set(drivername=plain), poolclass=NullPool)
    rows: list[Any] = []
    with engine.begin() as connection:
        for statement in statements:
            result = connection.exec_driver_sql(statement)
            rows = [tuple(row) for row in result] if result.returns_rows else []
    return rows


def execute_mariadb(address: str, statement: str) -> None:
    """Execute a statement in no database."""
    host, _, port = address.rpartition("@")[2].partition(":")
    with pymysql.connect(host=host, port=int(port), user="root", autocommit=True) as connection:
        with connection.cursor() as cursor:
            cursor.execute(statement)
