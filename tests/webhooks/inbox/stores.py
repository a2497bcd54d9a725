"""One way to make every store, empty, for the tests that all of them have to pass."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Final

import attrs
import psycopg
from webhooks.inbox import django_stores
from webhooks.inbox.django_stores import DJANGO

from wooshpay.webhooks.inbox import Inbox, MemoryInbox, PostgresInbox, RedisInbox, SqliteInbox

STORES: Final = ("memory", "sqlite", "redis", "postgres", "pgbouncer", *DJANGO)
DURABLE: Final = STORES[1:]


@attrs.frozen
class Place:
    """Where one test keeps its events: any number of inboxes over it see the same."""

    store: str
    address: str
    prefix: str = ""

    def open(self, *, lease: float = 60.0, retention: float = 7 * 86_400.0) -> Inbox:
        """Open an inbox as one more worker would."""
        match self.store:
            case "sqlite":
                return SqliteInbox(self.address, lease=lease, retention=retention)
            case "redis":
                return RedisInbox(self.address, prefix=self.prefix, lease=lease, retention=retention)
            case "postgres" | "pgbouncer":
                return PostgresInbox(self.address, lease=lease, retention=retention)
            case store if store in DJANGO:
                return django_stores.open_inbox(self.address, lease=lease, retention=retention)
            case store if store.startswith("sqlalchemy"):
                from webhooks.inbox import sqlalchemy_stores

                return sqlalchemy_stores.open_inbox(store, self.address, lease=lease, retention=retention)
            case _:
                return MemoryInbox(lease=lease, retention=retention)


def make_place(store: str, folder: Path, url: Callable[[str], str]) -> Place:
    """An empty place in a store."""
    if store == "sqlite":
        return Place(store, str(folder / "inbox.db"))
    if store == "redis":
        return Place(store, url("redis_url"), f"test:{secrets.token_hex(4)}:")
    if store == "postgres":
        address = url("postgres_url")
        schema = f"test_{secrets.token_hex(4)}"
        with psycopg.connect(address, autocommit=True) as connection:
            connection.execute(f"CREATE SCHEMA {schema}".encode())
        joint = "&" if "?" in address else "?"
        return Place(store, f"{address}{joint}options=-csearch_path%3D{schema}")
    if store == "pgbouncer":
        # PgBouncer refuses the startup parameter that names a schema, so this database is emptied instead.
        address = url("pgbouncer_url")
        with psycopg.connect(address, autocommit=True, prepare_threshold=None) as connection:
            connection.execute("DROP TABLE IF EXISTS wooshpay_inbox, effects")
        return Place(store, address)
    if store in DJANGO:
        return Place(store, django_stores.make_address(store, folder, url))
    if store.startswith("sqlalchemy"):
        from webhooks.inbox import sqlalchemy_stores

        return Place(store, sqlalchemy_stores.make_address(store, folder, url))
    return Place(store, "")
