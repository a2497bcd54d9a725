"""What a `DjangoInbox` says about wrong settings and broken databases, and that it gives them up in time."""

from __future__ import annotations

import asyncio
import json
import logging
import subprocess
import sys
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Final

import pytest
from asgiref.sync import ThreadSensitiveContext, sync_to_async
from support.children import environment
from webhooks.deliver import SECRET
from webhooks.handling import deliver
from webhooks.inbox import django_stores
from webhooks.inbox.django_stores import DJANGO
from webhooks.inbox.faults import Freezer, frozen

from wooshpay import ConfigurationError
from wooshpay.webhooks import DjangoInbox, InboxError, WebhookReceiver
from wooshpay.webhooks.inbox import Claim
from wooshpay.webhooks.inbox.contract import new_claim
from wooshpay.webhooks.inbox.django.table import InboxTable

TABLE: Final = "wooshpay_webhooks_event"
SHORT: Final = 0.3
# No test waits so long; one that hangs ends.
HANGS: Final = 60

OPERATIONS: Final[dict[str, Callable[[DjangoInbox], Awaitable[object]]]] = {
    "claim": lambda inbox: inbox.claim("evt_1"),
    "renew": lambda inbox: inbox.renew(new_claim("evt_1")),
    "done": lambda inbox: inbox.done(new_claim("evt_1")),
    "give_back": lambda inbox: inbox.give_back(new_claim("evt_1")),
    "counts": lambda inbox: inbox.counts(),
    "forget_old": lambda inbox: inbox.forget_old(),
}

Make = Callable[..., str]


@pytest.fixture(params=DJANGO)
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    """Make a migrated database in each of the servers; give its address."""

    def make(**settings: object) -> str:
        return django_stores.make_address(request.param, tmp_path, request.getfixturevalue, **settings)

    return make


def changed(address: str, **settings: object) -> str:
    """The address of the same database under another alias, with other settings."""
    described = json.loads(address)
    return json.dumps(
        {
            "alias": f"{described['alias']}_{len(json.dumps(settings))}",
            "settings": {**described["settings"], **settings},
        }
    )


def engine_of(address: str) -> str:
    """Django's name for the kind of database."""
    name: str = json.loads(address)["settings"]["ENGINE"]
    return name.rpartition(".")[2]


async def is_refused(address: str, match: str, caplog: pytest.LogCaptureFixture) -> None:
    """Deliver an event: the response is 503, the handler does not run, and the log says what to do in one sentence."""
    inbox = django_stores.open_inbox(address)
    runs: list[str] = []
    receiver = WebhookReceiver(SECRET, inbox=inbox)
    receiver.other(lambda event: runs.append(event.id))
    for call in OPERATIONS.values():
        with pytest.raises(InboxError, match=match):
            await call(inbox)
    with caplog.at_level(logging.ERROR):
        assert (await deliver(receiver)).status == 503
    assert runs == []
    await receiver.close()


# ---- the database refuses


async def test_a_missing_migration(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    address = make()
    django_stores.execute(address, f"DROP TABLE {TABLE}")
    await is_refused(address, f"has no table {TABLE}. Run: python manage.py migrate wooshpay_webhooks", caplog)


async def test_a_table_of_another_version(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    address = make()
    for column in ("done", "expires"):
        django_stores.execute(address, f"ALTER TABLE {TABLE} RENAME COLUMN {column} TO {column}_of_2031")
    await is_refused(address, "another version of wooshpay", caplog)


async def test_a_read_only_database(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    address = make()
    database = json.loads(address)["settings"]
    engine = engine_of(address)
    if engine == "sqlite3":
        address = changed(address, NAME=f"file:{database['NAME']}?mode=ro", OPTIONS={"uri": True})
    elif engine == "postgresql":
        address = changed(address, OPTIONS={"options": "-c default_transaction_read_only=on"})
    else:
        address = changed(address, OPTIONS={"init_command": "SET SESSION TRANSACTION READ ONLY"})
    inbox = django_stores.open_inbox(address)
    for name in ("claim", "renew", "done", "give_back"):
        with pytest.raises(InboxError, match="read-only"):
            await OPERATIONS[name](inbox)
    receiver = WebhookReceiver(SECRET, inbox=inbox)
    receiver.other(lambda event: pytest.fail("it ran"))
    assert (await deliver(receiver)).status == 503
    assert await inbox.counts() == (0, 0)
    await receiver.close()


async def test_a_database_that_is_down(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    address = make()
    if engine_of(address) == "sqlite3":
        address = changed(address, NAME="/no/such/folder/shop.db")
    else:
        address = changed(address, PORT="1", PASSWORD="hunter2")
    await is_refused(address, "cannot reach the database", caplog)
    assert "hunter2" not in caplog.text


async def test_an_error_in_a_transaction_of_others_leaves_that_transaction_usable(make: Make) -> None:
    """PostgreSQL refuses every further statement after an error, unless it happened in a savepoint."""
    from django.db import connections, transaction

    address = make()
    django_stores.execute(address, f"ALTER TABLE {TABLE} RENAME COLUMN token TO token_of_2031")
    inbox = django_stores.open_inbox(address)
    block = transaction.atomic(using=inbox.using)

    def execute(statement: str) -> None:
        with connections[inbox.using].cursor() as cursor:
            cursor.execute(statement)

    async with in_a_request(inbox.using):
        await sync_to_async(block.__enter__)()
        await sync_to_async(execute)("CREATE TEMPORARY TABLE mine (a INTEGER)")
        with pytest.raises(InboxError, match="another version"):
            await inbox.claim("evt_1")
        await sync_to_async(execute)("INSERT INTO mine VALUES (1)")
        await sync_to_async(block.__exit__)(None, None, None)
    await inbox.close()


# ---- the database does not answer


@contextmanager
def behind_a_freezer(address: str, **settings: Any) -> Generator[tuple[Freezer, str]]:
    """The same database through a server that can be made silent."""
    database = json.loads(address)["settings"]
    with frozen((database["HOST"], int(database["PORT"]))) as freezer:
        yield freezer, changed(address, HOST="127.0.0.1", PORT=str(freezer.port), **settings)


@asynccontextmanager
async def in_a_request(alias: str) -> AsyncGenerator[None]:
    """A request as Django's ASGI handler runs it: with a thread of its own, whose connection is closed at the end."""
    from django.db import connections

    async with ThreadSensitiveContext():
        await sync_to_async(lambda: connections[alias])()
        yield
        await sync_to_async(lambda: connections[alias].close())()


@asynccontextmanager
async def apart(alias: str) -> AsyncGenerator[None]:
    """No request."""
    yield


@pytest.mark.parametrize("where", [in_a_request, apart])
@pytest.mark.parametrize("store", ["django-postgres", "django-mariadb"])
async def test_a_server_that_stops_answering_is_given_up_in_time_and_used_again_when_it_answers(
    store: str, where: Any, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """No driver has a limit for a response that does not come. After the inbox's, the thread must be free again."""
    address = django_stores.make_address(store, tmp_path, request.getfixturevalue)
    with behind_a_freezer(address) as (freezer, frozen_address):
        alias = django_stores.use(frozen_address)
        inbox = DjangoInbox(alias, timeout=1.0)
        async with where(alias):
            claim = await inbox.claim("evt_9")
            assert isinstance(claim, Claim)
            for name, call in OPERATIONS.items():
                freezer.freeze()
                async with asyncio.timeout(HANGS):
                    with pytest.raises(InboxError, match="within 1 seconds"):
                        await call(inbox)
                    if where is in_a_request:
                        # The thread of the request is free for the response, although the server is silent.
                        await sync_to_async(threading.get_ident)()
                freezer.thaw()
                async with asyncio.timeout(HANGS):
                    while not await renewed(inbox, claim):
                        pass
                assert await inbox.claim("evt_9") == "held", name
        await inbox.close()


async def renewed(inbox: DjangoInbox, claim: Claim) -> bool:
    """Renew a claim. Return false if the database cannot be reached yet."""
    try:
        assert await inbox.renew(claim)
    except InboxError:
        return False
    return True


@pytest.mark.parametrize("store", ["django-postgres", "django-mariadb"])
async def test_a_locked_row_is_given_up_in_time(store: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """A transaction of somebody else that holds the row must not hold the delivery up."""
    from django.db import connections

    address = django_stores.make_address(store, tmp_path, request.getfixturevalue)
    inbox = DjangoInbox(django_stores.use(address), timeout=SHORT)
    claim = await inbox.claim("evt_1")
    assert isinstance(claim, Claim)
    other = connections[inbox.using].copy()
    other.inc_thread_sharing()

    def lock() -> None:
        other.set_autocommit(False)
        with other.cursor() as cursor:
            cursor.execute(f"UPDATE {TABLE} SET expires = 0")

    await asyncio.to_thread(lock)
    async with asyncio.timeout(HANGS):
        with pytest.raises(InboxError, match=r"within 0\.3 seconds"):
            await inbox.done(claim)
    await asyncio.to_thread(other.rollback)
    await asyncio.to_thread(other.close)
    await inbox.close()


@pytest.mark.parametrize("where", [in_a_request, apart])
@pytest.mark.parametrize("store", ["django-postgres", "django-mariadb"])
async def test_connections_that_broke_while_nobody_used_them_cost_no_delivery(
    store: str, where: Any, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """After a restart of the server, as many deliveries as there are connections would be answered with 503."""
    address = django_stores.make_address(store, tmp_path, request.getfixturevalue)
    inbox = django_stores.open_inbox(address)
    async with where(inbox.using):
        assert isinstance(await inbox.claim("evt_1"), Claim)
        assert close_connections(address) > 0
        assert isinstance(await inbox.claim("evt_2"), Claim)
    await inbox.close()


@pytest.mark.parametrize("age", [0, 60])
@pytest.mark.parametrize("store", ["django-postgres", "django-mariadb"])
async def test_no_connection_is_left_when_the_inbox_is_closed_and_few_before(
    store: str, age: int, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Nobody but the inbox closes its own connections. With CONN_MAX_AGE = 0, Django's default, it keeps none."""
    address = django_stores.make_address(store, tmp_path, request.getfixturevalue, CONN_MAX_AGE=age)
    inbox = django_stores.open_inbox(address)
    await asyncio.gather(*(inbox.claim(f"evt_{number}") for number in range(40)))
    if age:
        assert 1 <= len(connections_of(address)) <= 4
    else:
        assert await soon_none(address)
    await inbox.close()
    assert await soon_none(address)


def connections_of(address: str) -> list[Any]:
    """The server's numbers of the connections to a database, without the one that asks."""
    name = json.loads(address)["settings"]["NAME"]
    if engine_of(address) == "postgresql":
        statement = f"SELECT pid FROM pg_stat_activity WHERE datname = '{name}' AND pid <> pg_backend_pid()"
    else:
        statement = f"SELECT id FROM information_schema.processlist WHERE db = '{name}' AND id <> CONNECTION_ID()"
    return [row[0] for row in django_stores.execute(address, statement)]


def close_connections(address: str) -> int:
    """Close the connections to a database, as a restart does. Return their number."""
    kill = "SELECT pg_terminate_backend({})" if engine_of(address) == "postgresql" else "KILL {}"
    open_ones = connections_of(address)
    for number in open_ones:
        django_stores.execute(address, kill.format(number))
    return len(open_ones)


async def soon_none(address: str) -> bool:
    """Wait until the server has noticed that the connections are closed."""
    async with asyncio.timeout(HANGS):
        while connections_of(address):
            await asyncio.sleep(0.01)
    return True


@pytest.mark.parametrize("seconds", [1.0, 30.0])
async def test_a_claim_that_waited_for_a_lock_holds_for_its_whole_lease(make: Make, seconds: float) -> None:
    """On MySQL and MariaDB a lease begins before the wait. It could end before the first renewal."""
    from django.db import connections

    connection = connections[django_stores.use(make())].copy()
    connection.inc_thread_sharing()
    moments = iter([0.0, seconds])
    table = InboxTable(connection.vendor, lease=60.0, retention=7 * 86_400.0, clock=lambda: next(moments))
    statements: list[str] = []

    def note(execute: Any, sql: str, *rest: Any) -> Any:
        statements.append(sql.partition(" ")[0])
        return execute(sql, *rest)

    def claim() -> object:
        connection.ensure_connection()
        with connection.execute_wrapper(note):
            return table.claim(connection, new_claim("evt_1"))

    assert isinstance(await asyncio.to_thread(claim), Claim)
    assert statements == (["INSERT"] if seconds == 1.0 else ["INSERT", "UPDATE"])
    await asyncio.to_thread(connection.close)


# ---- settings


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"AUTOCOMMIT": False}, "AUTOCOMMIT = False"),
        ({"ENGINE": "django.db.backends.dummy"}, "of the kind 'unknown'"),
        ({"ENGINE": "no.such.engine"}, "no.such.engine"),
    ],
    ids=["AUTOCOMMIT", "no database", "unknown engine"],
)
def test_a_database_that_does_not_suit_is_refused_when_the_inbox_is_made(settings: dict[str, Any], match: str) -> None:
    described = {"ENGINE": "django.db.backends.sqlite3", "NAME": "shop.db", **settings}
    alias = django_stores.use(json.dumps({"alias": f"bad_{len(json.dumps(settings))}", "settings": described}))
    with pytest.raises(ConfigurationError, match=match):
        DjangoInbox(alias)


def test_an_unknown_alias_is_refused_when_the_inbox_is_made() -> None:
    django_stores.configure()
    with pytest.raises(ConfigurationError, match=r"using='shop' is not the alias of a database.*default"):
        DjangoInbox("shop")


@pytest.mark.parametrize(("name", "seconds"), [("lease", 0.0), ("retention", 3600.0), ("timeout", 0.0)])
def test_times_that_cannot_work_are_refused(name: str, seconds: float) -> None:
    times: dict[str, Any] = {name: seconds}
    with pytest.raises(ConfigurationError, match=name):
        DjangoInbox(**times)


def run(program: str) -> str:
    """Run a program in a process in which Django has no settings yet; give the error that it prints."""
    text = f"""
import sys
from wooshpay import ConfigurationError
from wooshpay.webhooks import DjangoInbox
assert "django" not in sys.modules
{program}
try:
    DjangoInbox()
except ConfigurationError as error:
    print(error)
else:
    print("It was made.")
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", text], capture_output=True, text=True, timeout=90, env=environment()
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


CONFIGURE: Final = """
from django.conf import settings
database = {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}
settings.configure(DATABASES={"default": database}, INSTALLED_APPS=%s)
"""


def test_a_missing_extra_is_named() -> None:
    assert "pip install 'wooshpay[django]'" in run("sys.modules['django'] = None")


def test_missing_settings_are_named() -> None:
    assert "DJANGO_SETTINGS_MODULE" in run("")


@pytest.mark.parametrize("setup", ["", "import django; django.setup()"], ids=["before setup", "after setup"])
def test_an_app_that_is_not_installed_is_named(setup: str) -> None:
    """Without it, migrate would make no table."""
    assert 'Add "wooshpay.webhooks.inbox.django" to INSTALLED_APPS' in run(CONFIGURE % [] + setup)
    for name in ("wooshpay.webhooks.inbox.django", "wooshpay.webhooks.inbox.django.apps.WooshPayWebhooks"):
        assert run(CONFIGURE % [name] + setup) == "It was made.\n"


def test_the_migrations_are_those_of_the_model() -> None:
    """Otherwise a user's makemigrations would write a migration into the installed package."""
    from django.core.management import call_command

    django_stores.configure()
    call_command("makemigrations", "wooshpay_webhooks", "--check", "--dry-run", verbosity=0)
