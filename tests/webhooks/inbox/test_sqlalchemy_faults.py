"""What goes wrong in a database behind `SqlAlchemyInbox` is reported in one sentence, and nothing is marked as done."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import pytest
from sqlalchemy import create_engine, make_url, text
from sqlalchemy import event as sqlalchemy_event
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool
from webhooks.deliver import SECRET, body_of, headers_for
from webhooks.inbox.faults import frozen
from webhooks.inbox.sqlalchemy_stores import SQLALCHEMY, Opened, OwnInbox, execute, is_async, make_engine
from webhooks.inbox.stores import Place, make_place

from wooshpay.api.events import Event
from wooshpay.webhooks import WebhookReceiver
from wooshpay.webhooks.inbox import Claim, Inbox, InboxError, SqlAlchemyInbox, sqlalchemy_engines
from wooshpay.webhooks.inbox.contract import new_claim

HANGS: Final = 60
TABLE: Final = "wooshpay_webhook_events"
ONE_OF_EACH: Final = ("sqlalchemy sqlite", "sqlalchemy psycopg async", "sqlalchemy pymysql")

OPERATIONS: Final[dict[str, Callable[[Inbox], Awaitable[object]]]] = {
    "claim": lambda inbox: inbox.claim("evt_1"),
    "renew": lambda inbox: inbox.renew(new_claim("evt_1")),
    "done": lambda inbox: inbox.done(new_claim("evt_1")),
    "give_back": lambda inbox: inbox.give_back(new_claim("evt_1")),
    "counts": lambda inbox: inbox.counts(),
    "forget_old": lambda inbox: inbox.forget_old(),
}


@pytest.fixture(params=ONE_OF_EACH)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    return make_place(request.param, tmp_path, request.getfixturevalue)


async def message_of(inbox: Inbox, name: str = "claim") -> str:
    async with asyncio.timeout(HANGS):
        with pytest.raises(InboxError) as failed:
            await OPERATIONS[name](inbox)
    return str(failed.value)


# ---- the table


@pytest.mark.parametrize("name", list(OPERATIONS))
async def test_a_missing_table_is_an_inbox_error_that_says_how_to_create_it(
    place: Place, opened: Opened, name: str
) -> None:
    execute(place.address, f"DROP TABLE {TABLE}")
    inbox = opened(make_engine(place.store, place.address))
    message = await message_of(inbox, name)
    assert f"The table {TABLE} of the SQLAlchemy inbox does not exist" in message
    assert "create()" in message
    assert "Alembic" in message
    assert "\n" not in message
    created: Any = inbox.create()
    if created is not None:
        await created
    assert isinstance(await inbox.claim("evt_1"), Claim)


@pytest.mark.parametrize(
    "columns",
    [
        "id VARCHAR(255) PRIMARY KEY, token VARCHAR(32) NOT NULL",
        "id VARCHAR(255) PRIMARY KEY, token VARCHAR(32) NOT NULL, done BOOLEAN NOT NULL, expires BIGINT NOT NULL,"
        " tenant VARCHAR(10) NOT NULL",
    ],
    ids=["a column is missing", "a further column"],
)
async def test_a_table_of_another_version_is_an_inbox_error_that_names_the_migration(
    place: Place, opened: Opened, columns: str
) -> None:
    execute(place.address, f"DROP TABLE {TABLE}", f"CREATE TABLE {TABLE} ({columns})")
    message = await message_of(opened(make_engine(place.store, place.address)))
    assert "does not have the columns that this version" in message
    assert "Alembic" in message


async def test_create_leaves_an_existing_table_and_its_events_alone_and_several_workers_may_call_it_at_once(
    place: Place, opened: Opened
) -> None:
    execute(place.address, f"DROP TABLE {TABLE}")
    inboxes = [opened(make_engine(place.store, place.address)) for _ in range(4)]

    async def create(inbox: OwnInbox) -> None:
        if is_async(place.store):
            await inbox.create()  # type: ignore[misc]
        else:
            await asyncio.to_thread(inbox.create)

    await asyncio.gather(*(create(inbox) for inbox in inboxes))
    assert isinstance(await inboxes[0].claim("evt_1"), Claim)
    await create(inboxes[0])
    assert await inboxes[1].claim("evt_1") == "held"


@pytest.mark.parametrize("store", ["sqlalchemy psycopg", "sqlalchemy aiomysql", "sqlalchemy sqlite"])
async def test_the_table_can_have_another_name_and_a_schema(
    store: str, tmp_path: Path, request: pytest.FixtureRequest, opened: Opened
) -> None:
    place = make_place(store, tmp_path, request.getfixturevalue)
    schema = None
    if "psycopg" in store:
        schema = "shop"
        execute(place.address, "DROP SCHEMA IF EXISTS shop CASCADE", "CREATE SCHEMA shop")
    inbox = opened(make_engine(store, place.address), table="events", schema=schema)
    created: Any = inbox.create()
    if created is not None:
        await created
    claim = await inbox.claim("evt_1")
    assert isinstance(claim, Claim)
    assert await inbox.done(claim)
    assert execute(place.address, f"SELECT id FROM {'shop.' if schema else ''}events") == [("evt_1",)]


async def test_ids_that_differ_in_case_or_in_spaces_are_different_events(place: Place, opened: Opened) -> None:
    """The default collations of MySQL and MariaDB take them for one ID: the second event would never be handled."""
    inbox = opened(make_engine(place.store, place.address))
    for event_id in ("evt_a", "evt_A", "evt_a ", "evt_ä", "evt_Ä", "a" * 255, "a" * 256, "a" * 255 + "b"):
        claim = await inbox.claim(event_id)
        assert isinstance(claim, Claim), event_id
        assert await inbox.done(claim)
    assert (await inbox.counts()).done == 8


async def test_what_is_old_is_forgotten_and_nothing_else(
    place: Place, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Done events are forgotten at the end of the retention, and claims a whole retention after their lease."""
    inbox = opened(make_engine(place.store, place.address))
    claims = [await inbox.claim(f"evt_{number}") for number in range(6)]
    for claim in claims[:4]:
        assert isinstance(claim, Claim)
        await inbox.done(claim)
    move = f"UPDATE {TABLE} SET expires = expires"
    week = 7 * 86_400 * 1_000_000
    execute(place.address, f"{move} - {week + 1} WHERE id IN ('evt_0', 'evt_1')")
    execute(place.address, f"{move} - {week // 2} WHERE id IN ('evt_2', 'evt_4')")
    execute(place.address, f"{move} - {week + 60_000_001} WHERE id = 'evt_5'")
    monkeypatch.setattr("wooshpay.webhooks.inbox.sqlalchemy_table._FORGET_AT_ONCE", 2)
    assert await inbox.forget_old() == 3
    left = execute(place.address, f"SELECT id FROM {TABLE} ORDER BY id")
    assert left == [("evt_2",), ("evt_3",), ("evt_4",)]


async def test_the_clock_of_the_server_decides_and_not_that_of_the_machine(
    tmp_path: Path, request: pytest.FixtureRequest, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Machines whose clocks differ would take events over from one another."""
    for store in ("sqlalchemy psycopg", "sqlalchemy pymysql"):
        place = make_place(store, tmp_path, request.getfixturevalue)
        inbox = opened(make_engine(store, place.address))
        assert isinstance(await inbox.claim("evt_1"), Claim)
        with monkeypatch.context() as patch:
            patch.setattr("time.time", lambda: 4e9)
            assert await inbox.claim("evt_1") == "held"


@pytest.mark.parametrize("store", ["sqlalchemy psycopg", "sqlalchemy pymysql"])
@pytest.mark.parametrize("zone", ["+09:00", "-08:00"])
async def test_the_time_zone_of_the_session_changes_nothing(
    store: str, zone: str, tmp_path: Path, request: pytest.FixtureRequest, opened: Opened
) -> None:
    """One hour of a local time is twice in a year: an event could be taken over, or be held for an hour longer."""
    place = make_place(store, tmp_path, request.getfixturevalue)
    here = opened(make_engine(store, place.address))
    assert isinstance(await here.claim("evt_1"), Claim)
    elsewhere = make_engine(store, place.address)
    statement = f"SET TIME ZONE INTERVAL '{zone}' HOUR TO MINUTE" if "psycopg" in store else f"SET time_zone = '{zone}'"

    @sqlalchemy_event.listens_for(elsewhere, "connect")
    def connected(connection: Any, record: Any) -> None:
        cursor = connection.cursor()
        cursor.execute(statement)
        connection.commit()
        cursor.close()

    assert await opened(elsewhere).claim("evt_1") == "held"
    [(ahead,)] = execute(place.address, f"SELECT expires FROM {TABLE}")
    assert await opened(make_engine(store, place.address), lease=1e-6).claim("evt_2")
    [(now,)] = execute(place.address, f"SELECT expires FROM {TABLE} WHERE id = 'evt_2'")
    assert 0 <= (now + 60_000_000) - ahead < HANGS * 1_000_000


# ---- the database


@pytest.mark.parametrize("name", list(OPERATIONS))
@pytest.mark.parametrize(
    "address",
    [
        "postgresql+psycopg://shop:secret@127.0.0.1:1/shop",
        "mysql+pymysql://shop:secret@127.0.0.1:1/shop",
        "sqlite:////no/such/folder/shop.db",
        "async postgresql+psycopg://shop:secret@127.0.0.1:1/shop",
        "async mysql+aiomysql://shop:secret@127.0.0.1:1/shop",
    ],
)
async def test_a_database_that_is_down_is_an_inbox_error_without_the_password(
    address: str, name: str, opened: Opened
) -> None:
    kind, _, url = address.rpartition(" ")
    before = set(threading.enumerate())
    message = await message_of(opened(create_async_engine(url) if kind else create_engine(url)), name)
    if "aiosqlite" in url:
        # aiosqlite does not wait for the thread of a connection that it could not open, and that thread uses the loop.
        for thread in set(threading.enumerate()) - before:
            thread.join(HANGS)
    assert "does not work" in message
    assert "\n" not in message
    assert "secret" not in message
    for thread in threading.enumerate():
        if "_connection_worker_thread" in thread.name:
            # The thread of aiosqlite reports to the event loop that it ends, so the loop must not be closed earlier.
            await asyncio.to_thread(thread.join, HANGS)


@pytest.mark.parametrize("store", ["sqlalchemy sqlite", "sqlalchemy psycopg", "sqlalchemy pymysql"])
async def test_a_read_only_database_is_an_inbox_error_that_says_so(
    store: str, tmp_path: Path, request: pytest.FixtureRequest, opened: Opened
) -> None:
    place = make_place(store, tmp_path, request.getfixturevalue)
    if "sqlite" in store:
        engine = create_engine(f"sqlite:///file:{tmp_path}/inbox.db?mode=ro&uri=true")
    elif "psycopg" in store:
        url = make_url(place.address)
        options = f"{url.query['options']} -cdefault_transaction_read_only=on"
        engine = create_engine(url.update_query_dict({"options": options}))
    else:
        settings = {"init_command": "SET SESSION TRANSACTION READ ONLY"}
        engine = create_engine(place.address, connect_args=settings)
    assert "is read-only" in await message_of(opened(engine))


@pytest.mark.parametrize("store", ["sqlalchemy psycopg", "sqlalchemy psycopg async"])
async def test_a_pool_without_a_free_connection_is_an_inbox_error_that_says_so(
    store: str, tmp_path: Path, request: pytest.FixtureRequest, opened: Opened
) -> None:
    place = make_place(store, tmp_path, request.getfixturevalue)
    engine: Any = make_engine(store, place.address, pool_size=1, max_overflow=0, pool_timeout=0.1)
    inbox = opened(engine)
    if is_async(store):
        async with engine.connect():
            message = await message_of(inbox)
    else:
        with engine.connect():
            message = await message_of(inbox)
    assert "pool_size" in message
    assert isinstance(await inbox.claim("evt_1"), Claim)


@pytest.mark.parametrize("store", [name for name in SQLALCHEMY if "sqlite" not in name])
async def test_a_server_that_stops_answering_is_given_up_in_time_and_used_again_when_it_answers(
    store: str, tmp_path: Path, request: pytest.FixtureRequest, opened: Opened
) -> None:
    """Without a limit the delivery hangs until the sender hangs up, and so does every later one."""
    place = make_place(store, tmp_path, request.getfixturevalue)
    url = make_url(place.address)
    assert url.host
    server: Any = f"{url.host}/.s.PGSQL.{url.port or 5432}" if url.host.startswith("/") else (url.host, url.port)
    with frozen(server) as freezer:
        inbox = opened(make_engine(store, str(url.set(host="127.0.0.1", port=freezer.port))), timeout=1.0)
        claim = await inbox.claim("evt_9")
        assert isinstance(claim, Claim)
        freezer.freeze()
        assert "within 1 seconds" in await message_of(inbox)
        freezer.thaw()
        async with asyncio.timeout(HANGS):
            while True:
                try:
                    assert await inbox.renew(claim)
                    break
                except InboxError:
                    pass  # it is connecting again
        assert await inbox.claim("evt_9") == "held"
        assert await inbox.done(claim)


@pytest.mark.parametrize("when", ["claim", "begin", "commit"])
async def test_psycopg_is_not_asked_to_cancel_what_a_silent_server_does_not_answer(
    when: str, tmp_path: Path, request: pytest.FixtureRequest, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would wait for that server once more: without a limit before psycopg 3.3, and before libpq 17 with the whole
    process.
    """
    cancelled: list[object] = []

    async def cancel(connection: object, **settings: object) -> None:
        cancelled.append(connection)

    monkeypatch.setattr("psycopg.AsyncConnection.cancel_safe", cancel)
    place = make_place("sqlalchemy psycopg async", tmp_path, request.getfixturevalue)
    url = make_url(place.address)
    assert url.host
    server: Any = f"{url.host}/.s.PGSQL.{url.port or 5432}" if url.host.startswith("/") else (url.host, url.port)
    with frozen(server) as freezer:
        inbox = opened(make_engine(place.store, str(url.set(host="127.0.0.1", port=freezer.port))), timeout=1.0)
        receiver = WebhookReceiver(SECRET, inbox=inbox)
        messages: list[str] = []

        @receiver.on("payment_intent.succeeded")
        async def paid(event: Event) -> None:
            try:
                if when == "begin":
                    freezer.freeze()
                async with inbox.open() as session:
                    await session.execute(text("SELECT 1"))
                    freezer.freeze()
            except InboxError as error:
                messages.append(str(error))
                raise

        assert await inbox.counts() == (0, 0)
        if when == "claim":
            freezer.freeze()
        body = body_of()
        async with asyncio.timeout(HANGS):
            assert (await receiver.receive(body, headers_for(body))).status == 503
        await receiver.close()
    expected = {"claim": [], "begin": ["within 1 seconds"], "commit": ["broke inside the inbox's transaction"]}[when]
    assert [said in message for message, said in zip(messages, expected, strict=True)] == [True] * len(expected)
    assert cancelled == []


async def test_an_operation_that_nobody_waits_for_any_more_is_rolled_back(
    tmp_path: Path, request: pytest.FixtureRequest, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A claim that was made after the delivery had got its 503 would keep the event from the next delivery."""
    place = make_place("sqlalchemy sqlite", tmp_path, request.getfixturevalue)
    inbox = opened(make_engine(place.store, place.address), timeout=0.2)
    assert await inbox.counts() == (0, 0)
    events = inbox._events  # pyright: ignore[reportPrivateUsage]  # the database has to be slow
    claim, may_end, ended = events.claim, threading.Event(), threading.Event()

    def slow(*args: Any) -> Any:
        found = claim(*args)
        assert may_end.wait(HANGS)
        ended.set()
        return found

    monkeypatch.setattr(events, "claim", slow)
    assert "within 0.2 seconds" in await message_of(inbox)
    may_end.set()
    assert await asyncio.to_thread(ended.wait, HANGS)
    monkeypatch.undo()
    other = opened(make_engine(place.store, place.address))
    async with asyncio.timeout(HANGS):
        while (await other.counts()).held:
            await asyncio.sleep(0.01)
    assert isinstance(await other.claim("evt_1"), Claim)


@pytest.mark.parametrize("store", ["sqlalchemy sqlite", "sqlalchemy aiosqlite"])
async def test_a_locked_file_is_waited_for(
    store: str, tmp_path: Path, request: pytest.FixtureRequest, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = make_place(store, tmp_path, request.getfixturevalue)
    # The driver itself does not wait.
    inbox = opened(make_engine(store, place.address, connect_args={"timeout": 0}), timeout=HANGS)
    other = create_engine(f"sqlite:///{tmp_path}/inbox.db", poolclass=NullPool)
    pauses: list[float] = []
    with other.connect() as connection:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        wait, wait_now = sqlalchemy_engines.pause, sqlalchemy_engines.pause_now
        waited = threading.Event()

        def note(seconds: float) -> None:
            pauses.append(seconds)
            waited.set()
            wait_now(seconds)

        async def note_async(seconds: float) -> None:
            pauses.append(seconds)
            waited.set()
            await wait(seconds)

        monkeypatch.setattr(sqlalchemy_engines, "pause_now", note)
        monkeypatch.setattr(sqlalchemy_engines, "pause", note_async)
        claiming = asyncio.ensure_future(inbox.claim("evt_1"))
        assert await asyncio.to_thread(waited.wait, HANGS)
        connection.rollback()
    assert isinstance(await claiming, Claim)
    assert pauses


@pytest.mark.parametrize("store", ["sqlalchemy sqlite", "sqlalchemy aiosqlite"])
async def test_an_operation_whose_commit_failed_is_not_committed_by_the_next_one(
    store: str, tmp_path: Path, request: pytest.FixtureRequest, opened: Opened
) -> None:
    """SQLite keeps the transaction open, and SQLAlchemy gives the connection back like that. The delivery got its 503,
    but the event was claimed by nobody until the lease ended.
    """
    place = make_place(store, tmp_path, request.getfixturevalue)
    settings: Any = {"connect_args": {"timeout": 0}, "pool_size": 1}
    inbox = opened(make_engine(store, place.address, **settings), timeout=0.3)
    assert isinstance(await inbox.claim("evt_1"), Claim)
    with closing(sqlite3.connect(tmp_path / "inbox.db")) as reader:
        reading = reader.execute(f"SELECT 1 FROM {TABLE} UNION ALL SELECT 2")
        assert reading.fetchone() == (1,)
        with pytest.raises(InboxError, match=r"locked|within"):
            await inbox.claim("evt_2")
        reading.close()
    assert await inbox.counts() == (1, 0)
    assert isinstance(await inbox.claim("evt_2"), Claim)


@pytest.mark.parametrize("level", ["REPEATABLE READ", "SERIALIZABLE"])
@pytest.mark.parametrize("store", ["sqlalchemy psycopg", "sqlalchemy aiomysql"])
async def test_many_claims_at_once_cause_no_error_in_strict_isolation_levels(
    store: str, level: str, tmp_path: Path, request: pytest.FixtureRequest, opened: Opened
) -> None:
    """The database ends some of them with a conflict or a deadlock: each of those would be a delivery with 503."""
    place = make_place(store, tmp_path, request.getfixturevalue)
    inboxes = [opened(make_engine(store, place.address, isolation_level=level), timeout=30) for _ in range(3)]
    for number in range(10):
        taken = await asyncio.gather(*(inbox.claim(f"evt_{number}") for inbox in inboxes for _ in range(4)))
        assert sum(isinstance(claim, Claim) for claim in taken) == 1
        assert taken.count("held") == 11


# ---- the receiver


@pytest.mark.parametrize("store", ["sqlalchemy sqlite", "sqlalchemy aiosqlite"])
async def test_a_database_that_goes_away_in_the_handler_answers_503_and_the_event_is_not_done(
    store: str, tmp_path: Path, request: pytest.FixtureRequest, opened: Opened
) -> None:
    place = make_place(store, tmp_path, request.getfixturevalue)
    inbox = opened(make_engine(store, place.address))
    receiver = WebhookReceiver(SECRET, inbox=inbox)
    away = [True]

    def maybe() -> None:
        if away[0]:
            execute(place.address, f"ALTER TABLE {TABLE} RENAME TO elsewhere")

    @receiver.on("payment_intent.succeeded")
    async def paid(event: Event) -> None:
        maybe()
        async with inbox.open() as session:
            await session.execute(text("SELECT 1"))

    @receiver.on("payment_intent.canceled")
    def canceled(event: Event) -> None:
        maybe()
        with inbox.open() as session:
            session.execute(text("SELECT 1"))

    body = body_of(type="payment_intent.succeeded" if is_async(store) else "payment_intent.canceled")
    assert (await receiver.receive(body, headers_for(body))).status == 503
    execute(place.address, f"ALTER TABLE elsewhere RENAME TO {TABLE}", f"UPDATE {TABLE} SET expires = 0")
    away[0] = False
    assert (await receiver.receive(body, headers_for(body))).text == "Done."
    await receiver.close()


async def test_a_handler_of_the_wrong_kind_gets_an_error_that_says_what_to_do(
    tmp_path: Path, request: pytest.FixtureRequest, opened: Opened, caplog: pytest.LogCaptureFixture
) -> None:
    """An Engine in an async handler blocks the event loop, and a plain handler cannot use an AsyncEngine."""
    for store in ("sqlalchemy sqlite", "sqlalchemy aiosqlite"):
        place = make_place(store, tmp_path, request.getfixturevalue)
        inbox = opened(make_engine(store, place.address))
        receiver = WebhookReceiver(SECRET, inbox=inbox)

        async def awaited(event: Event, inbox: OwnInbox = inbox) -> None:
            inbox.open()

        def plain(event: Event, inbox: OwnInbox = inbox) -> None:
            inbox.open()

        receiver.on("payment_intent.succeeded")(plain if is_async(store) else awaited)
        body = body_of()
        assert (await receiver.receive(body, headers_for(body))).status == 500
        expected = "which a plain" if is_async(store) else "would block the event loop"
        assert expected in caplog.text
        assert not (await inbox.counts()).done
        execute(place.address, f"DROP TABLE {TABLE}")
        await receiver.close()


def test_a_transaction_outside_a_handler_is_refused(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path}/inbox.db")
    with pytest.raises(RuntimeError, match="inside a handler"):
        SqlAlchemyInbox(engine).transaction()
