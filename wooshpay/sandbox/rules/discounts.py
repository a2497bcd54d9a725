"""What a coupon takes off. Halves of a minor unit are rounded up; nothing ever costs less than nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import Any


def amount_off(coupon: Mapping[str, Any], amount: int, currency: str) -> int:
    """What a coupon takes off an amount, in minor units: 0 where it is for another currency.

    Args:
        coupon: A coupon with ``percent_off``, or with ``amount_off`` and ``currency``.
        amount: The amount before the discount.
        currency: The amount's currency.
    """
    if amount <= 0:
        return 0
    percent = coupon.get("percent_off")
    if percent is not None:
        # By way of its text, as 12.1 is no round number in binary.
        share = Decimal(str(percent)) * amount / 100
        return min(amount, int(share.quantize(Decimal(1), ROUND_HALF_UP)))
    if not is_for_currency(coupon, currency):
        return 0
    return min(amount, int(coupon["amount_off"]))


def is_for_currency(coupon: Mapping[str, Any], currency: str) -> bool:
    """Whether a coupon can be used with a currency: a sum only with its own."""
    return coupon.get("percent_off") is not None or str(coupon["currency"]).upper() == currency.upper()


def covers(coupon: Mapping[str, Any], product: str) -> bool:
    """Whether a coupon is for a product: for every one, unless it names some."""
    applies_to: Mapping[str, Sequence[str]] = coupon.get("applies_to") or {}
    products = applies_to.get("products") or ()
    return not products or product in products


def spread(discount: int, amounts: Sequence[int]) -> list[int]:
    """Split a discount over lines in proportion to their amounts; the parts add up to it exactly.

    What is left over by rounding down goes, unit by unit, to the lines that lost most by it, the first ones first.
    No line gets more than its own amount.
    """
    whole = sum(amounts)
    if whole <= 0:
        return [0] * len(amounts)
    discount = min(discount, whole)
    parts = [discount * amount // whole for amount in amounts]
    lost = [discount * amount % whole for amount in amounts]
    for place in sorted(range(len(amounts)), key=lambda place: -lost[place])[: discount - sum(parts)]:
        parts[place] += 1
    return parts
