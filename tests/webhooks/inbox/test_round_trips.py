"""How often an inbox in PostgreSQL waits for the server, and that a broken connection makes no delivery fail."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.pq import TransactionStatus
from webhooks.deliver import SECRET, body_of, headers_for
from webhooks.inbox.stores import Place, make_place

from wooshpay.api.events import Event
from wooshpay.webhooks import WebhookReceiver
from wooshpay.webhooks.inbox import Claim, PostgresInbox, postgres_connections


@pytest.fixture(params=["postgres", "pgbouncer"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    return make_place(request.param, tmp_path, request.getfixturevalue)


async def test_a_delivery_waits_for_five_responses(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """A response takes a millisecond in many networks. Two more only told whether a connection still worked."""
    inbox = PostgresInbox(place.address)
    receiver = WebhookReceiver(SECRET, inbox=inbox)
    waits: list[object] = []
    wait = psycopg.AsyncConnection[Any].wait

    async def counted(connection: psycopg.AsyncConnection[Any], work: Any, **options: Any) -> Any:
        # The pool commits each connection that it gets back. psycopg sends nothing if no transaction is open.
        if work.__name__ != "_commit_gen" or connection.info.transaction_status != TransactionStatus.IDLE:
            waits.append(connection)
        return await wait(connection, work, **options)

    @receiver.other
    async def handle(event: Event) -> None:
        async with inbox.transaction() as connection:
            await connection.execute("SELECT 1")

    await inbox.counts()
    monkeypatch.setattr(psycopg.AsyncConnection, "wait", counted)
    body = body_of()
    assert (await receiver.receive(body, headers_for(body))).text == "Done."
    monkeypatch.undo()
    await receiver.close()
    # The claim; BEGIN, "done" and COMMIT of the transaction; and the handler's own statement.
    assert len(waits) == 5


async def test_a_connection_that_breaks_before_the_response_comes_costs_no_delivery(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The statement is sent again, so its first execution must not look like one of another worker."""
    inbox = PostgresInbox(place.address)
    execute = postgres_connections.execute
    broken: list[str] = []

    async def broken_once(connection: Any, statements: str, values: Mapping[str, object]) -> Any:
        found = await execute(connection, statements, values)
        if statements not in broken:
            broken.append(statements)
            await connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        return found

    await inbox.counts()
    monkeypatch.setattr(postgres_connections, "execute", broken_once)
    claim = await inbox.claim("evt_1")
    assert isinstance(claim, Claim)
    assert await inbox.renew(claim)
    assert await inbox.done(claim)
    other = await inbox.claim("evt_2")
    assert isinstance(other, Claim)
    await inbox.give_back(other)
    assert isinstance(await inbox.claim("evt_2"), Claim)
    assert await inbox.claim("evt_1") == "done"
    assert await inbox.claim("evt_2") == "held"
    assert len(broken) == 4
    monkeypatch.undo()
    await inbox.close()
