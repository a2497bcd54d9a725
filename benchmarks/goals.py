"""What the benchmarks of goals have in common: their options, and that they measure in child processes."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Final

import attrs

from benchmarks.child import measured
from benchmarks.report import Figure
from benchmarks.rounds import Effort

FULL: Final = Effort(rounds=9, seconds=0.2)
QUICK: Final = Effort(rounds=3, seconds=0.03, part=0.1)


@attrs.frozen
class Goals:
    """A benchmark of goals.

    Attributes:
        about: What is measured, in a sentence.
        functions: What measures it, each in a child with the standard library's JSON.
        fast: What measures it with the ``speed`` extra.
    """

    about: str
    functions: Sequence[str]
    fast: Sequence[str] = ()

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add the options that all of them take."""
        parser.add_argument("--rounds", type=int, help="rounds, in which the participants take turns")
        parser.add_argument("--seconds", type=float, help="how much CPU a sample is to take")
        parser.add_argument("--part", type=float, help="which part of the objects is made, 1 for all")

    def run(self, options: argparse.Namespace) -> list[Figure]:
        """Measure."""
        usual = QUICK if options.quick else FULL
        effort = Effort(options.rounds or usual.rounds, options.seconds or usual.seconds, options.part or usual.part)
        figures = [figure for function in self.functions for figure in measured(function, effort, speed=False)]
        return figures + [figure for function in self.fast for figure in measured(function, effort, speed=True)]
