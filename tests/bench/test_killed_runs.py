"""A small version of the benchmark that kills ``wooshpay bulk`` while its files change. It reports each finding."""

from __future__ import annotations

import argparse

import pytest

import benchmarks.bulk
from benchmarks.bulk import BENCHMARK
from benchmarks.killed_runs import Findings

OPTIONS = argparse.Namespace(rows=240, kills=4, seed=3, quick=True)


def test_every_row_is_charged_once_however_often_the_command_is_killed() -> None:
    """Rows are added, edited, put in another order and removed meanwhile, and the files are renamed and moved."""
    figures = {figure.what: next(iter(figure.values.values())) for figure in BENCHMARK.run(OPTIONS)}
    assert figures["Rows, those added on the way included"] == 240
    assert figures["Charges"] == figures["Rows charged exactly once"] == 240
    for what in (
        "Rows charged more than once",
        "Rows not charged",
        "Charges without a row",
        "Charges of another amount than their row",
        "Rows reported otherwise than they are",
    ):
        assert figures[what] == 0, what
    # Otherwise nothing was tried.
    assert figures["Times that the command was killed"] == 4
    assert (figures["Calls under way when it was killed"] or 0) > 0
    assert sum(number or 0 for what, number in figures.items() if what.startswith("Between kills")) >= 8


@pytest.mark.parametrize(
    ("findings", "sentence"),
    [
        (Findings(twice=1), "1 rows were charged more than once"),
        (Findings(missing=2), "2 rows were not charged"),
        (Findings(without_row=3), "3 charges have no row"),
        (Findings(other_amount=4), "4 charges have another amount than their row"),
        (Findings(untrue=5), "5 rows are reported otherwise than they are"),
        (Findings(failures=["A run ended with 1"]), "A run ended with 1"),
    ],
    ids=["twice", "missing", "without_row", "amount", "untrue", "failure"],
)
def test_a_finding_ends_the_benchmark_and_says_which(
    findings: Findings, sentence: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def investigate(*_: object, **__: object) -> Findings:
        return findings

    monkeypatch.setattr(benchmarks.bulk, "investigate", investigate)
    with pytest.raises(SystemExit, match="1 findings with seed 3"):
        BENCHMARK.run(OPTIONS)
    assert sentence in capsys.readouterr().err
