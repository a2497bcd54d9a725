"""Rows in an SQLAlchemy session and "done" are written together or not at all, on every database and driver."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import pytest
import sqlalchemy.exc
from sqlalchemy import Connection, Engine, make_url, text
from sqlalchemy import event as sqlalchemy_event
from sqlalchemy.ext.asyncio import AsyncEngine, async_sessionmaker
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, sessionmaker
from webhooks.deliver import SECRET, body_of, headers_for
from webhooks.inbox.sqlalchemy_stores import (
    SQLALCHEMY,
    WITHOUT_POOL,
    OwnInbox,
    execute,
    in_thread,
    is_async,
    make_engine,
)
from webhooks.inbox.stores import Place, make_place

from wooshpay.api.events import Event
from wooshpay.webhooks import Reply, WebhookReceiver
from wooshpay.webhooks.inbox import Claim
from wooshpay.webhooks.inbox.contract import new_claim

KILL_MYSELF: Final = {
    "postgresql": "SELECT pg_terminate_backend(pg_backend_pid())",
    "mysql": "KILL CONNECTION_ID()",
}
BUSY_SECONDS: Final = 60


class Base(DeclarativeBase):
    """The tables of a shop."""


class Effect(Base):
    """What a handler writes."""

    __tablename__ = "effects"
    event: Mapped[str] = mapped_column(primary_key=True)


Do = Callable[[Session], object]


class Shop:
    """Delivers one event to a receiver whose handler does something in the inbox's transaction."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.errors: list[BaseException] = []
        self.runs = 0
        self.engine_settings: dict[str, Any] = {}
        self.inbox_settings: dict[str, Any] = {}
        self.in_handler: Callable[[OwnInbox], None] = lambda inbox: None
        self.afterwards: Callable[[], object] = lambda: None
        # Whether the engine begins transactions itself, as SQLAlchemy's guide on SQLite says.
        self.begins = False

    def deliver(self, do: Do) -> Reply:
        """Deliver the event once. `do` gets the session, also that inside an `AsyncSession`."""
        engine = make_engine(self.place.store, self.place.address, **self.engine_settings)
        if self.begins:
            begin_by_itself(engine)
        inbox = OwnInbox(engine, **self.inbox_settings)
        receiver = WebhookReceiver(SECRET, inbox=inbox)

        def plain(event: Event) -> None:
            self.runs += 1
            try:
                self.in_handler(inbox)
                with inbox.open() as session:
                    do(session)
            except BaseException as error:
                self.errors.append(error)
                raise

        async def awaited(event: Event) -> None:
            self.runs += 1
            try:
                self.in_handler(inbox)
                async with inbox.open() as session:
                    await session.run_sync(do)
            except BaseException as error:
                self.errors.append(error)
                raise

        receiver.on("payment_intent.succeeded")(awaited if is_async(self.place.store) else plain)
        body = body_of()

        async def receive() -> Reply:
            try:
                async with asyncio.timeout(BUSY_SECONDS):
                    reply = await receiver.receive(body, headers_for(body))
                self.afterwards()
                # What a connection in the pool still holds is committed by the next one that uses it.
                for _ in range(3):
                    await inbox.counts()
                return reply
            finally:
                await receiver.close()

        return asyncio.run(receive())

    @property
    def error(self) -> BaseException:
        """The last error that left the block."""
        return self.errors[-1]

    def rows(self) -> int:
        """How many rows the handler has written."""
        [(count,)] = execute(self.place.address, "SELECT count(*) FROM effects")
        return int(count)

    def state(self) -> list[int]:
        """Whether the event is done, for each row of the inbox: no row means that it was given back."""
        return [int(done) for (done,) in execute(self.place.address, "SELECT done FROM wooshpay_webhook_events")]

    def nothing_was_written(self) -> None:
        """Check that the next delivery does the whole."""
        assert self.rows() == 0
        assert self.state() == []
        self.engine_settings, self.inbox_settings, self.begins = {}, {}, False
        self.in_handler = lambda inbox: None
        assert self.deliver(write).text == "Done."
        assert (self.rows(), self.state()) == (1, [1])


def begin_by_itself(engine: Engine | AsyncEngine) -> None:
    """Let an engine of SQLite begin each transaction itself."""
    plain = engine.sync_engine if isinstance(engine, AsyncEngine) else engine

    def connected(connection: Any, record: Any) -> None:
        connection.isolation_level = None

    def begun(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN")

    sqlalchemy_event.listen(plain, "connect", connected)
    sqlalchemy_event.listen(plain, "begin", begun)


def write(session: Session) -> None:
    session.add(Effect(event="evt_1"))


def write_now(session: Session) -> None:
    write(session)
    session.flush()


@pytest.fixture(params=SQLALCHEMY)
def shop(request: pytest.FixtureRequest, tmp_path: Path) -> Shop:
    place = make_place(request.param, tmp_path, request.getfixturevalue)
    execute(place.address, "CREATE TABLE effects (event VARCHAR(50) PRIMARY KEY)")
    return Shop(place)


def test_rows_and_done_are_written_together(shop: Shop) -> None:
    assert shop.deliver(write) == (200, "Done.", "evt_1")
    assert (shop.rows(), shop.state()) == (1, [1])
    assert shop.deliver(write).text == "This event was done before."
    assert (shop.rows(), shop.runs) == (1, 1)


def test_an_error_that_leaves_the_block_writes_nothing(shop: Shop) -> None:
    def fail(session: Session) -> None:
        write_now(session)
        raise ValueError("out of stock")

    assert shop.deliver(fail).status == 500
    assert str(shop.error) == "out of stock"
    shop.nothing_was_written()


@pytest.mark.parametrize("flushed", [True, False])
def test_an_error_of_the_handler_s_own_statement_is_a_failed_handler_and_not_a_failed_inbox(
    shop: Shop, flushed: bool
) -> None:
    """With 503, people would look for a broken database. Objects that are not flushed fail when the block ends."""

    def twice(session: Session) -> None:
        session.execute(text("INSERT INTO effects (event) VALUES ('evt_1')"))
        (write_now if flushed else write)(session)

    assert shop.deliver(twice).status == 500
    assert isinstance(shop.error, sqlalchemy.exc.IntegrityError)
    shop.nothing_was_written()


def test_a_failed_flush_whose_error_was_caught_does_not_lose_the_event(shop: Shop) -> None:
    """The session has rolled everything back by then, "done" included. With 200 the event would be lost."""

    def catch(session: Session) -> None:
        session.execute(text("INSERT INTO effects (event) VALUES ('evt_1')"))
        with pytest.raises(sqlalchemy.exc.IntegrityError):
            write_now(session)

    assert shop.deliver(catch).status == 500
    assert isinstance(shop.error, RuntimeError)
    assert "begin_nested" in str(shop.error)
    shop.nothing_was_written()


def test_a_failed_statement_whose_error_was_caught_loses_nothing(shop: Shop) -> None:
    """PostgreSQL then answers COMMIT with a rollback, and its driver reports no error. Others go on after the error."""

    def catch(session: Session) -> None:
        write_now(session)
        with pytest.raises(sqlalchemy.exc.IntegrityError):
            session.execute(text("INSERT INTO effects (event) VALUES ('evt_1')"))

    status = shop.deliver(catch).status
    if "psycopg" not in shop.place.store:
        assert (status, shop.rows(), shop.state()) == (200, 1, [1])
        return
    assert status == 500
    assert isinstance(shop.error, RuntimeError)
    assert "begin_nested" in str(shop.error)
    shop.nothing_was_written()


def test_a_savepoint_of_the_handler_s_own_can_fail_and_the_rest_is_written(shop: Shop) -> None:
    def in_savepoint(session: Session) -> None:
        write_now(session)
        with session.begin_nested():
            session.add(Effect(event="another"))
        with pytest.raises(sqlalchemy.exc.IntegrityError), session.begin_nested():
            session.execute(text("INSERT INTO effects (event) VALUES ('evt_1')"))

    assert shop.deliver(in_savepoint).status == 200
    assert (shop.rows(), shop.state()) == (2, [1])


def commit_the_connection(session: Session) -> None:
    session.connection().commit()


def commit_in_a_savepoint(session: Session) -> None:
    with session.begin_nested():
        session.commit()


@pytest.mark.parametrize("commit", [Session.commit, commit_the_connection, commit_in_a_savepoint])
def test_a_commit_inside_the_block_is_refused_before_anything_is_written(shop: Shop, commit: Do) -> None:
    """What comes after the commit would not be written together with "done"."""

    def do(session: Session) -> None:
        write(session)
        commit(session)

    assert shop.deliver(do).status == 500
    assert isinstance(shop.error, RuntimeError)
    shop.nothing_was_written()


def write_after_rollback(session: Session) -> None:
    session.rollback()
    write_now(session)


def write_after_close(session: Session) -> None:
    session.close()
    write_now(session)


def roll_back_by_hand(session: Session) -> None:
    session.connection().exec_driver_sql("ROLLBACK")
    write(session)


@pytest.mark.parametrize(
    "do", [Session.rollback, Session.close, write_after_rollback, write_after_close, roll_back_by_hand]
)
def test_a_rollback_inside_the_block_does_not_count_as_done(shop: Shop, do: Do) -> None:
    """The rollback also takes "done" back. With 200 the event would be lost."""
    assert shop.deliver(do).status == 500
    assert isinstance(shop.error, RuntimeError)
    shop.nothing_was_written()


def test_a_raw_commit_inside_the_block_is_reported(shop: Shop) -> None:
    """It cannot be taken back, but what comes after it must not be lost silently."""

    def commit(session: Session) -> None:
        write_now(session)
        session.connection().exec_driver_sql("COMMIT")

    assert shop.deliver(commit).status == 500
    assert isinstance(shop.error, RuntimeError)
    assert (shop.rows(), shop.state()) == (1, [1])


def test_a_table_that_is_created_inside_the_block_is_reported_where_it_commits(shop: Shop) -> None:
    """MySQL and MariaDB commit then, so "done" is written before the rows that follow."""

    def create(session: Session) -> None:
        session.execute(text("CREATE TABLE more (id INTEGER)"))
        write(session)

    status = shop.deliver(create).status
    if "mysql" in shop.place.store:
        assert status == 500
        assert "create or alter tables" in str(shop.error)
    else:
        assert (status, shop.rows(), shop.state()) == (200, 1, [1])


@pytest.mark.parametrize("caught", [False, True])
def test_a_connection_that_breaks_inside_the_block_is_an_inbox_that_cannot_be_reached(shop: Shop, caught: bool) -> None:
    """If the handler caught the error, the block would end as if everything had been written: the event was lost."""
    if "sqlite" in shop.place.store:
        return  # it has no connection that can break

    def cut(session: Session) -> None:
        write_now(session)
        statement = KILL_MYSELF[session.connection().dialect.name]
        try:
            session.execute(text(statement))
            session.execute(text("SELECT 1"))
        except sqlalchemy.exc.DBAPIError:
            if not caught:
                raise

    assert shop.deliver(cut).status == 503
    shop.nothing_was_written()


def test_a_connection_that_broke_in_the_pool_costs_no_delivery(shop: Shop) -> None:
    """A restart of the server or a firewall closes idle connections."""
    if "sqlite" in shop.place.store:
        return  # it has no connection that can break
    place = shop.place

    def break_idle_connections(inbox: OwnInbox) -> None:
        if "psycopg" in place.store:
            mine = "pid <> pg_backend_pid() AND backend_type = 'client backend'"
            execute(place.address, f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {mine}")
        else:
            for (number,) in execute(
                place.address,
                "SELECT id FROM information_schema.processlist WHERE id <> connection_id() AND user = 'root'",
            ):
                execute(place.address, f"KILL {number}")

    shop.in_handler = break_idle_connections
    assert shop.deliver(write) == (200, "Done.", "evt_1")
    assert (shop.rows(), shop.state()) == (1, [1])


@pytest.mark.parametrize("begins", [True, False], ids=["begun by the engine", "begun by the inbox"])
def test_a_commit_that_fails_leaves_no_open_transaction_in_the_pool(shop: Shop, begins: bool) -> None:
    """SQLite keeps a transaction open whose COMMIT failed, and SQLAlchemy gives the connection back to the pool like
    that: whoever uses it next commits "done", without the rows of this handler or with them.
    """
    if "sqlite" not in shop.place.store:
        return  # other databases roll back
    shop.engine_settings = {"connect_args": {"timeout": 0}, "pool_size": 1, "max_overflow": 0}
    shop.begins = begins
    path = make_url(shop.place.address).database
    assert path
    with closing(sqlite3.connect(path, check_same_thread=False)) as reader:
        readings: list[sqlite3.Cursor] = []

        def read(session: Session) -> None:
            write_now(session)
            readings.append(reader.execute("SELECT 1 FROM wooshpay_webhook_events UNION ALL SELECT 2"))
            assert readings[0].fetchone() == (1,)

        shop.inbox_settings = {"timeout": 2}
        shop.afterwards = lambda: readings[0].close()
        assert shop.deliver(read).status == 503
    shop.afterwards = lambda: None
    shop.begins = False
    assert shop.rows() == 0
    execute(shop.place.address, "UPDATE wooshpay_webhook_events SET expires = 0")
    assert shop.deliver(write).text == "Done."
    assert (shop.rows(), shop.state()) == (1, [1])


def test_a_lost_claim_writes_nothing(shop: Shop) -> None:
    """Another worker has the event by then, and its rows count."""

    def lose(inbox: OwnInbox) -> None:
        execute(shop.place.address, f"UPDATE wooshpay_webhook_events SET token = '{new_claim('').token}'")

    shop.in_handler = lose
    assert shop.deliver(write) == (409, "Another worker took this event over.", "evt_1")
    assert (shop.rows(), shop.state()) == (0, [0])


def test_an_engine_in_autocommit_mode_writes_rows_and_done_together_or_says_that_it_cannot(shop: Shop) -> None:
    """In this mode "done" was committed at once, and an error in the handler lost the event."""
    shop.engine_settings = {"isolation_level": "AUTOCOMMIT"}

    def fail(session: Session) -> None:
        write_now(session)
        raise ValueError("out of stock")

    if "psycopg" in shop.place.store:
        assert shop.deliver(fail).status == 503
        assert "AUTOCOMMIT" in str(shop.error)
    else:
        assert shop.deliver(fail).status == 500
        assert str(shop.error) == "out of stock"
        assert (shop.rows(), shop.state()) == (0, [])
        assert shop.deliver(write).status == 200
        assert (shop.rows(), shop.state()) == (1, [1])
        return
    shop.nothing_was_written()


@pytest.mark.parametrize("level", ["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"])
def test_every_isolation_level_of_the_engine_works(shop: Shop, level: str) -> None:
    if "sqlite" in shop.place.store:
        return  # it has one level
    shop.engine_settings = {"isolation_level": level}
    assert shop.deliver(write).status == 200
    assert shop.deliver(write).text == "This event was done before."
    assert (shop.rows(), shop.state()) == (1, [1])


def test_the_session_comes_from_the_factory_of_the_application(shop: Shop) -> None:
    """A shop has settings, classes and event listeners of its own. Its listeners hear of the commit after it."""
    heard: list[int] = []

    class ShopSession(Session):
        """The session of the shop."""

    def after_commit(session: Session) -> None:
        heard.append(shop.rows())

    sqlalchemy_event.listen(ShopSession, "after_commit", after_commit)

    def look(session: Session) -> None:
        assert isinstance(session, ShopSession)
        assert session.autoflush is False
        write(session)

    if is_async(shop.place.store):
        shop.inbox_settings["session_factory"] = async_sessionmaker(sync_session_class=ShopSession, autoflush=False)
    else:
        shop.inbox_settings["session_factory"] = sessionmaker(class_=ShopSession, autoflush=False)
    assert shop.deliver(look).status == 200, shop.errors
    assert heard == [1]


def test_a_factory_whose_sessions_do_not_begin_by_themselves_works(shop: Shop) -> None:
    """Every delivery was answered with 503, with a sentence that blamed the database."""
    kind: Any = async_sessionmaker if is_async(shop.place.store) else sessionmaker
    shop.inbox_settings["session_factory"] = kind(autobegin=False)
    assert shop.deliver(write).text == "Done."
    assert (shop.rows(), shop.state()) == (1, [1])


def test_a_factory_that_writes_elsewhere_is_refused(shop: Shop) -> None:
    """Rows in another database cannot be written together with "done"."""
    kind: Any = async_sessionmaker if is_async(shop.place.store) else sessionmaker
    other = make_engine(f"{shop.place.store}{WITHOUT_POOL}", shop.place.address)
    shop.inbox_settings["session_factory"] = kind(binds={Effect: other})
    assert shop.deliver(write).status == 500
    assert isinstance(shop.error, RuntimeError)
    assert "second database connection" in str(shop.error)
    shop.nothing_was_written()


def test_while_a_handler_s_transaction_is_open_its_claim_needs_no_renewal(shop: Shop) -> None:
    """The row is locked, so a renewal would wait for the end of the block, and keep a connection for that time."""
    inboxes: list[OwnInbox] = []
    answers: list[bool] = []

    def renew(session: Session) -> None:
        write_now(session)
        token = session.execute(text("SELECT token FROM wooshpay_webhook_events")).scalar_one()
        # It ends at its first step, without waiting for anything.
        with pytest.raises(StopIteration) as ended:
            inboxes[0].renew(Claim("evt_1", token)).send(None)
        answers.append(ended.value.value)

    shop.in_handler = inboxes.append
    assert shop.deliver(renew).status == 200, shop.errors
    assert answers == [True]


def test_a_redelivery_during_a_long_transaction_gets_the_answer_held_at_once(shop: Shop) -> None:
    """A look that waited for the locked row would take a thread or a connection until the handler ends."""
    answers: list[Any] = []

    def look(session: Session) -> None:
        write_now(session)
        other = shop.place.open()

        async def claim() -> None:
            answers.append(await other.claim("evt_1"))
            await other.close()

        in_thread(claim)

    assert shop.deliver(look).status == 200, shop.errors
    assert answers == ["held"]
