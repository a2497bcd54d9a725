"""Behind PgBouncer in transaction mode, other clients use the same connections to the server, before and after."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

import psycopg
import pytest
from webhooks.deliver import SECRET, body_of, headers_for
from webhooks.inbox import pgbouncer
from webhooks.inbox.pgbouncer import SERVER_CONNECTIONS
from webhooks.inbox.stores import Place, make_place
from webhooks.servers import SKIP_NOTHING

from wooshpay.api.events import Event
from wooshpay.webhooks import WebhookReceiver
from wooshpay.webhooks.inbox import Claim, Inbox, PostgresInbox

EVENTS: Final = 60


@pytest.fixture
def place(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Place]:
    place = make_place("pgbouncer", tmp_path, request.getfixturevalue)
    with psycopg.connect(place.address, autocommit=True) as connection:
        connection.execute(b"CREATE TABLE effects (event text)")
    yield place
    with every_server_connection(place) as clients:
        for client in clients:
            client.execute("DEALLOCATE ALL", prepare=False)


@contextmanager
def every_server_connection(place: Place) -> Generator[list[psycopg.Connection]]:
    """Hold all connections to the server at once: each client is in a transaction, and so has one of its own."""
    with ExitStack() as stack:
        clients = [stack.enter_context(psycopg.connect(place.address)) for _ in range(SERVER_CONNECTIONS)]
        for client in clients:
            client.execute("SELECT 1", prepare=False)
        yield clients


async def use(inbox: Inbox) -> None:
    """Every operation of an inbox, more often than psycopg waits before it prepares a statement."""

    async def one(number: int) -> None:
        claim = await inbox.claim(f"evt_{number}")
        assert isinstance(claim, Claim)
        assert await inbox.claim(f"evt_{number}") == "held"
        assert await inbox.renew(claim)
        if number % 2:
            assert await inbox.done(claim)
            assert await inbox.claim(f"evt_{number}") == "done"
        else:
            await inbox.give_back(claim)

    for start in range(0, EVENTS, 6):
        await asyncio.gather(*(one(number) for number in range(start, start + 6)))
    assert await inbox.counts() == (0, EVENTS // 2)
    assert await inbox.forget_old() == 0


async def deliver(place: Place, event_id: str, now: bool) -> int:
    """Deliver an event whose handler writes a row in the inbox's transaction."""
    inbox = place.open()
    assert isinstance(inbox, PostgresInbox)
    receiver = WebhookReceiver(SECRET, inbox=inbox)

    @receiver.on("payment_intent.succeeded")
    async def paid(event: Event) -> None:
        async with inbox.transaction() as connection:
            for number in range(8):
                await connection.execute(b"SELECT %s", (number,))
            await connection.execute(b"INSERT INTO effects VALUES (%s)", (event.id,))

    @receiver.on("payment_intent.canceled")
    def canceled(event: Event) -> None:
        with inbox.transaction_now() as connection:
            for number in range(8):
                connection.execute(b"SELECT %s", (number,))
            connection.execute(b"INSERT INTO effects VALUES (%s)", (event.id,))

    body = body_of(event_id, "payment_intent.canceled" if now else "payment_intent.succeeded")
    try:
        return (await receiver.receive(body, headers_for(body))).status
    finally:
        await receiver.close()


async def test_statements_that_other_clients_prepared_are_never_executed(place: Place) -> None:
    """psycopg prepares `_pg3_0` on its sixth execution: on another server connection, that name is another client's.

    Then the inbox's claim executes a stranger's statement, or fails because the name exists already.
    """
    with every_server_connection(place) as clients:
        for client in clients:
            for number in range(20):
                client.execute(
                    f"PREPARE _pg3_{number} AS INSERT INTO effects VALUES ('a stranger''s statement')".encode(),
                    prepare=False,
                )
    inbox = place.open()
    await use(inbox)
    await inbox.close()
    assert [await deliver(place, f"evt_{now}", now) for now in (False, True)] == [200, 200]
    with psycopg.connect(place.address) as connection:
        effects = Counter(event for (event,) in connection.execute("SELECT event FROM effects", prepare=False))
    assert effects == {"evt_False": 1, "evt_True": 1}


async def test_a_client_that_prepares_statements_beside_the_inbox_gets_its_own_results(place: Place) -> None:
    """The inbox's statements must not be there under the names that the other client uses."""
    inbox = place.open()
    await use(inbox)
    with every_server_connection(place) as clients:
        for client in clients:
            for number in range(20):
                client.execute(f"PREPARE _pg3_{number} AS SELECT {number}".encode(), prepare=False)
                found = client.execute(f"EXECUTE _pg3_{number}".encode(), prepare=False).fetchone()
                assert found == (number,)
    await use_more(inbox)
    with every_server_connection(place) as clients:
        for client in clients:
            found = client.execute("EXECUTE _pg3_7", prepare=False).fetchone()
            assert found == (7,)
    await inbox.close()


async def use_more(inbox: Inbox) -> None:
    for number in range(EVENTS, 2 * EVENTS):
        claim = await inbox.claim(f"evt_{number}")
        assert isinstance(claim, Claim)
        assert await inbox.done(claim)


async def test_no_state_stays_on_the_server_s_connections(place: Place) -> None:
    """A setting, a lock or a prepared statement that outlives its transaction reaches whoever comes next."""
    inbox = place.open()
    await use(inbox)
    assert [await deliver(place, f"evt_{now}", now) for now in (False, True)] == [200, 200]
    with every_server_connection(place) as clients:
        for client in clients:
            assert client.execute("SELECT name FROM pg_prepared_statements", prepare=False).fetchall() == []
            assert client.execute("SHOW statement_timeout", prepare=False).fetchall() == [("0",)]
            assert client.execute("SHOW transaction_isolation", prepare=False).fetchall() == [("read committed",)]
            mine = "SELECT mode FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()"
            assert client.execute(mine.encode(), prepare=False).fetchall() == []
    await inbox.close()


def test_in_ci_a_missing_pgbouncer_fails_the_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    """Skipped in CI, everything above would pass without having run."""
    monkeypatch.setattr(pgbouncer, "PROGRAM", "no-such-program")
    monkeypatch.setenv(SKIP_NOTHING, "1")
    with pytest.raises(pytest.fail.Exception, match="apt-get install pgbouncer"):
        pgbouncer.find_program()
    monkeypatch.delenv(SKIP_NOTHING)
    with pytest.raises(pytest.skip.Exception, match="apt-get install pgbouncer"):
        pgbouncer.find_program()
