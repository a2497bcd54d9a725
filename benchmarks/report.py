"""What a benchmark gives, and how it is shown."""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
from collections.abc import Mapping, Sequence
from importlib import metadata
from typing import Any, Final, Protocol

import attrs

# The packages on whose versions figures depend.
_PACKAGES: Final = (
    *("wooshpay", "aiohttp", "attrs", "cattrs", "orjson"),
    *("msgspec", "httpx", "httpx-aiohttp", "requests", "stripe", "dodopayments", "squareup", "localstripe"),
)


@attrs.frozen(kw_only=True)
class Figure:
    """One thing measured of everyone who takes part.

    Attributes:
        what: What was measured.
        unit: In what.
        values: By participant; ``None`` where it could not be measured.
        less_is_better: Which way is good.
        goal: The least or greatest ratio of the first participant to the second that is good enough.
        limit: The least or greatest value of the first participant that is good enough.
        pairs: The ratio of the first to the second in each pair of samples, where they were taken in pairs.
        cpu: Microseconds of CPU that a call takes, by participant.
        note: What explains it.
        by_size: Whether the values are one participant's at sizes that grow; they have no ratio.
    """

    what: str
    unit: str
    values: Mapping[str, float | None]
    less_is_better: bool = True
    goal: float | None = None
    limit: float | None = None
    pairs: Sequence[float] = ()
    cpu: Mapping[str, float] = attrs.field(factory=dict[str, float])
    note: str = ""
    by_size: bool = False

    @property
    def ratio(self) -> float | None:
        """The first participant's value for each of the second's: the median of the pairs, where there are pairs."""
        if self.pairs:
            return statistics.median(self.pairs)
        first, second = [*self.values.values(), None, None][:2]
        if self.by_size:
            return None
        return first / second if first is not None and second else None

    @property
    def spread(self) -> tuple[float, float] | None:
        """Between which ratios the middle half of the pairs lies."""
        if len(self.pairs) < 2:
            return None
        low, _, high = statistics.quantiles(self.pairs, n=4, method="inclusive")
        return low, high

    @property
    def bound(self) -> float | None:
        """The goal or the limit, whichever there is."""
        return self.goal if self.goal is not None else self.limit

    @property
    def judged(self) -> float | None:
        """What is held against the bound: the ratio, or the first participant's value."""
        if self.goal is not None:
            return self.ratio
        return None if self.limit is None else next(iter(self.values.values()), None)

    @property
    def met(self) -> bool | None:
        """Whether the goal is met; ``None`` without a goal or without what it asks for."""
        if self.bound is None or self.judged is None:
            return None
        return self.judged <= self.bound if self.less_is_better else self.judged >= self.bound

    @property
    def sign(self) -> str:
        """How the figure is to stand to its goal."""
        return "<=" if self.less_is_better else ">="

    @property
    def verdict(self) -> str:
        """The goal, and whether it is met."""
        if self.bound is None:
            return ""
        unit = "" if self.limit is None else f" {self.unit}"
        found = {True: "met", False: "missed", None: "unknown"}[self.met]
        return f"{self.sign} {self.bound:.3g}{unit}: {found}"


class Benchmark(Protocol):
    """What a module of this package offers as ``BENCHMARK``."""

    @property
    def about(self) -> str:
        """What is measured, in a sentence."""
        ...

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add the options of the benchmark."""
        ...

    def run(self, options: argparse.Namespace) -> list[Figure]:
        """Measure; less of it if ``options.quick``."""
        ...


def not_installed(what: str, peer: str, unit: str, goal: float | None) -> Figure:
    """What stands in the table for one who could not take part."""
    values = {"wooshpay": None, f"{peer} (not installed)": None}
    return Figure(what=what, unit=unit, values=values, less_is_better=False, goal=goal)


def as_markdown(figures: Sequence[Figure]) -> str:
    """One row for each goal; then a table for each set of participants, for what has none; then what explains them."""
    goals = [figure for figure in figures if _is_goal(figure)]
    tables: dict[tuple[str, ...], list[Figure]] = {}
    for figure in figures:
        if not _is_goal(figure):
            tables.setdefault(tuple(figure.values), []).append(figure)
    parts = [_goals(goals)] if goals else []
    parts += [_table(names, rows) for names, rows in tables.items()]
    notes = [f"- {figure.what}: {figure.note}" for figure in figures if figure.note]
    return "\n\n".join([*parts, *(["\n".join(notes)] if notes else []), machine()])


def as_json(figures: Sequence[Figure]) -> str:
    """Everything, for programs."""
    rows: list[dict[str, Any]] = [
        {**attrs.asdict(figure), "ratio": figure.ratio, "spread": figure.spread, "met": figure.met}
        for figure in figures
    ]
    return json.dumps({"machine": machine(), "figures": rows}, indent=2)


def _is_goal(figure: Figure) -> bool:
    """Whether this SDK stands beside one other, or beside a limit."""
    return figure.limit is not None or (next(iter(figure.values), "") == "wooshpay" and len(figure.values) == 2)


def _goals(rows: Sequence[Figure]) -> str:
    lines = [["", "wooshpay", "beside", "ratio", "goal"], ["---", "---:", "---:", "---:", "---:"]]
    for figure in rows:
        ours, beside = [*(f"{_value(figure, name)}" for name in figure.values), "", ""][:2]
        other = [*figure.values, "", ""][1]
        lines.append([figure.what, ours, f"{other}: {beside}" if other else "", _ratio(figure), figure.verdict])
    return _rows(lines)


def _value(figure: Figure, name: str) -> str:
    value, cpu = figure.values[name], figure.cpu.get(name)
    if value is None:
        return "-"
    return f"{_short(value)} {figure.unit}" + (f", {cpu:,.0f} us CPU" if cpu is not None else "")


def _ratio(figure: Figure) -> str:
    if figure.ratio is None:
        return ""
    spread = "" if figure.spread is None else f" ({' to '.join(f'{end:.2f}' for end in figure.spread)})"
    return f"{figure.ratio:.2f}{spread}"


def _table(names: Sequence[str], rows: Sequence[Figure]) -> str:
    head = ["", *names, "ratio", "goal"]
    lines = [head, ["---", *["---:"] * (len(head) - 1)]]
    for figure in rows:
        values = ["-" if value is None else _short(value) for value in figure.values.values()]
        ratio = "" if figure.ratio is None else f"{figure.ratio:.2f}"
        lines.append([f"{figure.what}, {figure.unit}", *values, ratio, figure.verdict])
    while not any(row[-1] for row in lines[2:]):  # neither goals nor ratios
        lines = [row[:-1] for row in lines]
    return _rows(lines)


def _rows(lines: Sequence[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _short(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def machine() -> str:
    """What it was measured on."""
    versions = [f"{name} {found}" for name in _PACKAGES if (found := _version(name))]
    where = f"Python {platform.python_version()} on {platform.system()} {platform.release()} {platform.machine()}"
    return f"{where}, {os.cpu_count()} x {_processor()}; {', '.join(versions)}."


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _processor() -> str:
    try:
        with open("/proc/cpuinfo") as lines:
            models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    except OSError:
        models = []
    return models[0] if models else platform.processor() or "unknown processor"
