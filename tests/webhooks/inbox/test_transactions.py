"""A handler's rows and "done" are written together or not at all, and it is clear whose error ended the transaction."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import psycopg
import pytest
from webhooks.deliver import SECRET, body_of, headers_for
from webhooks.inbox.stores import Place, make_place

from wooshpay import PermissionError, TimeoutError, WooshPayError
from wooshpay.api.events import Event
from wooshpay.webhooks import Reply, WebhookReceiver
from wooshpay.webhooks.inbox import PostgresInbox, SqliteInbox
from wooshpay.webhooks.loops import OwnLoops

TABLE: Final = "CREATE TABLE effects (event text PRIMARY KEY)"
INSERT: Final = "INSERT INTO effects (event) VALUES ('evt_1')"

# What a handler does inside the transaction, in every world: it gets a function that executes a statement.
Execute = Callable[[str], Any]


@pytest.fixture(params=["postgres", "pgbouncer"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    place = make_place(request.param, tmp_path, request.getfixturevalue)
    with psycopg.connect(place.address, autocommit=True) as connection:
        connection.execute(TABLE.encode())
    return place


def rows(place: Place) -> int:
    with psycopg.connect(place.address) as connection:
        found = connection.execute("SELECT count(*) FROM effects").fetchone()
    assert found is not None
    return int(found[0])


class Shop:
    """Delivers one event to a receiver whose handler does something in the inbox's transaction."""

    def __init__(self, place: Place, now: bool) -> None:
        self.place = place
        self.now = now
        self.errors: list[BaseException] = []
        self.runs = 0

    def deliver(self, do: Callable[[PostgresInbox, Callable[[str], Any]], Any]) -> Reply:
        """Deliver the event once; `do` gets the inbox and what executes a statement."""
        inbox = self.place.open()
        assert isinstance(inbox, PostgresInbox)
        receiver = WebhookReceiver(SECRET, inbox=inbox)

        def plain(event: Event) -> None:
            self.runs += 1
            try:
                with inbox.transaction_now() as connection:
                    do(inbox, lambda statement: connection.execute(statement.encode()))
            except BaseException as error:
                self.errors.append(error)
                raise

        async def awaited(event: Event) -> None:
            self.runs += 1
            loop = asyncio.get_running_loop()
            try:
                async with inbox.transaction() as connection:

                    def execute(statement: str) -> Any:
                        work = connection.execute(statement.encode())
                        return asyncio.run_coroutine_threadsafe(work, loop).result(30)

                    await asyncio.to_thread(do, inbox, execute)
            except BaseException as error:
                self.errors.append(error)
                raise

        receiver.on("payment_intent.succeeded")(plain if self.now else awaited)
        body = body_of()

        async def receive() -> Reply:
            try:
                return await receiver.receive(body, headers_for(body))
            finally:
                await receiver.close()

        return asyncio.run(receive())


@pytest.fixture(params=[False, True], ids=["transaction", "transaction_now"])
def shop(request: pytest.FixtureRequest, place: Place) -> Shop:
    return Shop(place, request.param)


def test_rows_and_done_are_written_together(shop: Shop) -> None:
    assert shop.deliver(lambda _, execute: execute(INSERT)) == (200, "Done.", "evt_1")
    assert rows(shop.place) == 1
    assert shop.deliver(lambda _, execute: execute(INSERT)).text == "This event was done before."
    assert (rows(shop.place), shop.runs) == (1, 1)


def test_the_handler_s_statements_have_the_time_limit_of_the_database_and_not_the_inbox_s(shop: Shop) -> None:
    """A report that takes a minute would fail because the inbox gives up after five seconds."""
    seen: list[object] = []

    def look(_: PostgresInbox, execute: Execute) -> None:
        execute(INSERT)
        execute(
            "DO $$ BEGIN IF current_setting('statement_timeout') <> '0' THEN RAISE 'it has a limit'; END IF; END $$"
        )
        seen.append("it has none")

    assert shop.deliver(look).status == 200
    assert seen


def test_an_error_of_the_handler_s_own_statement_is_a_failed_handler_and_not_a_failed_inbox(shop: Shop) -> None:
    """As an `InboxError` it would be answered 503, and nobody would look for the mistake in the handler."""

    def twice(_: PostgresInbox, execute: Execute) -> None:
        execute(INSERT)
        execute(INSERT)

    assert shop.deliver(twice).status == 500
    assert isinstance(shop.errors[0], psycopg.errors.UniqueViolation)
    assert rows(shop.place) == 0
    assert shop.deliver(lambda _, execute: execute(INSERT)).text == "Done.", "it was not given back"


def test_an_error_that_is_not_of_the_database_passes_through_and_nothing_is_written(shop: Shop) -> None:
    def fail(_: PostgresInbox, execute: Execute) -> None:
        execute(INSERT)
        raise ValueError("out of stock")

    assert shop.deliver(fail).status == 500
    assert [str(error) for error in shop.errors] == ["out of stock"]
    assert rows(shop.place) == 0


def test_a_failed_statement_whose_error_was_caught_does_not_lose_the_event(shop: Shop) -> None:
    """PostgreSQL then rolls back at COMMIT, and psycopg reports no error: the response was 200, without the rows."""

    def catch(_: PostgresInbox, execute: Execute) -> None:
        execute(INSERT)
        with pytest.raises(psycopg.errors.UniqueViolation):
            execute(INSERT)

    assert shop.deliver(catch).status == 500
    assert isinstance(shop.errors[0], RuntimeError)
    assert rows(shop.place) == 0
    assert shop.deliver(lambda _, execute: execute(INSERT)).text == "Done."


@pytest.mark.parametrize("end", ["COMMIT", "ROLLBACK"])
def test_a_block_that_ends_the_transaction_itself_gets_an_error(shop: Shop, end: str) -> None:
    def finish(_: PostgresInbox, execute: Execute) -> None:
        execute(INSERT)
        execute(end)

    assert shop.deliver(finish).status == 500
    assert isinstance(shop.errors[0], RuntimeError)


@pytest.mark.parametrize("caught", [False, True])
def test_a_connection_that_breaks_inside_the_block_is_an_inbox_that_cannot_be_reached(shop: Shop, caught: bool) -> None:
    """If the handler caught the error, the block would end as if everything had been written: the event was lost."""

    def cut(_: PostgresInbox, execute: Execute) -> None:
        execute(INSERT)
        try:
            execute("SELECT pg_terminate_backend(pg_backend_pid())")
        except psycopg.OperationalError:
            if not caught:
                raise

    assert shop.deliver(cut).status == 503
    assert rows(shop.place) == 0
    assert shop.deliver(lambda _, execute: execute(INSERT)).text == "Done."


async def test_rollback_on_purpose_writes_no_rows(place: Place) -> None:
    """`psycopg.Rollback` leaves the block without an error; the inbox must not take its own "done" for written."""
    inbox = place.open()
    assert isinstance(inbox, PostgresInbox)
    receiver = WebhookReceiver(SECRET, inbox=inbox)

    @receiver.on("payment_intent.succeeded")
    async def paid(event: Event) -> None:
        async with inbox.transaction() as connection:
            await connection.execute(INSERT.encode())
            raise psycopg.Rollback
        raise ValueError("the event is not done yet")

    body = body_of()
    assert (await receiver.receive(body, headers_for(body))).status == 500
    assert rows(place) == 0
    assert (await inbox.counts()).done == 0
    await receiver.close()


# ---- SQLite


class SqliteShop:
    """The same for SQLite."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.errors: list[BaseException] = []
        with closing(sqlite3.connect(path)) as connection:
            connection.execute(TABLE)

    def rows(self) -> int:
        with closing(sqlite3.connect(self.path)) as connection:
            return int(connection.execute("SELECT count(*) FROM effects").fetchone()[0])

    def deliver(self, do: Callable[[sqlite3.Connection], object], **settings: Any) -> Reply:
        inbox = SqliteInbox(self.path, **settings)
        receiver = WebhookReceiver(SECRET, inbox=inbox)

        @receiver.on("payment_intent.succeeded")
        def paid(event: Event) -> None:
            try:
                with inbox.transaction() as connection:
                    do(connection)
            except BaseException as error:
                self.errors.append(error)
                raise

        body = body_of()
        try:
            return receiver.receive_now(body, headers_for(body))
        finally:
            receiver.close_now()


@pytest.fixture
def sqlite_shop(tmp_path: Path) -> SqliteShop:
    return SqliteShop(tmp_path / "shop.db")


def test_an_error_of_the_handler_s_own_statement_on_sqlite_is_a_failed_handler(sqlite_shop: SqliteShop) -> None:
    def twice(connection: sqlite3.Connection) -> None:
        connection.execute(INSERT)
        connection.execute(INSERT)

    assert sqlite_shop.deliver(twice).status == 500
    assert isinstance(sqlite_shop.errors[0], sqlite3.IntegrityError)
    assert sqlite_shop.rows() == 0
    assert sqlite_shop.deliver(lambda connection: connection.execute(INSERT)).text == "Done."


def _with_connection(connection: sqlite3.Connection) -> None:
    with connection:
        connection.execute(INSERT)


@pytest.mark.parametrize(
    "finish",
    [sqlite3.Connection.commit, sqlite3.Connection.rollback, _with_connection],
    ids=["commit", "rollback", "with connection"],
)
def test_a_block_that_ends_sqlite_s_transaction_itself_is_told_so(
    sqlite_shop: SqliteShop, finish: Callable[[sqlite3.Connection], None]
) -> None:
    """It is a mistake in the handler. As an `InboxError` it would look like a broken file."""
    assert sqlite_shop.deliver(finish).status == 500
    assert isinstance(sqlite_shop.errors[0], RuntimeError)


def test_a_locked_file_in_a_transaction_is_an_inbox_error_and_its_connection_is_closed(
    sqlite_shop: SqliteShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every delivery during a long write of another process would leak a descriptor."""
    opened: list[sqlite3.Connection] = []
    connect = sqlite3.connect

    def recorded(*args: Any, **kwargs: Any) -> sqlite3.Connection:
        opened.append(connect(*args, **kwargs))
        return opened[-1]

    inbox = SqliteInbox(sqlite_shop.path, timeout=0.1)
    receiver = WebhookReceiver(SECRET, inbox=inbox)
    with closing(connect(sqlite_shop.path, isolation_level=None)) as other:

        @receiver.on("payment_intent.succeeded")
        def paid(event: Event) -> None:
            other.execute("BEGIN IMMEDIATE")
            monkeypatch.setattr(sqlite3, "connect", recorded)
            try:
                with inbox.transaction():
                    pytest.fail("the file is locked")
            finally:
                other.execute("ROLLBACK")

        body = body_of()
        assert receiver.receive_now(body, headers_for(body)).status == 503
    receiver.close_now()
    assert opened
    for connection in opened:
        with pytest.raises(sqlite3.ProgrammingError, match="closed"):
            connection.execute("SELECT 1")


@pytest.mark.parametrize("now", [False, True])
@pytest.mark.parametrize("error", [TimeoutError("Too late."), PermissionError("No.", status=403)], ids=repr)
def test_a_call_of_the_sdk_that_fails_inside_is_not_an_error_of_the_inbox(
    place: Place, now: bool, error: WooshPayError
) -> None:
    """Both are an OSError too; taken for one of PostgreSQL's, they would send people to look for a broken database."""

    def fail(inbox: PostgresInbox, execute: Execute) -> None:
        execute(INSERT)
        raise error

    shop = Shop(place, now)
    assert shop.deliver(fail).status == 500
    assert shop.errors == [error]
    assert rows(place) == 0


def test_an_event_that_its_handler_recorded_needs_no_second_visit_to_the_event_loop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each visit makes the calling thread wait for another one, only to hear that there is nothing to do."""
    inbox = SqliteInbox(tmp_path / "inbox.db")
    receiver = WebhookReceiver(SECRET, inbox=inbox)
    recording = [True, False]
    visits: list[object] = []
    run = OwnLoops.run

    def counted(loops: OwnLoops, work: Callable[[], Any]) -> Any:
        visits.append(work)
        return run(loops, work)

    @receiver.other
    def handle(event: Event) -> None:
        if recording.pop(0):
            with inbox.transaction():
                pass

    monkeypatch.setattr(OwnLoops, "run", counted)
    for name, expected in (("evt_1", 1), ("evt_2", 2)):
        visits.clear()
        body = body_of(name)
        assert receiver.receive_now(body, headers_for(body)).status == 200
        assert len(visits) == expected
        assert receiver.receive_now(body, headers_for(body)).text == "This event was done before."
    receiver.close_now()
