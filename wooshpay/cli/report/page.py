"""The report as a page: one file that needs nothing else, for a mail or an archive."""

from __future__ import annotations

from typing import Final

import attrs
from jinja2 import Environment, PackageLoader

from wooshpay.cli.report.figures import Figures, Money
from wooshpay.cli.report.terminal import date_of, lacking, written
from wooshpay.cli.texts import visible

# In the units of the drawing, which the page stretches to its width.
_WIDTH: Final = 900.0
_HEIGHT: Final = 200.0
_GAP: Final = 0.2
# More dates than this would run into each other.
_DATES: Final = 8


@attrs.frozen
class Bar:
    """One bar of a drawing.

    Attributes:
        x: Where it begins.
        y: Where its top is.
        width: How wide it is.
        height: How high it is.
        kind: ``taken`` or ``refunded``.
        title: What it says when pointed at.
    """

    x: float
    y: float
    width: float
    height: float
    kind: str
    title: str


@attrs.frozen
class Drawing:
    """What was taken in one currency.

    Attributes:
        currency: Which.
        taken: The sum, for people.
        refunded: The sum given back, for people.
        share: The part given back, for people; empty where nothing was taken.
        highest: What the highest bar stands for.
        bars: The bars.
        dates: Where dates stand, and which.
        rows: The numbers behind the bars: date, taken, refunded.
    """

    currency: str
    taken: str
    refunded: str
    share: str
    highest: str
    bars: list[Bar]
    dates: list[tuple[float, str]]
    rows: list[tuple[str, str, str]]


def make_page(figures: Figures) -> str:
    """Write the page."""
    environment = Environment(loader=PackageLoader("wooshpay.cli.report", ""), autoescape=True)
    return environment.get_template("report.html").render(
        figures=figures,
        first=f"{figures.starts[0]:%Y-%m-%d}",
        last=f"{figures.starts[-1]:%Y-%m-%d}",
        drawings=[_draw(figures, currency, sums) for currency, sums in sorted(figures.money.items())],
        methods=[(visible(name), one) for name, one in sorted(figures.methods.items(), key=lambda item: -item[1].all)],
        lacking=lacking(figures),
        width=_WIDTH,
        height=_HEIGHT,
    )


def _draw(figures: Figures, currency: str, sums: Money) -> Drawing:
    highest = max(*sums.taken, *sums.refunded, 1)
    step = _WIDTH / len(figures.starts)
    half = step * (1 - _GAP) / 2
    bars: list[Bar] = []
    rows: list[tuple[str, str, str]] = []
    for place, (taken, refunded) in enumerate(zip(sums.taken, sums.refunded, strict=True)):
        date = date_of(figures, place)
        left = place * step + step * _GAP / 2
        for kind, amount, x in (("taken", taken, left), ("refunded", refunded, left + half)):
            if amount > 0:
                height = _HEIGHT * amount / highest
                title = f"{date}: {kind} {written(amount, currency)}"
                bars.append(Bar(round(x, 2), round(_HEIGHT - height, 2), round(half, 2), round(height, 2), kind, title))
        rows.append((date, written(taken, currency), written(refunded, currency)))
    every = -(-len(figures.starts) // _DATES)
    dates = [((place + 0.5) * step, date_of(figures, place)) for place in range(0, len(figures.starts), every)]
    all_taken, all_refunded = sum(sums.taken), sum(sums.refunded)
    return Drawing(
        currency=visible(currency),
        taken=written(all_taken, currency),
        refunded=written(all_refunded, currency),
        share=f"{all_refunded / all_taken:.1%}" if all_taken else "",
        highest=written(highest, currency),
        bars=bars,
        dates=dates,
        rows=rows,
    )
