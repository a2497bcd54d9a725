"""The table of `SqlAlchemyInbox`, and its operations in SQL that every supported database understands.

Times are whole microseconds since 1970, so that no database rounds them or converts them between time zones. The clock
is that of the database server. SQLite has no server, so there it is the clock of the machine.
"""

from __future__ import annotations

import hashlib
import re
from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Connection,
    Delete,
    Index,
    MetaData,
    String,
    Table,
    Update,
    case,
    delete,
    func,
    insert,
    literal,
    literal_column,
    or_,
    select,
    update,
)
from sqlalchemy.dialects import mysql
from sqlalchemy.exc import IntegrityError

from wooshpay.core.clock import wall_time
from wooshpay.webhooks.inbox.contract import Claim, Counts, Taken, stored_id

DATABASES: Final = ("sqlite", "postgresql", "mysql", "mariadb")

_MICROSECONDS: Final = 1_000_000
# A claim reads, and then writes if the event is free. It reads again if another worker was faster.
_MOST_ROUNDS: Final = 20
_FORGET_AT_ONCE: Final = 500
# MySQL and MariaDB compare other characters by rules of their own, and ignore spaces at the end.
_PLAIN_ID: Final = re.compile(r"(?!sha256:)[!-~]{1,255}")
# Both are in UTC, whatever the time zone of the session or the server is.
_SERVER_CLOCKS: Final = {
    "postgresql": "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT)",
    "mysql": "TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6))",
    "mariadb": "TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6))",
}


def define_table(metadata: MetaData, *, name: str, schema: str | None) -> Table:
    """Add the inbox's table to a metadata, and return it. A table that is there already is returned as it is."""
    schema = metadata.schema if schema is None else schema
    found = metadata.tables.get(name if schema is None else f"{schema}.{name}")
    if found is not None:
        return found
    # In the default collations of MySQL and MariaDB, evt_a and evt_A are equal.
    exact = mysql.VARCHAR(255, charset="ascii", collation="ascii_bin")
    table = Table(
        name,
        metadata,
        Column("id", String(255).with_variant(exact, "mysql", "mariadb"), primary_key=True),
        Column("token", String(32), nullable=False),
        Column("done", Boolean, nullable=False),
        Column("expires", BigInteger, nullable=False),
        schema=schema,
        # Other engines of MySQL have no transactions.
        mysql_engine="InnoDB",
        mariadb_engine="InnoDB",
    )
    Index(f"{name}_expires", table.c.expires)
    return table


class Events:
    """The events in the table. Each method works in the transaction of the connection, and does not commit.

    Args:
        table: The table.
        dialect: The name of the database's dialect in SQLAlchemy.
        lease: Seconds for which a claim holds.
        retention: Seconds for which done events are remembered.
    """

    def __init__(self, table: Table, dialect: str, *, lease: float, retention: float) -> None:
        self.table = table
        self._dialect = dialect
        self._lease = _whole(lease)
        self._retention = _whole(retention)
        self._id, self._token, self._done, self._expires = (
            table.c[name] for name in ("id", "token", "done", "expires")
        )

    def claim(self, connection: Connection, claim: Claim) -> Claim | Taken:
        """Take an event, unless another worker has it or it is done."""
        key = key_of(claim.event_id)
        refused: IntegrityError | None = None
        for _ in range(_MOST_ROUNDS):
            # Reading locks nothing, so a redelivery never waits for the handler's transaction.
            look = select(self._done, self._expires <= self._now(), self._token).where(self._id == key)
            found = connection.execute(look).one_or_none()
            if found is None:
                refused = self._insert(connection, key, claim.token)
                if refused is None:
                    return claim
            elif found[2] == claim.token and not found[0]:
                return claim  # the connection broke when this claim was committed, and it is made again
            elif not found[1]:
                return "done" if found[0] else "held"
            elif self._take_over(connection, key, claim.token):
                return claim
            # Another worker was faster. Begin again, so that the next look sees what it wrote.
            connection.rollback()
        # Another worker is not faster so many times in a row, so another constraint of the table refuses the row.
        raise refused or RuntimeError("another worker was faster each time")

    def renew(self, connection: Connection, claim: Claim) -> bool:
        """Hold an event for another lease."""
        change = update(self.table).values(expires=self._now() + self._lease)
        return self._change(connection, change.where(*self._mine(claim), ~self._done))

    def done(self, connection: Connection, claim: Claim) -> bool:
        """Note that an event is done."""
        change = update(self.table).values(done=True, expires=self._now() + self._retention)
        return self._change(connection, change.where(*self._mine(claim)))

    def give_back(self, connection: Connection, claim: Claim) -> bool:
        """Let the next delivery run the event again."""
        return self._change(connection, delete(self.table).where(*self._mine(claim), ~self._done))

    def counts(self, connection: Connection) -> Counts:
        """Count the events."""
        held, done = (func.coalesce(func.sum(case((which, 1), else_=0)), 0) for which in (~self._done, self._done))
        row = connection.execute(select(held, done)).one()
        return Counts(int(row[0]), int(row[1]))

    def forget(self, connection: Connection) -> int:
        """Forget some of the events whose retention has ended. Return how many."""
        now = self._now()
        # A claim whose lease ended a whole retention ago is of an event that nobody delivers any more.
        old = (self._expires <= now) & or_(self._done, self._expires <= now - self._retention)
        # A DELETE by time would lock gaps in the index on MySQL and MariaDB, where other workers insert.
        keys = (
            connection.execute(select(self._id).where(old).order_by(self._expires).limit(_FORGET_AT_ONCE))
            .scalars()
            .all()
        )
        if not keys:
            return 0
        connection.rollback()
        return connection.execute(delete(self.table).where(self._id.in_(keys), old)).rowcount

    def _insert(self, connection: Connection, key: str, token: str) -> IntegrityError | None:
        """Insert an event. Return the error of the database if it is there already."""
        values = {"id": key, "token": token, "done": False, "expires": self._now() + self._lease}
        try:
            connection.execute(insert(self.table).values(values))
        except IntegrityError as error:
            return error
        return None

    def _take_over(self, connection: Connection, key: str, token: str) -> bool:
        values = {"token": token, "done": False, "expires": self._now() + self._lease}
        change = update(self.table).values(values).where(self._id == key, self._expires <= self._now())
        return self._change(connection, change)

    def _mine(self, claim: Claim) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
        return self._id == key_of(claim.event_id), self._token == claim.token

    def _now(self) -> ColumnElement[int]:
        clock = _SERVER_CLOCKS.get(self._dialect)
        if clock is None:
            return literal(_whole(wall_time()), BigInteger)
        return literal_column(clock, BigInteger)

    @staticmethod
    def _change(connection: Connection, statement: Update | Delete) -> bool:
        return connection.execute(statement).rowcount > 0


def key_of(event_id: str) -> str:
    """Return what an event is stored under: its ID, or a hash of it if it is long or has unusual characters."""
    stored = stored_id(event_id)
    if _PLAIN_ID.fullmatch(stored):
        return stored
    return f"sha256:{hashlib.sha256(stored.encode()).hexdigest()}"


def _whole(seconds: float) -> int:
    return round(seconds * _MICROSECONDS)
