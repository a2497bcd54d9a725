"""``wooshpay bulk`` as a shell user meets it: what it prints where, what it writes, and how it ends."""

from __future__ import annotations

import csv
import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from bulk.world import payment
from support.children import HANGS
from support.pace import wait_for

from wooshpay.sandbox import Sandbox, SyncSandbox

MAIN = "from wooshpay.cli import main; main()"
BY_LINE = ("--id", "line")


class Shell:
    """Runs the command for a sandbox, in a folder of its own."""

    def __init__(self, sandbox: SyncSandbox, folder: Path) -> None:
        self.sandbox = sandbox
        self.folder = folder

    def file(self, text: str, name: str = "refunds.csv") -> str:
        (self.folder / name).write_text(text)
        return name

    def refunds(self, count: int, *, amount: int | str = 1) -> str:
        paid = payment(self.sandbox)
        lines = [f"{paid},{amount},{number}" for number in range(count)]
        return self.file("\n".join(["payment_intent,amount,metadata.row", *lines, ""]))

    def start(self, *arguments: str, key: str | None = None, stderr: int = subprocess.PIPE) -> subprocess.Popen[str]:
        environ = {"WOOSHPAY_API_KEY": key or self.sandbox.api_key, "WOOSHPAY_BASE_URL": self.sandbox.base_url}
        return subprocess.Popen(
            [sys.executable, "-W", "error", "-c", MAIN, "bulk", *arguments],
            cwd=self.folder,
            env={**os.environ, **environ, "COLUMNS": "80"},
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        )

    def run(self, *arguments: str, key: str | None = None) -> subprocess.CompletedProcess[str]:
        child = self.start(*arguments, key=key)
        output, errors = child.communicate(timeout=HANGS)
        return subprocess.CompletedProcess(arguments, child.returncode, output, errors)

    def results(self, name: str = "refunds.csv.results.csv") -> list[dict[str, str]]:
        with (self.folder / name).open(newline="") as file:
            return list(csv.DictReader(file))


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    with Sandbox() as sandbox:
        yield Shell(sandbox, tmp_path)


def test_a_run_and_the_same_again(shell: Shell) -> None:
    file = shell.refunds(5)
    run = shell.run("refunds.create", *BY_LINE, file)
    assert (run.returncode, run.stdout) == (0, "")
    first, *rest = run.stderr.splitlines()
    assert first.startswith("5 of 5 rows in ")
    assert first.endswith("s: 5 succeeded")
    assert rest == ["Row by row in refunds.csv.results.csv"]
    assert [row["state"] for row in shell.results()] == ["succeeded"] * 5
    assert {row["row"] for row in shell.results()} == {f"row {number}" for number in range(1, 6)}
    again = shell.run("refunds.create", *BY_LINE, file)
    assert again.returncode == 1
    assert "5 succeeded (5 of them earlier)" in again.stderr
    said = again.stderr.splitlines()[1]
    assert re.match(r"The run of this journal \(refunds.create\) finished at 20\d\d-\d\d-\d\d \d\d:\d\d UTC, and", said)
    assert "nothing was sent now. To send this file as a new run, add --name NAME with a new name." in said
    assert said.endswith("If it is repeated on purpose, add --finished-ok.")
    assert shell.sandbox.store.count("refund") == 5


def test_rows_without_success_make_it_end_with_1(shell: Shell) -> None:
    paid = payment(shell.sandbox)
    file = shell.file(f"payment_intent,amount\n{paid},5\n{paid},999999999\npi_1,5\n")
    run = shell.run("refunds.create", *BY_LINE, file)
    assert run.returncode == 1
    assert "2 refused by WooshPay: nothing was changed; --retry-rejected --finished-ok sends them again" in run.stderr
    states = {row["row"]: row["state"] for row in shell.results()}
    assert states == {"row 1": "succeeded", "row 2": "rejected", "row 3": "rejected"}
    assert all(row["error"] and row["idempotency_key"] for row in shell.results() if row["state"] == "rejected")


def test_results_as_json_lines_on_standard_output(shell: Shell) -> None:
    run = shell.run("refunds.create", *BY_LINE, shell.refunds(3), "--results", "-")
    found = [json.loads(line) for line in run.stdout.splitlines()]
    assert {row["row"] for row in found} == {"row 1", "row 2", "row 3"}
    assert all(row["state"] == "succeeded" and row["object_id"].startswith("re_") for row in found)
    assert not (shell.folder / "refunds.csv.results.csv").exists()


def test_a_file_with_mistakes_sends_nothing(shell: Shell) -> None:
    """Ten thousand refunds must not stop in the middle over a comma."""
    paid = payment(shell.sandbox)
    file = shell.file(f"payment_intent,amount\n{paid},5\n{paid},5.00\n{paid},x\n")
    run = shell.run("refunds.create", *BY_LINE, file)
    assert run.returncode == 2
    assert "Nothing was sent" in run.stderr
    assert "line 3: amount must be a whole number, not '5.00'" in run.stderr
    assert "line 4: amount must be a whole number, not 'x'" in run.stderr
    assert shell.sandbox.store.count("refund") == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["refunds.creat", "refunds.csv"], "There is no operation 'refunds.creat'"),
        (["refunds.retrieve", "refunds.csv"], "carries no idempotency key"),
        (["refunds.create", *BY_LINE, "none.csv"], "does not exist"),
        (["refunds.create", *BY_LINE, "empty.csv"], "has no rows"),
        (["refunds.create", "refunds.csv", "--id", "number"], "has no column 'number'"),
        (["refunds.create", *BY_LINE, "refunds.csv", "--concurrency", "0"], "0 is not in the range"),
    ],
    ids=["operation", "get", "file", "empty", "id", "concurrency"],
)
def test_what_cannot_be_meant_ends_with_2(shell: Shell, arguments: list[str], said: str) -> None:
    shell.file("payment_intent\npi_1\n")
    shell.file("payment_intent\n", "empty.csv")
    run = shell.run(*arguments)
    assert (run.returncode, run.stdout) == (2, "")
    assert said in run.stderr


def test_a_live_key_needs_live(shell: Shell) -> None:
    run = shell.run("refunds.create", *BY_LINE, shell.file("payment_intent\npi_1\n"), key="sk_live_x")
    assert run.returncode == 2
    assert "--live" in run.stderr


def test_a_dry_run_prints_requests_without_secrets_and_sends_nothing(shell: Shell) -> None:
    text = "amount,currency,payment_method_data.type,payment_method_data.card.number\n5,USD,card,4111111111111111\n"
    run = shell.run("payment_intents.create", *BY_LINE, shell.file(text), "--dry-run")
    assert (run.returncode, run.stderr) == (0, "")
    (line,) = run.stdout.splitlines()
    request = json.loads(line)
    assert (request["method"], request["path"], request["body"]["amount"]) == ("POST", "/v1/payment_intents", 5)
    assert "4111" not in line
    assert not list(shell.folder.glob("*.journal*"))
    # Without a name, the key is made of what only a journal can tell.
    assert "idempotency_key" not in request
    named = shell.run("payment_intents.create", *BY_LINE, "refunds.csv", "--name", "may", "--dry-run")
    shell.run("payment_intents.create", *BY_LINE, "refunds.csv", "--name", "may")
    assert shell.results()[0]["idempotency_key"] == json.loads(named.stdout)["idempotency_key"]


def test_ctrl_c_lets_calls_end_and_says_how_to_go_on(shell: Shell) -> None:
    file = shell.refunds(400)
    shell.sandbox.faults.add("slow", operation="refunds.create", times=None, seconds=0.05)
    child = shell.start("refunds.create", *BY_LINE, file, "--concurrency", "4")
    wait_for(lambda: shell.sandbox.store.count("refund") >= 20 or child.poll() is not None, HANGS)
    child.send_signal(signal.SIGINT)
    output, errors = child.communicate(timeout=HANGS)
    assert (child.returncode, output) == (130, "")
    assert "waiting for the calls under way" in errors
    assert "rows are left: the same command goes on" in errors
    assert "Traceback" not in errors
    done = shell.sandbox.store.count("refund")
    assert 20 <= done < 400
    # Everything that was sent was waited for, and is written down.
    assert [row["state"] for row in shell.results()] == ["succeeded"] * done
    shell.sandbox.faults.clear()
    assert shell.run("refunds.create", *BY_LINE, file).returncode == 0
    assert shell.sandbox.store.count("refund") == 400


def test_a_second_ctrl_c_does_not_wait(shell: Shell) -> None:
    """A server that answers nothing would otherwise hold the terminal for the 80 seconds of a call."""
    file = shell.refunds(10)
    shell.sandbox.faults.add("stall", operation="refunds.create", times=None)
    child = shell.start("refunds.create", *BY_LINE, file, "--concurrency", "3")
    wait_for(lambda: len(shell.sandbox.requests.of("refunds.create")) >= 3 or child.poll() is not None, HANGS)
    child.send_signal(signal.SIGINT)
    time.sleep(1)
    assert child.poll() is None
    began = time.monotonic()
    child.send_signal(signal.SIGINT)
    _, errors = child.communicate(timeout=HANGS)
    assert time.monotonic() - began < 20
    assert child.returncode == 130
    assert "Traceback" not in errors
    shell.sandbox.faults.clear()
    assert shell.run("refunds.create", *BY_LINE, file).returncode == 0
    assert shell.sandbox.store.count("refund") == 10


def test_a_bar_is_drawn_on_a_terminal_only(shell: Shell) -> None:
    file = shell.refunds(30)
    ours, theirs = pty.openpty()
    child = shell.start("refunds.create", *BY_LINE, file, stderr=theirs)
    os.close(theirs)
    child.communicate(timeout=HANGS)
    drawn = b""
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:
            break
        if not part:
            break
        drawn += part
    os.close(ours)
    assert "━".encode() in drawn
    assert b"/30" in drawn
    assert "━" not in shell.run("refunds.create", *BY_LINE, file).stderr
