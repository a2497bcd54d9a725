"""One worker of the tests that kill workers: takes deliveries from standard input, tells what it answered.

A line in is an event id; a line out is the id and the status. What the handler does is noted in a file that all workers
append to: ``start <event> <process> <time>`` and ``end <event> <process> <time>``. The clock is the machine's, so that
times of several processes compare.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from typing import Any

from webhooks.deliver import SECRET, body_of, headers_for
from webhooks.inbox.stores import Place

from wooshpay.api.events import Event
from wooshpay.webhooks import DjangoInbox, WebhookReceiver
from wooshpay.webhooks.inbox import Inbox, PostgresInbox, SqlAlchemyInbox, SqliteInbox

WORK_SECONDS = 0.002


class Notes:
    """The file that all workers append to; a line is written whole or not at all."""

    def __init__(self, path: str) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def write(self, what: str, event_id: str) -> None:
        os.write(self._file, f"{what} {event_id} {os.getpid()} {time.monotonic():.6f}\n".encode())


def handler_of(inbox: Inbox, notes: Notes, rows: bool) -> Any:
    """What is done with an event: some work, with rows of its own in the inbox's database if asked for."""
    insert = "INSERT INTO effects (event) VALUES "

    async def with_postgres(event: Event) -> None:
        assert isinstance(inbox, PostgresInbox)
        async with inbox.transaction() as connection:
            await connection.execute(f"{insert}(%s)".encode(), (event.id,))
            await asyncio.sleep(WORK_SECONDS)

    def with_sqlite(event: Event) -> None:
        assert isinstance(inbox, SqliteInbox)
        with inbox.transaction() as connection:
            connection.execute(f"{insert}(?)", (event.id,))
            time.sleep(WORK_SECONDS / 4)

    def with_django(event: Event) -> None:
        from django.db import connections

        assert isinstance(inbox, DjangoInbox)
        with inbox.transaction(), connections[inbox.using].cursor() as cursor:
            cursor.execute(f"{insert}(%s)", (event.id,))
            time.sleep(WORK_SECONDS / 4)

    async def plain(event: Event) -> None:
        notes.write("start", event.id)
        await asyncio.sleep(WORK_SECONDS)
        notes.write("end", event.id)

    if not rows:
        return plain
    if isinstance(inbox, DjangoInbox):
        return with_django
    if isinstance(inbox, SqlAlchemyInbox):
        from webhooks.inbox import sqlalchemy_stores

        assert isinstance(inbox, sqlalchemy_stores.OwnInbox)
        return sqlalchemy_stores.handler_of(inbox, WORK_SECONDS / 4)
    return with_postgres if isinstance(inbox, PostgresInbox) else with_sqlite


async def main(store: str, address: str, prefix: str, lease: str, path: str, rows: str) -> None:
    inbox = Place(store, address, prefix).open(lease=float(lease))
    receiver = WebhookReceiver(SECRET, inbox=inbox)
    receiver.on("payment_intent.succeeded")(handler_of(inbox, Notes(path), rows == "rows"))
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)

    async def deliver(event_id: str) -> None:
        body = body_of(event_id)
        reply = await receiver.receive(body, headers_for(body))
        os.write(1, f"{event_id} {reply.status} {'ran' if reply.text == 'Done.' else '-'}\n".encode())

    async with asyncio.TaskGroup() as tasks:
        while line := await reader.readline():
            tasks.create_task(deliver(line.decode().strip()))
    await receiver.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
