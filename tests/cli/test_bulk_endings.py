"""How ``wooshpay bulk`` ends when its output, its file or the process itself fails: it says what was sent."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from bulk.world import payment
from cli.test_bulk import MAIN, Shell
from support.children import HANGS
from support.pace import wait_for

from wooshpay import WooshPay
from wooshpay.bulk import Report, Row, RowResult, run
from wooshpay.bulk.files import Table
from wooshpay.cli.calls.ending import Ended, ending_signals
from wooshpay.core.whole_steps import WholeStep, interrupt
from wooshpay.sandbox import Sandbox

BY_NUMBER = ("--id", "number")


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    with Sandbox() as sandbox:
        yield Shell(sandbox, tmp_path)


def rows(shell: Shell, count: int, name: str = "refunds.csv") -> str:
    paid = payment(shell.sandbox)
    return shell.file("\n".join(["number,payment_intent,amount", *(f"R-{n},{paid},1" for n in range(count)), ""]), name)


def in_bash(shell: Shell, line: str) -> subprocess.CompletedProcess[str]:
    """Run a line of bash, in which BULK stands for the command."""
    environ = {"WOOSHPAY_API_KEY": shell.sandbox.api_key, "WOOSHPAY_BASE_URL": shell.sandbox.base_url}
    command = shlex.join([sys.executable, "-W", "error", "-c", MAIN, "bulk", "refunds.create"])
    return subprocess.run(
        ["bash", "-c", f"set -o pipefail; {line.replace('BULK', command)}"],
        cwd=shell.folder,
        env={**os.environ, **environ, "COLUMNS": "80"},
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize(("broken", "code"), [(">&-", 4), ("| head -c 0", 141)])
def test_a_row_whose_result_cannot_be_shown_is_counted(shell: Shell, broken: str, code: int) -> None:
    """It said "0 of 1 rows: 0 succeeded" after a refund."""
    done = in_bash(shell, f"BULK --id number {rows(shell, 1)} --results - {broken}")
    assert done.returncode == code
    assert "1 of 1 rows" in done.stderr
    assert "1 succeeded" in done.stderr
    assert shell.sandbox.store.count("refund") == 1


@pytest.mark.parametrize("identified", ["--id number", "--id line --ignore number"])
def test_a_pipe_is_refused_as_it_cannot_be_read_twice(shell: Shell, identified: str) -> None:
    """It was empty when it was read again to send the rows: exit code 0, and nobody was paid."""
    done = in_bash(shell, f"BULK {identified} <(cat {rows(shell, 2)}) --journal j --results out.csv")
    assert done.returncode == 2
    assert "is not a regular file" in done.stderr
    assert sorted(path.name for path in shell.folder.iterdir()) == ["refunds.csv"]


@pytest.mark.parametrize(
    ("last_rows", "said"),
    [
        ("", "it had 3 rows, and has 2 now"),
        ("R-2,{paid},1\nR-3,{paid},1\n", "row 'R-3' was not there before"),
        ("R-2,{paid},much\n", "line 4"),
    ],
)
def test_a_file_that_changes_after_it_was_checked_is_not_finished(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, last_rows: str, said: str
) -> None:
    """Rows that disappear were not paid, and the run counted as finished, with exit code 0."""
    from click.testing import CliRunner

    from wooshpay.cli.root import root

    file = shell.folder / rows(shell, 3)
    monkeypatch.setenv("WOOSHPAY_API_KEY", shell.sandbox.api_key)
    monkeypatch.setenv("WOOSHPAY_BASE_URL", shell.sandbox.base_url)
    original, text = Table.read, file.read_text()
    times = 0

    def read(table: Table) -> Iterator[object]:
        nonlocal times
        times += 1
        if times > 1:
            paid = text.splitlines()[1].split(",")[1]
            file.write_text(text[: text.index("R-2")] + last_rows.format(paid=paid))
        yield from original(table)

    monkeypatch.setattr(Table, "read", read)
    arguments = ["bulk", "refunds.create", *BY_NUMBER, str(file)]
    done = CliRunner().invoke(root, arguments)
    assert done.exit_code == 1
    assert "has changed since it was checked" in done.output
    assert said in " ".join(done.output.split())
    monkeypatch.undo()
    file.write_text(text)
    again = shell.run("refunds.create", *BY_NUMBER, file.name)
    assert "finished at" not in again.stderr
    assert again.returncode == 0
    assert shell.sandbox.store.count("refund") == 3


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)], ids=["INT", "TERM", "HUP"]
)
@pytest.mark.parametrize("readable", [True, False])
def test_a_signal_lets_calls_end_and_says_what_was_sent(
    shell: Shell, number: signal.Signals, code: int, readable: bool
) -> None:
    """SIGTERM and SIGHUP ended the process without a word, and Ctrl-C with 1 where nobody read standard error."""
    file = rows(shell, 400)
    shell.sandbox.faults.add("slow", operation="refunds.create", times=None, seconds=0.05)
    ours, theirs = os.pipe()
    if not readable:
        os.close(ours)
    child = shell.start("refunds.create", *BY_NUMBER, file, "--concurrency", "2", stderr=theirs)
    os.close(theirs)
    wait_for(lambda: shell.sandbox.store.count("refund") >= 6 or child.poll() is not None, HANGS)
    child.send_signal(number)
    child.communicate(timeout=HANGS)
    assert child.returncode == code
    done = shell.sandbox.store.count("refund")
    assert 6 <= done < 400
    assert [row["state"] for row in shell.results()] == ["succeeded"] * done
    if readable:
        with open(ours) as errors:
            said = errors.read()
        assert f"{done} of 400 rows" in said
        assert "rows are left: the same command goes on" in said


def test_a_signal_while_a_result_is_written_loses_no_result(shell: Shell) -> None:
    """Its exception came between taking a result and writing it, so a refund that was made was in no report."""
    written: list[str] = []

    def write(result: RowResult) -> None:
        if not written:
            os.kill(os.getpid(), signal.SIGTERM)
        written.append(result.row)

    source = (Row(id=str(number), arguments={"name": "Ada"}) for number in range(10))
    with WooshPay(shell.sandbox.api_key, base_url=shell.sandbox.base_url) as client, ending_signals(caught=True):
        with pytest.raises(Ended):
            run(client, "customers.create", source, journal=shell.folder / "j.db", concurrency=1, on_result=write)
    assert len(written) == shell.sandbox.store.count("customer") < 10


def test_a_second_signal_is_not_postponed() -> None:
    """Otherwise nobody could end a command that writes its results to a pipe that is full."""
    first, second = Ended(signal.SIGTERM), Ended(signal.SIGTERM)

    def step() -> None:
        with WholeStep(), WholeStep():
            interrupt(first)
            interrupt(second)
            pytest.fail("it was postponed")

    with pytest.raises(Ended) as caught:
        step()
    assert caught.value is second
    with pytest.raises(Ended) as caught:
        interrupt(first)
    assert caught.value is first


def test_ctrl_c_does_not_reach_a_run_in_the_background(shell: Shell) -> None:
    """A shell makes programs in the background ignore it, but the run caught it."""
    file = rows(shell, 40)
    shell.sandbox.faults.add("slow", operation="refunds.create", times=None, seconds=0.05)
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        child = shell.start("refunds.create", *BY_NUMBER, file, "--concurrency", "2")
    finally:
        signal.signal(signal.SIGINT, before)
    wait_for(lambda: shell.sandbox.store.count("refund") >= 6 or child.poll() is not None, HANGS)
    child.send_signal(signal.SIGINT)
    child.communicate(timeout=HANGS)
    assert child.returncode == 0
    assert shell.sandbox.store.count("refund") == 40


def test_a_journal_that_fails_midway_says_that_calls_under_way_may_have_been_carried_out(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their results are counted nowhere, so "0 succeeded" was all that stood there."""
    from click.testing import CliRunner

    from wooshpay.bulk.sqlite import SqliteJournal
    from wooshpay.cli.root import root
    from wooshpay.errors import JournalError

    file = shell.folder / rows(shell, 1)
    monkeypatch.setenv("WOOSHPAY_API_KEY", shell.sandbox.api_key)
    monkeypatch.setenv("WOOSHPAY_BASE_URL", shell.sandbox.base_url)
    original = SqliteJournal.change
    calls = 0

    async def change(self: SqliteJournal, *args: object) -> None:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise JournalError("The journal does not work: database or disk is full.")
        await original(self, *args)  # type: ignore[arg-type]  # as they came

    monkeypatch.setattr(SqliteJournal, "change", change)
    done = CliRunner().invoke(root, ["bulk", "refunds.create", *BY_NUMBER, str(file)])
    assert done.exit_code == 1
    assert "may have been carried out: the same command sends them again with the same key" in " ".join(
        done.output.split()
    )
    monkeypatch.undo()
    assert shell.run("refunds.create", *BY_NUMBER, file.name).returncode == 0
    assert shell.sandbox.store.count("refund") == 1


def test_progress_is_told_although_a_result_cannot_be_written(shell: Shell) -> None:
    """`bulk.run` of Python: `on_progress` learns of the row whose `on_result` failed."""
    from wooshpay import WooshPay
    from wooshpay.bulk import Row, run

    reports: list[Report] = []

    def fail(result: RowResult) -> None:
        raise OSError("The disk is full.")

    paid = payment(shell.sandbox)
    with (
        WooshPay(shell.sandbox.api_key, base_url=shell.sandbox.base_url) as client,
        pytest.raises(OSError, match="full"),
    ):
        run(
            client,
            "refunds.create",
            [Row("R-1", {"payment_intent": paid, "amount": 1})],
            journal=shell.folder / "j",
            on_result=fail,
            on_progress=reports.append,
        )
    assert [report.succeeded for report in reports] == [1]
