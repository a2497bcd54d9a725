"""An inbox in PostgreSQL: for any number of machines. It needs the extra ``postgres``."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any, Final

from wooshpay.core.loops import PerLoop
from wooshpay.core.tracebacks import discreet
from wooshpay.errors import ClaimLost, InboxError, WooshPayError
from wooshpay.webhooks.inbox.contract import LEASE, RETENTION, Claim, Counts, Taken, check_times, new_claim
from wooshpay.webhooks.inbox.current import current_claim, settle

if TYPE_CHECKING:
    from psycopg import AsyncConnection, Connection
    from psycopg_pool import AsyncConnectionPool

# Two workers that start at once must not both make the table; the number is any, but always the same.
_SCHEMA: Final = (
    "SELECT pg_advisory_xact_lock(7090541832150014)",
    "CREATE TABLE IF NOT EXISTS wooshpay_inbox"
    " (id text PRIMARY KEY, token text NOT NULL, done boolean NOT NULL, expires timestamptz NOT NULL)",
    "CREATE INDEX IF NOT EXISTS wooshpay_inbox_expires ON wooshpay_inbox (expires)",
)
# One statement: a free event is taken, a lapsed one taken over, and any other left alone.
_CLAIM: Final = (
    "INSERT INTO wooshpay_inbox (id, token, done, expires)"
    " VALUES (%(id)s, %(token)s, false, clock_timestamp() + make_interval(secs => %(seconds)s))"
    " ON CONFLICT (id) DO UPDATE SET token = excluded.token, done = false, expires = excluded.expires"
    " WHERE wooshpay_inbox.expires <= clock_timestamp() RETURNING token"
)
_STATE: Final = "SELECT done FROM wooshpay_inbox WHERE id = %(id)s"
_RENEW: Final = (
    "UPDATE wooshpay_inbox SET expires = clock_timestamp() + make_interval(secs => %(seconds)s)"
    " WHERE id = %(id)s AND token = %(token)s AND NOT done"
)
_DONE: Final = (
    "UPDATE wooshpay_inbox SET done = true, expires = clock_timestamp() + make_interval(secs => %(seconds)s)"
    " WHERE id = %(id)s AND token = %(token)s"
)
_GIVE_BACK: Final = "DELETE FROM wooshpay_inbox WHERE id = %(id)s AND token = %(token)s AND NOT done"
_COUNTS: Final = "SELECT count(*) FILTER (WHERE NOT done), count(*) FILTER (WHERE done) FROM wooshpay_inbox"
_FORGET: Final = (
    "DELETE FROM wooshpay_inbox WHERE id IN (SELECT id FROM wooshpay_inbox"
    " WHERE (done AND expires <= clock_timestamp())"
    " OR expires <= clock_timestamp() - make_interval(secs => %(seconds)s)"
    " ORDER BY expires LIMIT 1000 FOR UPDATE SKIP LOCKED)"
)
# So often a claim also forgets what is old, in a bounded step.
_TIDY_EVERY: Final = 500


class PostgresInbox:
    """Keeps the events in a table ``wooshpay_inbox``, which is made when it is missing.

    PostgreSQL's own clock decides about leases, so the machines' clocks may differ.

    Args:
        url: The connection string, such as ``postgresql://user@127.0.0.1/shop``.
        lease: Seconds for which a claim holds unless it is renewed.
        retention: Seconds for which done events are remembered; at least 72 hours.
        connections: The most connections that one event loop opens.
        timeout: Seconds to wait for a connection.
    """

    @discreet
    def __init__(
        self,
        url: str,
        *,
        lease: float = LEASE,
        retention: float = RETENTION,
        connections: int = 4,
        timeout: float = 5.0,
    ) -> None:
        check_times(lease, retention)
        self.lease = lease
        self.retention, self.any_loop = retention, True
        self._url = url
        self._retention = retention
        self._connections = connections
        self._timeout = timeout
        self._claims = 0
        self._pools: PerLoop[AsyncConnectionPool[AsyncConnection]] = PerLoop(self._connect, _disconnect)

    # ---- the contract

    async def claim(self, event_id: str) -> Claim | Taken:
        """Take an event."""
        claim = new_claim(event_id)
        async with self._connection() as connection:
            self._claims += 1
            if self._claims % _TIDY_EVERY == 0:
                await _run(connection, _FORGET, seconds=self._retention)
            while True:
                taken = await _run(connection, _CLAIM, id=event_id, token=claim.token, seconds=self.lease)
                if taken:
                    return claim
                cursor = await connection.execute(_STATE, {"id": event_id})
                row = await cursor.fetchone()
                if row is not None:
                    return "done" if row[0] else "held"
                # It was given back or forgotten between the two statements: it is free.

    async def renew(self, claim: Claim) -> bool:
        """Hold an event for another lease."""
        return await self._changed(_RENEW, claim, self.lease)

    async def done(self, claim: Claim) -> bool:
        """Note that an event is done."""
        return await self._changed(_DONE, claim, self._retention)

    async def give_back(self, claim: Claim) -> None:
        """Let the next delivery run the event again."""
        await self._changed(_GIVE_BACK, claim, 0.0)

    async def counts(self) -> Counts:
        """How many events there are."""
        async with self._connection() as connection:
            cursor = await connection.execute(_COUNTS)
            row = await cursor.fetchone()
        return Counts(*row) if row is not None else Counts(0, 0)

    async def forget_old(self) -> int:
        """Forget the events whose retention has ended."""
        count = 0
        while True:
            async with self._connection() as connection:
                step = await _run(connection, _FORGET, seconds=self._retention)
            count += step
            if step == 0:
                return count

    async def close(self) -> None:
        """Close the connections of the running event loop."""
        await self._pools.close()

    # ---- beyond the contract

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[AsyncConnection]:
        """Write rows of your own together with "done", inside an async handler: both happen, or neither.

        The connection is in a transaction that is committed when the block ends, and rolled back when it raises.

        Raises:
            ClaimLost: Another worker took the event over; nothing was written.
            InboxError: PostgreSQL cannot be reached. Where that happens while it commits, what was written may stay.
            RuntimeError: No handler of a receiver with this inbox is running here.
        """
        claim = current_claim(self)
        async with self._connection() as connection, connection.transaction():
            if not await _run(connection, _DONE, **_named(claim, self._retention)):
                raise _lost(claim)
            yield connection
        settle(self)

    @contextmanager
    def transaction_now(self) -> Generator[Connection]:
        """The same for plain ``def`` handlers, on a connection that is opened for it.

        Raises:
            ClaimLost: Another worker took the event over; nothing was written.
            InboxError: PostgreSQL cannot be reached. Where that happens while it commits, what was written may stay.
            RuntimeError: No handler of a receiver with this inbox is running here.
        """
        import psycopg

        claim = current_claim(self)
        with _as_inbox_error(), psycopg.connect(self._url, connect_timeout=max(2, round(self._timeout))) as connection:
            if connection.execute(_DONE, _named(claim, self._retention)).rowcount == 0:
                raise _lost(claim)
            yield connection
        settle(self)

    # ---- the connections

    async def _changed(self, statement: str, claim: Claim, seconds: float) -> bool:
        async with self._connection() as connection:
            return bool(await _run(connection, statement, **_named(claim, seconds)))

    @asynccontextmanager
    async def _connection(self) -> AsyncGenerator[AsyncConnection]:
        with _as_inbox_error():
            pool = await self._pools.get()
            async with pool.connection() as connection:
                yield connection

    async def _connect(self) -> AsyncConnectionPool[AsyncConnection]:
        try:
            from psycopg import AsyncConnection
            from psycopg_pool import AsyncConnectionPool
        except ImportError:
            raise ModuleNotFoundError(
                "PostgresInbox needs psycopg and psycopg_pool, which are not installed:"
                " pip install 'wooshpay[postgres]'."
            ) from None
        pool: AsyncConnectionPool[AsyncConnection] = AsyncConnectionPool(
            self._url,
            min_size=1,
            max_size=self._connections,
            timeout=self._timeout,
            open=False,
            # A connection that broke while nobody used it must not cost a delivery.
            check=AsyncConnectionPool.check_connection,
            connection_class=AsyncConnection,
        )
        await pool.open()
        try:
            async with pool.connection() as connection:
                for statement in _SCHEMA:
                    await connection.execute(statement)
        except BaseException:
            await pool.close()
            raise
        return pool


async def _disconnect(pool: AsyncConnectionPool[AsyncConnection]) -> None:
    await pool.close()


async def _run(connection: AsyncConnection, statement: Any, **values: object) -> int:
    return (await connection.execute(statement, values)).rowcount


def _named(claim: Claim, seconds: float) -> dict[str, object]:
    return {"id": claim.event_id, "token": claim.token, "seconds": seconds}


@contextmanager
def _as_inbox_error() -> Generator[None]:
    from psycopg import InterfaceError, OperationalError

    try:
        yield
    except WooshPayError:  # a handler's call that timed out is an OSError too
        raise
    except (OperationalError, InterfaceError, OSError) as error:
        # PoolTimeout is an OperationalError too. The text may show the address, so only the kind is told.
        raise InboxError(
            f"The PostgreSQL inbox does not work ({type(error).__name__}). Check that PostgreSQL runs and answers."
        ) from error


def _lost(claim: Claim) -> ClaimLost:
    return ClaimLost(
        f"The lease on event {claim.event_id} ended and another worker took it over; nothing was written."
        " Give the inbox a longer lease, or make the handler faster."
    )
