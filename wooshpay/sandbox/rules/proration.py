"""What the rest of a billing period is worth, to the second.

Halves of a minor unit are rounded away from zero. What is used and what is unused always add up to the whole amount, so
a period that is cut in pieces costs what it costs in one.
"""

from __future__ import annotations


def share(amount: int, part: int, whole: int) -> int:
    """``amount * part / whole`` in whole minor units, halves away from zero."""
    if amount < 0:
        return -share(-amount, part, whole)
    return (2 * amount * part + whole) // (2 * whole)


def unused(amount: int, *, start_ms: int, end_ms: int, at_ms: int) -> int:
    """The part of a period's amount that is for the time from a moment to the period's end.

    Args:
        amount: What the whole period costs, in minor units.
        start_ms: Where the period begins, in milliseconds.
        end_ms: Where it ends.
        at_ms: The moment; milliseconds within a second do not count.
    """
    start, end = start_ms // 1000, end_ms // 1000
    at = min(max(at_ms // 1000, start), end)
    return share(amount, end - at, end - start) if end > start else 0


def used(amount: int, *, start_ms: int, end_ms: int, at_ms: int) -> int:
    """The part of a period's amount that is for the time before a moment."""
    return amount - unused(amount, start_ms=start_ms, end_ms=end_ms, at_ms=at_ms)
