"""Amounts in minor units, as WooshPay counts them, and in whole currency, as people do.

>>> from wooshpay import money
>>> money.to_minor("19.99", "USD")
1999
>>> money.split(1000, [1, 1, 1])
[334, 333, 333]

How many decimals a currency has is a fact of ISO 4217: none for JPY, three for KWD. WooshPay documents no deviation
from it. One of its samples hints that IDR might have none there (the amount 100 where 100 IDR are the least): before
you first charge rupiah, ask WooshPay.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal
from difflib import get_close_matches
from fractions import Fraction
from typing import Final

from wooshpay.currencies import DECIMALS, WITHOUT_MINOR_UNIT

__all__ = ["decimals", "to_minor", "from_minor", "split", "format"]

_WRITTEN: Final = re.compile(r"[+-]?[0-9]{1,30}(?:\.[0-9]{1,30})?")
# No amount of money has more, and a number of a billion digits would only cost time.
_MOST_DIGITS: Final = 30


def decimals(currency: str) -> int:
    """How many decimals the minor unit of a currency stands for: 2 for USD, none for JPY, 3 for KWD.

    Args:
        currency: Its code in ISO 4217, in either case.

    Raises:
        ValueError: No such currency is known, or it has no minor unit.
    """
    return DECIMALS[_code_of(currency)]


def to_minor(amount: Decimal | int | str, currency: str) -> int:
    """Turn an amount of a currency into the minor units that WooshPay takes.

    Args:
        amount: In whole currency: ``Decimal("19.99")``, ``20`` or ``"19.99"``.
        currency: Its code in ISO 4217, in either case.

    Returns:
        Minor units: 1999 for 19.99 USD, 20 for 20 JPY.

    Raises:
        TypeError: The amount is a float, or something else that cannot be exact.
        ValueError: The amount has a fraction that the currency does not, or is no number; or the currency is unknown.
    """
    code = _code_of(currency)
    value = _exact(amount)
    sign, digits, exponent = value.as_tuple()
    assert isinstance(exponent, int), "infinities were refused"
    units = int("".join(map(str, digits)))
    places = exponent + DECIMALS[code]
    if places >= 0:
        units *= int(10**places)
    else:
        units, lost = divmod(units, 10**-places)
        if lost:
            raise ValueError(
                f"{amount} {code} has a fraction of the smallest unit: {code} has {_decimals_in_words(code)}."
                " Round it first, the way your accounts do."
            )
    return -units if sign else units


def from_minor(amount: int, currency: str) -> Decimal:
    """Turn an amount of minor units, as WooshPay gives it, into whole currency.

    Args:
        amount: Minor units.
        currency: The code of the currency in ISO 4217, in either case.

    Returns:
        The exact amount with all decimals of the currency: ``Decimal("19.90")`` for 1990 USD.

    Raises:
        TypeError: The amount is no whole number.
        ValueError: The currency is unknown.
    """
    code = _code_of(currency)
    units = _whole(amount)
    # Made of its digits, so that no precision of the running program's decimal context rounds it.
    return Decimal((int(units < 0), tuple(map(int, str(abs(units)))), -DECIMALS[code]))


def split(total: int, weights: Iterable[int | Decimal | Fraction]) -> list[int]:
    """Share an amount out by weights, so that the parts add up to it exactly.

    Every part is its exact share, rounded down or up to a whole unit; those whose share was cut the most get the units
    that are left over, of equals the first. A total below zero is shared out as its opposite is.

    Args:
        total: Minor units.
        weights: What each part counts; 0 gets nothing.

    Returns:
        The parts in minor units, one for each weight.

    Raises:
        TypeError: The total is no whole number, or a weight is not exact.
        ValueError: There is no weight above zero, or one below it.
    """
    units = _whole(total)
    parts = [_weight(weight) for weight in weights]
    whole = sum(parts)
    if not whole:
        raise ValueError("There is nobody to share with: pass at least one weight above zero.")
    shares = [divmod(abs(units) * part, whole) for part in parts]
    shared = [count for count, _ in shares]
    most_cut = sorted(range(len(shares)), key=lambda index: -shares[index][1])
    for index in most_cut[: abs(units) - sum(shared)]:
        shared[index] += 1
    return [-count for count in shared] if units < 0 else shared


def format(amount: int, currency: str, *, locale: str | None = None) -> str:
    """Write an amount for people.

    Args:
        amount: Minor units.
        currency: The code of the currency in ISO 4217, in either case.
        locale: Such as ``de_DE`` or ``th-TH``: write it as is usual there. It needs Babel, the extra ``locale``;
            where Babel is not installed, and without a locale, amounts look like ``1,999.00 USD``.

    Raises:
        TypeError: The amount is no whole number.
        ValueError: The currency or the locale is unknown.
    """
    code = _code_of(currency)
    units = _whole(amount)
    if locale is not None:
        try:
            return _in_locale(units, code, locale)
        except ImportError:
            pass
    return f"{grouped(units, DECIMALS[code])} {code}"


def grouped(units: int, places: int) -> str:
    """Write minor units with so many decimals, such as ``-1,999.00``."""
    whole, rest = divmod(abs(units), 10**places)
    fraction = f".{rest:0{places}d}" if places else ""
    return f"{'-' if units < 0 else ''}{whole:,}{fraction}"


def _in_locale(units: int, code: str, name: str) -> str:
    from copy import copy

    from babel import Locale, UnknownLocaleError

    try:
        locale = Locale.parse(name.replace("-", "_"))
    except (UnknownLocaleError, ValueError):
        raise ValueError(f"No locale {name!r} is known: pass one such as de_DE.") from None
    # Babel's own numbers of decimals are those of cash, which for some currencies are fewer than those of accounts.
    pattern = copy(locale.currency_formats["standard"])
    pattern.frac_prec = (DECIMALS[code], DECIMALS[code])
    written: str = pattern.apply(from_minor(units, code), locale, currency=code, currency_digits=False)
    return written


def _code_of(currency: str) -> str:
    code = currency.upper() if isinstance(currency, str) else currency  # pyright: ignore[reportUnnecessaryIsInstance]  # callers are not all typed
    if code in DECIMALS:
        return code
    if code in WITHOUT_MINOR_UNIT:
        raise ValueError(f"{code} has no minor unit, so WooshPay cannot take it.")
    # The right letters in the wrong order come first.
    near = sorted(get_close_matches(str(code), DECIMALS, n=20), key=lambda known: sorted(known) != sorted(code))[:3]
    hint = f" Did you mean {' or '.join(near)}?" if near else " Pass a code of ISO 4217, such as USD."
    raise ValueError(f"No currency {currency!r} is known.{hint}")


def _decimals_in_words(code: str) -> str:
    places = DECIMALS[code]
    return f"{places} decimals" if places else "no decimals"


def _exact(amount: Decimal | int | str) -> Decimal:
    if isinstance(amount, bool) or not isinstance(amount, (Decimal, int, str)):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers are not all typed
        raise TypeError(
            f"An amount must be a Decimal, an int or a text such as '19.99', not {type(amount).__name__}:"
            " that would not be exact."
        )
    if isinstance(amount, str) and not _WRITTEN.fullmatch(amount):
        raise ValueError(
            f"{amount[:40]!r} is no amount: write digits and at most one decimal point, such as '1999.50'."
        )
    return _bounded(Decimal(amount), "an amount")


def _bounded(value: Decimal, what: str) -> Decimal:
    if not value.is_finite():
        raise ValueError(f"{value} is not {what}.")
    if value and (abs(value.adjusted()) > _MOST_DIGITS or len(value.as_tuple().digits) > 2 * _MOST_DIGITS):
        raise ValueError(f"{value:.3e} is too large, too small or too long for {what}.")
    return value or Decimal(0)


def _whole(amount: int) -> int:
    if isinstance(amount, bool) or not isinstance(amount, int):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers are not all typed
        raise TypeError(
            f"Minor units are whole numbers: pass an int, not {type(amount).__name__}. Amounts go through `to_minor`."
        )
    return amount


def _weight(weight: int | Decimal | Fraction) -> Fraction:
    if isinstance(weight, bool) or not isinstance(weight, (int, Decimal, Fraction)):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers are not all typed
        raise TypeError(f"A weight must be an int, a Decimal or a Fraction, not {type(weight).__name__}.")
    exact = Fraction(_bounded(weight, "a weight") if isinstance(weight, Decimal) else weight)
    if exact < 0:
        raise ValueError(f"A weight must not be below zero, as {weight} is.")
    return exact
