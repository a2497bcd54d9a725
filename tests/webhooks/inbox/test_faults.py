"""Whatever goes wrong in a store becomes an `InboxError`, within a time limit: the delivery is answered 503."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from contextlib import AsyncExitStack, closing, contextmanager
from itertools import count
from pathlib import Path
from typing import Any, Final, TypeAlias, TypeVar
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from redis.asyncio import Redis
from webhooks.deliver import SECRET, body_of, headers_for
from webhooks.inbox.django_stores import DJANGO
from webhooks.inbox.faults import Freezer, frozen
from webhooks.inbox.stores import Place, make_place

from wooshpay import ConfigurationError
from wooshpay.api.events import Event
from wooshpay.webhooks import WebhookReceiver
from wooshpay.webhooks.inbox import Claim, Inbox, InboxError, PostgresInbox, RedisInbox, SqliteInbox
from wooshpay.webhooks.inbox.contract import new_claim

T = TypeVar("T")

SHORT: Final = 0.2
# No test waits so long; one that hangs ends.
HANGS: Final = 60

Operation: TypeAlias = Callable[[Inbox], Awaitable[object]]

OPERATIONS: Final[dict[str, Operation]] = {
    "claim": lambda inbox: inbox.claim("evt_1"),
    "renew": lambda inbox: inbox.renew(new_claim("evt_1")),
    "done": lambda inbox: inbox.done(new_claim("evt_1")),
    "give_back": lambda inbox: inbox.give_back(new_claim("evt_1")),
    "counts": lambda inbox: inbox.counts(),
    "forget_old": lambda inbox: inbox.forget_old(),
}


def operations(store: str) -> list[str]:
    """Return the operations that reach a store: Redis forgets by itself."""
    return [name for name in OPERATIONS if not (store.startswith("redis") and name == "forget_old")]


async def in_time(call: Callable[[], Awaitable[T]]) -> T:
    """Repeat a call until an inbox with a short time limit carries it out: a busy machine connects slowly."""
    async with asyncio.timeout(HANGS):
        while True:
            try:
                return await call()
            except InboxError:
                pass


async def fails(inbox: Inbox, name: str, match: str | None = None) -> None:
    async with asyncio.timeout(HANGS):
        with pytest.raises(InboxError, match=match):
            await OPERATIONS[name](inbox)


@pytest.fixture(params=["sqlite", "redis", "postgres", "pgbouncer", *DJANGO])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    return make_place(request.param, tmp_path, request.getfixturevalue)


# ---- the store refuses


@pytest.mark.parametrize("store", ["sqlite", "postgres", "pgbouncer"])
@pytest.mark.parametrize("name", list(OPERATIONS))
async def test_every_error_of_a_database_is_an_inbox_error(
    store: str, name: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """A missing table is not an error of the connection. It went through the receiver as a raw `psycopg.Error`."""
    place = make_place(store, tmp_path, request.getfixturevalue)
    inbox = place.open()
    await inbox.claim("evt_1")
    if store == "sqlite":
        with closing(sqlite3.connect(place.address)) as connection:
            connection.execute("DROP TABLE wooshpay_inbox")
    else:
        with psycopg.connect(place.address, autocommit=True) as postgres:
            postgres.execute(b"DROP TABLE wooshpay_inbox")
    await fails(inbox, name, "wooshpay_inbox")
    await inbox.close()


@pytest.mark.parametrize("name", ["claim", "renew", "done", "give_back"])
async def test_every_error_of_redis_is_an_inbox_error(
    name: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    place = make_place("redis", tmp_path, request.getfixturevalue)
    async with Redis.from_url(place.address) as client:  # pyright: ignore[reportUnknownMemberType]  # so typed there
        await client.sadd(f"{place.prefix}evt_1", "something else")
    inbox = place.open()
    await fails(inbox, name, "ResponseError")
    await inbox.close()


@pytest.mark.parametrize(
    "make",
    [
        lambda: PostgresInbox("postgresql://127.0.0.1:1/shop", timeout=SHORT),
        lambda: PostgresInbox("no connection string", timeout=SHORT),
        lambda: PostgresInbox("postgresql://127.0.0.1/shop?no_such_option=1", timeout=SHORT),
        lambda: RedisInbox("redis://127.0.0.1:1/0", timeout=SHORT),
        lambda: RedisInbox("no address", timeout=SHORT),
        lambda: RedisInbox("redis://127.0.0.1:1/0?socket_timeout=soon", timeout=SHORT),
        lambda: RedisInbox("redis://127.0.0.1:1/0?no_such_option=1", timeout=SHORT),
        lambda: SqliteInbox("/no/such/folder/inbox.db"),
    ],
    ids=[
        "refused",
        "not a string",
        "unknown option",
        "redis refused",
        "no address",
        "bad option",
        "redis option",
        "no folder",
    ],
)
async def test_a_store_that_cannot_be_opened_is_an_inbox_error_and_opens_when_it_can(make: Callable[[], Inbox]) -> None:
    inbox = make()
    for _ in range(2):
        for name in ("claim", "renew", "done", "give_back", "counts"):
            await fails(inbox, name)
    await inbox.close()


# ---- SQLite's file


async def test_a_file_that_is_no_database_is_an_inbox_error_and_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "inbox.db"
    path.write_bytes(b"these are the merchant's notes\n" * 200)
    before = path.read_bytes()
    inbox = SqliteInbox(path)
    await fails(inbox, "claim", "not a database")
    await inbox.close()
    assert path.read_bytes() == before


async def test_a_file_that_is_busy_when_it_is_opened_is_waited_for_and_then_an_inbox_error(tmp_path: Path) -> None:
    """To switch to WAL, SQLite needs the file alone and does not wait: the inbox has to look again by itself."""
    path = tmp_path / "inbox.db"
    inbox = SqliteInbox(path, timeout=SHORT)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("CREATE TABLE mine (a)")
        other.execute("BEGIN EXCLUSIVE")
        await fails(inbox, "claim", "locked")
        other.execute("COMMIT")
        assert isinstance(await inbox.claim("evt_1"), Claim)
    await inbox.close()


async def test_a_busy_file_is_opened_as_soon_as_it_is_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "inbox.db"
    inbox = SqliteInbox(path, timeout=HANGS)
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:
        other.execute("CREATE TABLE mine (a)")
        other.execute("BEGIN EXCLUSIVE")
        looks: list[float] = []

        def do_not_wait(connection: sqlite3.Connection, deadline: float) -> None:
            connection.execute("PRAGMA busy_timeout = 0")

        def look_again(seconds: float) -> None:
            looks.append(seconds)
            if other.in_transaction:
                other.execute("COMMIT")

        monkeypatch.setattr("wooshpay.webhooks.inbox.sqlite.time.sleep", look_again)
        monkeypatch.setattr("wooshpay.webhooks.inbox.sqlite._limit", do_not_wait)
        claim = await inbox.claim("evt_1")
    assert isinstance(claim, Claim)
    assert looks, "the file was not busy"
    await inbox.close()


@pytest.mark.parametrize("name", ["claim", "renew", "done", "give_back", "forget_old"])
async def test_a_file_that_another_process_keeps_locked_is_given_up_in_time(tmp_path: Path, name: str) -> None:
    path = tmp_path / "inbox.db"
    inbox = SqliteInbox(path, timeout=SHORT)
    await inbox.counts()
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        await fails(inbox, name, "locked")
        other.execute("COMMIT")
        assert isinstance(await inbox.claim("evt_1"), Claim)
    await inbox.close()


async def test_the_time_limit_runs_while_an_operation_waits_for_those_before_it(tmp_path: Path) -> None:
    """Each of a hundred deliveries would wait its whole limit after the others: the last one for an hour."""
    path = tmp_path / "inbox.db"
    inbox = SqliteInbox(path, timeout=SHORT)
    waits: list[int] = []
    await inbox.counts()
    connection = inbox._connection  # pyright: ignore[reportPrivateUsage]  # SQLite tells nobody how long it waits
    assert connection is not None

    def note(statement: str) -> None:
        if "busy_timeout" in statement:
            waits.append(int(statement.split("=")[1]))

    connection.set_trace_callback(note)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        await asyncio.gather(*(fails(inbox, "claim", "locked") for _ in range(20)))
    assert waits, "it waits as long as ever"
    assert sum(waits) <= SHORT * 1000, waits
    await inbox.close()


async def test_forgetting_where_nothing_is_old_forgets_nothing(place: Place) -> None:
    inbox = place.open()
    assert await inbox.forget_old() == 0
    claim = await inbox.claim("evt_1")
    assert isinstance(claim, Claim)
    assert await inbox.done(claim)
    await inbox.claim("evt_2")
    assert await inbox.forget_old() == 0
    assert await inbox.counts() == (1, 1)
    await inbox.close()


# ---- the server does not answer


@pytest.mark.parametrize("store", ["redis", "redis client", "postgres"])
async def test_a_server_that_never_answers_is_given_up_in_time(store: str) -> None:
    """Without a limit the delivery hangs until the sender hangs up, and so does every later one."""
    async with AsyncExitStack() as stack:
        silent = stack.enter_context(frozen())
        address = f"127.0.0.1:{silent.port}"
        inbox: Inbox
        if store == "redis":
            inbox = RedisInbox(f"redis://{address}/0", timeout=SHORT)
        elif store == "redis client":
            # A client from outside has no limits of its own, unless its owner sets them.
            client = Redis(port=silent.port)
            stack.push_async_callback(client.aclose)
            inbox = RedisInbox(client, timeout=SHORT)
        else:
            inbox = PostgresInbox(f"postgresql://user@{address}/shop", timeout=SHORT)
        for name in operations(store):
            await fails(inbox, name, "within 0.2 seconds")
        await inbox.close()


@contextmanager
def behind_a_freezer(place: Place, timeout: float) -> Generator[tuple[Freezer, Inbox]]:
    """An inbox whose server can be made silent."""
    if place.store == "redis":
        server = urlsplit(place.address)
        assert server.hostname
        assert server.port
        with frozen((server.hostname, server.port)) as freezer:
            yield freezer, RedisInbox(f"redis://127.0.0.1:{freezer.port}/0", prefix=place.prefix, timeout=timeout)
        return
    parts: dict[str, Any] = dict(conninfo_to_dict(place.address))
    host, port = parts["host"], int(parts.get("port", 5432))
    with frozen(f"{host}/.s.PGSQL.{port}" if host.startswith("/") else (host, port)) as freezer:
        address = make_conninfo("", **{**parts, "host": "127.0.0.1", "port": freezer.port, "sslmode": "disable"})
        yield freezer, PostgresInbox(address, timeout=timeout)


@pytest.mark.parametrize("store", ["redis", "postgres", "pgbouncer"])
async def test_a_server_that_stops_answering_is_given_up_in_time_and_used_again_when_it_answers(
    store: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """After the limit, a late response must not be taken for that of the next operation either."""
    place = make_place(store, tmp_path, request.getfixturevalue)
    with behind_a_freezer(place, 1.0) as (freezer, inbox):
        await in_time(inbox.counts)
        claim = await inbox.claim("evt_9")
        assert isinstance(claim, Claim)
        for name in operations(store):
            freezer.freeze()
            await fails(inbox, name, "within 1 seconds")
            freezer.thaw()
            assert await in_time(lambda: inbox.renew(claim)), "after it has connected again"
            assert await in_time(lambda: inbox.claim("evt_9")) == "held"
        assert await inbox.done(claim)
        await inbox.close()


@pytest.mark.parametrize("store", ["postgres", "pgbouncer"])
@pytest.mark.parametrize("name", list(OPERATIONS))
async def test_a_locked_table_is_given_up_in_time_and_nobody_waits_on_in_the_server(
    store: str, name: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """A statement that went on waiting would take a connection of the server for each delivery, until none is left."""
    place = make_place(store, tmp_path, request.getfixturevalue)
    inbox = PostgresInbox(place.address, timeout=0.5)
    await in_time(inbox.counts)
    try:
        with psycopg.connect(place.address) as other:
            other.execute(b"LOCK TABLE wooshpay_inbox IN ACCESS EXCLUSIVE MODE", prepare=False)
            await fails(inbox, name, "within 0.5 seconds")
            waiting = b"SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'wooshpay_inbox'::regclass"
            # The table is still locked, so a statement without a limit would wait for ever.
            async with asyncio.timeout(HANGS):
                while other.execute(waiting, prepare=False).fetchall() != [(0,)]:
                    await asyncio.sleep(0.01)
        ids = count(2)
        assert isinstance(await in_time(lambda: inbox.claim(f"evt_{next(ids)}")), Claim)
    finally:
        await inbox.close()


async def test_connections_that_broke_while_nobody_used_them_cost_no_delivery(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """A restart of PostgreSQL or a firewall closes idle connections."""
    place = make_place("postgres", tmp_path, request.getfixturevalue)
    inbox = PostgresInbox(place.address)
    await asyncio.gather(*(inbox.claim(f"evt_{number}") for number in range(50)))
    for number in range(50, 53):
        with psycopg.connect(place.address, autocommit=True) as other:
            other.execute(b"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
        assert isinstance(await inbox.claim(f"evt_{number}"), Claim)
    await inbox.close()


@pytest.mark.parametrize("level", ["repeatable read", "serializable"])
async def test_two_claims_at_once_are_no_error_whatever_isolation_the_role_has(
    level: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """In these levels PostgreSQL refuses a statement that waited for another one: the delivery was answered 503."""
    place = make_place("postgres", tmp_path, request.getfixturevalue)
    isolation = f"-c default_transaction_isolation={level}".replace("repeatable read", r"repeatable\ read")
    options = conninfo_to_dict(place.address)["options"]
    inbox = PostgresInbox(make_conninfo(place.address, options=f"{options} {isolation}"))
    await inbox.counts()
    with psycopg.connect(place.address) as first, psycopg.connect(place.address, autocommit=True) as watching:
        first.execute(b"INSERT INTO wooshpay_inbox VALUES ('evt_1', 'the first', false, now() + interval '1 minute')")
        second = asyncio.ensure_future(inbox.claim("evt_1"))
        while watching.execute(b"SELECT 1 FROM pg_locks WHERE NOT granted").fetchone() is None:
            await asyncio.sleep(0.01)
        first.commit()
        assert await second == "held"
    await inbox.close()


@pytest.mark.parametrize("now", [False, True])
@pytest.mark.parametrize("store", ["postgres", "pgbouncer"])
async def test_a_transaction_that_cannot_begin_is_given_up_in_time(
    store: str, now: bool, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    place = make_place(store, tmp_path, request.getfixturevalue)
    inbox = PostgresInbox(place.address, timeout=0.5)
    receiver = WebhookReceiver(SECRET, inbox=inbox)
    with psycopg.connect(place.address) as other:

        @receiver.on("payment_intent.succeeded")
        async def paid(event: Event) -> None:
            other.execute(b"SELECT 1 FROM wooshpay_inbox FOR UPDATE", prepare=False)
            try:
                async with inbox.transaction():
                    pytest.fail("the row is locked")
            finally:
                other.rollback()

        @receiver.on("payment_intent.canceled")
        def canceled(event: Event) -> None:
            other.execute(b"SELECT 1 FROM wooshpay_inbox FOR UPDATE", prepare=False)
            try:
                with inbox.transaction_now():
                    pytest.fail("the row is locked")
            finally:
                other.rollback()

        body = body_of(type="payment_intent.canceled" if now else "payment_intent.succeeded")
        async with asyncio.timeout(HANGS):
            assert (await receiver.receive(body, headers_for(body))).status == 503
    await receiver.close()


@pytest.mark.parametrize("now", [False, True])
async def test_a_commit_that_is_never_answered_is_given_up_in_time(
    now: bool, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    place = make_place("postgres", tmp_path, request.getfixturevalue)
    with behind_a_freezer(place, 0.5) as (freezer, inbox):
        assert isinstance(inbox, PostgresInbox)
        receiver = WebhookReceiver(SECRET, inbox=inbox)

        @receiver.on("payment_intent.succeeded")
        async def paid(event: Event) -> None:
            async with inbox.transaction():
                freezer.freeze()

        @receiver.on("payment_intent.canceled")
        def canceled(event: Event) -> None:
            with inbox.transaction_now():
                freezer.freeze()

        body = body_of(type="payment_intent.canceled" if now else "payment_intent.succeeded")
        async with asyncio.timeout(HANGS):
            assert (await receiver.receive(body, headers_for(body))).status == 503
            freezer.thaw()
            await receiver.close()


def test_a_time_limit_that_no_operation_could_keep_is_refused() -> None:
    for make in (
        lambda: SqliteInbox("inbox.db", timeout=0),
        lambda: RedisInbox("redis://127.0.0.1", timeout=-1),
        lambda: PostgresInbox("postgresql://127.0.0.1", timeout=float("nan")),
        lambda: PostgresInbox("postgresql://127.0.0.1", connections=0),
    ):
        with pytest.raises(ConfigurationError):
            make()


# ---- a role that may not create tables


@pytest.fixture
async def limited(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[tuple[Place, str]]:
    """A place, and the address of a role in it that may not create anything."""
    place = make_place("postgres", tmp_path, request.getfixturevalue)
    schema = place.address.rpartition("%3D")[2]
    with psycopg.connect(place.address, autocommit=True) as connection:
        connection.execute(f'CREATE ROLE "limited-{schema}" LOGIN'.encode())
        connection.execute(f'GRANT USAGE ON SCHEMA {schema} TO "limited-{schema}"'.encode())
    yield place, make_conninfo(place.address, user=f"limited-{schema}")
    with psycopg.connect(place.address, autocommit=True) as connection:
        connection.execute(f'DROP OWNED BY "limited-{schema}"'.encode())
        connection.execute(f'DROP ROLE "limited-{schema}"'.encode())


GRANT: Final = 'GRANT SELECT, INSERT, UPDATE, DELETE ON wooshpay_inbox TO "limited-'


async def test_a_role_without_create_works_when_the_table_exists(limited: tuple[Place, str]) -> None:
    """CREATE TABLE IF NOT EXISTS needs the right to create also where there is nothing to do."""
    place, address = limited
    owner = place.open()
    await owner.counts()
    await owner.close()
    with psycopg.connect(place.address, autocommit=True) as connection:
        connection.execute(f'{GRANT}{place.address.rpartition("%3D")[2]}"'.encode())
    inbox = PostgresInbox(address)
    claim = await inbox.claim("evt_1")
    assert isinstance(claim, Claim)
    assert await inbox.renew(claim)
    assert await inbox.done(claim)
    assert await inbox.forget_old() == 0
    await inbox.close()


async def test_where_the_table_is_missing_the_error_says_what_an_administrator_has_to_run(
    limited: tuple[Place, str],
) -> None:
    place, address = limited
    inbox = PostgresInbox(address)
    with pytest.raises(InboxError) as failed:
        await inbox.claim("evt_1")
    grant = f'{GRANT}{place.address.rpartition("%3D")[2]}";'
    assert PostgresInbox.SCHEMA in str(failed.value)
    assert grant in str(failed.value)
    with psycopg.connect(place.address, autocommit=True) as connection:
        connection.execute(PostgresInbox.SCHEMA.encode())
        connection.execute(PostgresInbox.SCHEMA.encode())
        connection.execute(grant.encode())
    assert isinstance(await inbox.claim("evt_1"), Claim)
    await inbox.close()
