"""The soak: a short one holds every bound that does not depend on the machine, and the table shows what does not."""

from __future__ import annotations

import argparse
from array import array

from benchmarks.report import Figure
from benchmarks.soak import BENCHMARK, Run, figures


def by_name(found: list[Figure]) -> dict[str, Figure]:
    return {figure.what: figure for figure in found}


def test_a_short_soak_keeps_to_its_bounds_and_gives_every_call_its_own_answer() -> None:
    options = argparse.Namespace(calls=2000, concurrency=64, connections=10, threads=16, quick=True)
    found = by_name(BENCHMARK.run(options))
    for name in ("64 awaited", "16 threads"):
        assert found[f"{name}: calls that raised, or got another's answer"].values["measured"] == 0
        bounded = [what for what in found if what.startswith(name) and what.endswith("at a time")]
        assert len(bounded) >= 3
        assert {what: found[what].met for what in bounded} == dict.fromkeys(bounded, True)


def test_growth_unfairness_and_piles_are_shown_as_missed() -> None:
    run = Run(
        calls=4,
        latencies=array("d", [0.001, 0.001, 0.001, 0.1]),
        memory=[50_000_000, 50_000_000, 55_000_000, 60_000_000],
        most_tasks=5000,
        most_threads=1,
        seconds=1.0,
        server={"most_callers": 10, "most_in_flight": 11},
    )
    found = by_name([*figures("awaited", run, {"connections": 10, "tasks": 100, "threads": 1})])
    missed = {what.removeprefix("awaited: ") for what, figure in found.items() if figure.met is False}
    assert missed == {
        "memory after all",
        "99 % of latencies below",
        "requests in flight at a time",
        "tasks at a time",
    }
