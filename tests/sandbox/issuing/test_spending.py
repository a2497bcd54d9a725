"""The arithmetic of spending limits, without a sandbox."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from wooshpay.sandbox.rules.spending import INTERVALS, Purchase, allows, first_moment, remaining


def at(text: str) -> int:
    """Milliseconds of a time in UTC."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1000


@pytest.mark.parametrize(
    ("interval", "now", "start"),
    [
        ("daily", "2026-03-04T23:59:59", "2026-03-04"),
        ("daily", "2026-03-05T00:00:00", "2026-03-05"),
        ("weekly", "2026-03-07T23:59:59", "2026-03-01"),  # Saturday
        ("weekly", "2026-03-08T00:00:00", "2026-03-08"),  # Sunday
        ("weekly", "2026-01-01T12:00:00", "2025-12-28"),
        ("monthly", "2028-02-29T12:00:00", "2028-02-01"),
        ("monthly", "2026-03-01T00:00:00", "2026-03-01"),
        ("yearly", "2026-12-31T23:59:59", "2026-01-01"),
        ("yearly", "2027-01-01T00:00:00", "2027-01-01"),
    ],
)
def test_when_an_interval_began(interval: str, now: str, start: str) -> None:
    assert first_moment(interval, at(now)) == at(start)


def test_milliseconds_before_midnight_belong_to_the_day() -> None:
    assert first_moment("daily", at("2026-03-05") - 1) == at("2026-03-04")


@pytest.mark.parametrize("interval", ["per_authorization", "all_time"])
def test_intervals_without_a_beginning(interval: str) -> None:
    assert first_moment(interval, at("2026-03-05")) is None


@pytest.mark.parametrize(
    ("interval", "left"),
    [("per_authorization", 100), ("daily", 99), ("weekly", 97), ("monthly", 93), ("yearly", 85), ("all_time", 69)],
)
def test_what_is_left_of_each_interval(interval: str, left: int) -> None:
    now = at("2026-03-20T12:00:00")  # a Friday
    spent = [
        Purchase(1, None, at("2026-03-20T00:00:00")),
        Purchase(2, None, at("2026-03-19T23:59:59")),
        Purchase(4, None, at("2026-03-14T23:59:59")),
        Purchase(8, None, at("2026-02-28T23:59:59")),
        Purchase(16, None, at("2025-12-31T23:59:59")),
    ]
    assert interval in INTERVALS
    assert remaining({"amount": 100, "interval": interval}, spent, now) == left


def test_never_less_than_nothing_is_left() -> None:
    assert remaining({"amount": 5, "interval": "all_time"}, [Purchase(9, None, 0)], 10) == 0


def test_a_limit_for_categories_counts_and_binds_those_only() -> None:
    limit = {"amount": 10, "interval": "all_time", "categories": ["taxi", "bus"]}
    spent = [Purchase(4, "taxi", 0), Purchase(5, "bus", 0), Purchase(100, "shop", 0), Purchase(100, None, 0)]
    assert remaining(limit, spent, 1) == 1
    controls = {"spending_limits": [limit]}
    assert allows(controls, Purchase(1, "taxi", 1), spent)
    assert not allows(controls, Purchase(2, "taxi", 1), spent)
    assert allows(controls, Purchase(1000, "shop", 1), spent)
    assert allows(controls, Purchase(1000, None, 1), spent)


def test_every_limit_must_hold() -> None:
    controls = {
        "spending_limits": [{"amount": 10, "interval": "per_authorization"}, {"amount": 12, "interval": "daily"}]
    }
    now = at("2026-03-20T12:00:00")
    assert allows(controls, Purchase(10, None, now), [])
    assert not allows(controls, Purchase(11, None, now), [])
    assert allows(controls, Purchase(2, None, now), iter([Purchase(10, None, now)]))
    assert not allows(controls, Purchase(3, None, now), iter([Purchase(10, None, now)]))


def test_a_limit_of_nothing_blocks() -> None:
    assert not allows({"spending_limits": [{"amount": 0, "interval": "monthly"}]}, Purchase(1, None, 1), [])


@pytest.mark.parametrize(
    ("controls", "category", "allowed"),
    [
        ({}, None, True),
        ({"allowed_categories": ["a"]}, "a", True),
        ({"allowed_categories": ["a"]}, "b", False),
        ({"allowed_categories": ["a"]}, None, False),
        ({"allowed_categories": []}, "b", True),
        ({"blocked_categories": ["a"]}, "a", False),
        ({"blocked_categories": ["a"]}, "b", True),
        ({"blocked_categories": ["a"]}, None, True),
    ],
)
def test_categories(controls: dict[str, list[str]], category: str | None, allowed: bool) -> None:
    assert allows(controls, Purchase(1, category, 1), []) is allowed
