"""The guides beside the code: every program does what its guide says, and the tables are those of the code."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final, get_args

import pytest
from examples.customer import Customer
from examples.guides import PROGRAM, ROOT, Guide, guides, matches
from examples.serving import environment, free_port, running

import wooshpay
from wooshpay.sandbox import Sandbox, SyncSandbox
from wooshpay.sandbox.behaviours.customer_acts.choosing import OUTCOMES
from wooshpay.sandbox.controls.acting import list_acts
from wooshpay.sandbox.lifecycles.customer_steps import PageStatus
from wooshpay.sandbox.requests.fault_kinds import FAULT_KINDS
from wooshpay.sandbox.rules.cards import CARDS
from wooshpay.sandbox.rules.payout_outcomes import ACCOUNTS

GUIDES: Final = guides()
PROGRAMS: Final = [guide for guide in GUIDES if PROGRAM in guide.files]
# Guides with commands that end by themselves; the others are served, here and in the tests of the web apps.
SHELLS: Final = [guide for guide in GUIDES if guide.commands_print]
SANDBOX: Final = Guide(ROOT / "wooshpay" / "sandbox" / "README.md")


@pytest.fixture
def sandbox() -> Iterator[SyncSandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@pytest.mark.parametrize("guide", PROGRAMS, ids=lambda guide: guide.name)
def test_the_program_of_a_guide_prints_what_the_guide_says(guide: Guide, sandbox: SyncSandbox, tmp_path: Path) -> None:
    """While it runs, a customer goes to every payment page that it names."""
    guide.save(tmp_path)
    customer, printed = Customer(sandbox), ""
    errors = tmp_path / "stderr"
    with (
        errors.open("w") as stderr,
        subprocess.Popen(
            [sys.executable, "-W", "error", PROGRAM],
            env=environment(WOOSHPAY_API_KEY=sandbox.api_key, WOOSHPAY_BASE_URL=sandbox.base_url),
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        ) as process,
    ):
        assert process.stdout is not None
        try:
            for line in process.stdout:
                printed += line
                customer.read(line)
        except BaseException:
            process.kill()
            raise
    assert (process.returncode, errors.read_text()) == (0, "")
    assert matches(printed, guide.prints), f"{printed}\nis not\n{guide.prints}"


@pytest.mark.parametrize("guide", SHELLS, ids=lambda guide: guide.name)
def test_the_commands_of_a_guide_print_what_the_guide_says(guide: Guide, sandbox: SyncSandbox, tmp_path: Path) -> None:
    guide.save(tmp_path)
    run = subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", guide.commands],
        env=environment(WOOSHPAY_API_KEY=sandbox.api_key, WOOSHPAY_BASE_URL=sandbox.base_url, NO_COLOR="1"),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert matches(run.stdout, guide.commands_print), f"{run.stdout}\nis not\n{guide.commands_print}"


def test_the_sandbox_starts_as_its_guides_say(tmp_path: Path) -> None:
    """Those are the commands that run until they are ended."""
    lines = [line for guide in GUIDES for line in guide.commands.splitlines() if line.startswith("wooshpay sandbox")]
    assert len(lines) == 2
    for line in lines:
        port = free_port()
        command = [*re.sub(r" --port \d+", "", line).split(), "--port", str(port)]
        with running(command, port, settings={}, folder=tmp_path) as printed:
            limit = time.monotonic() + 30
            while f"http://127.0.0.1:{port}" not in printed():
                assert time.monotonic() < limit, printed()
                time.sleep(0.05)


def test_the_programs_of_the_guides_pass_a_strict_type_check(tmp_path: Path) -> None:
    # All in one folder, where the files of a guide import one another by name.
    files: dict[str, str] = {}
    for guide in GUIDES:
        for name, text in guide.files.items():
            own = guide.name.replace("/", "_") + ".py" if name == PROGRAM else name
            assert own not in files, f"two guides have a file {name}"
            files[own] = text
            (tmp_path / own).write_text(text, "utf-8")
    home = Path(wooshpay.__file__).parents[1]
    installed = home.is_relative_to(Path(sys.prefix))
    run = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--follow-imports=silent", *files],
        env=environment(MYPYPATH="" if installed else str(home)),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr


def test_every_link_between_guides_leads_somewhere() -> None:
    for guide in GUIDES:
        for target in re.findall(r"\]\((?!https?://|#)([^)#]+)", guide.text):
            assert (guide.path.parent / target).is_file(), f"{guide.name}: {target}"


def rows(guide: Guide, heading: str) -> dict[str, str]:
    """The tables of a section: the first cell without its quotes, and the second."""
    section = guide.text.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return dict(re.findall(r"^\| `(.+?)` \| (.*?) \|$", section, re.MULTILINE))


def test_the_cards_and_accounts_are_those_of_the_sandbox() -> None:
    """A tester takes a number from the guide and trusts it."""
    cards = {card.number: card.does for card in CARDS}
    accounts = {account.number: f"`{account.failure.code}`" for account in ACCOUNTS}
    assert rows(SANDBOX, "Cards") == {**cards, **accounts}


def test_the_actions_are_those_of_the_sandbox() -> None:
    """The table of the guide is where a tester looks first: it names each action, and what the customer may choose."""
    listed = rows(SANDBOX, "Simulated actions")
    assert {name: listed[name] for name in listed if "." in name} == {act.name: act.summary for act in list_acts()}
    assert {outcome for outcome in OUTCOMES if f"`{outcome}`" not in SANDBOX.text} == set()
    assert {status for status in get_args(PageStatus) if f"`{status}`" not in SANDBOX.text} == set()


def test_the_faults_are_those_of_the_sandbox() -> None:
    assert rows(SANDBOX, "Faults") == {kind: facts.what for kind, facts in FAULT_KINDS.items()}
