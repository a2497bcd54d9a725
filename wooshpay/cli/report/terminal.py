"""The report in a terminal: bars over time for each currency, and a table of methods."""

from __future__ import annotations

from typing import Final

from rich.bar import Bar
from rich.console import Console
from rich.table import Table
from rich.text import Text

from wooshpay import money
from wooshpay.cli.report.figures import Figures, Money, Step

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
    for currency, sums in sorted(figures.money.items()):
        taken, refunded = sum(sums.taken), sum(sums.refunded)
        console.print()
        console.print(
            Text.assemble(
                (currency, "bold"),
                f"  taken {written(taken, currency)}, refunded {written(refunded, currency)}",
                f" ({refunded / taken:.1%})" if taken else "",
            )
        )
        console.print(_over_time(figures, currency, sums, min(console.width, _WIDEST)))
    if figures.methods:
        console.print()
        console.print(_methods(figures, min(console.width, _WIDEST)))


def written(amount: int, currency: str) -> str:
    """An amount for people; of a currency that nobody knows, in minor units."""
    try:
        return money.format(amount, currency)
    except ValueError:
        return f"{amount:,} {currency} (minor units)"


def date_of(figures: Figures, place: int) -> str:
    """What a step is called."""
    return f"{figures.starts[place]:{_DATES[figures.step]}}"


def _over_time(figures: Figures, currency: str, sums: Money, width: int) -> Table:
    """A row for each step. Both bars have one scale, so that a refund looks as large as it is."""
    table = _table("", "taken", "", "refunded", "")
    table.columns[1].justify = table.columns[3].justify = "right"
    highest = max(*sums.taken, *sums.refunded, 1)
    room = max(width - _BESIDE, 12)
    for place, (taken, refunded) in enumerate(zip(sums.taken, sums.refunded, strict=True)):
        table.add_row(
            date_of(figures, place),
            _short(taken, currency),
            Bar(highest, 0, taken, width=room // 2, color=_TAKEN),
            _short(refunded, currency) if refunded else "",
            Bar(highest, 0, refunded, width=room // 2, color=_REFUNDED) if refunded else "",
        )
    return table


def _methods(figures: Figures, width: int) -> Table:
    table = _table("method", "charges", "succeeded", "failed", "rate", "")
    for column in table.columns[1:5]:
        column.justify = "right"
    for name, tries in sorted(figures.methods.items(), key=lambda item: -item[1].all):
        rate = tries.rate
        table.add_row(
            name,
            *(f"{count:,}" for count in (tries.all, tries.succeeded, tries.failed)),
            "" if rate is None else f"{rate:.1%}",
            "" if rate is None else Bar(1, 0, rate, width=max(width - 60, 12), color=_TAKEN),
        )
    return table


def _table(*headings: str) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    for heading in headings:
        table.add_column(heading, no_wrap=True)
    return table


def _short(amount: int, currency: str) -> str:
    return written(amount, currency).removesuffix(f" {currency}")
