"""The benchmarks run, and their tables say what was measured."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import wooshpay
from benchmarks.report import Figure, as_json, as_markdown

ROOT = Path(__file__).parents[2]


def figure(first: float | None, second: float | None, *, goal: float | None = None, less: bool = True) -> Figure:
    return Figure(what="Create", unit="ms", values={"a": first, "b": second}, goal=goal, less_is_better=less)


@pytest.mark.parametrize(
    ("first", "second", "less", "met"),
    [(2.0, 2.0, True, True), (3.1, 2.0, True, False), (2.0, 3.0, False, False), (None, 2.0, True, None)],
)
def test_a_goal_is_met_or_missed(first: float | None, second: float | None, less: bool, met: bool | None) -> None:
    assert figure(first, second, goal=1.5 if less else 1.0, less=less).met is met


def test_a_table_shows_every_value_the_ratio_and_the_goal() -> None:
    table = as_markdown([figure(3.0, 2.0, goal=1.5), figure(None, 2.0)])
    assert table.splitlines()[:4] == [
        "|  | a | b | ratio | goal |",
        "| --- | ---: | ---: | ---: | ---: |",
        "| Create, ms | 3 | 2 | 1.50 | <= 1.5: met |",
        "| Create, ms | - | 2 |  |  |",
    ]


def test_json_holds_the_same() -> None:
    (row,) = json.loads(as_json([figure(3.0, 2.0, goal=1.0)]))["figures"]
    assert (row["values"], row["ratio"], row["met"]) == ({"a": 3.0, "b": 2.0}, 1.5, False)


def measure(*arguments: str) -> dict[str, dict[str, Any]]:
    """Run the command; give its figures by what was measured. The package is the one that is tested here."""
    path = os.pathsep.join([str(Path(wooshpay.__file__).parents[1]), str(ROOT), os.environ.get("PYTHONPATH", "")])
    run = subprocess.run(
        [sys.executable, "-m", "benchmarks", *arguments, "--json"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert run.returncode == 0, run.stderr
    return {row["what"]: row for row in json.loads(run.stdout)["figures"]}


def test_the_command_measures_the_sandbox() -> None:
    figures = measure("sandbox", "--rounds", "1", "--requests", "10", "--large", "1100")
    assert {"From start to first answer", "Create", "Retrieve", "Page of 100, newest"} <= set(figures)
    assert all(value > 0 for row in figures.values() for value in row["values"].values() if value is not None)


def test_the_command_measures_every_inbox() -> None:
    figures = measure("inboxes", "--seconds", "0.05", "--workers", "2", "--ids", "1100")
    assert set(figures) == {f"Claim and done, {store}" for store in ("memory", "sqlite", "redis", "postgres")}
    assert all(value > 0 for row in figures.values() for value in row["values"].values() if value is not None)
