"""Spans of time as they are typed: ``--since 2026-11-01 --until 2026-12-01``, or ``--since 30d``."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar

import attrs
import click

from wooshpay.core.clock import wall_time

F = TypeVar("F", bound=Callable[..., Any])

_AGO: Final = re.compile(r"(\d{1,6})([hdw])")
_DAY: Final = 86_400_000
_HOURS: Final = {"h": 1, "d": 24, "w": 168}


@attrs.frozen
class Period:
    """A span of time.

    Attributes:
        since: Where it begins, itself included, in milliseconds since 1970; ``None`` for the beginning of time.
        until: Where it ends, itself not included, in milliseconds since 1970.
    """

    since: int | None
    until: int

    @property
    def filter(self) -> dict[str, int]:
        """The bounds as a list's ``created`` parameter."""
        return {"lt": self.until} if self.since is None else {"gte": self.since, "lt": self.until}

    def holds(self, moment: datetime | None) -> bool:
        """Whether a moment lies in it. Of an object without a time nobody can tell: it is in."""
        if moment is None:
            return True
        return milliseconds(moment) < self.until and (self.since is None or self.since <= milliseconds(moment))


def milliseconds(moment: datetime) -> int:
    """Milliseconds since 1970."""
    return round(moment.timestamp() * 1000)


@attrs.frozen
class Instant:
    """A time that was typed.

    Attributes:
        text: As it was typed.
        at: What it meant then, in milliseconds since 1970.
    """

    text: str
    at: int


if TYPE_CHECKING:
    _Instants: TypeAlias = click.ParamType[Instant]
else:
    # Older releases of click know no parameters of it.
    _Instants = click.ParamType


class Moment(_Instants):
    """A day, a time, or a span before now; gives an `Instant`."""

    name = "time"

    def __init__(self, now: Callable[[], float] = wall_time) -> None:
        self._now = now

    def convert(self, value: str | Instant, param: click.Parameter | None, ctx: click.Context | None) -> Instant:
        """Read what was typed."""
        if isinstance(value, Instant):
            return value
        ago = _AGO.fullmatch(value)
        try:
            if ago is not None:
                span = timedelta(hours=int(ago[1]) * _HOURS[ago[2]])
                return Instant(value, milliseconds(datetime.fromtimestamp(self._now(), UTC) - span))
            moment = datetime.fromisoformat(value)
            # Converted to UTC as that fails for a time of the first or last day of the calendar.
            aware = moment.astimezone(UTC) if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
            return Instant(value, milliseconds(aware))
        except (ValueError, OverflowError):
            return self.fail(
                f"{value!r} is no time. Write a day such as 2026-11-24, a time such as 2026-11-24T09:00+07:00,"
                " or so many hours, days or weeks ago: 12h, 30d, 4w.",
                param,
                ctx,
            )


def period_options(since: str | None = None) -> Callable[[F], F]:
    """Give a command ``--since`` and ``--until``; it gets an `Instant` or ``None`` for each.

    Args:
        since: The default of ``--since``, as it would be typed.
    """

    def decorate(command: F) -> F:
        beginning = "" if since is not None else " From the beginning when left out."
        early = click.option(
            "--since",
            type=Moment(),
            default=since,
            show_default=since is not None,
            metavar="TIME",
            help=f"Created at or after: 2026-11-24, 2026-11-24T09:00+07:00, 12h, 30d or 4w. In UTC.{beginning}",
        )
        late = click.option(
            "--until", type=Moment(), metavar="TIME", help="Created before; the end of today when left out."
        )
        return early(late(command))

    return decorate


def read_period(since: Instant | None, until: Instant | None, now: Callable[[], float] = wall_time) -> Period:
    """Make the span of what was typed.

    Raises:
        click.UsageError: It ends before it begins.
    """
    # Not now: WooshPay's clock may be ahead of ours, and what has just happened belongs in.
    end = until.at if until is not None else (round(now() * 1000) // _DAY + 1) * _DAY
    if since is not None and since.at >= end:
        raise click.UsageError("--since must lie before --until.")
    return Period(since.at if since is not None else None, end)
