"""``wooshpay bulk`` killed while its file is changed, renamed and moved. At the end, charges are counted."""

from __future__ import annotations

import csv
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Final

import attrs

from benchmarks.child import environment
from wooshpay.sandbox import Sandbox
from wooshpay.sandbox.sandbox import SyncSandbox

OPERATION: Final = "payment_intents.create"
_PROGRAM: Final = "from wooshpay.cli import main; main()"
_CARDS: Final = ("4111111111111111", "5555555555554444")
_LIMIT: Final = 600.0
_LOOK_AGAIN: Final = 0.002
# Of all rows, those that are in the file from the beginning.
_FROM_THE_BEGINNING: Final = 0.6
_SLOW: Final = 0.3
_SLOW_SECONDS: Final = 0.05


@attrs.define
class Findings:
    """What happened, and what is wrong with it.

    Attributes:
        rows: How many rows there were in all.
        kills: How often the command was killed.
        kills_with_calls: How many of these found calls under way.
        calls_under_way: How many calls that were, by the journal.
        changes: What was done to the files between kills, by kind.
        refused: Rows that were refused because they had changed after they were sent; each was put back later.
        charges: The charges that there are.
        once: Rows with exactly one charge.
        twice: Rows with more than one.
        missing: Rows without one.
        without_row: Charges that belong to no row.
        other_amount: Charges whose amount is not that of their row.
        untrue: Rows of the last results that are not reported as what they are.
        failures: What the command said where it should have succeeded.
        seconds: How long the runs took.
    """

    rows: int = 0
    kills: int = 0
    kills_with_calls: int = 0
    calls_under_way: int = 0
    changes: Counter[str] = attrs.field(factory=Counter[str])
    refused: int = 0
    charges: int = 0
    once: int = 0
    twice: int = 0
    missing: int = 0
    without_row: int = 0
    other_amount: int = 0
    untrue: int = 0
    failures: list[str] = attrs.field(factory=list[str])
    seconds: float = 0.0

    @property
    def wrong(self) -> list[str]:
        """Return everything that is wrong, in sentences."""
        counted = {
            "rows were charged more than once": self.twice,
            "rows were not charged": self.missing,
            "charges have no row": self.without_row,
            "charges have another amount than their row": self.other_amount,
            "rows are reported otherwise than they are": self.untrue,
        }
        return [*(f"{count} {what}" for what, count in counted.items() if count), *self.failures]


@attrs.define
class Desk:
    """The files of somebody who pays a list of people: the rows, the journal, and what is in them.

    Attributes:
        folder: Where everything is below.
        file: The file of the rows; the journal lies beside it under a name of its own.
        amounts: What each row that ever was in the file is to charge.
        listed: The rows that are in the file, in their order.
        spoiled: Rows whose amount in the file is wrong for the time being.
        chance: Decides what happens.
        findings: What it comes to.
    """

    folder: Path
    file: Path
    amounts: dict[str, int]
    listed: list[str]
    chance: random.Random
    findings: Findings
    spoiled: set[str] = attrs.field(factory=set[str])

    @property
    def journal(self) -> Path:
        """Return the path of the journal."""
        return self.file.with_name("payments.journal")

    @property
    def results(self) -> Path:
        """Return the path of the results."""
        return self.file.with_name("payments.results.csv")

    def write(self) -> None:
        """Write the file of the rows as it is now."""
        with self.file.open("w", newline="") as written:
            table = csv.writer(written)
            card = "payment_method_data.card"
            table.writerow(
                ["number", "amount", "currency", "confirm", "metadata.row", "payment_method_data.type"]
                + [f"{card}.{name}" for name in ("number", "exp_month", "exp_year", "cvc")]
            )
            for row in self.listed:
                amount = self.amounts[row] + (1 if row in self.spoiled else 0)
                number = _CARDS[int(row.removeprefix("P-")) % len(_CARDS)]
                table.writerow([row, amount, "USD", "true", row, "card", number, "12", "2034", "123"])

    def states(self) -> dict[str, str]:
        """Return the state of each row that the journal knows."""
        if not self.journal.exists():
            return {}
        # Opening it for writing and closing it would remove the files that a kill leaves beside it.
        connection = sqlite3.connect(f"{self.journal.as_uri()}?mode=ro", uri=True)
        try:
            return dict(connection.execute("SELECT id, state FROM wooshpay_bulk_rows").fetchall())
        finally:
            connection.close()

    # ---- what happens between two kills

    def change(self, add: int) -> None:
        """Put back what was spoiled, add rows, and do some things to the files."""
        if self.spoiled:
            self.spoiled.clear()
            self.findings.changes["changed rows put back"] += 1
        kinds: list[Callable[[], str]] = [self._edit, self._remove, self._spoil, self._shuffle, self._rename]
        kinds += [self._move_all, self._move_without_companions, self._lose_results]
        done = [self.add(add)] if add else []
        done += [kind() for kind in self.chance.sample(kinds, 2)]
        self.findings.changes.update(done)
        self.write()

    def add(self, count: int) -> str:
        """Add rows that were never there before."""
        first = len(self.amounts)
        for number in range(first, first + count):
            self.amounts[f"P-{number}"] = self.chance.randint(100, 9_999)
            self.listed.append(f"P-{number}")
        return "rows added"

    def _edit(self) -> str:
        known = self.states()
        unsent = [row for row in self.listed if row not in known]
        for row in self.chance.sample(unsent, min(20, len(unsent))):
            self.amounts[row] = self.chance.randint(100, 9_999)
        return "rows edited that were not sent yet"

    def _spoil(self) -> str:
        """Edit rows that were sent: that must charge nobody again."""
        known = self.states()
        sent = [row for row in self.listed if row in known]
        self.spoiled.update(self.chance.sample(sent, min(20, len(sent))))
        return "rows edited that were sent"

    def _remove(self) -> str:
        known = self.states()
        done = [row for row in self.listed if known.get(row) == "succeeded"]
        removed = set(self.chance.sample(done, len(done) // 2))
        self.listed = [row for row in self.listed if row not in removed]
        return "finished rows removed"

    def _shuffle(self) -> str:
        self.chance.shuffle(self.listed)
        return "rows put in another order"

    def _rename(self) -> str:
        self.file = self.file.rename(self.file.with_name(f"payments-{self.chance.randrange(10**9)}.csv"))
        return "file renamed"

    def _new_folder(self) -> Path:
        folder = self.folder / f"folder-{self.chance.randrange(10**9)}"
        folder.mkdir()
        return folder

    def _move_all(self) -> str:
        folder = self._new_folder()
        for place in list(self.file.parent.iterdir()):
            if place.is_file():
                place.rename(folder / place.name)
        self.file = folder / self.file.name
        return "file and journal moved"

    def _move_without_companions(self) -> str:
        """Move the file and the journal, and leave behind what SQLite keeps beside it."""
        left = self.journal.with_name(f"{self.journal.name}-wal")
        what = "without the journal's -wal, with changes in it" if left.exists() and left.stat().st_size else ""
        folder = self._new_folder()
        for place in (self.file, self.journal):
            if place.exists():
                place.rename(folder / place.name)
        self.file = folder / self.file.name
        return f"file and journal moved {what}".strip()

    def _lose_results(self) -> str:
        self.results.unlink(missing_ok=True)
        return "results deleted"


def investigate(rows: int, kills: int, *, seed: int) -> Findings:
    """Charge rows from a file while the command is killed and the file changes; find out what came of it.

    Args:
        rows: How many rows there are in the end.
        kills: How often the command is killed.
        seed: Makes kills and changes repeatable, as far as the order of events allows.
    """
    chance = random.Random(seed)  # it decides when something is killed
    findings = Findings()
    with tempfile.TemporaryDirectory(prefix="wooshpay-bulk-") as name, Sandbox(seed=seed) as sandbox:
        # Responses that come late make sure that some calls are under way whenever it is killed.
        sandbox.faults.add("slow", operation=OPERATION, times=None, probability=_SLOW, seconds=_SLOW_SECONDS, seed=seed)
        folder = Path(name)
        desk = Desk(folder, folder / "payments.csv", {}, [], chance, findings)
        first = max(1, round(rows * _FROM_THE_BEGINNING))
        later = rows - first
        desk.add(first)
        desk.write()
        started = time.perf_counter()
        for kill in range(kills):
            _run_and_kill(desk, sandbox, charges=round(rows * (kill + chance.random()) / (kills + 1)))
            desk.change(later * (kill + 1) // kills - later * kill // kills)
        desk.spoiled.clear()
        desk.write()
        child = _started(desk, sandbox)
        _, said = child.communicate(timeout=_LIMIT)
        findings.seconds = time.perf_counter() - started
        if child.returncode != 0:
            findings.failures.append(f"The last run ended with {child.returncode}: {said}")
        _count(desk, sandbox)
    return findings


def _started(desk: Desk, sandbox: SyncSandbox) -> subprocess.Popen[str]:
    options = ["--id", "number", "--journal", str(desk.journal), "--results", str(desk.results)]
    options += ["--finished-ok", "--overwrite"]
    return subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, "bulk", OPERATION, str(desk.file), *options],
        env={**environment(), "WOOSHPAY_API_KEY": sandbox.api_key, "WOOSHPAY_BASE_URL": sandbox.base_url},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def _run_and_kill(desk: Desk, sandbox: SyncSandbox, *, charges: int) -> None:
    """Run the command until that number of charges exists, and kill it. The command may end before that."""
    child = _started(desk, sandbox)
    deadline = time.monotonic() + _LIMIT
    while sandbox.store.count("payment_intent") < charges and child.poll() is None:
        if time.monotonic() > deadline:
            child.kill()
            desk.findings.failures.append("A run did not come to the charges after which it was to be killed.")
            break
        time.sleep(_LOOK_AGAIN)
    if child.poll() is None:
        child.send_signal(signal.SIGKILL)
        desk.findings.kills += 1
    _, said = child.communicate()
    # It ends with 1 where rows that were spoiled have been refused.
    if child.returncode not in {-signal.SIGKILL, 0} and not desk.spoiled:
        desk.findings.failures.append(f"A run ended with {child.returncode}: {said}")
    under_way = Counter(desk.states().values())["started"]
    desk.findings.calls_under_way += under_way
    desk.findings.kills_with_calls += bool(under_way)
    desk.findings.refused += sum(row["state"] == "refused" for row in _read_results(desk))


def _read_results(desk: Desk) -> list[dict[str, str]]:
    if not desk.results.exists():
        return []
    with desk.results.open(newline="") as file:
        return list(csv.DictReader(file))


def _count(desk: Desk, sandbox: SyncSandbox) -> None:
    """Count charges against rows."""
    findings = desk.findings
    charged: dict[str, list[int]] = {}
    payments = {payment["id"]: payment for payment in sandbox.store.all("payment_intent")}
    for charge in sandbox.store.all("charge"):
        findings.charges += 1
        charged.setdefault(payments[charge["payment_intent"]]["metadata"]["row"], []).append(charge["amount"])
    findings.rows = len(desk.amounts)
    findings.once = sum(len(charged.get(row, ())) == 1 for row in desk.amounts)
    findings.twice = sum(len(amounts) > 1 for amounts in charged.values())
    findings.missing = sum(row not in charged for row in desk.amounts)
    findings.without_row = sum(len(amounts) for row, amounts in charged.items() if row not in desk.amounts)
    findings.without_row += len(payments) - findings.charges
    findings.other_amount = sum(
        amount != desk.amounts[row] for row, amounts in charged.items() if row in desk.amounts for amount in amounts
    )
    reported = Counter((row["row"], row["state"], row["object_id"]) for row in _read_results(desk))
    true = Counter(
        (payment["metadata"]["row"], "succeeded", id)
        for id, payment in payments.items()
        if payment["metadata"]["row"] in set(desk.listed)
    )
    findings.untrue = ((reported - true) + (true - reported)).total()
