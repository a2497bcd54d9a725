"""The commands run, and their tables say what was measured. What they are made of: see test_harness."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest

from benchmarks.__main__ import GOALS
from benchmarks.child import environment

ROOT = Path(__file__).parents[2]

# Of each benchmark of goals: what its table must hold, by the beginnings of the rows.
ROWS: Final[dict[str, set[str]]] = {
    "create": {"Create, 64 at a time", "Create, own work beyond aiohttp + json", "Create, 64 at a time, extra `speed`"},
    "lists": {"List of 100", "List of 100, extra `speed`"},
    "decode": {"Decode PaymentIntent of 2.5 KB", "Decode CheckoutSession of 4.9 KB, extra `speed`"},
    "sync": {"Sync create, one thread", "Sync create, 8 threads", "Sync handoff, without a request"},
    "webhooks": {"Webhook of 2.7 KB to event", "Webhook of 2.7 KB to event, extra `speed`"},
    "memory": {"Memory of each of 10 PaymentIntents"},
    "imports": {"import wooshpay, above bare Python", "Start to first PaymentIntent"},
    "growth": {"CPU of a create, by calls at a time: wooshpay", "Peak memory of a walk over pages"},
}


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command with the package that is tested here."""
    return subprocess.run(
        [sys.executable, "-m", "benchmarks", *arguments],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=300,
    )


def measure(*arguments: str) -> list[dict[str, Any]]:
    """Run the command; give its figures."""
    done = run(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    figures: list[dict[str, Any]] = json.loads(done.stdout)["figures"]
    # How much a process grew is no figure to judge here: ten objects may fit into what it had already.
    judged = [row for row in figures if row["unit"] != "KiB"]
    assert all(value > 0 for row in judged for value in row["values"].values() if value is not None), figures
    return figures


def names(figures: list[dict[str, Any]]) -> set[str]:
    return {row["what"] for row in figures}


@pytest.mark.parametrize("name", GOALS)
def test_every_goal_is_measured_and_judged(name: str) -> None:
    figures = measure(name, "--rounds", "1", "--seconds", "0.001", "--part", "0.001")
    assert ROWS[name] <= names(figures)
    judged = [row for row in figures if row["goal"] is not None or row["limit"] is not None]
    assert judged
    assert all(row["met"] is not None or None in row["values"].values() for row in judged)


def test_json_markdown_and_a_drawing_are_written_where_asked(tmp_path: Path) -> None:
    files = {kind: tmp_path / f"figures.{kind}" for kind in ("json", "markdown", "svg")}
    asked = [argument for kind, file in files.items() for argument in (f"--{kind}", str(file))]
    done = run("memory", "--part", "0.001", *asked)
    assert done.returncode == 0, done.stderr
    assert json.loads(files["json"].read_text())["figures"]
    assert files["markdown"].read_text() == done.stdout
    assert "<svg" in files["svg"].read_text()


def test_a_name_that_no_benchmark_has_is_refused() -> None:
    done = run("nosuch")
    assert done.returncode == 1
    assert "There is no benchmark 'nosuch'" in done.stderr


def test_help_lists_every_benchmark() -> None:
    shown = run("--help").stdout
    assert all(f"  {name} " in shown for name in (*GOALS, "sandbox", "inboxes", "deliveries", "stages"))


def test_the_command_takes_a_call_apart() -> None:
    figures = measure("stages", "--rounds", "1", "--seconds", "0.001")
    assert {"Create, arguments bound", "Create, JSON read", "Create, JSON read, extra `speed`"} <= names(figures)
    assert len({row["what"] for row in figures}) == len(figures)


def test_the_command_measures_the_sandbox() -> None:
    figures = measure("sandbox", "--rounds", "1", "--requests", "10", "--large", "1100")
    assert {"From start to first response", "Create", "Retrieve", "Page of 100, newest"} <= names(figures)


def test_the_command_measures_every_inbox() -> None:
    figures = measure("inboxes", "--seconds", "0.05", "--workers", "2", "--ids", "1100")
    assert names(figures) == {f"Claim and done, {store}" for store in ("memory", "sqlite", "redis", "postgres")}
