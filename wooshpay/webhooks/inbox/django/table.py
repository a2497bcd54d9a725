"""The operations of a `DjangoInbox` on a connection of Django. They run in a thread without an event loop."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from wooshpay.core.clock import monotonic_time
from wooshpay.errors import InboxError
from wooshpay.webhooks.inbox.contract import Claim, Counts, Taken
from wooshpay.webhooks.inbox.django.statements import FORGET_AT_ONCE, STATEMENTS, Statements

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper

_MOST_LOOKS: Final = 5
_LONGEST_SHOWN_ID: Final = 255


class InboxTable:
    """Runs the inbox's statements.

    Args:
        vendor: Django's name for the kind of database.
        lease: Seconds for which a claim holds.
        retention: Seconds for which events that are done are remembered.
        clock: Returns monotonic seconds.
    """

    def __init__(
        self, vendor: str, *, lease: float, retention: float, clock: Callable[[], float] = monotonic_time
    ) -> None:
        self._sql: Statements = STATEMENTS[vendor]
        self._lease = lease
        self._retention = retention
        self._clock = clock

    def claim(self, connection: BaseDatabaseWrapper, claim: Claim) -> Claim | Taken:
        """Take an event, or say why it cannot be taken. It may be called again with the same claim."""
        began = self._clock()
        taken = self._claim(connection, claim)
        if taken is claim and self._clock() - began > self._lease / 4 and not self.renew(connection, claim):
            # The statement waited for a lock, and the lease began before that.
            return "held"
        return taken

    def renew(self, connection: BaseDatabaseWrapper, claim: Claim) -> bool:
        """Extend a claim by another lease. Return false if it was lost."""
        return self._run(connection, self._sql.renew, _ms(self._lease), key(claim.event_id), claim.token) > 0

    def done(self, connection: BaseDatabaseWrapper, claim: Claim) -> bool:
        """Mark an event as done. Return false if the claim was lost."""
        values = True, _ms(self._retention), key(claim.event_id), claim.token
        return self._run(connection, self._sql.done, *values) > 0

    def is_done(self, connection: BaseDatabaseWrapper, claim: Claim) -> bool:
        """Return whether an event is marked as done under a claim."""
        with connection.cursor() as cursor:
            cursor.execute(self._sql.state, (key(claim.event_id),))
            row = cursor.fetchone()
        return row is not None and row[0] == claim.token and bool(row[1])

    def give_back(self, connection: BaseDatabaseWrapper, claim: Claim) -> None:
        """Remove a claim, if it still holds."""
        self._run(connection, self._sql.give_back, key(claim.event_id), claim.token)

    def counts(self, connection: BaseDatabaseWrapper) -> Counts:
        """Count the events."""
        with connection.cursor() as cursor:
            cursor.execute(self._sql.counts)
            [(held, done)] = cursor.fetchall()
        return Counts(int(held), int(done))

    def forget(self, connection: BaseDatabaseWrapper) -> tuple[int, bool]:
        """Forget some of the events whose retention has ended. Return their number, and whether there may be more."""
        with connection.cursor() as cursor:
            cursor.execute(self._sql.old, (_ms(self._retention),))
            ids = [row[0] for row in cursor.fetchall()]
        if not ids:
            return 0, False
        places = f"({', '.join(['%s'] * len(ids))})"
        count = self._run(connection, self._sql.forget + places, _ms(self._retention), *ids)
        return count, len(ids) == FORGET_AT_ONCE

    def _claim(self, connection: BaseDatabaseWrapper, claim: Claim) -> Claim | Taken:
        name, lease = key(claim.event_id), _ms(self._lease)
        for _ in range(_MOST_LOOKS):
            if self._run(connection, self._sql.insert, name, _shown(claim.event_id), claim.token, False, lease):
                return claim
            with connection.cursor() as cursor:
                cursor.execute(self._sql.state, (name,))
                row = cursor.fetchone()
            if row is None:
                continue  # the claim was given back, or the event was deleted, between the two statements
            token, done, ended = row
            if token == claim.token and not done:
                return claim  # the connection broke after the first try had taken it
            if not ended:
                return "done" if done else "held"
            if self._run(connection, self._sql.take_over, claim.token, False, lease, name):
                return claim
        raise InboxError(
            "The Django inbox could neither insert nor read the row of an event. Check that the table was made by the"
            " migrations of the installed version of wooshpay, and that the isolation level of the surrounding"
            " transaction lets it read what others have committed."
        )

    @staticmethod
    def _run(connection: BaseDatabaseWrapper, statement: str, *values: str | int) -> int:
        with connection.cursor() as cursor:
            cursor.execute(statement, values)
            count: int = cursor.rowcount
        return count


def key(event_id: str) -> str:
    """Return the primary key of an event."""
    return hashlib.sha256(event_id.encode(errors="surrogatepass")).hexdigest()


def _shown(event_id: str) -> str:
    """Return an event's ID as every database can keep it."""
    return event_id.encode("unicode_escape").decode("ascii")[:_LONGEST_SHOWN_ID]


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
