"""The Django views on real servers and real databases, with the settings that Django projects commonly have."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import pytest
from support.children import environment
from webhooks.adapters.django_serving import (
    PATIENCE,
    SERVERS,
    Database,
    Site,
    new_event,
    postgres_database,
    run_site_tests,
    serving,
    sqlite_database,
    until,
)
from webhooks.deliver import SECRET

from wooshpay.errors import ConfigurationError
from wooshpay.webhooks import WebhookReceiver
from wooshpay.webhooks.adapters import django_async_view, django_view

VIEWS: Final = ("view", "async-view")
INBOXES: Final = ("none", "memory", "sqlite", "postgres", "orm")
KINDS: Final = ("plain", "atomic", "async", "async-atomic", "awaitable")

OpenSite = Callable[..., Site]


@pytest.fixture(scope="module")
def open_site(tmp_path_factory: pytest.TempPathFactory, postgres_url: str) -> Iterator[OpenSite]:
    """Serve the site with a server and a database. Tests that need the same share the process."""
    opened: dict[tuple[object, ...], Site] = {}
    with ExitStack() as stack:

        def get(server: str, database: str, *, atomic_requests: bool = False, **settings: object) -> Site:
            key = (server, database, atomic_requests, *settings.items())
            if key not in opened:
                folder = tmp_path_factory.mktemp("site")
                place = database_of(database, folder, postgres_url, **settings)
                switches = {"SITE_ATOMIC": "1"} if atomic_requests else {}
                # The inbox's own connections must not be counted among those of the site.
                site = serving(server, place, folder, SITE_POSTGRES_INBOX=postgres_url, **switches)
                opened[key] = stack.enter_context(site)
            return opened[key]

        yield get


def database_of(name: str, folder: Path, postgres_url: str, **settings: object) -> Database:
    return sqlite_database(folder) if name == "sqlite" else postgres_database(postgres_url, **settings)


every_server = pytest.mark.parametrize("server", [name for name in SERVERS if name != "gevent"])
every_database = pytest.mark.parametrize("database", ["sqlite", "postgres"])
every_view = pytest.mark.parametrize("view", VIEWS)


# ---- ATOMIC_REQUESTS


@every_view
@every_database
@every_server
def test_with_atomic_requests_an_event_is_done_only_when_the_work_of_its_handler_is_committed(
    open_site: OpenSite, server: str, database: str, view: str
) -> None:
    """A COMMIT that fails after the event was marked as done loses the paid order.

    Here COMMIT fails because the order's customer does not exist yet: databases check that reference when they commit.
    """
    site = open_site(server, database, atomic_requests=True)
    for inbox in ("memory", "sqlite", "orm"):
        for kind in KINDS:
            event = new_event()
            case = f"{inbox}, {kind}"
            assert (site.status(f"{view}/{inbox}", kind, event), site.orders(event)) == (500, 0), case
            site.add_customer(event)
            orders = 2 if "atomic" in kind else 1
            assert (site.status(f"{view}/{inbox}", kind, event), site.orders(event)) == (200, orders), case
            assert (site.status(f"{view}/{inbox}", kind, event), site.orders(event)) == (200, orders), case


def test_a_decorator_around_the_view_keeps_it_outside_of_transactions(open_site: OpenSite) -> None:
    site = open_site("gunicorn", "sqlite", atomic_requests=True)
    event = new_event()
    assert site.status("exempt", "plain", event) == 500
    site.add_customer(event)
    assert (site.status("exempt", "plain", event), site.orders(event)) == (200, 1)


@every_server
@every_database
def test_a_view_inside_a_transaction_refuses_every_delivery(open_site: OpenSite, server: str, database: str) -> None:
    """Whoever puts the view into `transaction.atomic` would lose orders when that transaction is not committed."""
    site = open_site(server, database)
    event = new_event()
    site.add_customer(event)
    assert (site.status("in-a-transaction", "plain", event), site.orders(event)) == (500, 0)
    assert "transaction.atomic" in (site.folder / "output.txt").read_text()
    assert (site.status("view/memory", "plain", event), site.orders(event)) == (200, 1), "nothing was marked as done"


# ---- every combination, and connections that the database closed


@every_view
@every_database
@every_server
def test_every_kind_of_handler_writes_its_order_once_with_every_inbox(
    open_site: OpenSite, server: str, database: str, view: str
) -> None:
    """A view that waits for a thread which itself waits for the view never responds."""
    site = open_site(server, database)
    for inbox in INBOXES:
        for kind in KINDS:
            event = new_event()
            site.add_customer(event)
            orders = 2 if "atomic" in kind else 1
            case = f"{inbox}, {kind}"
            assert (site.status(f"{view}/{inbox}", kind, event), site.orders(event)) == (200, orders), case
            if inbox != "none":
                assert (site.status(f"{view}/{inbox}", kind, event), site.orders(event)) == (200, orders), case


@every_view
@every_server
def test_the_next_delivery_connects_again_after_the_database_closed_all_connections(
    open_site: OpenSite, server: str, view: str
) -> None:
    """A connection in a thread that Django does not look after is never replaced, and one more is left per thread."""
    site = open_site(server, "postgres")
    for inbox in ("memory", "sqlite", "orm"):
        for kind in KINDS:
            deliver_and_close_connections(site, f"{view}/{inbox}", kind)


def test_the_next_delivery_connects_again_in_a_worker_of_gevent(open_site: OpenSite) -> None:
    """There, all event loops run in the thread of the requests, where asgiref's functions would refuse to work."""
    site = open_site("gevent", "postgres")
    for inbox in ("none", "memory"):  # only one event loop can run in the process, so there is one receiver with a loop
        for kind in ("plain", "atomic"):
            deliver_and_close_connections(site, f"view/{inbox}", kind)


def deliver_and_close_connections(site: Site, path: str, kind: str) -> None:
    """Deliver events, close all connections of the site, deliver another event, and look for connections left."""
    for event in (new_event(), new_event(), new_event()):
        site.add_customer(event)
        assert site.status(path, kind, event) == 200, (path, kind)
    site.database.close_connections()
    event = new_event()
    site.add_customer(event)
    assert site.status(path, kind, event) == 200, (path, kind)
    until(lambda: site.database.connections() == 0)


# ---- senders that hang up


@every_view
@pytest.mark.parametrize("kind", ["slow", "async-slow"])
@pytest.mark.parametrize("inbox", ["memory", "orm"])
def test_a_handler_still_reaches_the_database_after_its_sender_hung_up(
    open_site: OpenSite, view: str, kind: str, inbox: str
) -> None:
    """Django ends the request's thread and its connections then; what the handler opens later is closed as well."""
    site = open_site("uvicorn", "postgres")
    event = new_event()
    site.add_customer(event)
    with site.delivering(f"{view}/{inbox}", kind, event):
        until((site.folder / f"{event}.begun").exists)
    assert site.status(f"{view}/{inbox}", kind, event) == 409, "the handler has not ended"
    (site.folder / f"{event}.may_end").touch()
    until(lambda: site.status(f"{view}/{inbox}", kind, event) == 200)
    assert site.orders(event) == 1
    until(lambda: site.database.connections() == 0)


# ---- other code in the same thread


@every_server
def test_other_async_code_of_the_request_stays_on_the_event_loop_of_the_server(
    open_site: OpenSite, server: str
) -> None:
    """asgiref remembers per thread where to run coroutines. The receiver's loop must not stay in that place."""
    site = open_site(server, "sqlite")
    for kind in ("plain", "async"):
        event = new_event()
        site.add_customer(event)
        response = site.deliver("beside", kind, event)
        assert response.status == 200
        assert server != "uvicorn" or response.headers["Same-Loop"] == "True"


def test_a_plain_handler_uses_the_connection_of_its_request(open_site: OpenSite) -> None:
    """With persistent connections, a thread of the WSGI server keeps its connection, and its handlers use it."""
    site = open_site("wsgiref", "postgres", CONN_MAX_AGE=None)
    found: set[str] = set()
    for inbox in INBOXES:
        event = new_event()
        assert site.status(f"view/{inbox}", "where", event) == 200
        found.add((site.folder / f"{event}.where").read_text())
    assert len(found) == 1, "one thread and one connection"
    assert site.database.connections() == 1


def test_an_interrupted_thread_leaves_its_async_handler_running_and_holds_its_event() -> None:
    """A server may interrupt its threads with a signal. What the handler did must not be done again."""
    program = """
import asyncio, signal, threading
import django
from django.conf import settings
from django.test import RequestFactory
from webhooks.deliver import SECRET, body_of, headers_for
from wooshpay.webhooks import MemoryInbox, WebhookReceiver
from wooshpay.webhooks.adapters import django_view

settings.configure(ALLOWED_HOSTS=["testserver"])
django.setup()
receiver = WebhookReceiver(SECRET, inbox=MemoryInbox())
view, interrupted, ends = django_view(receiver), threading.Event(), []

class Interruption(BaseException):
    pass

def interrupt(*_):
    raise Interruption

@receiver.on("payment_intent.succeeded")
async def paid(event):
    signal.pthread_kill(threading.main_thread().ident, signal.SIGUSR1)
    await asyncio.to_thread(interrupted.wait, 20)
    ends.append(event.id)

def deliver():
    headers = headers_for(body_of())
    type = headers.pop("Content-Type")
    return view(RequestFactory().post("/", body_of(), content_type=type, headers=headers))

signal.signal(signal.SIGUSR1, interrupt)
try:
    deliver()
except Interruption:
    print("interrupted", deliver().status_code)
interrupted.set()
while (response := deliver()).status_code == 409:
    pass
print(response.content.decode(), ends)
receiver.close_now()
"""
    command = [sys.executable, "-W", "error", "-c", program]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=PATIENCE)
    assert done.stdout == "interrupted 409\nThis event was done before. ['evt_1']\n", done.stderr


@pytest.mark.parametrize("make", [django_view, django_async_view])
@pytest.mark.parametrize("version", ["3.6.0", "3.7.2", "3.8.1"])
def test_an_old_asgiref_is_refused_when_the_view_is_made(
    make: Callable[[WebhookReceiver], object], version: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Django accepts these versions. With some of them, an async handler that uses the ORM never ends, and with the
    others, an inbox leaves the transaction of a `TestCase`.
    """
    monkeypatch.setattr("asgiref.__version__", version)
    with pytest.raises(ConfigurationError, match=rf"asgiref {version} is installed\. Update it: pip install"):
        make(WebhookReceiver(SECRET))


# ---- Django's TestCase


@pytest.mark.parametrize("database", ["sqlite in memory", "sqlite", "postgres"])
def test_handlers_run_inside_the_transaction_of_a_django_test(tmp_path: Path, postgres_url: str, database: str) -> None:
    """Otherwise their rows stay after the test, or SQLite reports that the database is locked."""
    place = database_of("postgres" if database == "postgres" else "sqlite", tmp_path, postgres_url)
    if database == "sqlite":
        place.settings["TEST"] = {"NAME": str(tmp_path / "test.db")}
    done = run_site_tests(place, tmp_path, ["webhooks.adapters.django_site.cases"])
    assert done.returncode == 0, done.stderr
