"""The nightly reconciliation: every kind of difference is found, and nothing else."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from examples.reconcile import BOOKS
from examples.serving import HERE, environment

from wooshpay import WooshPay
from wooshpay.sandbox import Sandbox, SyncSandbox

DAY = "2026-03-01"
NOON = 1_772_366_400_000


@pytest.fixture
def sandbox() -> Iterator[SyncSandbox]:
    """It stands at noon of the day."""
    with Sandbox(now=lambda: NOON) as sandbox:
        yield sandbox


@pytest.fixture
def client(sandbox: SyncSandbox) -> Iterator[WooshPay]:
    with WooshPay(sandbox.api_key, base_url=sandbox.base_url) as client:
        yield client


@pytest.fixture
def books(tmp_path: Path) -> Path:
    path = tmp_path / "books.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(BOOKS)
    return path


def book(books: Path, table: str, *row: object) -> None:
    with closing(sqlite3.connect(books)) as connection, connection:
        connection.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * len(row))})", row)


def pay(client: WooshPay, amount: int, currency: str = "USD", number: str = "4111111111111111") -> str:
    return client.payment_intents.create(
        amount=amount,
        currency=currency,
        confirm=True,
        payment_method_data={
            "type": "card",
            "card": {"number": number, "exp_month": "12", "exp_year": "2090", "cvc": "123"},
        },
    ).id


def pay_out(client: WooshPay, amount: int, account: str = "5500123456") -> str:
    return client.payouts.create(
        payment_currency="USD",
        source_currency="USD",
        payment_amount=amount,
        beneficiary_data={
            "nickname": "Grace",
            "destination_data": {
                "destination_type": "bank_account",
                "bank_account": {
                    "account_holder_name": "Grace Hopper",
                    "account_number": account,
                    "country": "US",
                    "routing_type": "aba",
                    "routing_number": "00290019",
                },
            },
        },
    ).id


def reconcile(books: Path, sandbox: SyncSandbox, base_url: str | None = None) -> tuple[int, list[str]]:
    """Run the script as cron would: exit code, and the lines that it printed."""
    run = subprocess.run(
        [sys.executable, HERE / "reconcile.py", books, DAY],
        env=environment(WOOSHPAY_API_KEY=sandbox.api_key, WOOSHPAY_BASE_URL=base_url or sandbox.base_url),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return run.returncode, [*run.stdout.splitlines(), *run.stderr.splitlines()]


def test_books_that_agree(client: WooshPay, sandbox: SyncSandbox, books: Path) -> None:
    """More payments than one page holds, in currencies with and without decimals; other days do not count."""
    for amount in range(1000, 1105):
        book(books, "payments", pay(client, amount), DAY, amount, "USD")
    yen = pay(client, 3400, "JPY")
    book(books, "payments", yen, DAY, 3400, "JPY")
    refund = client.refunds.create(payment_intent=yen, amount=400)
    book(books, "refunds", refund.id, DAY, yen, 400, "JPY")
    sandbox.act("balance.top_up", amount=100_000, currency="USD")
    book(books, "payouts", pay_out(client, 5500), DAY, 5500, "USD")
    book(books, "payments", "pi_of_another_day", "2026-02-28", 1, "USD")
    sandbox.clock.advance(days=1)
    pay(client, 1999)
    assert reconcile(books, sandbox) == (0, [f"{DAY}: all agrees."])


def test_every_kind_of_difference(client: WooshPay, sandbox: SyncSandbox, books: Path) -> None:
    unbooked, wrong, refunded = pay(client, 100_00), pay(client, 50_00), pay(client, 20_00)
    client.refunds.create(payment_intent=refunded, amount=5_00)
    failing = pay(client, 30_00, number="4000000000005126")
    failed_refund = client.refunds.create(payment_intent=failing)
    paid_out, failed_payout = pay_out(client, 55_00), pay_out(client, 44_00)
    sandbox.act("payouts.fail", payout=failed_payout)
    sandbox.clock.advance(minutes=5)
    book(books, "payments", wrong, DAY, 51_00, "USD")
    book(books, "payments", refunded, DAY, 20_00, "USD")
    book(books, "payments", failing, DAY, 30_00, "USD")
    book(books, "payments", "pi_gone", DAY, 1_00, "USD")
    book(books, "refunds", failed_refund.id, DAY, failing, 30_00, "USD")
    book(books, "refunds", "re_1111111111111111111", DAY, "pi_gone", 1_00, "USD")
    book(books, "payouts", failed_payout, DAY, 44_00, "USD")
    book(books, "payouts", "po_gone", DAY, 1_00, "USD")
    code, lines = reconcile(books, sandbox)
    assert code == 1
    assert sorted(lines) == sorted(
        [
            f"{unbooked}: 100.00 USD was paid, and is not in the books.",
            f"{wrong}: 50.00 USD was paid, the books have 51.00 USD.",
            f"{refunded}: 5.00 USD of it was refunded, the books have 0.00 USD.",
            f"{failing}: 0.00 USD of it was refunded, the books have 30.00 USD.",
            "pi_gone: the books have 1.00 USD, WooshPay has no payment of that day.",
            f"{failed_refund.id}: the refund of 30.00 USD is failed; the customer did not get it.",
            "re_1111111111111111111: the books have a refund of 1.00 USD, WooshPay has none.",
            f"{paid_out}: 55.00 USD was paid out, and is not in the books.",
            next(line for line in lines if line.startswith(f"{failed_payout}: the payout of 44.00 USD is failed: ")),
            "po_gone: the books have a payout of 1.00 USD, WooshPay has none of that day.",
            f"{DAY}: 10 to look at.",
        ]
    )


def test_a_comparison_that_was_not_possible_never_says_that_all_agrees(
    client: WooshPay, sandbox: SyncSandbox, books: Path
) -> None:
    code, lines = reconcile(books, sandbox, "http://127.0.0.1:1")
    assert code == 2
    assert lines[0].startswith(f"{DAY}: not compared. ")
