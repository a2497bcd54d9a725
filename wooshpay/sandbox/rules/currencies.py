"""Currencies: how many decimals the minor unit stands for, by ISO 4217.

WooshPay's mobile money guide agrees (UGX, RWF and XAF have none; KES, TZS, GHS, NGN and ZAR two). For IDR one of its
samples hints at none, too weak to depart from ISO's two.
"""

from __future__ import annotations

from typing import Final

_NONE: Final = frozenset(
    {"BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF"}
) | {"XPF"}
_THREE: Final = frozenset({"BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"})


def decimals(currency: str) -> int:
    """How many decimals an amount in this currency has: 0, 2 or 3."""
    code = currency.upper()
    return 0 if code in _NONE else 3 if code in _THREE else 2


def written(amount: int, currency: str) -> str:
    """An amount of minor units for people, such as ``12.50 USD``, ``-0.05 USD`` or ``1000 JPY``."""
    places = decimals(currency)
    digits = str(abs(amount)).rjust(places + 1, "0")
    whole, rest = digits[: len(digits) - places], digits[len(digits) - places :]
    return f"{'-' if amount < 0 else ''}{whole}{'.' if rest else ''}{rest} {currency.upper()}"
