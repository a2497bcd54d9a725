"""The SQL of a `DjangoInbox`, for each database that it works with.

Each statement is atomic by itself and decides by conditions, so no statement depends on what another one has read. All
times are milliseconds since 1970 on the clock of the database server. They are numbers, because the time zone of a
connection has no effect on numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

TABLE: Final = "wooshpay_webhooks_event"
COLUMNS: Final = ("id", "event_id", "token", "done", "expires")
# SQLite of older versions takes at most 999 values in a statement.
FORGET_AT_ONCE: Final = 500

# The clock runs on while a statement waits for a lock, except on MySQL and MariaDB, where it stands still meanwhile.
_NOW: Final = {
    "sqlite": "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)",
    "postgresql": "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)",
    # Not UNIX_TIMESTAMP(...): it goes through the connection's time zone, in which an hour may occur twice.
    "mysql": "(TIMESTAMPDIFF(MICROSECOND, '1970-01-01 00:00:00', UTC_TIMESTAMP(6)) DIV 1000)",
}
_INSERT: Final = "INSERT{ignore} INTO {table} (id, event_id, token, done, expires) VALUES (%s, %s, %s, %s, {now} + %s)"


class Statements(NamedTuple):
    """The statements for one kind of database.

    Attributes:
        insert: Claim an event that has no row. Values: id, event ID, token, false, milliseconds.
        take_over: Claim an event whose lease or retention has ended. Values: token, false, milliseconds, id.
        state: Read token, done, and whether the lease or the retention has ended. Values: id.
        renew: Extend a claim. Values: milliseconds, id, token.
        done: Mark an event as done. Values: true, milliseconds, id, token.
        give_back: Remove a claim. Values: id, token.
        counts: Count events that are claimed, and events that are done.
        old: Find events to forget. Values: milliseconds of the retention.
        forget: Forget events. Values: milliseconds of the retention; then append a list of ids.
    """

    insert: str
    take_over: str
    state: str
    renew: str
    done: str
    give_back: str
    counts: str
    old: str
    forget: str


def _statements(vendor: str, now: str) -> Statements:
    mysql = vendor == "mysql"
    names = {"table": TABLE, "now": now, "ignore": " IGNORE" if mysql else ""}
    # A claim whose lease ended a whole retention ago is of an event that nobody delivers any more.
    old = "expires <= {now} AND (done OR expires <= {now} - %s)"
    texts = Statements(
        insert=_INSERT + ("" if mysql else " ON CONFLICT (id) DO NOTHING"),
        take_over="UPDATE {table} SET token = %s, done = %s, expires = {now} + %s WHERE id = %s AND expires <= {now}",
        state="SELECT token, done, CASE WHEN expires <= {now} THEN 1 ELSE 0 END FROM {table} WHERE id = %s",
        renew="UPDATE {table} SET expires = {now} + %s WHERE id = %s AND token = %s AND NOT done",
        done="UPDATE {table} SET done = %s, expires = {now} + %s WHERE id = %s AND token = %s",
        give_back="DELETE FROM {table} WHERE id = %s AND token = %s AND NOT done",
        counts="SELECT COUNT(CASE WHEN done THEN NULL ELSE 1 END), COUNT(CASE WHEN done THEN 1 END) FROM {table}",
        old=f"SELECT id FROM {{table}} WHERE {old} ORDER BY expires LIMIT {FORGET_AT_ONCE}",  # noqa: S608  # made of constants
        forget=f"DELETE FROM {{table}} WHERE {old} AND id IN ",  # noqa: S608  # made of constants
    )
    return Statements(*(text.format(**names) for text in texts))


STATEMENTS: Final[Mapping[str, Statements]] = MappingProxyType(
    {vendor: _statements(vendor, now) for vendor, now in _NOW.items()}
)
"""The statements by Django's name for the kind of database. MariaDB is of the kind ``mysql``."""
