"""Where billing periods end, over chance moments and intervals."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sandbox.billing.desk import DAY, at

from wooshpay.sandbox.rules.calendar import add_interval, day_of_month

MOMENTS = st.integers(at("2000-01-01"), at("2100-01-01"))


def moment(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)


@pytest.mark.parametrize(
    ("start", "interval", "count", "end"),
    [
        ("2026-01-31", "month", 1, "2026-02-28"),
        ("2028-01-31T08:15", "month", 1, "2028-02-29T08:15"),
        ("2026-01-15", "month", 3, "2026-04-15"),
        ("2026-11-30", "month", 3, "2027-02-28"),
        ("2026-12-31", "month", 12, "2027-12-31"),
        ("2028-02-29", "year", 1, "2029-02-28"),
        ("2028-02-29", "year", 4, "2032-02-29"),
        ("2026-03-28", "day", 5, "2026-04-02"),
        ("2026-12-28", "week", 2, "2027-01-11"),
    ],
)
def test_the_end_of_a_period(start: str, interval: str, count: int, end: str) -> None:
    assert add_interval(at(start), interval, count) == at(end)


def test_a_short_month_does_not_move_the_day_for_good() -> None:
    ends: list[str] = []
    end = at("2027-10-31")
    for _ in range(6):
        end = add_interval(end, "month", 1, anchor_day=31)
        ends.append(f"{moment(end):%m-%d}")
    assert ends == ["11-30", "12-31", "01-31", "02-29", "03-31", "04-30"]


def test_a_leap_day_comes_back_every_four_years() -> None:
    ends: list[str] = []
    end = at("2028-02-29")
    for _ in range(4):
        end = add_interval(end, "year", 1, anchor_day=29)
        ends.append(f"{moment(end):%Y-%m-%d}")
    assert ends == ["2029-02-28", "2030-02-28", "2031-02-28", "2032-02-29"]


@given(MOMENTS, st.integers(1, 400))
def test_days_and_weeks_are_exact(start: int, count: int) -> None:
    assert add_interval(start, "day", count) - start == count * DAY
    assert add_interval(start, "week", count) == add_interval(start, "day", 7 * count)


@given(MOMENTS, st.integers(1, 60))
def test_months_keep_the_time_of_day_and_the_day_of_the_month(start: int, count: int) -> None:
    before, after = moment(start), moment(add_interval(start, "month", count))
    assert (after.year * 12 + after.month) - (before.year * 12 + before.month) == count
    assert add_interval(start, "month", count) % DAY == start % DAY
    # Either the same day, or the last of a month that is too short.
    last_of_month = (after + timedelta(days=1)).day == 1
    assert after.day == before.day or (after.day < before.day and last_of_month)


@given(MOMENTS, st.integers(1, 24))
def test_month_by_month_with_the_anchor_is_the_same_as_at_once(start: int, count: int) -> None:
    end = start
    for _ in range(count):
        end = add_interval(end, "month", 1, anchor_day=day_of_month(start))
    assert end == add_interval(start, "month", count)


@given(MOMENTS, st.integers(1, 5))
def test_a_year_is_twelve_months(start: int, count: int) -> None:
    assert add_interval(start, "year", count) == add_interval(start, "month", 12 * count)
