"""An inbox in PostgreSQL: for any number of machines. It needs the extra ``postgres``."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, ClassVar, Final

from wooshpay.core.tracebacks import discreet
from wooshpay.errors import ClaimLost, ConfigurationError, InboxError
from wooshpay.webhooks.inbox import postgres_transactions as transactions
from wooshpay.webhooks.inbox.contract import (
    LEASE,
    RETENTION,
    Claim,
    Counts,
    Taken,
    check_times,
    new_claim,
    stored_id,
)
from wooshpay.webhooks.inbox.current import current_claim, settle
from wooshpay.webhooks.inbox.postgres_connections import PostgresConnections, execute

if TYPE_CHECKING:
    from psycopg import AsyncConnection, Connection

# Two workers that start at once must not both make the table. The number is arbitrary, but always the same.
# The lock ends with the transaction.
_LOCK: Final = "SELECT pg_advisory_xact_lock(7090541832150014)"
_SCHEMA: Final = (
    "CREATE TABLE IF NOT EXISTS wooshpay_inbox"
    " (id text PRIMARY KEY, token text NOT NULL, done boolean NOT NULL, expires timestamptz NOT NULL)",
    "CREATE INDEX IF NOT EXISTS wooshpay_inbox_expires ON wooshpay_inbox (expires)",
)
# One statement: a free event is taken, a lapsed one taken over, and any other left alone.
_CLAIM: Final = (
    "INSERT INTO wooshpay_inbox (id, token, done, expires)"
    " VALUES (%(id)s, %(token)s, false, clock_timestamp() + make_interval(secs => %(seconds)s))"
    " ON CONFLICT (id) DO UPDATE SET token = excluded.token, done = false, expires = excluded.expires"
    " WHERE wooshpay_inbox.expires <= clock_timestamp() RETURNING token;"
    " SELECT done, token = %(token)s FROM wooshpay_inbox WHERE id = %(id)s"
)
_RENEW: Final = (
    "UPDATE wooshpay_inbox SET expires = clock_timestamp() + make_interval(secs => %(seconds)s)"
    " WHERE id = %(id)s AND token = %(token)s AND NOT done RETURNING id"
)
_DONE: Final = (
    "UPDATE wooshpay_inbox SET done = true, expires = clock_timestamp() + make_interval(secs => %(seconds)s)"
    " WHERE id = %(id)s AND token = %(token)s RETURNING id"
)
_GIVE_BACK: Final = "DELETE FROM wooshpay_inbox WHERE id = %(id)s AND token = %(token)s AND NOT done"
_COUNTS: Final = "SELECT count(*) FILTER (WHERE NOT done), count(*) FILTER (WHERE done) FROM wooshpay_inbox"
_FORGET: Final = (
    "DELETE FROM wooshpay_inbox WHERE id IN (SELECT id FROM wooshpay_inbox"
    " WHERE (done AND expires <= clock_timestamp())"
    " OR expires <= clock_timestamp() - make_interval(secs => %(seconds)s)"
    " ORDER BY expires LIMIT 1000 FOR UPDATE SKIP LOCKED) RETURNING id"
)
# So often a claim also forgets what is old, in a bounded step.
_TIDY_EVERY: Final = 500


class PostgresInbox:
    """Keeps the events in a table ``wooshpay_inbox``, which is made when it is missing.

    PostgreSQL's own clock decides about leases, so the machines' clocks may differ. The connection string may name a
    pooler such as PgBouncer, in session mode or in transaction mode: the inbox uses no prepared statements and keeps no
    state in a session.

    If the role may not create tables, an administrator has to create this one: run the statements in `SCHEMA`, and
    grant the role SELECT, INSERT, UPDATE and DELETE on the table.

    Args:
        url: The connection string, such as ``postgresql://user@127.0.0.1/shop``.
        lease: Seconds for which a claim holds unless it is renewed.
        retention: Seconds for which done events are remembered; at least 72 hours.
        connections: Maximum number of connections of each event loop. As many are kept open for plain handlers.
        timeout: Seconds that one operation may take: connecting, waiting for a free connection or for a locked row, and
            the response. Then it fails with `InboxError`. Your own statements in a transaction have no limit from here.
            `forget_old` works in steps, each of which may take so long, and `transaction_now` takes at least 2 seconds
            before it gives up connecting.
    """

    SCHEMA: ClassVar[str] = ";\n".join((*_SCHEMA, "")).rstrip()
    """The SQL statements that create the table and its index. They may be run again."""

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
        check_times(lease, retention, timeout)
        if connections < 1:
            raise ConfigurationError("connections must be at least 1.")
        self.lease = lease
        self.retention, self.any_loop = retention, True
        self._claims = 0
        self._connections = PostgresConnections(url, most=connections, timeout=timeout, prepare=_make_table)

    # ---- the contract

    async def claim(self, event_id: str) -> Claim | Taken:
        """Take an event."""
        claim = new_claim(event_id)
        self._claims += 1
        if self._claims % _TIDY_EVERY == 0:
            await self._forget()
        while True:
            taken, state = await self._connections.run(_CLAIM, _named(claim, self.lease))
            if taken:
                return claim
            if state:
                done, own = state[0]
                # The connection may have broken after the claim was made, and the statement was sent once more.
                return claim if own and not done else "done" if done else "held"
            # It was given back or forgotten between the two statements: it is free.

    async def renew(self, claim: Claim) -> bool:
        """Hold an event for another lease."""
        return await self._changed(_RENEW, claim, self.lease)

    async def done(self, claim: Claim) -> bool:
        """Note that an event is done."""
        return await self._changed(_DONE, claim, self.retention)

    async def give_back(self, claim: Claim) -> None:
        """Let the next delivery run the event again."""
        await self._connections.run(_GIVE_BACK, _named(claim, 0.0))

    async def counts(self) -> Counts:
        """How many events there are."""
        [[row]] = await self._connections.run(_COUNTS, {})
        return Counts(*row)

    async def forget_old(self) -> int:
        """Forget the events whose retention has ended."""
        count = 0
        while step := await self._forget():
            count += step
        return count

    async def close(self) -> None:
        """Close the connections of the running event loop, and those that are kept for plain handlers."""
        await self._connections.close()

    # ---- beyond the contract

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[AsyncConnection]:
        """Write rows of your own together with "done", inside an async handler: both happen, or neither.

        The connection is in a transaction that is committed when the block ends, and rolled back when it raises. Errors
        of your own statements reach you as psycopg raises them. After such an error PostgreSQL rolls the transaction
        back, also if you catch it; to go on after it, put the statement into a savepoint:
        ``async with connection.transaction(): ...``.

        Raises:
            ClaimLost: Another worker took the event over; nothing was written.
            InboxError: PostgreSQL cannot be reached. Where that happens while it commits, what was written may stay.
            RuntimeError: No handler of a receiver with this inbox is running here. Or the transaction had failed or
                ended before the block did.
        """
        async with transactions.transaction(self._connections, *self._first_statement()) as connection:
            yield connection
        settle(self)

    @contextmanager
    def transaction_now(self) -> Generator[Connection]:
        """Do the same as `transaction` in plain ``def`` handlers.

        The connection is reset (``DISCARD ALL``) and kept for the next handler. Do not use it after the block.

        Raises:
            ClaimLost: Another worker took the event over; nothing was written.
            InboxError: PostgreSQL cannot be reached. Where that happens while it commits, what was written may stay.
            RuntimeError: No handler of a receiver with this inbox is running here. Or the transaction had failed or
                ended before the block did.
        """
        with transactions.transaction_now(self._connections, *self._first_statement()) as connection:
            yield connection
        settle(self)

    # ---- the statements

    def _first_statement(self) -> tuple[str, dict[str, object], Callable[[], ClaimLost]]:
        claim = current_claim(self)
        return _DONE, _named(claim, self.retention), lambda: _lost(claim)

    async def _changed(self, statement: str, claim: Claim, seconds: float) -> bool:
        [changed] = await self._connections.run(statement, _named(claim, seconds))
        return bool(changed)

    async def _forget(self) -> int:
        [forgotten] = await self._connections.run(_FORGET, {"seconds": self.retention})
        return len(forgotten)


async def _make_table(connection: AsyncConnection) -> None:
    """Make the table if it is missing. Where it exists, the role needs no right to make tables."""
    [[[table]]] = await execute(connection, "SELECT to_regclass('wooshpay_inbox')", {})
    if table is not None:
        return
    from psycopg.errors import InsufficientPrivilege, InvalidSchemaName

    try:
        await execute(connection, "; ".join((_LOCK, *_SCHEMA)), {})
    except (InsufficientPrivilege, InvalidSchemaName) as error:
        raise InboxError(
            "The table wooshpay_inbox does not exist where the role of the PostgreSQL inbox looks for it, and the role"
            f" may not create it ({error.diag.message_primary}). Let an administrator run the statements in"
            " PostgresInbox.SCHEMA once, and then"
            f" GRANT SELECT, INSERT, UPDATE, DELETE ON wooshpay_inbox TO {_quoted(connection.info.user)};"
            f" The statements are:\n{PostgresInbox.SCHEMA}"
        ) from error


def _quoted(role: str) -> str:
    return '"' + role.replace('"', '""') + '"'


def _named(claim: Claim, seconds: float) -> dict[str, object]:
    return {"id": stored_id(claim.event_id), "token": claim.token, "seconds": seconds}


def _lost(claim: Claim) -> ClaimLost:
    return ClaimLost(
        f"The lease on event {claim.event_id} ended and another worker took it over; nothing was written."
        " Give the inbox a longer lease, or make the handler faster."
    )
