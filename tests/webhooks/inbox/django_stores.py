"""Databases for `DjangoInbox`: each test gets an alias of its own, since Django's settings can be made only once.

A place's address is the alias and the settings of its database, so that a worker process finds the same database.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import unquote, urlsplit

import psycopg
import pymysql

from wooshpay.webhooks import DjangoInbox

T = TypeVar("T")

APP: Final = "wooshpay.webhooks.inbox.django"
DJANGO: Final = ("django-sqlite", "django-postgres", "django-mariadb")


def configure() -> None:
    """Make Django's settings, or complete those that another test has made."""
    import django
    from django.apps import apps
    from django.conf import settings

    pymysql.install_as_MySQLdb()
    if not settings.configured:
        settings.configure(
            SECRET_KEY="for tests",
            ALLOWED_HOSTS=["127.0.0.1"],
            MIDDLEWARE=["django.middleware.csrf.CsrfViewMiddleware"],
            INSTALLED_APPS=[APP],
            LOGGING_CONFIG=None,
            USE_TZ=True,
        )
        django.setup()
    elif not apps.is_installed(APP):
        settings.INSTALLED_APPS = [*settings.INSTALLED_APPS, APP]
        apps.set_installed_apps(settings.INSTALLED_APPS)


def use(address: str) -> str:
    """Return the alias of a database, after Django has learned of it."""
    from django.db import connections

    configure()
    described: dict[str, Any] = json.loads(address)
    alias: str = described["alias"]
    if alias not in connections.settings:
        known: dict[str, dict[str, Any]] = {"default": {}, alias: described["settings"]}
        connections.settings[alias] = connections.configure_settings(known)[alias]
    return alias


def open_inbox(address: str, *, lease: float = 60.0, retention: float = 7 * 86_400.0) -> DjangoInbox:
    """Open an inbox in a database."""
    return DjangoInbox(use(address), lease=lease, retention=retention)


def make_address(store: str, folder: Path, url: Callable[[str], str], **settings: object) -> str:
    """Make an empty database, and migrate it."""
    database = {"CONN_MAX_AGE": None, **_DATABASES[store](folder, url), **settings}
    address = json.dumps({"alias": f"test_{secrets.token_hex(4)}", "settings": database})
    migrate(address)
    return address


def migrate(address: str) -> None:
    """Run the app's migrations as a user would."""
    from django.core.management import call_command
    from django.db import connections

    alias = use(address)

    def run() -> None:
        call_command("migrate", "wooshpay_webhooks", database=alias, verbosity=0)
        connections[alias].close()

    _in_a_thread(run)


def execute(address: str, statement: str) -> list[tuple[Any, ...]]:
    """Execute a statement in a database, and return its rows."""
    from django.db import connections

    def run() -> list[tuple[Any, ...]]:
        connection = connections[use(address)].copy()
        try:
            with connection.cursor() as cursor:
                cursor.execute(statement)
                return [] if cursor.description is None else list(cursor.fetchall())
        finally:
            connection.close()

    return _in_a_thread(run)


def _in_a_thread(work: Callable[[], T]) -> T:
    """Run something in another thread: Django refuses to use a connection in a thread that runs an event loop."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(work).result()


def _sqlite(folder: Path, url: Callable[[str], str]) -> dict[str, object]:
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(folder / f"{secrets.token_hex(4)}.db"),
        "OPTIONS": {"timeout": 30},
    }


def _postgres(folder: Path, url: Callable[[str], str]) -> dict[str, object]:
    address = url("postgres_url")
    name = f"test_{secrets.token_hex(4)}"
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
        server = connection.info
        return {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": name,
            "USER": server.user,
            "PASSWORD": server.password,
            "HOST": server.host,
            "PORT": str(server.port),
        }


def _mariadb(folder: Path, url: Callable[[str], str]) -> dict[str, object]:
    parts = urlsplit(url("mariadb_url"))
    name = f"test_{secrets.token_hex(4)}"
    user, password = unquote(parts.username or "root"), unquote(parts.password or "")
    host, port = parts.hostname or "127.0.0.1", parts.port or 3306
    server = pymysql.connect(host=host, port=port, user=user, password=password, autocommit=True)
    try:
        with server.cursor() as cursor:
            cursor.execute(f"CREATE DATABASE {name}")
    finally:
        server.close()
    return {
        "ENGINE": "django.db.backends.mysql",
        "NAME": name,
        "USER": user,
        "PASSWORD": password,
        "HOST": host,
        "PORT": str(port),
    }


_DATABASES: Final[dict[str, Callable[[Path, Callable[[str], str]], dict[str, object]]]] = {
    "django-sqlite": _sqlite,
    "django-postgres": _postgres,
    "django-mariadb": _mariadb,
}
