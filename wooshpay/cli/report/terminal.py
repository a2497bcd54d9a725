"""The report in a terminal: bars over time for each currency, and a table of methods."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from rich.bar import Bar
from rich.console import Console
from rich.table import Table
from rich.text import Text

from wooshpay import money
from wooshpay.cli.report.figures import Figures, Money, Step
from wooshpay.cli.texts import visible

_DATES: Final[dict[Step, str]] = {"day": "%a %d %b", "week": "%d %b", "month": "%b %Y"}
_TAKEN: Final = "green"
_REFUNDED: Final = "red"
# What stands beside the bars of a row.
_BESIDE: Final = 44
_WIDEST: Final = 120


def print_report(figures: Figures, console: Console) -> None:
    """Print it."""
    first, last = figures.starts[0], figures.starts[-1]
    console.print(f"{figures.charges:,} charges, {first:%Y-%m-%d} to {last:%Y-%m-%d}, by {figures.step}, in UTC")
    for sentence in lacking(figures):
        console.print(Text(sentence, "yellow"), soft_wrap=True)
    for currency, sums in sorted(figures.money.items()):
        taken, refunded = sum(sums.taken), sum(sums.refunded)
        console.print()
        console.print(
            Text.assemble(
                (visible(currency), "bold"),
                f"  taken {written(taken, currency)}, refunded {written(refunded, currency)}",
                f" ({refunded / taken:.1%})" if taken else "",
            )
        )
        console.print(_over_time(figures, currency, sums, console))
    if figures.methods:
        console.print()
        console.print(_methods(figures, console))


def written(amount: int, currency: str) -> str:
    """An amount for people; of a currency that nobody knows, in minor units."""
    try:
        return money.format(amount, currency)
    except ValueError:
        return f"{amount:,} {visible(currency)} (minor units)"


def lacking(figures: Figures) -> list[str]:
    """Return the sentences about charges that the sums lack."""
    found: list[str] = []
    if figures.unreadable:
        what = "have a time, amount or currency that cannot be read, and are not in the sums"
        found.append(f"{figures.unreadable:,} of them {what}.")
    if figures.later:
        end = datetime.fromtimestamp(figures.period.until / 1000, UTC)
        found.append(
            f"{figures.later:,} more are dated {end:%Y-%m-%d %H:%M} UTC or later, and are not in the report. Use"
            " --until with a later time to include them."
        )
    return found


def date_of(figures: Figures, place: int) -> str:
    """What a step is called."""
    return f"{figures.starts[place]:{_DATES[figures.step]}}"


def _over_time(figures: Figures, currency: str, sums: Money, console: Console) -> Table:
    """A row for each step. Both bars have one scale, so that a refund looks as large as it is."""
    table = _table("", "taken", "", "refunded", "")
    table.columns[1].justify = table.columns[3].justify = "right"
    highest = max(*sums.taken, *sums.refunded, 1)
    room = max(min(console.width, _WIDEST) - _BESIDE, 12)
    for place, (taken, refunded) in enumerate(zip(sums.taken, sums.refunded, strict=True)):
        table.add_row(
            date_of(figures, place),
            Text(_short(taken, currency)),
            _bar(console, taken / highest, room // 2, _TAKEN),
            Text(_short(refunded, currency)) if refunded else "",
            _bar(console, refunded / highest, room // 2, _REFUNDED) if refunded else "",
        )
    return table


def _methods(figures: Figures, console: Console) -> Table:
    table = _table("method", "charges", "succeeded", "failed", "rate", "")
    for column in table.columns[1:5]:
        column.justify = "right"
    for name, tries in sorted(figures.methods.items(), key=lambda item: -item[1].all):
        rate = tries.rate
        table.add_row(
            Text(visible(name)),
            *(f"{count:,}" for count in (tries.all, tries.succeeded, tries.failed)),
            "" if rate is None else f"{rate:.1%}",
            "" if rate is None else _bar(console, rate, max(min(console.width, _WIDEST) - 60, 12), _TAKEN),
        )
    return table


def _bar(console: Console, share: float, width: int, color: str) -> Bar | Text:
    """Draw a bar, from the blocks of Unicode where the terminal has them."""
    if console.encoding.startswith("utf"):
        return Bar(1, 0, share, width=width, color=color)
    return Text("#" * round(max(share, 0) * width), color)


def _table(*headings: str) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    for heading in headings:
        table.add_column(heading, no_wrap=True)
    return table


def _short(amount: int, currency: str) -> str:
    return written(amount, currency).removesuffix(f" {currency}")
