"""Exactly one charge: thousands of payments and refunds through faults, and what came of each of them."""

from __future__ import annotations

import argparse
import sys
from typing import Final

from benchmarks.exactly_once import Findings, investigate
from benchmarks.purchases import CONCURRENCY, World
from benchmarks.report import Figure

CALLS: Final = 10_000
CALLS_QUICK: Final = 500
_NAMES: Final[dict[World, str]] = {
    "async": f"async, {CONCURRENCY['async']} at a time",
    "sync": f"sync, {CONCURRENCY['sync']} threads",
}


class ChargesBenchmark:
    """Charges and refunds while three of ten attempts meet a fault: none twice, none lost, no error untrue."""

    about = "Exactly one charge: payments and refunds through faults; none twice, none lost, no error untrue."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add the options of the benchmark."""
        parser.add_argument("--calls", type=int, help=f"logical calls of each client (default: {CALLS:,})")
        parser.add_argument("--patience", type=float, default=1.0, help="seconds that an attempt may take")
        parser.add_argument("--seed", type=int, default=1, help="makes the faults repeatable")

    def run(self, options: argparse.Namespace) -> list[Figure]:
        """Make the calls of both clients, and look at everything.

        Raises:
            SystemExit: Something was made twice or lost, or an error said what is not so.
        """
        calls = options.calls or (CALLS_QUICK if options.quick else CALLS)
        found = {
            name: investigate(world, calls, seed=options.seed, patience=options.patience)
            for world, name in _NAMES.items()
        }
        wrong = [f"{name}: {sentence}" for name, findings in found.items() for sentence in findings.wrong]
        if wrong:
            print("\n".join(wrong), file=sys.stderr)
            raise SystemExit(f"{len(wrong)} findings with seed {options.seed}.")
        return _figures(found)


BENCHMARK: Final = ChargesBenchmark()


def _figures(found: dict[str, Findings]) -> list[Figure]:
    counted: dict[str, dict[str, float | None]] = {
        "Logical calls": {name: one.calls for name, one in found.items()},
        "Attempts": {name: one.attempts for name, one in found.items()},
        "Attempts that met a fault": {name: one.faults.total() for name, one in found.items()},
        "Returned": {name: one.returned for name, one in found.items()},
        "Raised not_sent": {name: one.raised["not_sent"] for name, one in found.items()},
        "Raised rejected": {name: one.raised["rejected"] for name, one in found.items()},
        "Raised unknown": {name: one.raised["unknown"] for name, one in found.items()},
        "Unknown, though carried out": {name: one.unknown_and_done for name, one in found.items()},
        "Resumed with their key": {name: one.resumed for name, one in found.items()},
        "Made twice": {name: one.duplicates for name, one in found.items()},
        "Lost": {name: one.lost for name, one in found.items()},
        "Untrue results and errors": {name: len(one.untrue) for name, one in found.items()},
    }
    kinds = sorted({kind for one in found.values() for kind in one.faults})
    counted |= {f"Fault {kind}": {name: one.faults[kind] for name, one in found.items()} for kind in kinds}
    took: dict[str, float | None] = {name: one.seconds for name, one in found.items()}
    return [
        *(Figure(what=what, unit="count", values=values) for what, values in counted.items()),
        Figure(what="Time of the calls", unit="s", values=took),
    ]
