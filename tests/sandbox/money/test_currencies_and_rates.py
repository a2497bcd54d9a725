"""Minor units by currency, and what amounts become in other currencies."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wooshpay.sandbox.engine.errors import SandboxError
from wooshpay.sandbox.rules import rates
from wooshpay.sandbox.rules.currencies import decimals, written


@pytest.mark.parametrize(
    ("currency", "places"),
    [
        *[(code, 0) for code in ("JPY", "KRW", "VND", "XOF", "jpy")],
        *[(code, 3) for code in ("KWD", "BHD", "OMR", "TND", "JOD")],
        *[(code, 2) for code in ("USD", "EUR", "IDR", "CNY")],
        # The table of the mobile money guide.
        *[("UGX", 0), ("RWF", 0), ("XAF", 0), ("KES", 2), ("TZS", 2), ("GHS", 2), ("NGN", 2), ("ZAR", 2)],
    ],
)
def test_decimals_by_currency(currency: str, places: int) -> None:
    assert decimals(currency) == places


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [(1250, "usd", "12.50 USD"), (-5, "USD", "-0.05 USD"), (1000, "JPY", "1,000 JPY"), (1, "KWD", "0.001 KWD")],
)
def test_amounts_are_written_with_the_decimals_of_their_currency(amount: int, currency: str, text: str) -> None:
    assert written(amount, currency) == text


@pytest.mark.parametrize(
    ("amount", "source", "target", "expected"),
    [
        (100, "EUR", "USD", 108),
        (10_000, "JPY", "USD", 6700),  # 10000 yen, no decimals: 67 dollars
        (6700, "USD", "JPY", 10_000),
        (1000, "KWD", "USD", 325),  # one dinar of a thousand fils
        (325, "USD", "KWD", 1000),
        (1000, "KWD", "JPY", 485),  # 3.25 / 0.0067 = 485.07
        (1, "GBP", "USD", 1),  # 1.27
        (2, "GBP", "USD", 3),  # 2.54
        (50, "USD", "USD", 50),
        (25, "AUD", "USD", 17),  # 16.5: half goes up
        (1, "VND", "USD", 0),
    ],
)
def test_an_amount_is_exchanged_between_minor_units_and_rounded_half_up(
    amount: int, source: str, target: str, expected: int
) -> None:
    assert rates.proceeds(amount, source, target) == expected


def test_the_cost_is_what_the_rate_takes_to_arrive_at_the_amount() -> None:
    assert rates.cost(108, "USD", "EUR") == 100
    assert rates.cost(10_000, "JPY", "USD") == 6700
    assert rates.cost(55_000, "CNY", "USD") == 7700


KNOWN = st.sampled_from(sorted(rates.CURRENCIES))


@given(st.integers(1, 10**12), KNOWN, KNOWN)
def test_amounts_are_converted_with_the_quoted_rate_exactly(amount: int, source: str, target: str) -> None:
    quoted = Fraction(Decimal(repr(float(rates.rate(source, target)))))
    exact = Fraction(amount, 10 ** decimals(source)) * quoted * 10 ** decimals(target)
    assert abs(rates.proceeds(amount, source, target) - exact) <= Fraction(1, 2)


@given(st.integers(1, 10**12), KNOWN)
def test_the_same_currency_costs_the_same(amount: int, currency: str) -> None:
    assert rates.proceeds(amount, currency, currency) == rates.cost(amount, currency, currency) == amount


def test_a_currency_without_a_rate_is_refused_by_name() -> None:
    rates.require_known("usd", "x")
    with pytest.raises(SandboxError, match="no exchange rate for XXX") as refused:
        rates.require_known("xxx", "to_currency")
    assert (refused.value.code, refused.value.param) == ("currency_not_supported", "to_currency")
