"""What may be spent with an issued card: limits on amounts, and categories of sellers.

A limit holds for the whole interval in which a purchase falls. Intervals are those of the calendar in UTC, as at
Stripe (inferred): a day, a week from Sunday, a month, a year. A purchase takes from a limit what is held or was
captured for it; a reversal gives that back, a refund does not (inferred: what is left is the limit less what was
authorized).

``controls`` are ``spending_controls`` as the API shows them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import attrs

from wooshpay.core.json import JsonObject

INTERVALS: Final = ("per_authorization", "daily", "weekly", "monthly", "yearly", "all_time")


@attrs.frozen
class Purchase:
    """Something paid with a card.

    Attributes:
        amount: What it takes from a limit, in minor units.
        category: The seller's category.
        at: When it was authorized, in milliseconds since 1970.
    """

    amount: int
    category: str | None
    at: int


def first_moment(interval: str, now: int) -> int | None:
    """When the interval around a moment began; ``None`` for the ones that have no beginning.

    >>> first_moment("daily", 1_700_000_000_000)
    1699920000000
    """
    if interval not in {"daily", "weekly", "monthly", "yearly"}:
        return None
    day = datetime.fromtimestamp(now // 1000, UTC).replace(hour=0, minute=0, second=0)
    if interval == "weekly":
        day -= timedelta(days=day.isoweekday() % 7)
    elif interval == "monthly":
        day = day.replace(day=1)
    elif interval == "yearly":
        day = day.replace(month=1, day=1)
    return int(day.timestamp()) * 1000


def remaining(limit: JsonObject, purchases: Iterable[Purchase], now: int) -> int:
    """What is left of a limit, in minor units; never less than nothing, also where the limit was lowered since."""
    amount: int = limit["amount"]
    if limit["interval"] == "per_authorization":
        return amount
    since = first_moment(limit["interval"], now)
    spent = sum(
        purchase.amount
        for purchase in purchases
        if (since is None or purchase.at >= since) and _covers(limit, purchase.category)
    )
    return max(0, amount - spent)


def allows_category(controls: JsonObject, category: str | None) -> bool:
    """Whether sellers of a category are paid."""
    allowed: list[str] = controls.get("allowed_categories") or []
    blocked: list[str] = controls.get("blocked_categories") or []
    return (not allowed or category in allowed) and category not in blocked


def allows(controls: JsonObject, purchase: Purchase, earlier: Iterable[Purchase]) -> bool:
    """Whether the controls let a purchase through after the earlier ones."""
    if not allows_category(controls, purchase.category):
        return False
    before = list(earlier)
    return all(
        purchase.amount <= remaining(limit, before, purchase.at)
        for limit in limits(controls)
        if _covers(limit, purchase.category)
    )


def limits(controls: JsonObject) -> Iterator[JsonObject]:
    """The limits on amounts."""
    found: list[Any] = controls.get("spending_limits") or []
    return iter(found)


def _covers(limit: JsonObject, category: str | None) -> bool:
    categories: list[str] = limit.get("categories") or []
    return not categories or category in categories
