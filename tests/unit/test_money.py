"""Amounts: what is exact stays exact, what is not is refused, and parts always add up."""

from __future__ import annotations

import subprocess
import sys
from decimal import Decimal, localcontext
from fractions import Fraction
from typing import Any

import pytest
from babel import Locale
from babel.core import get_global
from babel.numbers import get_currency_precision
from hypothesis import given
from hypothesis import strategies as st
from support.children import HANGS

from wooshpay import money
from wooshpay.currencies import DECIMALS, WITHOUT_MINOR_UNIT

CODES = st.sampled_from(sorted(DECIMALS))
AMOUNTS = st.integers(-(10**18), 10**18)


# ---- the table ------------------------------------------------------------------------------------------------


def test_the_currencies_are_those_of_the_world() -> None:
    """Whatever is tender somewhere, by Babel's data, can be charged."""
    territories = get_global("territory_currencies")
    # Name, first and last day, and whether it is tender; the last day is missing while it is in use.
    in_use = {code for spans in territories.values() for code, _, end, tender in spans if tender and end is None}
    assert len(in_use) > 140
    assert in_use - DECIMALS.keys() - WITHOUT_MINOR_UNIT == set()


def test_every_currency_of_the_table_has_a_name() -> None:
    """A code that was mistyped would have none. Babel's data, the oldest above all, do not know the newest of them."""
    names = Locale("en").currencies
    assert DECIMALS.keys() - names.keys() <= {"XAD", "XCG", "ZWG"}


# ISO 4217 counts more decimals than people use in cash, which is what Babel's data are about.
CASH_ONLY = frozenset(
    [
        "AFN",
        "ALL",
        "AMD",
        "COP",
        "CRC",
        "CZK",
        "GYD",
        "HUF",
        "IDR",
        "IQD",
        "IRR",
        "KPW",
        "LAK",
        "LBP",
        "MGA",
        "MMK",
        "MNT",
        "MRU",
        "MUR",
        "NOK",
        "PKR",
        "RSD",
        "SEK",
        "SLL",
        "SOS",
        "STN",
        "SYP",
        "TWD",
        "TZS",
        "UZS",
        "YER",
        "ZMW",
    ]  # read as one table
)


def test_decimals_are_those_of_babel_where_babel_speaks_of_accounts() -> None:
    differing = {code for code, decimals in DECIMALS.items() if get_currency_precision(code) != decimals}
    assert differing <= CASH_ONLY
    # Where they differ, it is always Babel that has fewer.
    assert all(get_currency_precision(code) < DECIMALS[code] for code in differing)


@pytest.mark.parametrize(
    ("codes", "decimals"),
    [
        ("JPY KRW VND CLP ISK UYI XPF", 0),
        ("USD EUR GBP MGA MRU IDR HUF TWD", 2),
        ("KWD BHD IQD JOD LYD OMR TND", 3),
        ("CLF UYW", 4),
        # The table of WooshPay's mobile money guide.
        ("UGX RWF XAF", 0),
        ("KES TZS GHS NGN ZAR", 2),
    ],
)
def test_decimals_of_currencies(codes: str, decimals: int) -> None:
    assert {code: money.decimals(code) for code in codes.split()} == dict.fromkeys(codes.split(), decimals)


# ---- into minor units and back --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("amount", "currency", "minor"),
    [
        (Decimal("19.99"), "USD", 1999),
        ("19.99", "usd", 1999),
        (20, "USD", 2000),
        (20, "JPY", 20),
        ("20.00", "JPY", 20),
        (Decimal("1E+3"), "JPY", 1000),
        ("1.234", "KWD", 1234),
        ("1.2345", "CLF", 12345),
        ("-0.05", "USD", -5),
        ("+0.05", "USD", 5),
        (Decimal("-0.00"), "USD", 0),
        (Decimal("19.9900000000000000000000000000000000000"), "USD", 1999),
        (Decimal("0E-5000"), "USD", 0),
    ],
)
def test_to_minor(amount: Decimal | int | str, currency: str, minor: int) -> None:
    assert money.to_minor(amount, currency) == minor


@pytest.mark.parametrize(
    ("amount", "currency"),
    [("19.999", "USD"), ("0.5", "JPY"), ("1.2345", "KWD"), (Decimal("1E-3"), "USD"), (Decimal("1.00001"), "CLF")],
)
def test_a_fraction_that_the_currency_has_not_is_never_dropped(amount: Decimal | str, currency: str) -> None:
    with pytest.raises(ValueError, match="fraction of the smallest unit"):
        money.to_minor(amount, currency)


@pytest.mark.parametrize("amount", [19.99, 20.0, True, None, Fraction(1, 3), b"20", [20]], ids=repr)
def test_what_is_not_exact_is_refused(amount: Any) -> None:
    with pytest.raises(TypeError, match="must be a Decimal, an int or a text"):
        money.to_minor(amount, "USD")


@pytest.mark.parametrize(
    "text", ["", "1,999.00", "1_000", " 20", "20\n", "1e3", ".5", "5.", "$20", "NaN", "Infinity", "٢٠", "--1", "9" * 31]
)
def test_text_that_could_be_read_in_two_ways_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no amount"):
        money.to_minor(text, "USD")


@pytest.mark.parametrize("amount", [Decimal("NaN"), Decimal("sNaN"), Decimal("-Infinity")], ids=str)
def test_what_is_no_number_is_refused(amount: Decimal) -> None:
    with pytest.raises(ValueError, match="is not an amount"):
        money.to_minor(amount, "USD")


@pytest.mark.parametrize(
    "amount", [Decimal("1E+999999"), Decimal("1E-999999"), 10**40, Decimal("1." + "0" * 9999)], ids=range(4)
)
def test_numbers_that_would_only_cost_time_are_refused(amount: Decimal | int) -> None:
    with pytest.raises(ValueError, match="too large, too small or too long"):
        money.to_minor(amount, "USD")


@pytest.mark.parametrize(
    ("currency", "said"),
    [
        ("UDS", "Did you mean USD"),
        ("EURO", "Did you mean EUR"),
        ("", "Pass a code of ISO 4217"),
        ("XAU", "has no minor unit"),
        ("XXX", "has no minor unit"),
        (None, "No currency None"),
        (840, "No currency 840"),
    ],
)
def test_an_unknown_currency_is_refused_everywhere(currency: Any, said: str) -> None:
    for use in (
        lambda: money.to_minor("1", currency),
        lambda: money.from_minor(1, currency),
        lambda: money.decimals(currency),
        lambda: money.format(1, currency),
    ):
        with pytest.raises(ValueError, match=said):
            use()


@given(AMOUNTS, CODES)
def test_minor_units_come_back_as_they_went(units: int, code: str) -> None:
    whole = money.from_minor(units, code)
    assert money.to_minor(whole, code) == units
    assert money.to_minor(str(whole), code) == units
    assert whole.as_tuple().exponent == -DECIMALS[code]
    assert Fraction(whole) * 10 ** DECIMALS[code] == units


@given(AMOUNTS, CODES)
def test_no_decimal_context_of_the_program_changes_an_amount(units: int, code: str) -> None:
    with localcontext(prec=3):
        assert money.to_minor(money.from_minor(units, code), code) == units


@pytest.mark.parametrize("amount", [19.0, True, "1999", Decimal(1999), None], ids=repr)
def test_minor_units_are_whole_numbers(amount: Any) -> None:
    for use in (
        lambda: money.from_minor(amount, "USD"),
        lambda: money.split(amount, [1]),
        lambda: money.format(amount, "USD"),
    ):
        with pytest.raises(TypeError, match="Minor units are whole numbers"):
            use()


# ---- sharing out ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("total", "weights", "parts"),
    [
        (1000, [1, 1, 1], [334, 333, 333]),
        (-1000, [1, 1, 1], [-334, -333, -333]),
        (100, [70, 30], [70, 30]),
        (101, [Decimal("0.7"), Decimal("0.3")], [71, 30]),
        (5, [1, 0, 1], [3, 0, 2]),
        (1, [1, 2], [0, 1]),
        (0, [1, 2], [0, 0]),
        (10, [Fraction(1, 3), Fraction(2, 3)], [3, 7]),
        (7, [5], [7]),
    ],
    ids=str,
)
def test_split(total: int, weights: list[Any], parts: list[int]) -> None:
    assert money.split(total, weights) == parts


WEIGHTS = st.lists(
    st.one_of(
        st.integers(0, 10**9),
        st.decimals(0, 1000, places=3),
        st.fractions(0, 1000, max_denominator=997),
    ),
    min_size=1,
    max_size=40,
).filter(any)


@given(AMOUNTS, WEIGHTS)
def test_parts_add_up_and_none_is_a_whole_unit_off_its_share(total: int, weights: list[Any]) -> None:
    parts = money.split(total, weights)
    whole = sum(map(Fraction, weights))
    assert sum(parts) == total
    assert len(parts) == len(weights)
    for part, weight in zip(parts, weights, strict=True):
        assert abs(part - total * Fraction(weight) / whole) < 1
        assert weight or part == 0


@given(AMOUNTS, WEIGHTS)
def test_what_is_given_back_is_shared_as_it_was_taken(total: int, weights: list[Any]) -> None:
    assert money.split(-total, weights) == [-part for part in money.split(total, weights)]


@pytest.mark.parametrize(
    ("weights", "kind", "said"),
    [
        ([], ValueError, "at least one weight above zero"),
        ([0, 0], ValueError, "at least one weight above zero"),
        ([2, -1], ValueError, "must not be below zero"),
        ([0.5, 0.5], TypeError, "not float"),
        ([True], TypeError, "not bool"),
        ([Decimal("NaN")], ValueError, "is not a weight"),
        ([Decimal("1E+999999999"), 1], ValueError, "too large"),
    ],
    ids=str,
)
def test_weights_that_nobody_can_share_by_are_refused(weights: list[Any], kind: type[Exception], said: str) -> None:
    with pytest.raises(kind, match=said):
        money.split(100, weights)


# ---- for people -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        (199900, "usd", "1,999.00 USD"),
        (-5, "USD", "-0.05 USD"),
        (0, "JPY", "0 JPY"),
        (1999, "JPY", "1,999 JPY"),
        (1, "KWD", "0.001 KWD"),
    ],
)
def test_amounts_without_a_locale_look_the_same_everywhere(amount: int, currency: str, text: str) -> None:
    assert money.format(amount, currency) == text


@pytest.mark.parametrize(
    ("amount", "currency", "locale", "text"),
    [
        (199900, "USD", "en_US", "$1,999.00"),
        (-199900, "EUR", "de_DE", "-1.999,00\xa0€"),
        (199900, "EUR", "de-AT", "€\xa01.999,00"),
        (1999, "JPY", "ja_JP", "￥1,999"),
        (1234, "KWD", "en", "KWD1.234"),
        # Babel by itself would drop what these currencies have beyond cash.
        (12345, "HUF", "en", "HUF123.45"),
        (12345, "ALL", "en", "ALL123.45"),
        (12345, "CLF", "en", "CLF1.2345"),
    ],
)
def test_babel_writes_amounts_as_is_usual_in_a_place(amount: int, currency: str, locale: str, text: str) -> None:
    assert money.format(amount, currency, locale=locale) == text


@given(st.integers(-(10**18), 10**18), CODES)
def test_no_digit_is_lost_in_a_locale(units: int, code: str) -> None:
    written = money.format(units, code, locale="en_US")
    digits = "".join(sign for sign in written if sign.isdecimal())
    assert int(digits) == abs(units)
    assert ("-" in written) == (units < 0)


@pytest.mark.parametrize("locale", ["xx_YY", "", "not a locale"])
def test_an_unknown_locale_is_refused(locale: str) -> None:
    with pytest.raises(ValueError, match="No locale"):
        money.format(1, "USD", locale=locale)


def test_without_babel_amounts_are_written_plainly() -> None:
    program = "import sys; sys.modules['babel'] = None; from wooshpay import money"
    program += "; print(money.format(199900, 'EUR', locale='de_DE'))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=HANGS)
    assert done.stdout == "1,999.00 EUR\n"


def test_money_needs_nothing_but_the_standard_library() -> None:
    program = "import sys; from wooshpay import money; money.format(1, 'USD'); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=HANGS)
    assert not set(done.stdout.split()) & {"attr", "attrs", "aiohttp", "babel", "asyncio", "wooshpay.config"}
