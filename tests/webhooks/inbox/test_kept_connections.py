"""The connections that `PostgresInbox.transaction_now` keeps are reused, and no handler notices the one before."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.pq import ConnStatus
from psycopg.rows import dict_row
from psycopg.types.json import set_json_loads
from webhooks.deliver import SECRET, body_of, headers_for
from webhooks.inbox.stores import Place, make_place

from wooshpay.api.events import Event
from wooshpay.webhooks import WebhookReceiver
from wooshpay.webhooks.inbox import PostgresInbox
from wooshpay.webhooks.inbox.postgres_kept import KeptConnections

Handle = Callable[[psycopg.Connection[Any]], None]


class Shop:
    """Delivers events to a plain handler that uses the inbox's transaction, and knows the connections that it got."""

    def __init__(self, place: Place) -> None:
        self.place = place
        inbox = place.open()
        assert isinstance(inbox, PostgresInbox)
        self.receiver = WebhookReceiver(SECRET, inbox=inbox)
        self.connections: list[psycopg.Connection[Any]] = []
        self.sessions: list[int] = []
        self._do: Handle = lambda connection: None

        @self.receiver.other
        def handle(event: Event) -> None:
            with inbox.transaction_now() as connection:
                self.connections.append(connection)
                self.sessions.append(connection.fileno())
                self._do(connection)

    def deliver(self, event_id: str, do: Handle) -> int:
        """Deliver an event, and return the status of the response."""
        self._do = do
        body = body_of(event_id)
        return self.receiver.receive_now(body, headers_for(body)).status


@pytest.fixture(params=["postgres", "pgbouncer"])
def shop(request: pytest.FixtureRequest, tmp_path: Path) -> Generator[Shop]:
    shop = Shop(make_place(request.param, tmp_path, request.getfixturevalue))
    yield shop
    shop.receiver.close_now()


def nothing(connection: psycopg.Connection[Any]) -> None:
    """Do nothing."""


def test_the_next_handler_gets_the_same_connection(shop: Shop) -> None:
    """To connect takes longer than all the rest of a delivery."""
    assert [shop.deliver(f"evt_{number}", nothing) for number in range(3)] == [200, 200, 200]
    assert len(set(shop.sessions)) == 1


def test_what_a_handler_set_is_gone_for_the_next_one(shop: Shop) -> None:
    """In a shop with a schema for each tenant, the next order would be written into the wrong one."""

    def set_everything(connection: psycopg.Connection[Any]) -> None:
        connection.execute("SET search_path TO pg_catalog")
        connection.execute("CREATE TEMP TABLE seen (a int)")
        connection.execute("SELECT pg_advisory_lock(17)")
        connection.row_factory = dict_row
        connection.cursor_factory = psycopg.ClientCursor
        connection.prepare_threshold = 1

    seen: list[Any] = []

    def look(connection: psycopg.Connection[Any]) -> None:
        seen.append(connection.execute("SELECT current_setting('search_path'), to_regclass('pg_temp.seen')").fetchone())
        seen.append((connection.cursor_factory, connection.prepare_threshold))

    assert shop.deliver("evt_1", look) == 200
    assert shop.deliver("evt_2", set_everything) == 200
    with psycopg.connect(shop.place.address, autocommit=True) as other:
        locks = other.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'", prepare=False).fetchone()
    assert locks == (0,)
    assert shop.deliver("evt_3", look) == 200
    assert seen[:2] == seen[2:]
    assert len(set(shop.sessions)) == 1


def test_what_a_handler_registered_is_gone_for_the_next_one(shop: Shop) -> None:
    """JSON columns of the next order would be read with the functions of another handler, and notices heard twice."""
    seen: list[Any] = []
    notices: list[str] = []

    def register(connection: psycopg.Connection[Any]) -> None:
        seen.append(connection.execute("""SELECT '{"paid": true}'::json""").fetchone())
        set_json_loads(lambda raw: "read by another handler", connection)
        connection.add_notice_handler(lambda notice: notices.append(str(notice.message_primary)))
        connection.execute("DO $$ BEGIN RAISE WARNING 'nearly out of stock'; END $$")

    assert shop.deliver("evt_1", register) == 200
    assert shop.deliver("evt_2", register) == 200
    assert seen == [({"paid": True},), ({"paid": True},)]
    assert notices == ["nearly out of stock"] * 2
    assert len(set(shop.sessions)) == 1


def test_a_handler_that_keeps_the_connection_does_not_reach_into_the_next_transaction(shop: Shop) -> None:
    """A statement of a thread that still runs would be committed with another order, or break its transaction."""

    def use_an_old_one(connection: psycopg.Connection[Any]) -> None:
        if len(shop.connections) > 1:
            with pytest.raises(psycopg.OperationalError, match="closed"):
                shop.connections[0].execute("SELECT 1")

    assert shop.deliver("evt_1", use_an_old_one) == 200
    assert shop.deliver("evt_2", use_an_old_one) == 200
    assert len(set(shop.sessions)) == 1


def test_a_connection_that_broke_while_it_was_kept_costs_no_delivery(shop: Shop) -> None:
    """A restart of PostgreSQL or a firewall closes idle connections."""
    assert shop.deliver("evt_1", nothing) == 200
    with psycopg.connect(shop.place.address, autocommit=True) as other:
        ended = "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
        other.execute(ended, prepare=False)
    assert shop.deliver("evt_2", nothing) == 200


def test_a_connection_in_which_something_failed_is_not_kept(shop: Shop) -> None:
    """Nobody knows in what state the failure left it."""

    def fail(connection: psycopg.Connection[Any]) -> None:
        raise ValueError("out of stock")

    assert shop.deliver("evt_1", fail) == 500
    assert shop.connections[0].closed
    assert shop.deliver("evt_1", nothing) == 200


def test_closing_the_receiver_closes_what_was_kept(shop: Shop) -> None:
    """Count the connections of the process, since the handler's object is closed with its transaction."""
    before = len(os.listdir("/proc/self/fd"))
    assert shop.deliver("evt_1", nothing) == 200
    assert len(os.listdir("/proc/self/fd")) > before
    shop.receiver.close_now()
    assert len(os.listdir("/proc/self/fd")) == before


@pytest.fixture
def connection(postgres_url: str) -> Generator[psycopg.Connection[Any]]:
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        yield connection


def test_no_more_are_kept_than_were_asked_for(connection: psycopg.Connection[Any], postgres_url: str) -> None:
    kept = KeptConnections(1)
    kept.keep(connection)
    with psycopg.connect(postgres_url, autocommit=True) as second:
        kept.keep(second)
        assert second.closed
    last = kept.take()
    assert last is not None
    last.close()
    assert kept.take() is None


def test_what_was_kept_is_closed_with_the_inbox_that_is_forgotten(connection: psycopg.Connection[Any]) -> None:
    """psycopg warns about a connection that was never closed, also at the end of a program."""
    kept = KeptConnections(1)
    raw = connection.pgconn
    kept.keep(connection)
    del kept
    gc.collect()
    assert raw.status == ConnStatus.BAD


def test_a_forked_child_neither_uses_nor_closes_the_connections_of_its_parent(
    connection: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two processes on one socket read each other's responses, and closing it ends the session of the other one."""
    kept = KeptConnections(1)
    raw = connection.pgconn
    kept.keep(connection)
    with monkeypatch.context() as patch:
        patch.setattr("wooshpay.webhooks.inbox.postgres_kept.getpid", lambda: os.getpid() + 1)
        assert kept.take() is None
        kept.close()
        del kept
        gc.collect()
        assert raw.status == ConnStatus.OK
    raw.finish()
