from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.request import HTTPCookieProcessor, build_opener

import pytest
from support.children import HANGS

from wooshpay import WooshPay
from wooshpay.cli.sandbox import until_ctrl_c
from wooshpay.sandbox import CARDS

RUN: Final = [sys.executable, "-W", "error", "-c", "from wooshpay.cli import main; main()", "sandbox"]
HOOK: Final = "http://127.0.0.1:9/webhooks"


@contextmanager
def running(*arguments: str) -> Generator[tuple[dict[str, str], str]]:
    """Run the command until the block ends, which Ctrl-C must end well.

    Gives the variables that it says to export, and all that it shows.
    """
    process = subprocess.Popen(
        [*RUN, *arguments],
        env={**os.environ, "PYTHONUNBUFFERED": "1", "NO_COLOR": "1", "COLUMNS": "80"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    shown = ""
    try:
        for line in process.stdout:
            shown += line
            if "until Ctrl-C" in line or line.startswith("{"):
                break
        yield dict(re.findall(r"^  export (\w+)=(\S+)$", shown, re.MULTILINE)), shown
    finally:
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=HANGS)
    assert (process.returncode, errors) == (0, "")


def connect(exported: dict[str, str]) -> WooshPay:
    return WooshPay(exported["WOOSHPAY_API_KEY"], base_url=exported["WOOSHPAY_BASE_URL"])


def test_what_it_prints_works() -> None:
    with running() as (exported, shown), connect(exported) as client:
        assert client.customers.create(email="ada@example.com").email == "ada@example.com"
        assert exported["WOOSHPAY_WEBHOOK_SECRET"].startswith("whsec_")
        assert exported["WOOSHPAY_PUBLISHABLE_KEY"].startswith("pk_test_")
        assert "in memory" in shown
        assert all(card.number in shown for card in CARDS)
        assert "pm_card_visa" in shown
        # What is to be copied is never broken; all else fits a narrow terminal.
        prose = [line for line in shown.splitlines() if "http" not in line and "export" not in line]
        assert all(len(line) <= 80 for line in prose)


def test_the_dashboard_that_it_prints_opens() -> None:
    with running() as (exported, shown):
        found = re.search(r"^  (http\S+/dashboard\S+)$", shown, re.MULTILINE)
        assert found is not None
        assert found.group(1).startswith(exported["WOOSHPAY_BASE_URL"])
        # The key is exchanged for a cookie.
        browser = build_opener(HTTPCookieProcessor())
        with browser.open(found.group(1), timeout=10) as page:
            assert page.status == 200


def test_a_webhook_is_registered_with_the_secret_that_is_printed() -> None:
    with running("--webhook", HOOK) as (exported, _), connect(exported) as client:
        (listed,) = client.webhook_endpoints.list()
        endpoint = client.webhook_endpoints.retrieve(listed.id)
        assert (endpoint.url, endpoint.secret) == (HOOK, exported["WOOSHPAY_WEBHOOK_SECRET"])


def test_a_state_file_resumes_with_the_same_keys_and_one_endpoint(tmp_path: Path) -> None:
    file = str(tmp_path / "state.db")
    with running("--state", file, "--webhook", HOOK) as (first, shown), connect(first) as client:
        assert file in shown.replace("\n", "")
        made = client.customers.create(email="ada@example.com")
    with running("--state", file, "--webhook", HOOK) as (second, _), connect(second) as client:
        assert second == first
        assert client.customers.retrieve(made.id).to_dict() == made.to_dict()
        assert len(list(client.webhook_endpoints.list())) == 1


def test_a_seed_gives_the_same_keys() -> None:
    shown: list[dict[str, str]] = []
    for _ in range(2):
        with running("--seed", "7") as (exported, _):
            shown.append({name: value for name, value in exported.items() if name != "WOOSHPAY_BASE_URL"})
    assert shown[0] == shown[1]


def test_json_is_one_line_for_scripts() -> None:
    with running("--json") as (_, shown):
        facts = json.loads(shown)
        assert set(facts) == {"base_url", "api_key", "publishable_key", "webhook_secret", "dashboard_url"}
        with WooshPay(facts["api_key"], base_url=facts["base_url"]) as client:
            assert client.balance.retrieve().to_dict()["object"] == "balance"


@pytest.mark.skipif(sys.platform == "win32", reason="its loop is woken for any signal")
async def test_ctrl_c_that_comes_right_before_the_loop_goes_to_sleep_wakes_it() -> None:
    waiting = asyncio.create_task(until_ctrl_c())
    await asyncio.sleep(0)
    wakes = signal.set_wakeup_fd(-1)
    signal.set_wakeup_fd(wakes)
    assert wakes != -1, "such a signal is seen only when something else wakes the loop"
    signal.raise_signal(signal.SIGINT)
    await asyncio.wait_for(waiting, 5)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler, "a second one interrupts what follows"


def test_a_port_that_is_taken_is_a_sentence() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        run = subprocess.run([*RUN, "--port", port], capture_output=True, text=True, timeout=HANGS)
    assert run.returncode == 1
    assert run.stderr.startswith(f"Error: Cannot listen on 127.0.0.1:{port}: ")
    assert len(run.stderr.splitlines()) == 1


def test_a_state_file_in_use_is_a_sentence(tmp_path: Path) -> None:
    file = str(tmp_path / "state.db")
    with running("--state", file):
        run = subprocess.run([*RUN, "--state", file], capture_output=True, text=True, timeout=HANGS)
    assert run.returncode == 1
    assert run.stderr.startswith("Error: The state file ")
    assert "in use by another sandbox" in run.stderr
    assert "Traceback" not in run.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["--port", "99999"], 2, "99999 is not in the range"),
        (["--webhook", "shop.example"], 1, "Error: "),
        (["--state", "."], 2, "is a directory"),
        (["--state", "/no/such/folder/state.db"], 1, "cannot be made"),
        (["--seed", "tea"], 2, "not a valid integer"),
    ],
)
def test_a_wrong_option_is_a_sentence(arguments: list[str], code: int, says: str) -> None:
    run = subprocess.run([*RUN, *arguments], capture_output=True, text=True, timeout=HANGS)
    assert run.returncode == code
    assert says in run.stderr
    assert "Traceback" not in run.stderr
