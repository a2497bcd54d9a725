"""The report: sums that are right to the minor unit, and pictures that a terminal and a browser can show."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import pytest
from rich.console import Console
from support.cli import Run, run

from wooshpay import CardError, WooshPay
from wooshpay.api.charges import Charge
from wooshpay.cli.periods import Instant, Moment, Period, read_period
from wooshpay.cli.report.figures import Figures, choose_step, starts
from wooshpay.cli.report.page import make_page
from wooshpay.cli.report.terminal import print_report
from wooshpay.sandbox import Sandbox, SyncSandbox

DAY = 86_400_000
START = 1_793_491_200_000  # 2026-11-01T00:00:00Z


def charge(day: int, amount: int = 1999, *, status: str = "succeeded", kind: str = "card", **more: Any) -> Charge:
    details: dict[str, Any] = {"type": kind}
    if kind == "card":
        details["card"] = {"brand": "visa"}
    return Charge.from_dict(
        {
            "id": f"ch_{day}_{amount}",
            "object": "charge",
            "amount": amount,
            "amount_captured": amount if status == "succeeded" else 0,
            "created": START + day * DAY,
            "currency": "USD",
            "livemode": False,
            "status": status,
            "payment_method_details": details,
            **more,
        }
    )


def refund(day: int, amount: int, status: str = "succeeded") -> dict[str, Any]:
    created = START + day * DAY
    return {"id": "re_1", "object": "refund", "amount": amount, "created": created, "currency": "USD", "status": status}


def figures(*charges: Charge, days: int = 10) -> Figures:
    found = Figures.of(Period(START, START + days * DAY))
    for each in charges:
        found.add(each)
    return found


# ---- sums


def test_what_was_taken_stands_on_its_day() -> None:
    found = figures(charge(0, 100), charge(0, 50), charge(9, 7))
    assert found.money["USD"].taken == [150, 0, 0, 0, 0, 0, 0, 0, 0, 7]


def test_only_what_was_captured_counts() -> None:
    assert figures(charge(0, 100, amount_captured=60)).money["USD"].taken[0] == 60


def test_a_refund_stands_on_its_own_day() -> None:
    refunds = {"object": "list", "data": [refund(3, 30), refund(4, 20, "failed")]}
    found = figures(charge(1, 100, amount_refunded=30, refunds=refunds))
    assert found.money["USD"].refunded == [0, 0, 0, 30, 0, 0, 0, 0, 0, 0]


def test_a_refund_that_did_not_come_with_the_charge_stands_on_the_day_of_the_charge() -> None:
    assert figures(charge(1, 100, amount_refunded=30)).money["USD"].refunded[1] == 30


def test_a_refund_after_the_span_is_not_in_it() -> None:
    refunds = {"object": "list", "data": [refund(30, 30)]}
    assert sum(figures(charge(1, 100, amount_refunded=30, refunds=refunds)).money["USD"].refunded) == 0


def test_currencies_are_never_added_up() -> None:
    found = figures(charge(0, 100), charge(0, 100, currency="jpy"))
    assert {currency: sum(money.taken) for currency, money in found.money.items()} == {"USD": 100, "JPY": 100}


def test_the_rate_of_a_method_leaves_out_what_is_pending() -> None:
    found = figures(
        charge(0), charge(0), charge(0, status="failed"), charge(0, status="pending"), charge(0, kind="paynow")
    )
    card = found.methods["card visa"]
    assert (card.succeeded, card.failed, card.pending, card.rate) == (2, 1, 1, 2 / 3)
    assert found.methods["paynow"].rate == 1
    assert found.charges == 5


def test_a_method_of_which_nothing_ended_has_no_rate() -> None:
    assert figures(charge(0, status="pending")).methods["card visa"].rate is None


def test_odd_charges_break_nothing() -> None:
    odd = Charge.from_dict({"id": "ch_1", "object": "charge", "created": START, "status": "succeeded", "amount": "ten",
                            "currency": "XXX", "payment_method_details": "card", "refunds": "none"})  # fmt: skip
    found = figures(odd)
    assert found.methods["other"].succeeded == 1
    assert sum(found.money["XXX"].taken) == 0


@pytest.mark.parametrize(("days", "step"), [(1, "day"), (32, "day"), (33, "week"), (224, "week"), (365, "month")])
def test_a_picture_never_has_too_many_steps(days: int, step: str) -> None:
    period = Period(START, START + days * DAY)
    assert choose_step(period) == step
    assert len(starts(period, choose_step(period))) <= 34


@pytest.mark.parametrize("days", [20, 100, 700])
def test_every_moment_of_a_span_has_its_place(days: int) -> None:
    found = figures(days=days)
    for day in range(days):
        found.add(charge(day, 1))
    assert sum(found.money["USD"].taken) == days
    assert found.starts[0] <= datetime.fromtimestamp(START / 1000, UTC)


# ---- spans of time


NOW = 1_795_564_800.0  # 2026-11-25T00:00:00Z


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("2026-11-24", "2026-11-24T00:00:00+00:00"),
        ("2026-11-24T09:00+07:00", "2026-11-24T02:00:00+00:00"),
        ("12h", "2026-11-24T12:00:00+00:00"),
        ("30d", "2026-10-26T00:00:00+00:00"),
        ("2w", "2026-11-11T00:00:00+00:00"),
    ],
)
def test_a_time_is_read_as_people_write_it(typed: str, meant: str) -> None:
    instant = Moment().convert(typed, None, None)
    assert datetime.fromtimestamp(instant.moment(NOW) / 1000, UTC).isoformat() == meant


def test_a_span_without_an_end_holds_all_of_today() -> None:
    """Clocks differ: what WooshPay made a second ago may lie a second ahead."""
    assert read_period(Instant("1", 1), None, NOW + 5) == Period(1, 1_795_564_800_000 + DAY, open_ended=True)
    a_minute_before_midnight = NOW + 86_400 - 60
    assert read_period(None, None, a_minute_before_midnight).until == 1_795_564_800_000 + 2 * DAY


def test_a_span_with_an_end_holds_nothing_later() -> None:
    period = read_period(None, Instant("1", 1), NOW)
    assert (period.filter, period.holds(datetime.fromtimestamp(NOW, UTC))) == ({"lt": 1}, False)
    endless = read_period(Instant("1", 1), None, NOW)
    assert (endless.filter, endless.holds(datetime.fromtimestamp(2 * NOW, UTC))) == ({"gte": 1}, True)


def test_a_span_that_ends_before_it_begins_is_refused() -> None:
    with pytest.raises(click.UsageError, match="--since must lie before --until"):
        read_period(Instant("30d", None, 30 * DAY), Instant("60d", None, 60 * DAY), NOW)


# ---- pictures


def test_the_terminal_shows_it_in_80_columns_and_without_colours_when_asked() -> None:
    console = Console(width=80, record=True, file=open("/dev/null", "w"), no_color=True)  # noqa: SIM115  # closed below
    print_report(figures(charge(0, 2000, amount_refunded=500), charge(1, 1000), charge(1, status="failed")), console)
    text = console.export_text()
    console.file.close()
    assert max(len(line) for line in text.splitlines()) <= 80
    assert "taken 30.00 USD, refunded 5.00 USD (16.7%)" in text
    row = next(line for line in text.splitlines() if line.startswith("Sun 01 Nov"))
    taken, refunded = re.findall("[█▉▊▋▌▍▎▏]+", row)
    assert len(taken) == pytest.approx(4 * len(refunded), abs=3), "both bars have one scale"
    assert re.search(r"card visa +3 +2 +1 +66.7%", text)


def test_the_page_holds_the_numbers_and_needs_nothing_else() -> None:
    page = make_page(figures(charge(0, 2000, amount_refunded=500), charge(1, currency="<b>")))
    assert "Sun 01 Nov: taken 20.00 USD" in page
    assert "Sun 01 Nov: refunded 5.00 USD" in page
    assert "<B>" not in page, "what comes from outside is text"
    assert not re.search(r"https?://|src=|<link|@import", page)


@pytest.fixture
def shop() -> Iterator[SyncSandbox]:
    with Sandbox() as sandbox, WooshPay(sandbox.api_key, base_url=sandbox.base_url) as client:
        for number in ("4111111111111111", "4111111111111111", "4000000000009995"):
            try:
                payment = client.payment_intents.create(
                    amount=1999,
                    currency="USD",
                    confirm=True,
                    payment_method_data={
                        "type": "card",
                        "card": {"number": number, "exp_month": "12", "exp_year": "2034", "cvc": "123"},
                    },
                )
            except CardError:
                continue
        client.refunds.create(payment_intent=payment.id, amount=500)
        yield sandbox


def report(sandbox: SyncSandbox, *words: str) -> Run:
    return run("report", *words, WOOSHPAY_API_KEY=sandbox.api_key, WOOSHPAY_BASE_URL=sandbox.base_url)


def test_the_command_reports_what_happened_and_writes_the_page(shop: SyncSandbox, tmp_path: Path) -> None:
    done = report(shop, "--html", str(tmp_path / "report.html"))
    assert done.code == 0, done.err
    assert "taken 39.98 USD, refunded 5.00 USD (12.5%)" in done.out
    assert re.search(r"card visa +3 +2 +1", done.out)
    assert f"{time.gmtime().tm_year}" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_a_page_that_cannot_be_written_is_said_before_anything_is_read(shop: SyncSandbox) -> None:
    done = report(shop, "--html", "/nowhere/report.html")
    assert (done.code, len(shop.requests.of("charges.list"))) == (2, 0)
