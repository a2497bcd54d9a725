"""What currencies cost in one another: a small fixed table, the same for quotes and payouts. There are no fees.

Amounts are minor units and rates are exact fractions, so that nothing is lost but in the last step, which rounds
half up.
"""

from __future__ import annotations

from decimal import Context, Decimal
from fractions import Fraction
from typing import Final

from wooshpay.sandbox.engine.errors import SandboxError
from wooshpay.sandbox.rules.currencies import decimals

# A rate as it is quoted has so many digits, and it is the quoted one that amounts are converted with.
_DIGITS: Final = Context(prec=10)

_IN_DOLLARS: Final = {
    "USD": "1",
    "AED": "0.2723",
    "ARS": "0.001",
    "AUD": "0.66",
    "BDT": "0.0084",
    "BHD": "2.65",
    "BRL": "0.18",
    "CAD": "0.73",
    "CHF": "1.13",
    "CLP": "0.00106",
    "CNY": "0.14",
    "COP": "0.00025",
    "CZK": "0.043",
    "DKK": "0.145",
    "EGP": "0.0206",
    "EUR": "1.08",
    "GBP": "1.27",
    "GHS": "0.066",
    "HKD": "0.128",
    "HUF": "0.0027",
    "IDR": "0.000063",
    "ILS": "0.27",
    "INR": "0.012",
    "ISK": "0.0072",
    "JOD": "1.41",
    "JPY": "0.0067",
    "KES": "0.0077",
    "KRW": "0.00074",
    "KWD": "3.25",
    "LKR": "0.0033",
    "MAD": "0.1",
    "MOP": "0.1245",
    "MXN": "0.055",
    "MYR": "0.22",
    "NGN": "0.00065",
    "NOK": "0.094",
    "NZD": "0.6",
    "OMR": "2.6",
    "PEN": "0.27",
    "PHP": "0.0175",
    "PKR": "0.0036",
    "PLN": "0.25",
    "QAR": "0.2747",
    "RON": "0.217",
    "RWF": "0.00074",
    "SAR": "0.2666",
    "SEK": "0.095",
    "SGD": "0.74",
    "THB": "0.028",
    "TND": "0.32",
    "TRY": "0.029",
    "TWD": "0.031",
    "TZS": "0.00038",
    "UAH": "0.024",
    "UGX": "0.00027",
    "VND": "0.00004",
    "XAF": "0.00165",
    "XOF": "0.00165",
    "ZAR": "0.054",
}
CURRENCIES: Final = frozenset(_IN_DOLLARS)
"""The currencies that have a rate."""


def require_known(currency: str, param: str) -> None:
    """Refuse a currency without a rate."""
    if currency.upper() not in CURRENCIES:
        raise SandboxError(
            f"The sandbox has no exchange rate for {currency.upper()}; it has one for each of"
            f" {', '.join(sorted(CURRENCIES))}.",
            code="currency_not_supported",
            param=param,
        )


def rate(source: str, target: str) -> Decimal:
    """What one whole unit of a currency is worth in another."""
    worth = Decimal(_IN_DOLLARS[source.upper()])
    return _DIGITS.divide(worth, Decimal(_IN_DOLLARS[target.upper()]))


def proceeds(amount: int, source: str, target: str) -> int:
    """What an amount becomes in another currency, rounded half up to its minor unit."""
    return _rounded(amount * _factor(source, target))


def cost(amount: int, target: str, source: str) -> int:
    """What has to be given of ``source`` for an amount of ``target``, rounded half up to its minor unit."""
    return _rounded(amount / _factor(source, target))


def _factor(source: str, target: str) -> Fraction:
    return Fraction(rate(source, target)) * Fraction(10) ** (decimals(target) - decimals(source))


def _rounded(value: Fraction) -> int:
    return (2 * value.numerator + value.denominator) // (2 * value.denominator)
