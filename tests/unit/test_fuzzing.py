"""A short, seeded part of the fuzzing; ``python -m benchmarks fuzz --seconds 600`` does it at length."""

from __future__ import annotations

from collections.abc import Callable

import attrs
import pytest

from benchmarks.fuzzing import targets as fuzzed
from benchmarks.fuzzing.engines import at_random

TARGETS = sorted(fuzzed.targets())
EXECUTIONS = 1_500


@pytest.mark.parametrize("name", TARGETS)
def test_whatever_others_send_is_read_or_refused_as_promised(name: str) -> None:
    tried = at_random(name, seed=1, executions=EXECUTIONS)
    assert tried.executions == EXECUTIONS
    assert tried.crashes == []


@pytest.mark.parametrize("name", TARGETS)
def test_the_same_seed_tries_the_same_inputs(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise a crash in one run could not be found again in the next."""
    seen: list[list[bytes]] = []
    for seed in (1, 1, 2):
        inputs: list[bytes] = []
        with monkeypatch.context() as patched:
            _put_in_place(name, inputs.append, patched)
            at_random(name, seed=seed, executions=200)
        seen.append(inputs)
    assert seen[0] == seen[1] != seen[2]
    assert len(set(seen[0])) > 100


def test_a_crash_is_found_and_shown_once_with_its_input(monkeypatch: pytest.MonkeyPatch) -> None:
    """A harness that finds nothing proves nothing."""

    def fragile(data: bytes) -> None:
        assert b"NaN" not in data, "no such number"

    _put_in_place("answer", fragile, monkeypatch)
    [crash] = at_random("answer", seed=1, executions=EXECUTIONS).crashes
    assert "no such number" in crash
    assert "NaN" in crash.splitlines()[-1]


def _put_in_place(name: str, run: Callable[[bytes], None], monkeypatch: pytest.MonkeyPatch) -> None:
    target = attrs.evolve(fuzzed.targets()[name], run=run)
    monkeypatch.setattr(fuzzed, "targets", lambda: {name: target})
