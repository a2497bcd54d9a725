from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from typing import Final

import pytest
from support.children import HANGS

RUN: Final = [sys.executable, "-W", "error", "-c", "from wooshpay.cli import main; main()", "demo"]
STEPS: Final = (
    "Register a webhook endpoint",
    "Create a checkout session",
    "Pay on the hosted page",
    "Receive the webhooks",
    "Look at the session again",
    "Refund a part",
    "Have a card declined",
    "Lose an answer on the way",
)


def demo(before: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    given = {name: value for name, value in os.environ.items() if name not in {"NO_COLOR", "FORCE_COLOR", "COLUMNS"}}
    program = [*RUN[:-2], before + RUN[-2], RUN[-1]]
    return subprocess.run(
        program, env={**given, "PYTHONUTF8": "1", **environment}, capture_output=True, text=True, timeout=120
    )


def plain(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


@pytest.mark.parametrize("colour", [True, False])
def test_every_step_holds_in_both_worlds(colour: bool) -> None:
    run = demo(FORCE_COLOR="1") if colour else demo(NO_COLOR="1")
    assert (run.returncode, run.stderr) == (0, "")
    assert ("\x1b[" in run.stdout) == colour
    text = plain(run.stdout)
    first, second = text.index("  AsyncWooshPay  "), text.index("  WooshPay  ")
    for part in (text[first:second], text[second:]):
        held = re.findall(r"^  ✓ (.+?)  +\d+ ms\n  │ \S", part, re.MULTILINE)
        assert tuple(held) == STEPS
    assert "All 16 steps held" in text
    assert max(len(line) for line in text.splitlines()) <= 80


def test_a_narrow_terminal_without_unicode() -> None:
    run = demo(COLUMNS="50", PYTHONUTF8="0", PYTHONIOENCODING="ascii")
    assert run.returncode == 0
    assert max(len(line) for line in run.stdout.splitlines()) <= 50
    assert run.stdout.isascii()


def test_settings_for_a_real_account_are_left_alone() -> None:
    run = demo(WOOSHPAY_API_KEY="sk_live_x", WOOSHPAY_BASE_URL="https://api.wooshpay.com", HTTPS_PROXY="http://no:1")
    assert (run.returncode, run.stderr) == (0, "")


@pytest.mark.parametrize(
    ("fault", "step", "held", "why"),
    [
        (
            "from wooshpay import webhooks\n"
            "sign = webhooks.sign\n"
            "webhooks.sign = lambda body, secret, *, t=None: sign(body, secret + 'x', t=t)\n",
            "Receive the webhooks",
            3,
            "SignatureError: The signature does not match",
        ),
        (
            "from wooshpay.sandbox.requests.idempotency import Keys\n"
            "claim = Keys.claim\n"
            "Keys.claim = lambda self, key, *rest: (self._entries.pop(key, None), claim(self, key, *rest))[1]\n",
            "Lose an answer on the way",
            7,
            "The sandbox holds 2 payments for this order",
        ),
        (
            "from wooshpay.sandbox.rules import cards\ncards.outcome_of = lambda number: 'succeeds'\n",
            "Have a card declined",
            6,
            "The payment went through with a card that has no funds.",
        ),
    ],
    ids=["deliveries signed with another secret", "keys that are forgotten", "a card that is never declined"],
)
def test_a_step_that_does_not_hold_is_named(fault: str, step: str, held: int, why: str) -> None:
    run = demo(fault)
    assert run.returncode == 1
    assert why in " ".join(run.stdout.replace("│", "").split())
    assert f"  ✗ {step}\n" in run.stdout
    assert f"Failed: {step} (AsyncWooshPay). Before it, {held} steps held.\n" in run.stdout
    assert "steps held in" not in run.stdout


def test_ctrl_c_ends_it_without_a_word() -> None:
    slow = (
        "import asyncio\n"
        "import wooshpay.cli.demo.story as story\n"
        "async def wait(*_): await asyncio.sleep(60)\n"
        "story.refund_part = wait\n"
    )
    process = subprocess.Popen(
        [*RUN[:-2], slow + RUN[-2], RUN[-1]],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    assert process.stdout is not None
    for line in process.stdout:
        if "It is complete and paid" in line:
            break
    time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=HANGS)
    assert (process.returncode, errors) == (130, "")
