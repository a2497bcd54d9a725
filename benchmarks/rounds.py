"""Measuring by turns: a machine's speed drifts within seconds, so a sample stands beside one of its reference."""

from __future__ import annotations

import gc
import resource
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Final

import attrs

from benchmarks.report import Figure

# A comparison with a slow one must not take the time of all others; twice is the least that shows a spread.
_PATIENCE: Final = 8.0
_FEWEST: Final = 2


@attrs.frozen
class Effort:
    """How much is measured.

    Attributes:
        rounds: How often the participants take turns.
        seconds: How long a sample is to take.
    """

    rounds: int
    seconds: float


@attrs.frozen
class Subject:
    """One who takes part.

    Attributes:
        name: The name in the table.
        run: Makes so many calls.
        at_once: Calls that are made together; samples have a multiple of it.
    """

    name: str
    run: Callable[[int], None]
    at_once: int = 1


@attrs.frozen
class Sample:
    """What one call took.

    Attributes:
        seconds: Of the clock.
        cpu: Of this process, in user and system mode.
    """

    seconds: float
    cpu: float


@attrs.frozen
class Pairs:
    """Samples of two, each pair taken one right after the other.

    Attributes:
        names: Who they are.
        first: The first one's samples.
        second: The other's.
    """

    names: tuple[str, str]
    first: tuple[Sample, ...]
    second: tuple[Sample, ...]

    @property
    def seconds(self) -> tuple[float, ...]:
        """For each pair, the first one's time for a unit of the second's."""
        return tuple(one.seconds / other.seconds for one, other in zip(self.first, self.second, strict=True))

    @property
    def cpu(self) -> tuple[float, ...]:
        """For each pair, the first one's CPU for a unit of the second's."""
        return tuple(one.cpu / other.cpu for one, other in zip(self.first, self.second, strict=True))

    @property
    def throughput(self) -> tuple[float, ...]:
        """For each pair, the first one's calls for each of the second's."""
        return tuple(1 / ratio for ratio in self.seconds)

    @property
    def cpu_beyond(self) -> float:
        """The median of the seconds of CPU that a call of the first takes beyond one of the second."""
        return statistics.median(one.cpu - other.cpu for one, other in zip(self.first, self.second, strict=True))


def compare(ours: Subject, others: Sequence[Subject], effort: Effort) -> dict[str, Pairs]:
    """Let one take turns with each of the others, all of them in every round.

    Returns:
        The pairs by the other's name.
    """
    calls = {subject.name: _calibrated(subject, effort.seconds) for subject in (ours, *others)}
    pairs: dict[str, list[tuple[Sample, Sample]]] = {other.name: [] for other in others}
    spent = dict.fromkeys(pairs, 0.0)
    for number in range(effort.rounds):
        for other in others:
            if number >= _FEWEST and spent[other.name] > _PATIENCE:
                continue
            started = time.perf_counter()
            theirs = sample(other, calls[other.name])
            pairs[other.name].append((sample(ours, calls[ours.name]), theirs))
            spent[other.name] += time.perf_counter() - started
    return {
        name: Pairs((ours.name, name), tuple(one for one, _ in taken), tuple(other for _, other in taken))
        for name, taken in pairs.items()
    }


def timed(what: str, pairs: Pairs, *, goal: float | None = None, cpu: bool = True) -> Figure:
    """What a call of the first takes beside one of the second.

    Args:
        what: What was measured.
        pairs: The samples.
        goal: How many times as much it may take.
        cpu: Count CPU, which others on the machine disturb less; right where nothing is waited for.
    """
    samples = dict(zip(pairs.names, (pairs.first, pairs.second), strict=True))
    return Figure(
        what=what,
        unit="us CPU" if cpu else "us",
        values={
            name: statistics.median(one.cpu if cpu else one.seconds for one in taken) * 1e6
            for name, taken in samples.items()
        },
        pairs=pairs.cpu if cpu else pairs.seconds,
        goal=goal,
    )


def sample(subject: Subject, calls: int) -> Sample:
    """Take one sample, with nobody else's garbage about."""
    gc.collect()
    cpu, started = _cpu(), time.perf_counter()
    subject.run(calls)
    took = time.perf_counter() - started
    return Sample(took / calls, (_cpu() - cpu) / calls)


def _calibrated(subject: Subject, seconds: float) -> int:
    """Warm a subject up, and find out how many calls fill a sample."""
    calls = subject.at_once
    subject.run(calls)
    while True:
        started = time.perf_counter()
        subject.run(calls)
        took = time.perf_counter() - started
        if took >= seconds / 4:
            turns = max(1, round(calls * seconds / took / subject.at_once))
            return turns * subject.at_once
        calls *= 4 if took < seconds / 16 else 2


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
