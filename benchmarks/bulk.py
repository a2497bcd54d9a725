"""Checks that each row is charged once, while ``wooshpay bulk`` is killed again and again and its file changes."""

from __future__ import annotations

import argparse
import sys
from typing import Final

from benchmarks.killed_runs import Findings, investigate
from benchmarks.report import Figure

ROWS: Final = 10_000
KILLS: Final = 50
ROWS_QUICK: Final = 600
KILLS_QUICK: Final = 6


class BulkBenchmark:
    """Charge rows from a file while the command is killed, and its file and journal are changed, renamed and moved."""

    about = "Each row charged once: wooshpay bulk killed over changed, renamed and moved files."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add the options of the benchmark."""
        parser.add_argument("--rows", type=int, help=f"rows in all (default: {ROWS:,})")
        parser.add_argument("--kills", type=int, help=f"how often the command is killed (default: {KILLS})")
        parser.add_argument("--seed", type=int, default=1, help="makes kills and changes repeatable, as far as can be")

    def run(self, options: argparse.Namespace) -> list[Figure]:
        """Charge all rows, and count the charges against them.

        Raises:
            SystemExit: A row has no charge or two, or a charge has no row or another amount.
        """
        rows = options.rows or (ROWS_QUICK if options.quick else ROWS)
        kills = options.kills or (KILLS_QUICK if options.quick else KILLS)
        found = investigate(rows, kills, seed=options.seed)
        if found.wrong:
            print("\n".join(found.wrong), file=sys.stderr)
            raise SystemExit(f"{len(found.wrong)} findings with seed {options.seed}.")
        return _figures(found)


BENCHMARK: Final = BulkBenchmark()


def _figures(found: Findings) -> list[Figure]:
    counted = {
        "Rows, those added on the way included": found.rows,
        "Times that the command was killed": found.kills,
        "Kills with calls under way": found.kills_with_calls,
        "Calls under way when it was killed": found.calls_under_way,
        **{f"Between kills: {what}": number for what, number in sorted(found.changes.items())},
        "Rows that were refused as changed after they were sent": found.refused,
        "Charges": found.charges,
        "Rows charged exactly once": found.once,
        "Rows charged more than once": found.twice,
        "Rows not charged": found.missing,
        "Charges without a row": found.without_row,
        "Charges of another amount than their row": found.other_amount,
        "Rows reported otherwise than they are": found.untrue,
    }
    return [
        *(Figure(what=what, unit="count", values={"wooshpay bulk": number}) for what, number in counted.items()),
        Figure(what="Time of all runs", unit="s", values={"wooshpay bulk": found.seconds}),
    ]
