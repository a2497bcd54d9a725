"""The adapters and inboxes that are measured, and what each of them needs."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Final, Literal, TypeAlias

import attrs

from benchmarks.databases import Product

Server: TypeAlias = Literal["aiohttp", "uvicorn", "gunicorn", "none"]
# Threads of a gunicorn worker.
THREADS: Final = 4


@attrs.frozen
class Adapter:
    """A way to receive deliveries.

    Attributes:
        name: The name on the command line.
        about: The name in the table.
        server: What serves it.
        awaited: Whether its views are coroutine functions.
        needs: Packages, or ``module:name`` of this SDK, that have to be there.
    """

    name: str
    about: str
    server: Server
    awaited: bool
    needs: Sequence[str]


@attrs.frozen
class Kind:
    """An inbox, with the database into which the shop writes.

    Attributes:
        name: The name on the command line.
        about: The name in the table.
        shop: The module and class of the shop, in `benchmarks.delivering`.
        database: What the shop writes into.
        needs: Packages, or ``module:name`` of this SDK, that have to be there.
        needs_async: The same, for adapters whose views are coroutine functions.
        adapters: The names of the adapters with which it is used. All of them if there are none.
    """

    name: str
    about: str
    shop: str
    database: Product
    needs: Sequence[str] = ()
    needs_async: Sequence[str] = ()
    adapters: Sequence[str] = ()


_PRODUCTS: Final[dict[Product, str]] = {"sqlite": "SQLite", "postgres": "PostgreSQL", "mariadb": "MariaDB"}
_DRIVERS: Final[dict[Product, Sequence[str]]] = {"postgres": ("psycopg",), "mariadb": ("pymysql",)}
_ASYNC_DRIVERS: Final[dict[Product, Sequence[str]]] = {"sqlite": ("aiosqlite",), "mariadb": ("aiomysql",)}
_DJANGO: Final = "wooshpay.webhooks:DjangoInbox"
_SQLALCHEMY: Final = "wooshpay.webhooks:SqlAlchemyInbox"
_DJANGO_ADAPTERS: Final = ("django-wsgi", "django-asgi")
_OTHER_ADAPTERS: Final = ("aiohttp", "starlette", "fastapi", "flask", "lambda")

ADAPTERS: Final = {
    adapter.name: adapter
    for adapter in (
        Adapter("aiohttp", "aiohttp", "aiohttp", True, ()),
        Adapter("starlette", "Starlette on uvicorn", "uvicorn", True, ("starlette", "uvicorn")),
        Adapter("fastapi", "FastAPI on uvicorn", "uvicorn", True, ("fastapi", "uvicorn")),
        Adapter("flask", "Flask on gunicorn", "gunicorn", False, ("flask", "gunicorn")),
        Adapter("django-wsgi", "Django on gunicorn", "gunicorn", False, ("django", "gunicorn")),
        Adapter("django-asgi", "Django on uvicorn", "uvicorn", True, ("django", "uvicorn")),
        Adapter("lambda", "Lambda, called directly", "none", False, ("wooshpay.webhooks.adapters:lambda_handler",)),
    )
}
KINDS: Final = {
    kind.name: kind
    for kind in (
        Kind("memory", "MemoryInbox, rows in SQLite", "shops:MemoryShop", "sqlite"),
        Kind("sqlite", "SqliteInbox", "shops:SqliteShop", "sqlite"),
        Kind("redis", "RedisInbox, rows in PostgreSQL", "shops:RedisShop", "postgres", ("redis", "psycopg_pool")),
        Kind("postgres", "PostgresInbox", "shops:PostgresShop", "postgres", ("psycopg_pool",)),
        *(
            Kind(
                f"django-{product}",
                f"DjangoInbox, {about}",
                "django_shop:DjangoShop",
                product,
                ("django", *_DRIVERS.get(product, ()), _DJANGO),
                adapters=_DJANGO_ADAPTERS,
            )
            for product, about in _PRODUCTS.items()
        ),
        *(
            Kind(
                f"sqlalchemy-{product}",
                f"SqlAlchemyInbox, {about}",
                "sqlalchemy_shop:SqlAlchemyShop",
                product,
                ("sqlalchemy", *_DRIVERS.get(product, ()), _SQLALCHEMY),
                _ASYNC_DRIVERS.get(product, ()),
                _OTHER_ADAPTERS,
            )
            for product, about in _PRODUCTS.items()
        ),
    )
}


@attrs.frozen
class Party:
    """One of the two that are compared: this SDK, or the bare view, of one adapter and one inbox.

    Attributes:
        adapter: The adapter's name.
        kind: The inbox's name.
        bare: Whether it is the bare view.
        database: The address of the database into which the shop writes.
        redis: The address of the Redis, for `RedisInbox`.
    """

    adapter: str
    kind: str
    bare: bool
    database: str
    redis: str

    def as_json(self) -> str:
        """Return the text that `from_json` reads, for the command line of a child process."""
        return json.dumps(attrs.asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Party:
        """Read what `as_json` wrote."""
        return cls(**json.loads(text))

    @property
    def awaited(self) -> bool:
        """Return whether its views are coroutine functions."""
        return ADAPTERS[self.adapter].awaited

    def command(self, port: int) -> list[str]:
        """Return the command that serves it on a port."""
        if ADAPTERS[self.adapter].server != "gunicorn":
            return [sys.executable, "-m", "benchmarks.delivering.serve", self.as_json(), str(port)]
        application = f"benchmarks.delivering.serve:wsgi({self.as_json()!r})"
        options = ["--bind", f"127.0.0.1:{port}", "--worker-class", "gthread", "--threads", str(THREADS)]
        return [sys.executable, "-m", "gunicorn", *options, application]


def combine(adapters: Sequence[str], kinds: Sequence[str]) -> list[tuple[Adapter, Kind]]:
    """Return the combinations of adapters and inboxes that are used together."""
    return [
        (ADAPTERS[adapter], KINDS[kind])
        for adapter in adapters
        for kind in kinds
        if adapter in KINDS[kind].adapters or not KINDS[kind].adapters
    ]


def lacking(adapter: Adapter, kind: Kind) -> str | None:
    """Return which package or which part of this SDK is missing for a combination, in a sentence."""
    for need in (*adapter.needs, *kind.needs, *(kind.needs_async if adapter.awaited else ())):
        module, _, name = need.partition(":")
        if name and not hasattr(import_module(module), name):
            return f"{module} has no {name}"
        if find_spec(module) is None:
            return f"{module} is not installed. Install the extra dev"
    return None
