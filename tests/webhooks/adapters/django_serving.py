"""The test site, served by real servers in processes of their own, on SQLite and on PostgreSQL."""

from __future__ import annotations

import json
import os
import secrets
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterable
from contextlib import closing, contextmanager
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any, Final

import attrs
import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from support.children import environment
from webhooks.deliver import body_of, headers_for
from webhooks.servers import free_port

PATIENCE: Final = 60.0
SITE: Final = "webhooks.adapters.django_site"

SERVERS: Final[dict[str, Callable[[int], list[str]]]] = {
    "uvicorn": lambda port: [
        "-m", "uvicorn", "--port", str(port), "--lifespan", "off", "--log-level", "warning", f"{SITE}.serve:asgi",
    ],
    "gunicorn": lambda port: [
        "-m", "gunicorn", "--bind", f"127.0.0.1:{port}", "--threads", "4", "--log-level", "warning",
        "--no-control-socket", f"{SITE}.serve:wsgi",
    ],
    "gevent": lambda port: [
        "-m", "gunicorn", "--bind", f"127.0.0.1:{port}", "--worker-class", "gevent", "--log-level", "warning",
        "--no-control-socket", f"{SITE}.serve:wsgi",
    ],
    "wsgiref": lambda port: ["-m", f"{SITE}.serve", str(port)],
}  # fmt: skip


@attrs.frozen
class Database:
    """A database of the site.

    Attributes:
        settings: What Django's setting DATABASES says about it.
        url: Its connection string, if it is on PostgreSQL.
    """

    settings: dict[str, Any]
    url: str | None = None

    def run(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Run a statement, as somebody beside the site, and return its rows."""
        if self.url is None:
            with closing(sqlite3.connect(self.settings["NAME"], timeout=30)) as file, file:
                return file.execute(statement.replace("%s", "?"), values).fetchall()
        with psycopg.connect(self.url, autocommit=True) as connection:
            cursor = connection.execute(statement.encode(), values)
            return cursor.fetchall() if cursor.description else []

    def connections(self) -> int:
        """Return how many connections the site has open."""
        [[count]] = self.run(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        return int(count)

    def close_connections(self) -> None:
        """Close all connections of the site, as a restart of the database does."""
        self.run(
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


def sqlite_database(folder: Path) -> Database:
    """Return a database in a file."""
    name = str(folder / "site.db")
    return Database({"ENGINE": "django.db.backends.sqlite3", "NAME": name, "OPTIONS": {"timeout": 5}})


def postgres_database(server: str, **settings: Any) -> Database:
    """Create an empty database on a server."""
    name = f"site_{secrets.token_hex(4)}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    parts = {**conninfo_to_dict(server), "dbname": name}
    url = make_conninfo("", **parts)
    django = {key.upper(): str(parts.get(key) or "") for key in ("user", "password", "host", "port")}
    return Database({"ENGINE": "django.db.backends.postgresql", "NAME": name, **django, **settings}, url)


@attrs.frozen
class Site:
    """The running site."""

    port: int
    folder: Path
    database: Database

    def deliver(self, path: str, kind: str, event_id: str) -> HTTPResponse:
        """Deliver a signed event for the handler of a kind, and return the response."""
        with self.delivering(path, kind, event_id) as connection:
            response = connection.getresponse()
            response.read()
            return response

    @contextmanager
    def delivering(self, path: str, kind: str, event_id: str) -> Generator[HTTPConnection]:
        """Send a signed event. The sender hangs up when the block ends."""
        body = body_of(event_id, f"order.{kind}", object="order", id=event_id)
        with closing(HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)) as connection:
            connection.request("POST", f"/{path}", body, headers_for(body))
            yield connection

    def status(self, path: str, kind: str, event_id: str) -> int:
        """Deliver an event, and return the status of the response."""
        return self.deliver(path, kind, event_id).status

    def add_customer(self, name: str) -> None:
        """Add the customer, without whom the order of an event with the same name cannot be committed."""
        self.database.run("INSERT INTO django_site_customer (name) VALUES (%s)", name)

    def orders(self, event_id: str) -> int:
        """Return how many orders the deliveries of an event have made."""
        [[count]] = self.database.run("SELECT count(*) FROM django_site_order WHERE customer_id = %s", event_id)
        return int(count)


def new_event() -> str:
    """Return an ID that no other event has."""
    return f"evt_{secrets.token_hex(6)}"


def until(condition: Callable[[], bool]) -> None:
    """Wait until something has happened."""
    limit = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < limit, "it did not happen"
        time.sleep(0.02)


def site_environment(database: Database, folder: Path, **settings: str) -> dict[str, str]:
    """Return the environment of a process that runs the site."""
    return {
        **environment(),
        "DJANGO_SETTINGS_MODULE": f"{SITE}.settings",
        "SITE_DATABASE": json.dumps(database.settings),
        "SITE_FOLDER": str(folder),
        **settings,
    }


@contextmanager
def serving(server: str, database: Database, folder: Path, **settings: str) -> Generator[Site]:
    """Migrate the site's database and serve the site until the block ends."""
    # Under gevent, all event loops of the process seem to run in the thread of every request.
    unsafe = {"DJANGO_ALLOW_ASYNC_UNSAFE": "true"} if server == "gevent" else {}
    environ = site_environment(database, folder, **unsafe, **settings)
    migrate = [sys.executable, "-m", "django", "migrate", "--run-syncdb", "--verbosity", "0"]
    subprocess.run(migrate, env=environ, check=True, timeout=PATIENCE)
    port = free_port()
    output = folder / "output.txt"
    with output.open("w") as file:
        process = subprocess.Popen(
            [sys.executable, *SERVERS[server](port)], env=environ, stdout=file, stderr=file, start_new_session=True
        )
    try:
        site = Site(port, folder, database)
        until(lambda: _answers(site, process, output))
        yield site
    except BaseException:
        print(output.read_text())
        raise
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _answers(site: Site, process: subprocess.Popen[bytes], output: Path) -> bool:
    assert process.poll() is None, output.read_text()
    try:
        with closing(HTTPConnection("127.0.0.1", site.port, timeout=PATIENCE)) as connection:
            connection.request("GET", "/view/memory")
            return connection.getresponse().status == 405
    except OSError:
        return False


def run_site_tests(database: Database, folder: Path, names: Iterable[str]) -> subprocess.CompletedProcess[str]:
    """Run tests of the site with Django's test runner."""
    command = [sys.executable, "-W", "error", "-m", "django", "test", "--noinput", *names]
    environ = site_environment(database, folder)
    return subprocess.run(command, env=environ, capture_output=True, text=True, timeout=3 * PATIENCE)
