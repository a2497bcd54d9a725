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
def running(*arguments: str, ends: signal.Signals = signal.SIGINT) -> Generator[tuple[dict[str, str], str]]:
    """Run the command until the block ends, which Ctrl-C, or another signal, must end well.

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
        process.send_signal(ends)
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
    await asyncio.wait_for(waiting, HANGS)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler, "a second one interrupts what follows"


@pytest.mark.skipif(sys.platform == "win32", reason="it has no such signals")
@pytest.mark.parametrize("ends", [signal.SIGTERM, signal.SIGHUP])
def test_what_ends_a_container_ends_it_like_ctrl_c(ends: signal.Signals, tmp_path: Path) -> None:
    """`docker stop` sends SIGTERM. Otherwise the state file would keep its journal, and the exit code be an error."""
    file = tmp_path / "state.db"
    # A delivery that hangs must not hold the end up.
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        hook = f"http://127.0.0.1:{silent.getsockname()[1]}/hook"
        with running("--state", str(file), "--webhook", hook, ends=ends) as (exported, _), connect(exported) as client:
            made = client.customers.create(email="ada@example.com")
    assert [path.name for path in tmp_path.iterdir()] == ["state.db"], "nothing is left beside the state file"
    with running("--state", str(file)) as (exported, _), connect(exported) as client:
        assert client.customers.retrieve(made.id).to_dict() == made.to_dict()


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux has containers, and /proc")
def test_it_handles_the_signals_that_the_first_process_of_a_container_would_not_get() -> None:
    """The kernel drops signals to PID 1 for which it has no handler: `docker stop` would take ten seconds, and kill."""
    program = "import os, sys; os.execv(sys.argv[1], sys.argv[1:])"
    process = subprocess.Popen(
        [sys.executable, "-c", program, *RUN, "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        process.stdout.readline()
        status = Path(f"/proc/{process.pid}/status").read_text()
        (caught,) = re.findall(r"^SigCgt:\s*([0-9a-f]+)$", status, re.MULTILINE)
        handled = {number for number in signal.Signals if int(caught, 16) >> (number - 1) & 1}
    finally:
        process.terminate()
        _, errors = process.communicate(timeout=HANGS)
    assert {signal.SIGINT, signal.SIGTERM, signal.SIGHUP} <= handled
    assert (process.returncode, errors) == (0, "")


@pytest.mark.skipif(sys.platform == "win32", reason="it has no such signals")
def test_a_signal_that_comes_before_it_listens_ends_it_too() -> None:
    """A container that is stopped while it starts ends at once, without a traceback."""
    program = (
        "import os, signal, wooshpay.sandbox\n"
        "made = wooshpay.sandbox.Sandbox\n"
        "def make(**options):\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n"
        "    return made(**options)\n"
        "wooshpay.sandbox.Sandbox = make\n"
        "from wooshpay.cli import main; main()\n"
    )
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", program, "sandbox"], capture_output=True, text=True, timeout=HANGS
    )
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")


@pytest.mark.skipif(sys.platform == "win32", reason="its loop is woken for any signal")
async def test_a_second_sigterm_interrupts_the_closing() -> None:
    """What follows may hang; after it, the handler of before counts again."""
    heard: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, frame: heard.append(number))
    try:
        waiting = asyncio.create_task(until_ctrl_c())
        await asyncio.sleep(0)
        signal.raise_signal(signal.SIGTERM)
        await asyncio.wait_for(waiting, HANGS)
        assert heard == []
        signal.raise_signal(signal.SIGTERM)
        assert heard == [signal.SIGTERM]
    finally:
        signal.signal(signal.SIGTERM, before)


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_a_sandbox_that_listens_everywhere_prints_urls_that_work(host: str) -> None:
    """It printed http://0.0.0.0, which no client accepts, and no hint that other machines need a public URL."""
    with running("--host", host) as (exported, shown), connect(exported) as client:
        assert client.balance.retrieve().to_dict()["object"] == "balance"
        assert "pass --public-url" in shown
        assert "0.0.0.0" not in shown
        assert "[::]" not in shown
        assert all(len(line) <= 80 for line in shown.splitlines() if "http" not in line and "export" not in line)


def test_a_public_url_is_what_it_prints() -> None:
    with running("--host", "0.0.0.0", "--public-url", "http://sandbox:4242/") as (exported, shown):
        assert exported["WOOSHPAY_BASE_URL"] == "http://sandbox:4242"
        assert "http://sandbox:4242/dashboard?key=" in shown
        assert "pass --public-url" not in shown


def test_keys_that_other_programs_know_beforehand() -> None:
    """In a compose file, the shop's container needs the key and the secret before the sandbox has started."""
    key, secret = "sk_test_ofthecomposefile", "whsec_ofthecomposefile"
    given = ("--api-key", key, "--webhook-secret", secret, "--webhook", HOOK)
    with running(*given) as (exported, _), connect(exported) as client:
        assert (exported["WOOSHPAY_API_KEY"], exported["WOOSHPAY_WEBHOOK_SECRET"]) == (key, secret)
        (endpoint,) = client.webhook_endpoints.list()
        assert client.webhook_endpoints.retrieve(endpoint.id).secret == secret


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
        (["--public-url", "http://proxy.example/wooshpay"], 1, "must not have a path"),
        (["--api-key", "sk_live_thekeythatnobodymaysee"], 2, "must begin with sk_test_"),
        (["--api-key", "sk_test_ü"], 2, "must begin with sk_test_"),
        (["--webhook-secret", "secret"], 2, "must begin with whsec_"),
        (["--payment-methods", "card,alipai"], 2, "Did you mean alipay"),
        (["--payment-methods", ","], 2, "names no type"),
        (["--minimum-amount", "USD=0.50"], 2, "in minor units"),
        (["--plan-changes", "later"], 2, "'later' is not one of"),
    ],
)
def test_a_wrong_option_is_a_sentence(arguments: list[str], code: int, says: str) -> None:
    run = subprocess.run([*RUN, *arguments], capture_output=True, text=True, timeout=HANGS)
    assert run.returncode == code
    assert says in run.stderr
    assert "thekeythatnobodymaysee" not in run.stderr
    assert "Traceback" not in run.stderr
