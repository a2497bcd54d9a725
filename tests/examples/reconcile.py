"""Compares one day at WooshPay with the shop's books, and prints what does not agree. For cron, every night:

    python tests/examples/reconcile.py books.db              # yesterday, in UTC
    python tests/examples/reconcile.py books.db 2026-03-01

Ends with 0 where all agrees, with 1 where something does not, with 2 where the comparison was not possible. The books
are an SQLite file with the tables below; amounts are minor units, days are ``YYYY-MM-DD``.
"""

from __future__ import annotations

import argparse
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Final

from wooshpay import NotFoundError, WooshPay, WooshPayError, money
from wooshpay.api.shared import CreatedFilter

BOOKS: Final = """
CREATE TABLE IF NOT EXISTS payments (id TEXT PRIMARY KEY, day TEXT, amount INTEGER, currency TEXT);
CREATE TABLE IF NOT EXISTS refunds (id TEXT PRIMARY KEY, day TEXT, payment TEXT, amount INTEGER, currency TEXT);
CREATE TABLE IF NOT EXISTS payouts (id TEXT PRIMARY KEY, day TEXT, amount INTEGER, currency TEXT);
"""


def differences(client: WooshPay, books: sqlite3.Connection, day: date) -> Iterator[str]:
    """Find what does not agree, a sentence each."""
    yield from _payments(client, books, day)
    yield from _refunds(client, books, day)
    yield from _payouts(client, books, day)


def _payments(client: WooshPay, books: sqlite3.Connection, day: date) -> Iterator[str]:
    booked = _booked(books, "payments", day)
    for charge in client.charges.list(created=_within(day), limit=100):
        payment = charge.payment_intent_id
        if charge.status != "succeeded" or payment is None:
            continue
        here = booked.pop(payment, None)
        there = _sum(charge.amount, charge.currency)
        if here is None:
            yield f"{payment}: {there} was paid, and is not in the books."
        elif here != there:
            yield f"{payment}: {there} was paid, the books have {here}."
        given_back = charge.amount_refunded or 0
        query = "SELECT coalesce(sum(amount), 0) FROM refunds WHERE payment = ?"
        (noted,) = books.execute(query, (payment,)).fetchone()
        if given_back != noted:
            back, books_have = _sum(given_back, charge.currency), _sum(noted, charge.currency)
            yield f"{payment}: {back} of it was refunded, the books have {books_have}."
    for payment, here in booked.items():
        yield f"{payment}: the books have {here}, WooshPay has no payment of that day."


def _refunds(client: WooshPay, books: sqlite3.Connection, day: date) -> Iterator[str]:
    # WooshPay does not list refunds: those that only it knows show in the charges above.
    for id, here in _booked(books, "refunds", day).items():
        try:
            refund = client.refunds.retrieve(id)
        except NotFoundError:
            yield f"{id}: the books have a refund of {here}, WooshPay has none."
            continue
        if _sum(refund.amount, refund.currency) != here:
            yield f"{id}: {_sum(refund.amount, refund.currency)} was refunded, the books have {here}."
        if refund.status in {"failed", "canceled"}:
            yield f"{id}: the refund of {here} is {refund.status}; the customer did not get it."


def _payouts(client: WooshPay, books: sqlite3.Connection, day: date) -> Iterator[str]:
    booked = _booked(books, "payouts", day)
    for payout in client.payouts.list(created=_within(day), limit=100):
        here = booked.pop(payout.id, None)
        there = _sum(payout.payment_amount or 0, payout.payment_currency or "")
        if here is None:
            yield f"{payout.id}: {there} was paid out, and is not in the books."
        elif here != there:
            yield f"{payout.id}: {there} was paid out, the books have {here}."
        if payout.status in {"failed", "canceled"}:
            why = payout.failure_message or "no reason given"
            yield f"{payout.id}: the payout of {there} is {payout.status}: {why}"
    for id, here in booked.items():
        yield f"{id}: the books have a payout of {here}, WooshPay has none of that day."


def _within(day: date) -> CreatedFilter:
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    end = start + timedelta(days=1)
    return {"gte": int(start.timestamp() * 1000), "lt": int(end.timestamp() * 1000)}


def _booked(books: sqlite3.Connection, table: str, day: date) -> dict[str, str]:
    rows = books.execute(f"SELECT id, amount, currency FROM {table} WHERE day = ?", (day.isoformat(),))
    return {id: _sum(amount, currency) for id, amount, currency in rows}


def _sum(amount: int, currency: str) -> str:
    return f"{money.from_minor(amount, currency)} {currency.upper()}" if currency else str(amount)


def main(arguments: list[str] | None = None) -> int:
    """Run the script; give its exit code."""
    parser = argparse.ArgumentParser(description="Compare one day at WooshPay with the shop's books.")
    parser.add_argument("books", type=Path, help="the SQLite file")
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    parser.add_argument("day", type=date.fromisoformat, nargs="?", default=yesterday, help="yesterday if left out")
    chosen = parser.parse_args(arguments)
    try:
        with WooshPay() as client, closing(sqlite3.connect(chosen.books)) as books:
            books.executescript(BOOKS)
            found = list(differences(client, books, chosen.day))
    except (WooshPayError, sqlite3.Error) as error:
        print(f"{chosen.day}: not compared. {error}", file=sys.stderr)
        return 2
    for difference in found:
        print(difference)
    print(f"{chosen.day}: {'all agrees' if not found else f'{len(found)} to look at'}.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
