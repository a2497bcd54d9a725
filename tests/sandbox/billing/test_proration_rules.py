"""The arithmetic of proration, over chance amounts and moments."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sandbox.billing.desk import DAY, at

from wooshpay.sandbox.rules.proration import share, unused, used

AMOUNTS = st.integers(-99_999_999, 99_999_999)
START = at("2026-01-01")
LENGTHS = st.integers(1, 366 * 86_400)


@st.composite
def cuts(draw: st.DrawFn) -> tuple[int, list[int]]:
    """The end of a period and moments within it, in order."""
    length = draw(LENGTHS)
    offsets = draw(st.lists(st.integers(0, length), max_size=6))
    return START + length * 1000, sorted(START + offset * 1000 for offset in offsets)


@pytest.mark.parametrize(
    ("amount", "part", "whole", "expected"),
    [(1000, 1, 2, 500), (1, 1, 2, 1), (-1, 1, 2, -1), (100, 1, 3, 33), (200, 1, 3, 67), (0, 1, 3, 0)],
)
def test_halves_are_rounded_away_from_zero(amount: int, part: int, whole: int, expected: int) -> None:
    assert share(amount, part, whole) == expected


@given(AMOUNTS, st.integers(0, 10**8), st.integers(1, 10**8))
def test_a_share_is_within_half_a_unit_of_the_exact_one(amount: int, part: int, whole: int) -> None:
    assert abs(share(amount, part, whole) - Fraction(amount * part, whole)) <= Fraction(1, 2)


@given(AMOUNTS, cuts())
def test_the_pieces_of_a_period_cost_what_it_costs_in_one(amount: int, period: tuple[int, list[int]]) -> None:
    end, moments = period
    edges = [START, *moments, end]
    rests = [unused(amount, start_ms=START, end_ms=end, at_ms=edge) for edge in edges]
    assert sum(before - after for before, after in pairwise(rests)) == amount


@given(AMOUNTS, cuts())
def test_used_and_unused_are_the_whole(amount: int, period: tuple[int, list[int]]) -> None:
    end, moments = period
    for moment in moments:
        where = {"start_ms": START, "end_ms": end, "at_ms": moment}
        assert used(amount, **where) + unused(amount, **where) == amount


@given(AMOUNTS, AMOUNTS, cuts())
def test_a_change_and_back_at_one_moment_costs_nothing(old: int, new: int, period: tuple[int, list[int]]) -> None:
    end, moments = period
    for moment in moments:
        first, second = (unused(amount, start_ms=START, end_ms=end, at_ms=moment) for amount in (old, new))
        assert (second - first) + (first - second) == 0


def test_it_counts_seconds() -> None:
    end = START + DAY
    assert unused(86_400, start_ms=START, end_ms=end, at_ms=START + 1000) == 86_399
    assert unused(86_400, start_ms=START, end_ms=end, at_ms=START + 1999) == 86_399
    assert unused(86_400, start_ms=START, end_ms=end, at_ms=end) == 0


@pytest.mark.parametrize(("moment", "expected"), [(START - DAY, 100), (START + 2 * DAY, 0)])
def test_outside_of_the_period_all_or_nothing_is_left(moment: int, expected: int) -> None:
    assert unused(100, start_ms=START, end_ms=START + DAY, at_ms=moment) == expected


def test_a_period_without_length_leaves_nothing() -> None:
    assert unused(100, start_ms=START, end_ms=START, at_ms=START) == 0
