"""What a benchmark gives, and how it is shown."""

from __future__ import annotations

import argparse
import json
import platform
from collections.abc import Sequence
from typing import Any, Protocol

import attrs


@attrs.frozen(kw_only=True)
class Figure:
    """One thing measured of everyone who takes part.

    Attributes:
        what: What was measured.
        unit: In what.
        values: By participant; ``None`` where it could not be measured.
        less_is_better: Which way is good.
        goal: The least or greatest ratio of the first participant to the second that is good enough.
    """

    what: str
    unit: str
    values: dict[str, float | None]
    less_is_better: bool = True
    goal: float | None = None

    @property
    def ratio(self) -> float | None:
        """The first participant's value for each of the second's."""
        first, second = [*self.values.values()][:2]
        return first / second if first is not None and second else None

    @property
    def met(self) -> bool | None:
        """Whether the goal is met; ``None`` without a goal or a ratio."""
        if self.goal is None or self.ratio is None:
            return None
        return self.ratio <= self.goal if self.less_is_better else self.ratio >= self.goal


class Benchmark(Protocol):
    """What a module of this package offers as ``BENCHMARK``."""

    about: str

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add the options of the benchmark."""
        ...

    def run(self, options: argparse.Namespace) -> list[Figure]:
        """Measure; less of it if ``options.quick``."""
        ...


def as_markdown(figures: Sequence[Figure]) -> str:
    """A table for each set of participants."""
    tables: dict[tuple[str, ...], list[Figure]] = {}
    for figure in figures:
        tables.setdefault(tuple(figure.values), []).append(figure)
    return "\n\n".join([*(_table(names, rows) for names, rows in tables.items()), _machine()])


def as_json(figures: Sequence[Figure]) -> str:
    """Everything, for programs."""
    rows: list[dict[str, Any]] = [
        {**attrs.asdict(figure), "ratio": figure.ratio, "met": figure.met} for figure in figures
    ]
    return json.dumps({"machine": _machine(), "figures": rows}, indent=2)


def _table(names: Sequence[str], rows: Sequence[Figure]) -> str:
    head = ["", *names, "ratio", "goal"]
    lines = [head, ["---", *["---:"] * (len(head) - 1)]]
    for figure in rows:
        values = ["-" if value is None else f"{value:,.4g}" for value in figure.values.values()]
        ratio = "" if figure.ratio is None else f"{figure.ratio:.2f}"
        lines.append([f"{figure.what}, {figure.unit}", *values, ratio, _goal(figure)])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _goal(figure: Figure) -> str:
    if figure.goal is None:
        return ""
    sign = "<=" if figure.less_is_better else ">="
    return f"{sign} {figure.goal:g}: {'met' if figure.met else 'missed' if figure.met is False else 'unknown'}"


def _machine() -> str:
    return f"Python {platform.python_version()} on {platform.system()} {platform.machine()}"
