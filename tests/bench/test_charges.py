"""The figures of "exactly one charge", and that no table hides a finding."""

from __future__ import annotations

import argparse

import pytest

import benchmarks.charges
from benchmarks.charges import BENCHMARK
from benchmarks.exactly_once import Findings

RAISED = ("Raised not_sent", "Raised rejected", "Raised unknown")
OPTIONS = argparse.Namespace(calls=40, seed=1, patience=0.3, quick=True)


def test_a_short_run_shows_every_call_and_no_finding() -> None:
    figures = {figure.what: [*figure.values.values()] for figure in BENCHMARK.run(OPTIONS)}
    assert figures["Logical calls"] == [40, 40]
    endings = zip(*(figures[what] for what in ("Returned", *RAISED)), strict=True)
    assert [sum(count or 0 for count in counts) for counts in endings] == [40, 40]
    for what in ("Made twice", "Lost", "Untrue results and errors"):
        assert figures[what] == [0, 0]


@pytest.mark.parametrize(
    ("findings", "sentence"),
    [
        (Findings(duplicates=1), "async, 64 at a time: 1 objects are there twice"),
        (Findings(lost=2), "sync, 16 threads: 2 objects are lost"),
        (Findings(untrue=["payment 7 lied"]), "payment 7 lied"),
    ],
    ids=["twice", "lost", "untrue"],
)
def test_a_finding_ends_the_run_and_says_which(
    findings: Findings, sentence: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def investigate(*_: object, **__: object) -> Findings:
        return findings

    monkeypatch.setattr(benchmarks.charges, "investigate", investigate)
    with pytest.raises(SystemExit, match="2 findings with seed 1"):
        BENCHMARK.run(OPTIONS)
    assert sentence in capsys.readouterr().err
