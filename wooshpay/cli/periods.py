"""Spans of time as they are typed: ``--since 2026-11-01 --until 2026-12-01``, or ``--since 30d``."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar

import attrs
import click

F = TypeVar("F", bound=Callable[..., Any])

_AGO: Final = re.compile(r"(\d{1,6})([hdw])")
_HOUR: Final = 3_600_000
_DAY: Final = 24 * _HOUR
# What has just been created may be dated a little later than now: clocks differ, and `created` is rounded to a second.
_AHEAD: Final = 300_000
_HOURS: Final = {"h": 1, "d": 24, "w": 168}


@attrs.frozen
class Period:
    """A span of time.

    Attributes:
        since: Where it begins, itself included, in milliseconds since 1970; ``None`` for the beginning of time.
        until: Where it ends, itself not included, in milliseconds since 1970.
        open_ended: Whether ``until`` is only the end of today, because nobody asked for an end: then objects that are
            dated later are in.
    """

    since: int | None
    until: int
    open_ended: bool = False

    @property
    def filter(self) -> dict[str, int]:
        """The bounds as a list's ``created`` parameter; empty if there are none."""
        since = {} if self.since is None else {"gte": self.since}
        return since if self.open_ended else {**since, "lt": self.until}

    def holds(self, moment: datetime | None) -> bool:
        """Return whether a moment lies in it. An object without a time cannot be judged: it is in."""
        if moment is None:
            return True
        at = milliseconds(moment)
        return (self.since is None or self.since <= at) and (self.open_ended or at < self.until)


def milliseconds(moment: datetime) -> int:
    """Milliseconds since 1970."""
    return round(moment.timestamp() * 1000)


@attrs.frozen
class Instant:
    """A time that was typed: a fixed one, or one that is counted back from the API's time.

    Attributes:
        text: The time as it was typed.
        at: The fixed time in milliseconds since 1970; ``None`` if it is counted back.
        ago: How far it is counted back, in milliseconds.
    """

    text: str
    at: int | None
    ago: int = 0

    def moment(self, now: float) -> int:
        """Return the time that it means, in milliseconds since 1970.

        Args:
            now: The API's time, in seconds since 1970.
        """
        return self.at if self.at is not None else round(now * 1000) - self.ago


if TYPE_CHECKING:
    _Instants: TypeAlias = click.ParamType[Instant]
else:
    # Older releases of click know no parameters of it.
    _Instants = click.ParamType


class Moment(_Instants):
    """A day, a time, or a span before now; gives an `Instant`."""

    name = "time"

    def convert(self, value: str | Instant, param: click.Parameter | None, ctx: click.Context | None) -> Instant:
        """Read what was typed."""
        if isinstance(value, Instant):
            return value
        ago = _AGO.fullmatch(value)
        try:
            if ago is not None:
                return Instant(value, None, int(ago[1]) * _HOURS[ago[2]] * _HOUR)
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


def period_options(since: str | None = None, *, end: str = "no end") -> Callable[[F], F]:
    """Give a command ``--since`` and ``--until``; it gets an `Instant` or ``None`` for each.

    Args:
        since: The default of ``--since``, as it would be typed.
        end: The default of ``--until``, in words.
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
        late = click.option("--until", type=Moment(), metavar="TIME", help=f"Created before. Default: {end}.")
        return early(late(command))

    return decorate


def depends_on_now(since: Instant | None, until: Instant | None) -> bool:
    """Return whether the API's time matters for a period: a bound is counted back, or what began ends with today."""
    counted_back = any(instant is not None and instant.at is None for instant in (since, until))
    return counted_back or (since is not None and until is None)


def read_period(since: Instant | None, until: Instant | None, now: float) -> Period:
    """Return the period that was typed. Without ``until`` it ends with today, and is open-ended.

    Args:
        since: The beginning.
        until: The end.
        now: The API's time, in seconds since 1970.

    Raises:
        click.UsageError: It ends before it begins.
    """
    start = since.moment(now) if since is not None else None
    # In the last minutes of a day it is the end of the next one.
    end = until.moment(now) if until is not None else ((round(now * 1000) + _AHEAD) // _DAY + 1) * _DAY
    if start is not None and start >= end:
        raise click.UsageError("--since must lie before --until.")
    return Period(start, end, open_ended=until is None)
