"""A drawing of all goals: how near each was."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import attrs

from benchmarks.report import Figure, machine

_MET: Final = "#2f6f9f"
_MISSED: Final = "#c8641e"


@attrs.frozen
class Bar:
    """One goal.

    Attributes:
        label: What was to be reached, beside whom.
        score: How many times as good as the goal: 1 reaches it, more is better.
        text: The figure and the goal.
        met: Whether it was reached.
    """

    label: str
    score: float
    text: str
    met: bool


def bars(figures: Sequence[Figure]) -> list[Bar]:
    """The goals among figures, and how near each was."""
    found: list[Bar] = []
    for figure in figures:
        if figure.bound is None or not figure.judged:
            continue
        score = figure.bound / figure.judged if figure.less_is_better else figure.judged / figure.bound
        beside = "" if figure.limit is not None or figure.by_size else f", beside {[*figure.values][1]}"
        unit = f" {figure.unit}" if figure.limit is not None else ""
        found.append(
            Bar(
                label=f"{figure.what}{beside}".replace("`", ""),
                score=max(score, 0.01),
                text=f"{figure.judged:.3g}{unit} (goal {figure.sign} {figure.bound:.3g})",
                met=bool(figure.met),
            )
        )
    return found


def draw(figures: Sequence[Figure], file: Path) -> None:
    """Draw the goals as horizontal bars from the line at which a goal is reached; met to its right, missed to its left.

    Raises:
        SystemExit: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure as Drawing
    except ImportError:
        raise SystemExit("To draw, install matplotlib: it is in the extra bench.") from None
    goals = bars(figures)[::-1]
    drawing: Any = Drawing(figsize=(11, 1.6 + 0.34 * len(goals)), layout="constrained")
    axes: Any = drawing.add_subplot()  # its types are known in part only
    ends = [math.log2(goal.score) for goal in goals]
    axes.barh(
        range(len(goals)),
        ends,
        color=[_MET if goal.met else _MISSED for goal in goals],
        height=0.62,
    )
    axes.axvline(0, color="black", linewidth=1)
    lowest, highest = min(-1.0, *ends), max(1.0, *ends)
    for place, goal in enumerate(goals):
        axes.text(max(ends[place], 0) + 0.06, place, goal.text, va="center", fontsize=8)
    axes.set_yticks(range(len(goals)), [goal.label for goal in goals], fontsize=8)
    ticks = range(math.ceil(lowest), math.floor(highest) + 1)
    axes.set_xticks(list(ticks), [f"{2.0**tick:g}" for tick in ticks], fontsize=8)
    # The longest bar's text needs room too.
    axes.set_xlim(lowest - 0.1, highest + 0.5 * (highest - lowest))
    axes.set_ylim(-0.6, len(goals) - 0.4)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    about = ["Times as good as the goal asks: 1 reaches it, further right is better.", *textwrap.wrap(machine(), 110)]
    axes.set_xlabel("\n".join(about), fontsize=7.5)
    axes.set_title("wooshpay: goals of speed (blue: met, orange: missed)", fontsize=10, loc="left")
    drawing.savefig(file, dpi=150)
