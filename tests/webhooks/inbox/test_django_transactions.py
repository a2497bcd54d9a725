"""`DjangoInbox.transaction()`: a handler's rows and "done" are written together or not at all, through Django's ORM."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

import pytest
from asgiref.sync import ThreadSensitiveContext, sync_to_async
from webhooks.deliver import SECRET, body_of, headers_for
from webhooks.handling import deliver, opened
from webhooks.inbox import django_stores
from webhooks.inbox.django_stores import DJANGO

from wooshpay.api.events import Event
from wooshpay.webhooks import ClaimLost, DjangoInbox, InboxError, Reply, WebhookReceiver
from wooshpay.webhooks.inbox import Claim

T = TypeVar("T")

INSERT: Final = "INSERT INTO effects (event) VALUES ('evt_1')"
Execute = Callable[[str], Any]


class Shop:
    """Delivers one event to a receiver whose handler does something in the inbox's transaction."""

    def __init__(self, store: str, folder: Path, url: Callable[[str], str]) -> None:
        self.store = store
        self.address = django_stores.make_address(store, folder, url)
        django_stores.execute(self.address, "CREATE TABLE effects (event varchar(64) PRIMARY KEY)")
        self.inbox = django_stores.open_inbox(self.address)
        self.receiver = WebhookReceiver(SECRET, inbox=self.inbox)
        self.receiver.on("payment_intent.succeeded")(self._handle)
        self.errors: list[BaseException] = []
        self.runs = 0
        self.do: Callable[[Execute], object] = lambda execute: None
        self.before: Callable[[], object] = lambda: None

    @property
    def connection(self) -> Any:
        """Django's connection of this thread."""
        from django.db import connections

        return connections[self.inbox.using]

    def execute(self, statement: str) -> None:
        """Execute a statement on Django's connection of this thread."""
        with self.connection.cursor() as cursor:
            cursor.execute(statement)

    def deliver(self, do: Callable[[Execute], object]) -> Reply:
        """Deliver the event once; `do` runs in the transaction and gets what executes a statement."""
        self.do = do
        return self.receive()

    def receive(self) -> Reply:
        """Deliver the event."""
        body = body_of()
        return self.receiver.receive_now(body, headers_for(body))

    def elsewhere(self, call: Callable[[DjangoInbox], Awaitable[T]]) -> T:
        """Call the inbox of another worker."""

        async def run() -> T:
            inbox = django_stores.open_inbox(self.address)
            try:
                return await call(inbox)
            finally:
                await inbox.close()

        return asyncio.run(run())

    def rows(self) -> int:
        """Return how many rows there are."""
        [(count,)] = django_stores.execute(self.address, "SELECT count(*) FROM effects")
        return int(count)

    def _handle(self, event: Event) -> None:
        self.runs += 1
        self.before()
        try:
            with self.inbox.transaction():
                self.do(self.execute)
        except BaseException as error:
            self.errors.append(error)
            raise

    def close(self) -> None:
        """Close what the test has opened."""
        self.receiver.close_now()
        self.connection.close()


@pytest.fixture(params=DJANGO)
def shop(request: pytest.FixtureRequest, tmp_path: Path) -> Generator[Shop]:
    shop = Shop(request.param, tmp_path, request.getfixturevalue)
    yield shop
    shop.close()


def test_rows_and_done_are_written_together(shop: Shop) -> None:
    assert shop.deliver(lambda execute: execute(INSERT)) == (200, "Done.", "evt_1")
    assert shop.rows() == 1
    assert shop.deliver(lambda execute: execute(INSERT)).text == "This event was done before."
    assert (shop.rows(), shop.runs) == (1, 1)


def test_the_event_is_done_for_others_as_soon_as_the_block_has_ended(shop: Shop) -> None:
    """If "done" were written after the handler, a worker killed in between would leave rows of an event to come."""

    def handler(event: Event) -> None:
        with shop.inbox.transaction():
            shop.execute(INSERT)
        counts.append(shop.elsewhere(DjangoInbox.counts))
        raise ValueError("after the transaction")

    counts: list[object] = []
    receiver = WebhookReceiver(SECRET, inbox=shop.inbox)
    receiver.other(handler)
    assert receiver.receive_now(body_of(), headers_for(body_of())).status == 500
    assert receiver.receive_now(body_of(), headers_for(body_of())).text == "This event was done before."
    assert counts == [(0, 1)]
    receiver.close_now()


def test_the_transaction_can_be_used_once_in_a_handler_and_only_there(shop: Shop) -> None:
    """The event is done already. Rows of a second block would not be written together with anything."""

    def handler(event: Event) -> None:
        with shop.inbox.transaction():
            shop.execute(INSERT)
        with pytest.raises(RuntimeError, match="once in a handler"):
            with shop.inbox.transaction():
                pytest.fail("it was entered")

    receiver = WebhookReceiver(SECRET, inbox=shop.inbox)
    receiver.other(handler)
    assert receiver.receive_now(body_of(), headers_for(body_of())).text == "Done."
    receiver.close_now()
    with pytest.raises(RuntimeError, match="inside a handler"):
        with shop.inbox.transaction():
            pytest.fail("it was entered")


def test_a_transaction_of_the_handler_around_the_inbox_s_decides(shop: Shop) -> None:
    """If the outer one is rolled back, the rows and "done" are both gone, and the event is not to be taken for done."""
    from django.db import transaction

    def handler(event: Event) -> None:
        runs.append(event.id)
        with transaction.atomic(using=shop.inbox.using):
            with shop.inbox.transaction():
                shop.execute(INSERT)
            if len(runs) == 1:
                raise ValueError("out of stock")

    runs: list[str] = []
    receiver = WebhookReceiver(SECRET, inbox=shop.inbox)
    receiver.other(handler)
    assert receiver.receive_now(body_of(), headers_for(body_of())).status == 500
    assert (shop.rows(), shop.elsewhere(DjangoInbox.counts)) == (0, (0, 0))
    assert receiver.receive_now(body_of(), headers_for(body_of())).text == "Done."
    assert (shop.rows(), shop.elsewhere(DjangoInbox.counts)) == (1, (0, 1))
    receiver.close_now()


def catch_a_statement(shop: Shop) -> None:
    """PostgreSQL then rolls back at COMMIT without an error."""
    from django.db import DatabaseError

    with pytest.raises(DatabaseError):
        shop.execute(INSERT)


def let_django_roll_back(shop: Shop) -> None:
    """Django does so without an error, as after an IntegrityError of ``Model.save()`` that was caught."""
    from django.db import transaction

    transaction.set_rollback(True, using=shop.inbox.using)


def roll_back(shop: Shop) -> None:
    shop.execute("ROLLBACK")


@pytest.mark.parametrize("afterwards", [catch_a_statement, let_django_roll_back, roll_back])
@pytest.mark.parametrize("remembered", [False, True])
def test_a_transaction_around_the_inbox_s_that_is_rolled_back_without_an_error_does_not_lose_the_event(
    shop: Shop, afterwards: Callable[[Shop], None], remembered: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The response was 200, and sometimes the event was marked as done, although its rows had been rolled back.

    Also if the database cannot be asked when the handler ends: then the next delivery finds it out.
    """
    from django.db import transaction

    def handler(event: Event) -> None:
        runs.append(event.id)
        with transaction.atomic(using=shop.inbox.using):
            with shop.inbox.transaction():
                shop.execute(INSERT)
            if len(runs) == 1:
                afterwards(shop)
        if remembered and len(runs) == 1:
            failures.append(InboxError("The database is down."))

    async def fail_once(claim: Claim) -> bool:
        if failures:
            raise failures.pop()
        return await done(claim)

    runs: list[str] = []
    failures: list[Exception] = []
    done = shop.inbox.done
    monkeypatch.setattr(shop.inbox, "done", fail_once)
    receiver = WebhookReceiver(SECRET, inbox=shop.inbox)
    receiver.other(handler)
    reply = receiver.receive_now(body_of(), headers_for(body_of()))
    if afterwards is catch_a_statement and shop.store != "django-postgres":
        assert reply.text == "Done.", "this database undoes the failed statement alone"
    else:
        assert reply.status in ({500, 503} if remembered else {500})
        assert shop.rows() == 0
        assert receiver.receive_now(body_of(), headers_for(body_of())).text == "Done."
    assert (shop.rows(), shop.elsewhere(DjangoInbox.counts)) == (1, (0, 1))
    receiver.close_now()


def test_a_handler_may_try_its_own_transaction_again(shop: Shop) -> None:
    """A first try that was rolled back must not make the event fail."""
    from django.db import transaction

    def handler(event: Event) -> None:
        for last in (False, True):
            with transaction.atomic(using=shop.inbox.using):
                with shop.inbox.transaction():
                    shop.execute(INSERT)
                transaction.set_rollback(not last, using=shop.inbox.using)

    receiver = WebhookReceiver(SECRET, inbox=shop.inbox)
    receiver.other(handler)
    assert receiver.receive_now(body_of(), headers_for(body_of())).text == "Done."
    assert (shop.rows(), shop.elsewhere(DjangoInbox.counts)) == (1, (0, 1))
    receiver.close_now()


def test_the_orm_writes_within_the_transaction(shop: Shop) -> None:
    """The block must be one of Django's own: with another connection, the models' rows would be committed apart."""
    from django.db import transaction

    def fail(_: Execute) -> None:
        assert shop.connection.in_atomic_block
        with transaction.atomic(using=shop.inbox.using):
            shop.execute(INSERT)
        raise ValueError("out of stock")

    assert shop.deliver(fail).status == 500
    assert [str(error) for error in shop.errors] == ["out of stock"]
    assert shop.rows() == 0
    assert shop.deliver(lambda execute: execute(INSERT)).text == "Done."


def test_an_error_of_the_handler_s_own_statement_is_a_failed_handler_and_not_a_failed_inbox(shop: Shop) -> None:
    """As an `InboxError` it would be answered 503, and nobody would look for the mistake in the handler."""
    from django.db import IntegrityError

    def twice(execute: Execute) -> None:
        execute(INSERT)
        execute(INSERT)

    assert shop.deliver(twice).status == 500
    assert isinstance(shop.errors[0], IntegrityError)
    assert shop.rows() == 0
    assert shop.deliver(lambda execute: execute(INSERT)).text == "Done.", "it was not given back"


def test_a_failed_statement_whose_error_was_caught_does_not_lose_the_event(shop: Shop) -> None:
    """PostgreSQL then rolls back at COMMIT without an error: the response was 200, without the rows."""
    from django.db import DatabaseError

    def catch(execute: Execute) -> None:
        execute(INSERT)
        with pytest.raises(DatabaseError):
            execute(INSERT)

    reply = shop.deliver(catch)
    if shop.store == "django-postgres":
        assert reply.status == 500
        assert isinstance(shop.errors[0], RuntimeError)
        assert shop.rows() == 0
        assert shop.deliver(lambda execute: execute(INSERT)).text == "Done."
    else:
        # These databases undo the failed statement alone.
        assert (reply.status, shop.rows()) == (200, 1)


def test_a_transaction_that_django_will_roll_back_does_not_lose_the_event(shop: Shop) -> None:
    """Django rolls back silently after an error in an inner block without a savepoint, even if it was caught."""
    from django.db import transaction

    def catch(execute: Execute) -> None:
        execute(INSERT)
        with pytest.raises(ValueError, match="out of stock"):
            with transaction.atomic(using=shop.inbox.using, savepoint=False):
                raise ValueError("out of stock")

    assert shop.deliver(catch).status == 500
    assert isinstance(shop.errors[0], RuntimeError)
    assert shop.rows() == 0
    assert shop.deliver(lambda execute: execute(INSERT)).text == "Done."


def test_a_savepoint_of_the_handler_may_fail(shop: Shop) -> None:
    from django.db import IntegrityError, transaction

    def recover(execute: Execute) -> None:
        execute(INSERT)
        with pytest.raises(IntegrityError):
            with transaction.atomic(using=shop.inbox.using):
                execute(INSERT)

    assert shop.deliver(recover).text == "Done."
    assert shop.rows() == 1


@pytest.mark.parametrize("end", ["COMMIT", "ROLLBACK"])
def test_a_block_that_ends_the_transaction_itself_gets_an_error(shop: Shop, end: str) -> None:
    """With ROLLBACK the rows would be missing although the response is 200; with COMMIT, part of them might be."""

    def finish(execute: Execute) -> None:
        execute(INSERT)
        execute(end)

    assert shop.deliver(finish).status == 500
    assert isinstance(shop.errors[0], RuntimeError)


def test_a_claim_that_was_lost_writes_nothing(shop: Shop) -> None:
    """Another worker handles the event already: the rows would be there twice."""

    def handler(event: Event) -> None:
        lapse(shop)
        assert shop.elsewhere(lambda inbox: inbox.claim(event.id)) not in ("held", "done")
        with pytest.raises(ClaimLost, match="evt_1"):
            with shop.inbox.transaction():
                pytest.fail("it was entered")
        refused.append(event.id)

    refused: list[str] = []
    receiver = WebhookReceiver(SECRET, inbox=shop.inbox)
    receiver.other(handler)
    assert receiver.receive_now(body_of(), headers_for(body_of())).status == 409
    assert refused == ["evt_1"]
    assert not shop.connection.in_atomic_block
    receiver.close_now()


def lapse(shop: Shop) -> None:
    """Let every lease end now."""
    django_stores.execute(shop.address, "UPDATE wooshpay_webhooks_event SET expires = 0")


def test_a_commit_that_fails_once_leaves_the_event_to_the_next_delivery(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first delivery gets an error, and the second one handles the event: "done" went with the rows."""
    from django.db import OperationalError

    def fail_once() -> None:
        if failures:
            raise failures.pop()
        commit()

    failures = [OperationalError("the disk is full")]
    commit = shop.connection._commit
    monkeypatch.setattr(shop.connection, "_commit", fail_once)
    assert shop.deliver(lambda execute: execute(INSERT)).status in (500, 503)
    assert not failures
    assert shop.rows() == 0
    assert shop.deliver(lambda execute: execute(INSERT)).text == "Done."
    assert (shop.rows(), shop.runs) == (1, 2)


def test_a_foreign_key_that_is_checked_at_commit_is_the_handler_s_error(shop: Shop) -> None:
    """Django checks foreign keys there. As an `InboxError` it would look like a broken database."""
    from django.db import IntegrityError

    if shop.store == "django-mariadb":
        return  # it checks foreign keys at once
    shop.connection.close()
    django_stores.execute(
        shop.address,
        "CREATE TABLE parts (event varchar(64) REFERENCES effects (event) DEFERRABLE INITIALLY DEFERRED)",
    )
    assert shop.deliver(lambda execute: execute("INSERT INTO parts VALUES ('evt_2')")).status == 500
    assert isinstance(shop.errors[0], IntegrityError)
    assert shop.deliver(lambda execute: execute(INSERT)).text == "Done."


KILL: Final = {
    "django-postgres": "SELECT pg_terminate_backend(pg_backend_pid())",
    "django-mariadb": "KILL CONNECTION_ID()",
}


@pytest.mark.parametrize("caught", [False, True])
def test_a_connection_that_breaks_inside_the_block_is_an_inbox_that_cannot_be_reached(shop: Shop, caught: bool) -> None:
    """If the handler caught the error, the block would end as if everything had been written: the event was lost."""
    from django.db import Error

    def cut(execute: Execute) -> None:
        execute(INSERT)
        try:
            execute(KILL[shop.store])
        except Error:
            if not caught:
                raise

    if shop.store == "django-sqlite":
        return  # it has no connections that could break
    assert shop.deliver(cut).status == 503
    assert isinstance(shop.errors[0], InboxError)
    assert shop.rows() == 0
    assert shop.deliver(lambda execute: execute(INSERT)).text == "Done."


@pytest.mark.parametrize("shop", ["django-postgres", "django-mariadb"], indirect=True)
@pytest.mark.parametrize("when", ["the block ends", "the block begins"])
def test_a_connection_that_breaks_while_django_restores_autocommit_does_not_block_its_thread_for_ever(
    shop: Shop, when: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Django then kept the thread "in an atomic block" without a connection: 503 until the process was restarted."""
    from django.db import OperationalError

    from wooshpay.webhooks.adapters.django_thread import DjangoThread

    def receive() -> Reply:
        return shop.receiver.receive_now(body_of(), headers_for(body_of()), thread=DjangoThread())

    connection = shop.connection
    set_autocommit = connection._set_autocommit

    def break_once(autocommit: bool) -> None:
        if autocommit:
            monkeypatch.undo()
            connection.connection.close()
            raise OperationalError("server closed the connection unexpectedly")
        set_autocommit(autocommit)

    def fail(execute: Execute) -> None:
        if when == "the block ends":
            monkeypatch.setattr(connection, "_set_autocommit", break_once)
        raise ValueError("out of stock")

    def begin_badly() -> None:
        monkeypatch.setattr(connection, "_set_autocommit", break_once)
        monkeypatch.setattr(connection, "savepoint", fail_to_save)

    def fail_to_save() -> None:
        raise OperationalError("deadlock")

    shop.do = fail
    assert receive().status == 500
    assert shop.elsewhere(DjangoInbox.counts) == (0, 0), "it was not given back"
    if when == "the block begins":
        shop.before = begin_badly
    shop.do = lambda execute: execute(INSERT)
    assert receive().text == "Done."
    assert shop.rows() == 1


def test_a_connection_that_broke_before_is_opened_again(shop: Shop) -> None:
    """The server was restarted, or it closed an idle connection. A handler's first delivery must not fail for that."""
    if shop.store == "django-sqlite":
        return  # it has no connections that could break
    shop.connection.ensure_connection()
    break_connection(shop)
    assert shop.deliver(lambda execute: execute(INSERT)).text == "Done."


def break_connection(shop: Shop) -> None:
    """End this thread's connection, as the server does."""
    if shop.store == "django-postgres":
        statement = f"SELECT pg_terminate_backend({shop.connection.connection.info.backend_pid})"
    else:
        statement = f"KILL {shop.connection.connection.thread_id()}"
    django_stores.execute(shop.address, statement)


# ---- async handlers


@asynccontextmanager
async def request(shop: Shop) -> AsyncGenerator[None]:
    """A request as Django's ASGI handler runs it: with a thread of its own, whose connection is closed at the end."""
    async with ThreadSensitiveContext():
        await sync_to_async(lambda: shop.connection)()
        yield
        await sync_to_async(lambda: shop.connection.close())()


@pytest.mark.parametrize("asynchronous", [False, True], ids=["with", "async with"])
async def test_an_async_handler_gets_an_error_that_names_run_in_transaction(shop: Shop, asynchronous: bool) -> None:
    """Django has no async transactions, and says about the plain one only that it cannot be called here."""

    async def handler(event: Event) -> None:
        with pytest.raises(RuntimeError, match="run_in_transaction"):
            await enter()
        raise ValueError("the event is not done")

    async def enter() -> None:
        block: Any = shop.inbox.transaction()
        if asynchronous:
            async with block:
                pytest.fail("it was entered")
        with block:
            pytest.fail("it was entered")

    async with request(shop), opened(shop.inbox) as receiver:
        receiver.other(handler)
        assert (await deliver(receiver)).status == 500
        assert await shop.inbox.counts() == (0, 0)


async def test_an_async_handler_runs_a_function_in_the_transaction(shop: Shop) -> None:
    def write(statement: str, *, fail: bool) -> str:
        shop.execute(statement)
        if fail:
            raise ValueError("out of stock")
        return "written"

    async def handler(event: Event) -> None:
        runs.append(event.id)
        results.append(await shop.inbox.run_in_transaction(write, INSERT, fail=len(runs) == 1))

    runs: list[str] = []
    results: list[str] = []
    async with request(shop), opened(shop.inbox) as receiver:
        receiver.other(handler)
        assert (await deliver(receiver)).status == 500
        assert await shop.inbox.counts() == (0, 0)
        assert (await deliver(receiver)).text == "Done."
        assert await shop.inbox.counts() == (0, 1)
    assert results == ["written"]
    assert shop.rows() == 1


async def test_a_transaction_of_a_request_that_has_ended_leaves_no_connection(shop: Shop) -> None:
    """The sender hung up. asgiref then starts a thread of which Django knows nothing, with a connection left open."""
    used: list[Any] = []

    def write() -> None:
        used.append(shop.connection)
        shop.execute(INSERT)

    async def handler(event: Event) -> None:
        begun.set()
        await ended.wait()
        await shop.inbox.run_in_transaction(write)

    begun, ended = asyncio.Event(), asyncio.Event()
    async with opened(shop.inbox) as receiver:
        receiver.other(handler)
        async with request(shop):
            delivery = asyncio.create_task(deliver(receiver))
            await begun.wait()
        ended.set()
        assert (await delivery).text == "Done."
    assert [connection.connection for connection in used] == [None]
    assert shop.rows() == 1
