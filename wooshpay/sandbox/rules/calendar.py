"""The calendar of billing: where a period ends that begins at a moment. All of it is in UTC."""

from __future__ import annotations

from calendar import monthrange
from datetime import UTC, datetime, timedelta
from typing import Final

from wooshpay.sandbox.engine.clock import MILLISECONDS_PER_DAY

INTERVALS: Final = ("day", "week", "month", "year")

_DAYS: Final = {"day": 1, "week": 7}
_MONTHS: Final = {"month": 1, "year": 12}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)


def add_interval(start_ms: int, interval: str, count: int, *, anchor_day: int | None = None) -> int:
    """The end of a billing period.

    Days and weeks are exact. Months and years keep the time of day and the day of the month; where the month is too
    short, its last day stands in, and the next period goes back to the anchor day.

    Args:
        start_ms: Where the period begins, in milliseconds since 1970.
        interval: ``day``, ``week``, ``month`` or ``year``.
        count: How many intervals.
        anchor_day: The day of the month on which the first period began; the start's own when left out.
    """
    days = _DAYS.get(interval)
    if days is not None:
        return start_ms + days * count * MILLISECONDS_PER_DAY
    start = _EPOCH + timedelta(milliseconds=start_ms)
    year, month = divmod(start.year * 12 + start.month - 1 + _MONTHS[interval] * count, 12)
    day = min(anchor_day or start.day, monthrange(year, month + 1)[1])
    return (start.replace(year=year, month=month + 1, day=day) - _EPOCH) // _MILLISECOND


def day_of_month(moment_ms: int) -> int:
    """The day of the month of a moment: what periods that begin there are anchored to."""
    return (_EPOCH + timedelta(milliseconds=moment_ms)).day
