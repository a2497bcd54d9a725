"""The arithmetic of prices and discounts."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wooshpay.sandbox.rules.discounts import amount_off, is_for_currency, spread
from wooshpay.sandbox.rules.pricing import amount_of

TIERS = [
    {"up_to": 10, "unit_amount": 500, "flat_amount": 0},
    {"up_to": 20, "unit_amount": 400, "flat_amount": 1000},
    {"up_to": "inf", "unit_amount": 100, "flat_amount": 0},
]


def tiered(mode: str) -> dict[str, Any]:
    return {"billing_scheme": "tiered", "tiers_mode": mode, "tiers": TIERS, "unit_amount": None}


@pytest.mark.parametrize(
    ("quantity", "graduated", "volume"),
    [
        (0, 0, 0),
        (1, 500, 500),
        (10, 5000, 5000),
        (11, 5000 + 1000 + 400, 1000 + 11 * 400),
        (20, 5000 + 1000 + 4000, 1000 + 20 * 400),
        (21, 5000 + 1000 + 4000 + 100, 21 * 100),
        (1000, 5000 + 1000 + 4000 + 98_000, 100_000),
    ],
)
def test_each_tier_costs_what_it_says(quantity: int, graduated: int, volume: int) -> None:
    assert amount_of(tiered("graduated"), quantity) == graduated
    assert amount_of(tiered("volume"), quantity) == volume


@pytest.mark.parametrize("scheme", ["per_unit", "tiered"])
def test_without_tiers_every_unit_costs_the_same(scheme: str) -> None:
    assert amount_of({"billing_scheme": scheme, "unit_amount": 1999}, 3) == 5997
    assert amount_of({"billing_scheme": scheme, "unit_amount": 0}, 3) == 0


@pytest.mark.parametrize(
    ("percent", "amount", "off"),
    [
        (10, 1000, 100),
        (50, 1, 1),
        (50, 3, 2),
        (12.5, 100, 13),
        (33.3, 100, 33),
        (0.1, 500, 1),
        (0.1, 499, 0),
        (100, 7, 7),
    ],
)
def test_half_a_minor_unit_is_rounded_up(percent: float, amount: int, off: int) -> None:
    assert amount_off({"percent_off": percent}, amount, "USD") == off


def test_a_decimal_percentage_is_what_was_written_and_not_its_nearest_binary() -> None:
    # In binary 1.15 is a little less, and half a unit would be lost.
    assert amount_off({"percent_off": 1.15}, 1000, "USD") == 12


@pytest.mark.parametrize(
    ("amount", "currency", "off"),
    [(1000, "USD", 300), (200, "USD", 200), (0, "USD", 0), (-5, "USD", 0), (1000, "EUR", 0)],
)
def test_a_sum_takes_off_no_more_than_there_is_and_in_its_own_currency(amount: int, currency: str, off: int) -> None:
    coupon = {"amount_off": 300, "currency": "USD"}
    assert amount_off(coupon, amount, currency) == off
    assert is_for_currency(coupon, currency) == (currency == "USD")


@given(
    discount=st.integers(0, 10**9),
    amounts=st.lists(st.integers(0, 10**8), max_size=12),
)
def test_the_parts_of_a_discount_add_up_and_no_line_goes_below_zero(discount: int, amounts: list[int]) -> None:
    parts = spread(discount, amounts)
    assert len(parts) == len(amounts)
    assert sum(parts) == min(discount, sum(amounts))
    assert all(0 <= part <= amount for part, amount in zip(parts, amounts, strict=True))


def test_equal_lines_share_evenly_and_the_first_takes_the_rest() -> None:
    assert spread(100, [500, 500, 500]) == [34, 33, 33]
    assert spread(5, []) == []
