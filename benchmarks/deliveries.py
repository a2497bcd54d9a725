"""Deliveries per second through each adapter and each inbox, beside a bare view in the same framework.

The bare view verifies an HMAC, reads the JSON and writes one row into the same database. The handler of this SDK writes
the same row, in the inbox's transaction where the inbox has one, so an event has its effect once.

Commits in SQLite wait for the disk. PostgreSQL, MariaDB and Redis are set up so that they do not, as the figures would
otherwise show how fast the disk of this machine is.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from typing import Final, TypeAlias

import attrs

from benchmarks.databases import Databases, Unavailable, open_databases
from benchmarks.delivering.drive import count_rows, create_table, served, spare_the_disk
from benchmarks.delivering.parties import ADAPTERS, KINDS, Adapter, Kind, Party, combine, lacking
from benchmarks.report import Figure
from benchmarks.rounds import Effort, Pairs, Sample, rates

FULL: Final = Effort(rounds=7, seconds=0.5)
QUICK: Final = Effort(rounds=3, seconds=0.1)
# Deliveries before anything is measured, in which both open their connections and load their modules.
_WARM_UP: Final = 20


class DeliveriesBenchmark:
    """Deliveries per second of each adapter with each inbox, beside a bare view."""

    about = "Deliveries through each adapter and inbox, beside a bare view that verifies an HMAC and inserts one row."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add the options of the benchmark."""
        parser.add_argument("--adapters", nargs="+", choices=ADAPTERS, default=list(ADAPTERS), help="which adapters")
        parser.add_argument("--inboxes", nargs="+", choices=KINDS, default=list(KINDS), help="which inboxes")
        parser.add_argument("--rounds", type=int, help="rounds, in which the two take turns")
        parser.add_argument("--seconds", type=float, help="how long a sample is to take, roughly")

    def run(self, options: argparse.Namespace) -> list[Figure]:
        """Measure; less of it if ``options.quick``."""
        usual = QUICK if options.quick else FULL
        effort = Effort(options.rounds or usual.rounds, options.seconds or usual.seconds)
        figures: list[Figure] = []
        with open_databases() as databases:
            for adapter, kind in combine(options.adapters, options.inboxes):
                reason = lacking(adapter, kind)
                try:
                    if reason is None:
                        figures.append(compare(adapter, kind, databases, effort))
                except Unavailable as missing:
                    reason = str(missing)
                if reason is not None:
                    print(f"{adapter.about} with {kind.about} is left out: {reason}.", file=sys.stderr)
        return figures


BENCHMARK: Final = DeliveriesBenchmark()


Deliver: TypeAlias = Callable[[int, int], Sample]


def compare(adapter: Adapter, kind: Kind, databases: Databases, effort: Effort) -> Figure:
    """Measure one adapter with one inbox, in turns with the bare view.

    Raises:
        Unavailable: A server is not installed.
        RuntimeError: A delivery made no row, or more than one.
    """
    database = databases.address(kind.database)
    if kind.database == "mariadb":
        database = f"{database}/shop"
    redis = ""
    if kind.name == "redis":
        redis = databases.address("redis")
        spare_the_disk(redis)
    create_table(database)
    before = count_rows(database)
    party = Party(adapter.name, kind.name, False, database, redis)
    numbers = _Numbers()
    with served(party) as ours, served(attrs.evolve(party, bare=True)) as bare:
        pairs = take_turns(ours, bare, effort, numbers.take)
    made = tuple(after - earlier for after, earlier in zip(count_rows(database), before, strict=True))
    if made != (numbers.taken, numbers.taken):
        raise RuntimeError(
            f"{adapter.about} with {kind.about}: {numbers.taken} deliveries made {made[0]} rows of {made[1]} events."
        )
    return rates(f"{adapter.about}, {kind.about}", pairs, unit="deliveries/s")


def take_turns(ours: Deliver, bare: Deliver, effort: Effort, take: Callable[[int], int]) -> Pairs:
    """Measure two parties in turns. In every second round, the other one goes first.

    Args:
        ours: Delivers to this SDK.
        bare: Delivers to the bare view.
        effort: How many rounds there are, and how many seconds a sample of the slower party is to take.
        take: Reserves the numbers of as many new events, and returns the first number.
    """

    def sample(deliver: Deliver, count: int) -> Sample:
        return deliver(take(count), count)

    for party in (ours, bare):
        sample(party, _WARM_UP)
    slower = max(sample(party, _WARM_UP).seconds for party in (ours, bare))
    count = max(_WARM_UP, round(effort.seconds / slower))
    taken: list[tuple[Sample, Sample]] = []
    for number in range(effort.rounds):
        if number % 2:
            other = sample(bare, count)
            taken.append((sample(ours, count), other))
        else:
            taken.append((sample(ours, count), sample(bare, count)))
    return Pairs(("wooshpay", "bare view"), tuple(one for one, _ in taken), tuple(other for _, other in taken))


class _Numbers:
    """Numbers of events. Later runs get other ones, as the time is in them."""

    def __init__(self) -> None:
        self._first = self._next = time.time_ns()

    def take(self, count: int) -> int:
        """Reserve as many numbers that were not used before, and return the first one."""
        first = self._next
        self._next += count
        return first

    @property
    def taken(self) -> int:
        """Return how many numbers were taken."""
        return self._next - self._first
