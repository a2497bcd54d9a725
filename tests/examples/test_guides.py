"""The guides beside the code: their programs run as printed, and their tables are those of the code."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

import wooshpay
from wooshpay.sandbox.engine.registry import acts
from wooshpay.sandbox.requests.fault_kinds import FAULT_KINDS
from wooshpay.sandbox.rules.cards import CARDS
from wooshpay.sandbox.rules.payout_outcomes import ACCOUNTS

ROOT: Final = Path(__file__).parents[2]
SANDBOX: Final = ROOT / "wooshpay" / "sandbox" / "README.md"
WEBHOOKS: Final = ROOT / "wooshpay" / "webhooks" / "README.md"

# What the program of each guide prints.
PRINTS: Final = {
    SANDBOX: "13 invoices, 13000 cents\n",
    WEBHOOKS: "Done.\nThis event was done before.\n[('order-17',)]\n",
}


def blocks(guide: Path) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```$", guide.read_text("utf-8"), re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("guide", PRINTS, ids=lambda guide: guide.parent.name)
def test_the_program_of_a_guide_works_as_printed(guide: Path, tmp_path: Path) -> None:
    (program,) = blocks(guide)
    (tmp_path / "program.py").write_text(program, "utf-8")
    path = os.pathsep.join([str(Path(wooshpay.__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    run = subprocess.run(
        [sys.executable, "program.py"],
        env={**os.environ, "PYTHONPATH": path},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (run.returncode, run.stdout, run.stderr) == (0, PRINTS[guide], "")


@pytest.mark.parametrize("guide", PRINTS, ids=lambda guide: guide.parent.name)
def test_the_program_of_a_guide_passes_a_strict_type_check(guide: Path, tmp_path: Path) -> None:
    (program,) = blocks(guide)
    (tmp_path / "program.py").write_text(program, "utf-8")
    home = Path(wooshpay.__file__).parents[1]
    installed = home.is_relative_to(Path(sys.prefix))
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--follow-imports=silent", "program.py"]
    run = subprocess.run(
        command,
        env={**os.environ, "MYPYPATH": "" if installed else str(home)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr


def rows(guide: Path, heading: str) -> dict[str, str]:
    """The tables of a section: the first cell without its quotes, and the second."""
    section = guide.read_text("utf-8").partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return dict(re.findall(r"^\| `(.+?)` \| (.*?) \|$", section, re.MULTILINE))


def test_the_cards_and_accounts_are_those_of_the_sandbox() -> None:
    """A tester takes a number from the guide and trusts it."""
    cards = {card.number: card.does for card in CARDS}
    accounts = {account.number: f"`{account.failure.code}`" for account in ACCOUNTS}
    assert rows(SANDBOX, "Cards") == {**cards, **accounts}


def test_the_acts_are_those_of_the_sandbox() -> None:
    first_lines = {name: (act.__doc__ or "").splitlines()[0].replace("``", "`") for name, act in acts().items()}
    assert rows(SANDBOX, "What others do") == first_lines


def test_the_faults_are_those_of_the_sandbox() -> None:
    assert rows(SANDBOX, "Faults") == {kind: facts.what for kind, facts in FAULT_KINDS.items()}
