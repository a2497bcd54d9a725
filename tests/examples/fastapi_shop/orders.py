"""The shop's orders, in SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, TypeAlias

import attrs

Status: TypeAlias = Literal["open", "paid", "expired", "review"]
"""``review``: money came, but not the sum of the order. Somebody has to look."""

SCHEMA = """
CREATE TABLE IF NOT EXISTS orders (
    id TEXT PRIMARY KEY, product TEXT NOT NULL, amount INTEGER NOT NULL, currency TEXT NOT NULL,
    status TEXT NOT NULL DEFAULT 'open', session TEXT, payment TEXT, told_by TEXT);
CREATE TABLE IF NOT EXISTS shipments (order_id TEXT NOT NULL REFERENCES orders, product TEXT NOT NULL);
"""


@attrs.frozen(kw_only=True)
class Order:
    """One order. ``amount`` is in minor units; ``told_by`` says who reported the payment first."""

    id: str
    product: str
    amount: int
    currency: str
    status: Status = "open"
    session: str | None = None
    payment: str | None = None
    told_by: str | None = None


class Orders:
    """The table. Every method may be called from any thread: each opens the file anew."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with self._open() as connection:
            connection.executescript(SCHEMA)

    def place(self, order: Order) -> Order:
        """Keep a new order; a second click on the same button finds the first order."""
        with self._open() as connection:
            connection.execute(
                "INSERT OR IGNORE INTO orders (id, product, amount, currency) VALUES (?, ?, ?, ?)",
                (order.id, order.product, order.amount, order.currency),
            )
        return self.get(order.id) or order

    def get(self, id: str) -> Order | None:
        """Find an order."""
        with self._open() as connection:
            row = connection.execute("SELECT * FROM orders WHERE id = ?", (id,)).fetchone()
            return None if row is None else Order(**dict(row))

    def set_session(self, id: str, session: str) -> None:
        """Note which checkout session the order is paid in."""
        with self._open() as connection:
            connection.execute("UPDATE orders SET session = ? WHERE id = ?", (session, id))

    def expire(self, id: str) -> None:
        """Note that nobody paid in time."""
        with self._open() as connection:
            connection.execute("UPDATE orders SET status = 'expired' WHERE id = ? AND status = 'open'", (id,))

    def settle(self, id: str, *, amount: int, currency: str, payment: str, told_by: str) -> None:
        """Note that money came, and ship; see `settle_within`."""
        with self._open() as connection:
            settle_within(connection, id, amount=amount, currency=currency, payment=payment, told_by=told_by)

    @contextmanager
    def _open(self) -> Generator[sqlite3.Connection]:
        connection = sqlite3.connect(self.path, timeout=30)
        connection.row_factory = sqlite3.Row
        try:
            with connection:
                yield connection
        finally:
            connection.close()


def settle_within(
    connection: sqlite3.Connection, id: str, *, amount: int, currency: str, payment: str, told_by: str
) -> None:
    """Note that money came for an order, and ship it if it is the right sum: once, whoever tells first.

    Args:
        connection: A connection in a transaction, so that the order and its shipment change together.
        id: The order.
        amount: What was received, in minor units.
        currency: In which currency, in either case.
        payment: Id of the payment intent.
        told_by: Who reports it.
    """
    # An order that had expired here is paid all the same when WooshPay took the money.
    changed = connection.execute(
        "UPDATE orders SET payment = ?3, told_by = ?4, status ="
        " CASE WHEN amount = ?1 AND currency = upper(?2) THEN 'paid' ELSE 'review' END"
        " WHERE id = ?5 AND status IN ('open', 'expired')",
        (amount, currency, payment, told_by, id),
    )
    if changed.rowcount == 1:
        connection.execute(
            "INSERT INTO shipments (order_id, product) SELECT id, product FROM orders WHERE id = ? AND status = 'paid'",
            (id,),
        )
