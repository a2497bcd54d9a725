"""How much one payout may be: the payouts guide's table, by the currency that arrives, in whole units.

Currencies that the guide does not list have no limits.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import attrs

from wooshpay.sandbox.engine.errors import SandboxError
from wooshpay.sandbox.rules import rates
from wooshpay.sandbox.rules.currencies import decimals, written


@attrs.frozen
class Limit:
    """One row of the table.

    Attributes:
        country: Where the money arrives, for people.
        currency: The currency in which it arrives.
        least: The smallest payout, in whole units.
        most: The largest payout, where there is one.
        most_currency: The currency of ``most``, where it is another one.
    """

    country: str
    currency: str
    least: str
    most: str | None = None
    most_currency: str | None = None


LIMITS: Final = (
    Limit("the United States", "USD", "0.01"),
    Limit("Canada", "CAD", "0.01", "2000000"),
    Limit("Japan", "JPY", "100"),
    Limit("Hong Kong", "HKD", "0.01"),
    Limit("Singapore", "SGD", "0.01"),
    Limit("South Korea", "KRW", "1"),
    Limit("Malaysia", "MYR", "1"),
    Limit("Thailand", "THB", "10", "500000"),
    Limit("the Philippines", "PHP", "10"),
    Limit("Vietnam", "VND", "10000", "300000000"),
    Limit("Indonesia", "IDR", "10000", "1000000000"),
    Limit("India", "INR", "100", "10000"),
    Limit("Israel", "ILS", "0.01", "100000", "USD"),
    Limit("Pakistan", "PKR", "0.01", "1000000"),
    Limit("Turkey", "TRY", "0.01", "250000"),
    Limit("the United Arab Emirates", "AED", "0.01"),
    Limit("the European Union", "EUR", "0.01"),
    Limit("the United Kingdom", "GBP", "0.01"),
    Limit("Denmark", "DKK", "0.01"),
    Limit("Norway", "NOK", "0.01", "25000000"),
    Limit("Poland", "PLN", "0.01", "150000"),
    Limit("Sweden", "SEK", "0.01"),
    Limit("Australia", "AUD", "0.01"),
    Limit("New Zealand", "NZD", "0.01"),
    Limit("mainland China", "CNY", "300"),
    Limit("South Africa", "ZAR", "20", "200000"),
    # Unverified: the guide has no row for it; one merchant's program refuses other amounts.
    Limit("Rwanda", "RWF", "980", "2000000"),
)

_BY_CURRENCY: Final = {limit.currency: limit for limit in LIMITS}


def check_amount(amount: int, currency: str, *, param: str) -> None:
    """Refuse a payout that is too small or too large.

    Args:
        amount: Minor units of the currency that arrives.
        currency: The currency that arrives.
        param: The parameter that the amount comes of.
    """
    limit = _BY_CURRENCY.get(currency.upper())
    if limit is None:
        return
    least = _minor(limit.least, currency)
    if amount < least:
        raise SandboxError(
            f"A payout to {limit.country} must be at least {written(least, currency)},"
            f" not {written(amount, currency)}.",
            code="amount_too_small",
            param=param,
        )
    if limit.most is None:
        return
    bound_currency = limit.most_currency or limit.currency
    bound = _minor(limit.most, bound_currency)
    if rates.proceeds(amount, currency, bound_currency) > bound:
        raise SandboxError(
            f"A payout to {limit.country} must be at most {written(bound, bound_currency)},"
            f" not {written(amount, currency)}.",
            code="amount_too_large",
            param=param,
        )


def _minor(whole: str, currency: str) -> int:
    return int(Decimal(whole).scaleb(decimals(currency)))
