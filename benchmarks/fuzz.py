"""Fuzzing everything that reads what others send: answers, pages, errors, signatures, deliveries, Retry-After."""

from __future__ import annotations

import argparse
import sys
from importlib.util import find_spec
from typing import Final

from benchmarks.fuzzing.engines import Tried, at_random, guided
from benchmarks.fuzzing.targets import targets
from benchmarks.report import Figure


class FuzzBenchmark:
    """Inputs tried per target, and crashes found."""

    about = "Fuzzing of everything that reads answers, deliveries and headers; fails where a crash is found."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add the options of the benchmark."""
        parser.add_argument("--seconds", type=float, default=60.0, help="how long in all, shared by the targets")
        parser.add_argument("--seed", type=int, default=1, help="another seed tries other inputs")
        parser.add_argument(
            "--target", action="append", choices=sorted(targets()), help="only this one; may be repeated"
        )
        parser.add_argument(
            *("--engine",), choices=("auto", "atheris", "random"), default="auto", help="auto: atheris where installed"
        )

    def run(self, options: argparse.Namespace) -> list[Figure]:
        """Try every target.

        Raises:
            SystemExit: There were crashes; each was printed with its input.
        """
        chosen: list[str] = options.target or [*targets()]
        seconds = options.seconds / len(chosen)
        with_atheris = options.engine == "atheris" or (options.engine == "auto" and find_spec("atheris") is not None)
        tried: dict[str, Tried] = {}
        for name in chosen:
            engine = guided if with_atheris else at_random
            tried[name] = engine(name, seed=options.seed, seconds=seconds)
        figures = [_figure(name, found) for name, found in tried.items()]
        crashes = [f"{name}:\n{crash}" for name, found in tried.items() for crash in found.crashes]
        if crashes:
            print("\n\n".join(crashes), file=sys.stderr)
            raise SystemExit(f"{len(crashes)} crashes; executions: { ({n: t.executions for n, t in tried.items()}) }")
        return figures


def _figure(name: str, tried: Tried) -> Figure:
    return Figure(
        what=f"Fuzzing, {name}",
        unit="",
        values={
            "executions": tried.executions,
            "per second": tried.executions / tried.seconds,
            "crashes": len(tried.crashes),
            "edges covered": tried.covered,
        },
        less_is_better=False,
        note=targets()[name].about,
    )


BENCHMARK: Final = FuzzBenchmark()
