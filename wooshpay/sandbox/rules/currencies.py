"""Amounts in minor units for people, also in currencies that nobody knows: the sandbox takes any three letters."""

from __future__ import annotations

from wooshpay.currencies import DECIMALS
from wooshpay.money import grouped


def decimals(currency: str) -> int:
    """How many decimals an amount in this currency has; two where that is not known."""
    return DECIMALS.get(currency.upper(), 2)


def written(amount: int, currency: str) -> str:
    """An amount of minor units for people, such as ``1,012.50 USD``, ``-0.05 USD`` or ``1,000 JPY``."""
    return f"{grouped(amount, decimals(currency))} {currency.upper()}"
