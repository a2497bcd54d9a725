"""The outbox: every row that was passed to a queue and is not finished yet.

A queue can lose a message. With Redis as Celery's broker, a worker first takes a message out of the queue, and then
writes it to the list of unacknowledged messages: if it is killed in between, nobody has the message any more. For this
reason a row is written to the outbox before its message is published, and removed when the row is finished. What
remains can be listed and put into the queue again.
"""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol, TypeAlias, runtime_checkable

import attrs

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from wooshpay.core.redis import RedisStore

UnfinishedState: TypeAlias = Literal["queued", "not_sent", "unknown", "refused"]
"""How far an unfinished row is.

``queued``: it was put into the queue, and no attempt has ended yet. Its message waits, is being processed, or was lost.
``not_sent``, ``unknown``, ``refused``: its latest attempt ended like this, as in `RowResult`.
"""

_TABLE: Final = (
    "CREATE TABLE IF NOT EXISTS wooshpay_bulk_outbox (task TEXT NOT NULL, id TEXT NOT NULL, record TEXT NOT NULL,"
    " PRIMARY KEY (task, id)) WITHOUT ROWID"
)
_PUT: Final = "INSERT OR REPLACE INTO wooshpay_bulk_outbox (task, id, record) VALUES (?, ?, ?)"
_HAS: Final = "SELECT 1 FROM wooshpay_bulk_outbox WHERE task = ? AND id = ?"
_REMOVE: Final = "DELETE FROM wooshpay_bulk_outbox WHERE task = ? AND id = ?"
_ALL: Final = "SELECT id, record FROM wooshpay_bulk_outbox WHERE task = ?"
_SCAN_COUNT: Final = 1000


@attrs.frozen(kw_only=True)
class UnfinishedRow:
    """A row that was passed to a queue and is not finished.

    Attributes:
        run: The name of the run.
        row: The row's ID.
        arguments: The operation's arguments.
        state: How far the row is.
        error: Why the latest attempt did not succeed; ``None`` if none has ended.
        since: When the row was last attempted, in seconds since 1970. If it never was: when it was queued, or when it
            is due, for a row with a ``countdown`` or an ``eta``.
        resumed_at: When `Task.resume` last queued it again; ``None`` if it did not.
        task_id: The ID of the row's task in Celery. It stays the same when the row is queued again.
        options: Where its message goes and when it expires: ``queue``, ``exchange``, ``routing_key``, ``priority`` and
            ``expires``, if they were set.
    """

    run: str
    row: str
    arguments: Mapping[str, Any] = attrs.field(repr=lambda arguments: f"<{', '.join(arguments)}>")
    state: UnfinishedState = "queued"
    error: str | None = None
    since: float
    resumed_at: float | None = None
    task_id: str
    options: Mapping[str, str | int] = attrs.field(factory=dict[str, "str | int"])


class Outbox(Protocol):
    """Keeps a record for each unfinished row of a task. Every method raises `JournalError` if the store fails."""

    @property
    def retention(self) -> float:
        """Seconds for which the journal remembers a row. A row that is older is not resumed."""
        ...

    async def put(self, task: str, row: str, record: str, /) -> bool:
        """Write the record of a row, and return whether there was none before."""
        ...

    async def remove(self, task: str, row: str, /) -> None:
        """Remove the record of a row, if there is one."""
        ...

    async def records(self, task: str, /) -> Mapping[str, str]:
        """Return the records of all rows of a task."""
        ...


@runtime_checkable
class HasOutbox(Protocol):
    """A journal that keeps an outbox in its own store."""

    def outbox(self) -> Outbox:
        """Return the outbox."""
        ...


class RedisOutbox:
    """Keeps the records in Redis, in one hash for each task. They never expire.

    Args:
        store: The connections.
        prefix: What the keys begin with.
        retention: Seconds for which the journal remembers a row.
    """

    def __init__(self, store: RedisStore, *, prefix: str, retention: float) -> None:
        self.retention: Final = retention
        self._store = store
        self._prefix = prefix

    async def put(self, task: str, row: str, record: str, /) -> bool:
        """Write the record of a row, and return whether there was none before."""

        async def work(client: Redis) -> Any:
            return await _answer(client.hset(self._key(task), row, record))

        return bool(await self._store.run(work))

    async def remove(self, task: str, row: str, /) -> None:
        """Remove the record of a row, if there is one."""

        async def work(client: Redis) -> None:
            await _answer(client.hdel(self._key(task), row))

        await self._store.run(work)

    async def records(self, task: str, /) -> Mapping[str, str]:
        """Return the records of all rows of a task. It reads them in steps, each of which has the time limit."""

        async def step(client: Redis) -> tuple[int, Mapping[Any, Any]]:
            following, found = await _answer(client.hscan(self._key(task), cursor=cursor, count=_SCAN_COUNT))
            return int(following), found

        records: dict[str, str] = {}
        cursor = 0
        while True:
            cursor, found = await self._store.run(step)
            records.update({_text(row): _text(record) for row, record in found.items()})
            if cursor == 0:
                return records

    def _key(self, task: str) -> str:
        return f"{self._prefix}outbox:{task}"


class SqliteOutbox:
    """Keeps the records in the SQLite file of a journal, in a table of its own.

    Args:
        do: Runs a function in a transaction of the journal.
    """

    def __init__(self, do: Callable[[Callable[[sqlite3.Connection], Any]], Awaitable[Any]]) -> None:
        self.retention: Final = math.inf
        self._do = do

    async def put(self, task: str, row: str, record: str, /) -> bool:
        """Write the record of a row, and return whether there was none before."""

        def work(connection: sqlite3.Connection) -> bool:
            connection.execute(_TABLE)
            new = connection.execute(_HAS, (task, row)).fetchone() is None
            connection.execute(_PUT, (task, row, record))
            return new

        return bool(await self._do(work))

    async def remove(self, task: str, row: str, /) -> None:
        """Remove the record of a row, if there is one."""

        def work(connection: sqlite3.Connection) -> None:
            connection.execute(_TABLE)
            connection.execute(_REMOVE, (task, row))

        await self._do(work)

    async def records(self, task: str, /) -> Mapping[str, str]:
        """Return the records of all rows of a task."""

        def work(connection: sqlite3.Connection) -> dict[str, str]:
            connection.execute(_TABLE)
            return dict(connection.execute(_ALL, (task,)).fetchall())

        found: dict[str, str] = await self._do(work)
        return found


async def _answer(command: Any) -> Any:
    """Await a command. redis-py's types are those of its synchronous client, too."""
    return await command


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value
