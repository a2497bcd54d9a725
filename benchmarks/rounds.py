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
        seconds: How much CPU a sample is to take.
        part: Of what is counted rather than timed, such as objects in memory, which part is made.
    """

    rounds: int
    seconds: float
    part: float = 1.0


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
    def by_name(self) -> dict[str, tuple[Sample, ...]]:
        """The samples of each."""
        return dict(zip(self.names, (self.first, self.second), strict=True))

    def ratios(self, *, cpu: bool) -> list[float]:
        """For each pair, how many calls the first makes while the second makes one: by CPU, or by the clock."""
        taken = zip(self.first, self.second, strict=True)
        return [other.cpu / one.cpu if cpu else other.seconds / one.seconds for one, other in taken]

    @property
    def cpu_beyond(self) -> float:
        """The median of the seconds of CPU that a call of the first takes beyond one of the second."""
        return statistics.median(one.cpu - other.cpu for one, other in zip(self.first, self.second, strict=True))


def compare(ours: Subject, others: Sequence[Subject], effort: Effort) -> dict[str, Pairs]:
    """Let one take turns with each of the others, all of them in every round.

    Returns:
        The pairs by the other's name.
    """
    calls = {subject.name: calibrated(subject, effort.seconds) for subject in (ours, *others)}
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


def costs(what: str, pairs: Pairs, *, goal: float | None = None, cpu: bool = True) -> Figure:
    """What a call of the first takes beside one of the second; less is better.

    Args:
        what: What was measured.
        pairs: The samples.
        goal: How many times as much it may take.
        cpu: Count CPU, which others on the machine disturb less; right where nothing is waited for.
    """
    return Figure(
        what=what,
        unit="us CPU" if cpu else "us",
        values={name: _median(samples, cpu=cpu) * 1e6 for name, samples in pairs.by_name.items()},
        pairs=[1 / ratio for ratio in pairs.ratios(cpu=cpu)],
        goal=goal,
    )


def rates(what: str, pairs: Pairs, *, unit: str, goal: float | None = None, cpu: bool = False) -> Figure:
    """How much the first does while the second does one; more is better.

    Args:
        what: What was measured.
        pairs: The samples.
        unit: What is done, ``/s``.
        goal: How many times as much it is to do.
        cpu: Count CPU rather than the time of the clock; right where nothing is waited for.
    """
    return Figure(
        what=what,
        unit=unit,
        values={name: 1 / _median(samples, cpu=cpu) for name, samples in pairs.by_name.items()},
        cpu={name: _median(samples, cpu=True) * 1e6 for name, samples in pairs.by_name.items()},
        pairs=pairs.ratios(cpu=cpu),
        less_is_better=False,
        goal=goal,
    )


def repeated(name: str, once: Callable[[], object]) -> Subject:
    """A subject that calls a function again and again."""

    def run(calls: int) -> None:
        for _ in range(calls):
            once()

    return Subject(name, run)


def sample(subject: Subject, calls: int) -> Sample:
    """Take one sample, with nobody else's garbage about."""
    gc.collect()
    cpu, started = _cpu(), time.perf_counter()
    subject.run(calls)
    took = time.perf_counter() - started
    return Sample(took / calls, (_cpu() - cpu) / calls)


def _median(samples: Sequence[Sample], *, cpu: bool) -> float:
    return statistics.median(one.cpu if cpu else one.seconds for one in samples)


def calibrated(subject: Subject, seconds: float) -> int:
    """Warm a subject up, and find out how many calls fill a sample."""
    calls = subject.at_once
    subject.run(calls)
    took = _took(subject, calls)
    while took < seconds / 4 or took <= 0:
        calls *= 4 if took < seconds / 16 else 2
        took = _took(subject, calls)
    return max(1, round(calls * seconds / took / subject.at_once)) * subject.at_once


def _took(subject: Subject, calls: int) -> float:
    """The CPU that calls take, so that a sample holds as many of them on a busy machine as on a quiet one."""
    started = _cpu()
    subject.run(calls)
    return _cpu() - started


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
