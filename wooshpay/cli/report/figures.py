"""The sums of a report: charges go in one by one, and only the sums are kept."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final, Literal, TypeAlias, TypeGuard

import attrs

from wooshpay.api.charges import Charge
from wooshpay.api.refunds import Refund
from wooshpay.cli.periods import Period, milliseconds
from wooshpay.core.listing import ListObject

Step: TypeAlias = Literal["day", "week", "month"]

_DAY: Final = 86_400_000
_UNKNOWN: Final = "other"


@attrs.define
class Money:
    """Amounts in minor units, one for each step of time.

    Attributes:
        taken: Of charges that succeeded.
        refunded: Given back of them, at the time when it was given back.
    """

    taken: list[int]
    refunded: list[int]


@attrs.define
class Tries:
    """How the charges of one method of payment ended."""

    succeeded: int = 0
    failed: int = 0
    pending: int = 0

    @property
    def all(self) -> int:
        """How many there were."""
        return self.succeeded + self.failed + self.pending

    @property
    def rate(self) -> float | None:
        """The part that succeeded of those that ended, from 0 to 1; ``None`` where none ended."""
        ended = self.succeeded + self.failed
        return self.succeeded / ended if ended else None


def choose_step(period: Period) -> Step:
    """Steps that give a picture with enough and not too many of them."""
    days = (period.until - (period.since or 0)) / _DAY
    return "day" if days <= 32 else "week" if days <= 224 else "month"


def starts(period: Period, step: Step) -> list[datetime]:
    """Where each step of a span begins, in UTC; weeks begin on Monday."""
    start = _floor(_utc(period.since or 0), step)
    end = _utc(period.until)
    found: list[datetime] = []
    while start < end:
        found.append(start)
        start = _next(start, step)
    return found


@attrs.define
class Figures:
    """The sums.

    Attributes:
        period: The span of time.
        step: The steps of its pictures.
        starts: Where each of them begins.
        money: By currency.
        methods: By method of payment; of cards by brand.
        charges: How many charges there were.
        later: How many more there are after the end of the period.
        unreadable: How many of the charges have a time, an amount or a currency that cannot be read, so that a sum
            lacks it.
    """

    period: Period
    step: Step
    starts: list[datetime]
    money: dict[str, Money] = attrs.field(factory=dict[str, Money])
    methods: dict[str, Tries] = attrs.field(factory=lambda: defaultdict[str, Tries](Tries))
    charges: int = 0
    later: int = 0
    unreadable: int = 0

    @classmethod
    def of(cls, period: Period) -> Figures:
        """Begin with nothing."""
        step = choose_step(period)
        return cls(period, step, starts(period, step))

    def add(self, charge: object) -> None:
        """Count a charge.

        Args:
            charge: An entry of the list of charges. Its fields may have any type.
        """
        if not isinstance(charge, Charge) or charge.created_at is None:
            self.charges += 1
            self.unreadable += 1
            return
        place = self._place(charge.created_at)
        if place is None:
            self.later += milliseconds(charge.created_at) >= self.period.until
            return
        self.charges += 1
        status: object = charge.status
        tries = self.methods[_method(charge)]
        if status == "succeeded":
            tries.succeeded += 1
        elif status == "failed":
            tries.failed += 1
        else:
            tries.pending += 1
        if status != "succeeded":
            return
        captured = charge.amount_captured if charge.amount_captured is not None else charge.amount
        refunded = charge.amount_refunded
        currency = _text(charge.currency)
        if not currency or not _is_amount(captured) or not (refunded is None or _is_amount(refunded)):
            self.unreadable += 1
        money = self._money(currency or _UNKNOWN)
        money.taken[place] += _whole(captured)
        self._add_refunds(money, charge, place)

    def _add_refunds(self, money: Money, charge: Charge, place: int) -> None:
        left = _whole(charge.amount_refunded)
        for refund in _entries(charge.refunds):
            if not isinstance(refund, Refund):
                continue
            when = self._place(refund.created_at)
            amount = min(_whole(refund.amount), left)
            if refund.status in ("failed", "canceled") or amount <= 0:
                continue
            left -= amount
            if when is not None:
                money.refunded[when] += amount
        # Those that did not come along with the charge have no time of their own here.
        money.refunded[place] += left

    def _money(self, currency: str) -> Money:
        code = currency.upper()
        if code not in self.money:
            self.money[code] = Money([0] * len(self.starts), [0] * len(self.starts))
        return self.money[code]

    def _place(self, moment: datetime | None) -> int | None:
        if moment is None or not self.period.holds(moment) or milliseconds(moment) >= self.period.until:
            return None
        first = self.starts[0]
        start = _floor(moment, self.step)
        if self.step == "month":
            return (start.year - first.year) * 12 + start.month - first.month
        return (start - first).days // (1 if self.step == "day" else 7)


def _method(charge: Charge) -> str:
    details = charge.payment_method_details
    kind = getattr(details, "type", None)
    if not isinstance(kind, str) or not kind:
        return _UNKNOWN
    brand = getattr(getattr(details, kind, None), "brand", None)
    return f"{kind} {brand}" if isinstance(brand, str) and brand else kind


def _entries(value: ListObject[Refund] | None) -> Iterator[object]:
    """Return what a list holds, whatever it is; nothing where something else was sent in the place of the list."""
    return iter(value) if isinstance(value, ListObject) else iter(())


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _is_amount(value: object) -> TypeGuard[int]:
    """Return whether a value is an amount: an integer of at most 64 bits. Larger ones cannot be plotted."""
    return isinstance(value, int) and not isinstance(value, bool) and -(2**63) <= value < 2**63


def _whole(value: object) -> int:
    return value if _is_amount(value) else 0


def _utc(moment: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=moment)


def _floor(moment: datetime, step: Step) -> datetime:
    day = moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    if step == "week":
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if step == "month" else day


def _next(start: datetime, step: Step) -> datetime:
    """Return where the next step begins; the last moment of all where the calendar ends."""
    try:
        return _after(start, step)
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC)


def _after(start: datetime, step: Step) -> datetime:
    if step == "month":
        return (start.replace(day=28) + timedelta(days=4)).replace(day=1)
    return start + timedelta(days=1 if step == "day" else 7)
