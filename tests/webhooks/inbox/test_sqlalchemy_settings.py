"""How `SqlAlchemyInbox` is created, and what it does with event loops, threads and processes."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, Final

import pytest
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlalchemy.orm import sessionmaker
from support.children import environment
from webhooks.deliver import SECRET, body_of, headers_for
from webhooks.inbox.sqlalchemy_stores import Opened, OwnInbox, execute, make_engine
from webhooks.inbox.stores import make_place

from wooshpay import ConfigurationError
from wooshpay.api.events import Event
from wooshpay.webhooks import WebhookReceiver
from wooshpay.webhooks.inbox import Claim, InboxError, SqlAlchemyInbox
from wooshpay.webhooks.inbox.sqlalchemy_errors import TimeLimit, failures

HANGS: Final = 60
TABLE: Final = "wooshpay_webhook_events"


# ---- settings


def test_settings_that_cannot_work_are_refused() -> None:
    engine = create_engine("sqlite:///inbox.db")
    loop_engine = create_async_engine("sqlite+aiosqlite:///inbox.db")
    make: Any = SqlAlchemyInbox
    for wrong, match in (
        (lambda: make("sqlite:///inbox.db"), "create_engine"),
        (lambda: make(create_engine("sqlite://")), "in memory"),
        (lambda: make(create_async_engine("sqlite+aiosqlite://")), "in memory"),
        (lambda: make(engine, session_factory=async_sessionmaker()), "a sessionmaker"),
        (lambda: make(loop_engine, session_factory=sessionmaker()), "an async_sessionmaker"),
        (lambda: make(engine, session_factory=lambda: None), "a sessionmaker"),
        (lambda: make(engine, session_factory=sessionmaker(twophase=True)), "twophase"),
        (lambda: make(engine, timeout=0), "timeout"),
        (lambda: make(engine, lease=0), "lease"),
        (lambda: make(engine, retention=60), "retention"),
    ):
        with pytest.raises(ConfigurationError, match=match):
            wrong()  # type: ignore[no-untyped-call]


def test_a_database_that_nobody_has_tried_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its clock and its conflicts are not known here: an event could run twice."""
    engine = create_engine("sqlite:///inbox.db")
    monkeypatch.setattr(engine.dialect, "name", "oracle")
    with pytest.raises(ConfigurationError, match="not with oracle"):
        SqlAlchemyInbox(engine)


def test_without_sqlalchemy_the_error_names_the_extra_and_the_class_can_be_imported() -> None:
    program = """
import sys
sys.modules["sqlalchemy"] = None
from wooshpay import ConfigurationError
from wooshpay.webhooks import SqlAlchemyInbox
for use in (lambda: SqlAlchemyInbox("an engine"), lambda: SqlAlchemyInbox.define_table("a metadata")):
    try:
        use()
    except ConfigurationError as error:
        print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=HANGS, env=environment()
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("pip install 'wooshpay[sqlalchemy]'") == 2


def test_importing_the_class_imports_no_sqlalchemy() -> None:
    program = "import sys; from wooshpay.webhooks import SqlAlchemyInbox; print('sqlalchemy' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=HANGS, env=environment()
    )
    assert done.stdout == "False\n", done.stderr


# ---- event loops, threads and processes


async def test_an_async_engine_with_a_pool_is_refused_on_a_second_event_loop(
    tmp_path: Path, request: pytest.FixtureRequest, opened: Opened
) -> None:
    """Its connections hang or fail there, at random. The sentence says how to create the engine."""
    place = make_place("sqlalchemy aiosqlite", tmp_path, request.getfixturevalue)
    inbox = opened(make_engine(place.store, place.address, pool_size=1))
    assert inbox.any_loop is False
    assert isinstance(await inbox.claim("evt_1"), Claim)

    async def claim() -> str:
        with pytest.raises(InboxError) as failed:
            await inbox.claim("evt_2")
        return str(failed.value)

    assert "NullPool" in await asyncio.to_thread(asyncio.run, claim())


async def test_a_claim_with_a_pooled_async_engine_is_renewed_on_the_loop_that_made_it(
    tmp_path: Path, request: pytest.FixtureRequest, opened: Opened
) -> None:
    """Renewals on the receiver's own loop would fail one after the other, and a second worker would begin."""
    place = make_place("sqlalchemy psycopg async", tmp_path, request.getfixturevalue)
    inbox = opened(make_engine(place.store, place.address), lease=0.3)
    receiver = WebhookReceiver(SECRET, inbox=inbox)
    loops: set[Any] = set()
    renew = inbox.renew
    renewed = asyncio.Event()

    async def noted(claim: Claim) -> bool:
        loops.add(asyncio.get_running_loop())
        kept = await renew(claim)
        if kept:
            renewed.set()
        return kept

    inbox.renew = noted  # type: ignore[method-assign]

    @receiver.on("payment_intent.succeeded")
    async def paid(event: Event) -> None:
        async with asyncio.timeout(HANGS):
            await renewed.wait()

    body = body_of()
    assert (await receiver.receive(body, headers_for(body))).status == 200
    assert loops == {asyncio.get_running_loop()}
    await receiver.close()


def test_async_handlers_work_with_receive_now(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """Celery and Flask have no event loop: the receiver's own one is then the one of the engine."""
    place = make_place("sqlalchemy aiosqlite", tmp_path, request.getfixturevalue)
    inbox = OwnInbox(make_engine(place.store, place.address), lease=0.3)
    receiver = WebhookReceiver(SECRET, inbox=inbox)
    execute(place.address, "CREATE TABLE effects (event VARCHAR(50) PRIMARY KEY)")

    @receiver.on("payment_intent.succeeded")
    async def paid(event: Event) -> None:
        async with inbox.open() as session:
            await session.execute(text("INSERT INTO effects VALUES ('evt_1')"))

    body = body_of()
    assert receiver.receive_now(body, headers_for(body)).text == "Done."
    assert receiver.receive_now(body, headers_for(body)).text == "This event was done before."
    assert execute(place.address, "SELECT event FROM effects") == [("evt_1",)]
    receiver.close_now()


async def test_the_engine_stays_open_and_the_threads_end_when_the_inbox_is_closed(tmp_path: Path) -> None:
    """The application goes on to use its engine. Its own threads would keep the process alive."""
    engine = create_engine(f"sqlite:///{tmp_path}/inbox.db")
    inbox = SqlAlchemyInbox(engine)
    inbox.create()
    pool = engine.pool
    await inbox.claim("evt_1")
    threads = [thread for thread in threading.enumerate() if thread.name.startswith("wooshpay-inbox")]
    assert threads
    await inbox.close()
    inbox.close_now()
    for thread in threads:
        thread.join(HANGS)
        assert not thread.is_alive()
    assert engine.pool is pool
    with engine.connect() as connection:
        assert connection.execute(text(f"SELECT count(*) FROM {TABLE}")).scalar_one() == 1
    engine.dispose()


@pytest.mark.parametrize("disposed", [True, False])
def test_a_forked_worker_does_not_use_the_connections_of_its_parent(
    disposed: bool, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Both processes would read each other's responses: a claim could count for both."""
    place = make_place("sqlalchemy psycopg", tmp_path, request.getfixturevalue)
    program = f"""
import asyncio, os, sys
from sqlalchemy import create_engine
from wooshpay.webhooks.inbox import Claim, InboxError, SqlAlchemyInbox
from wooshpay.webhooks.inbox.sqlalchemy_errors import TimeLimit, failures

engine = create_engine(sys.argv[1])
inbox = SqlAlchemyInbox(engine)
assert isinstance(asyncio.run(inbox.claim("evt_parent")), Claim)
child = os.fork()
if child == 0:
    if {disposed}:
        engine.dispose(close=False)
        assert asyncio.run(inbox.claim("evt_parent")) == "held"
        assert isinstance(asyncio.run(inbox.claim("evt_child")), Claim)
    else:
        try:
            asyncio.run(inbox.claim("evt_child"))
        except InboxError as error:
            assert "dispose(close=False)" in str(error)
        else:
            raise AssertionError("it was used")
    inbox.close_now()
    engine.dispose({disposed})
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
assert (asyncio.run(inbox.claim("evt_child")) == "held") is {disposed}
inbox.close_now()
engine.dispose()
"""
    done = subprocess.run(
        [sys.executable, "-c", program, place.address],
        capture_output=True,
        text=True,
        timeout=HANGS,
        env=environment(),
    )
    assert done.returncode == 0, done.stderr


def test_a_conflict_with_another_transaction_is_not_called_a_database_that_is_down() -> None:
    """With SERIALIZABLE, conflicts at COMMIT are normal. A message about a database that is down misleads."""

    class SerializationFailure(Exception):
        sqlstate = "40001"

    limit, url = TimeLimit(5.0), make_url("postgresql://127.0.0.1/shop")
    with pytest.raises(InboxError, match="conflicted") as caught, failures(limit, "events", url):
        raise OperationalError("COMMIT", None, SerializationFailure("could not serialize access"))
    assert "Check that the database runs" not in str(caught.value)
