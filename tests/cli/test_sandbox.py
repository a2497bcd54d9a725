from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

import pytest

from wooshpay import WooshPay

RUN: Final = [sys.executable, "-W", "error", "-c", "from wooshpay.cli import main; main()", "sandbox"]


@contextmanager
def running(*arguments: str) -> Generator[dict[str, str]]:
    """Run the command until the block ends, which Ctrl-C must end well; give the variables that it says to export."""
    process = subprocess.Popen(
        [*RUN, *arguments],
        env={**os.environ, "PYTHONUNBUFFERED": "1", "NO_COLOR": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    shown = ""
    try:
        for line in process.stdout:
            shown += line
            if "4000000000009995" in line:
                break
        yield dict(re.findall(r"^  export (\w+)=(\S+)$", shown, re.MULTILINE))
    finally:
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (0, "")


def test_what_it_prints_works() -> None:
    with (
        running() as exported,
        WooshPay(exported["WOOSHPAY_API_KEY"], base_url=exported["WOOSHPAY_BASE_URL"]) as client,
    ):
        assert client.customers.create(email="ada@example.com").email == "ada@example.com"
        assert "WOOSHPAY_WEBHOOK_SECRET" not in exported


def test_a_webhook_is_registered_with_the_secret_that_is_printed() -> None:
    url = "http://127.0.0.1:9/webhooks"
    with (
        running("--webhook", url) as exported,
        WooshPay(exported["WOOSHPAY_API_KEY"], base_url=exported["WOOSHPAY_BASE_URL"]) as client,
    ):
        (listed,) = client.webhook_endpoints.list()
        endpoint = client.webhook_endpoints.retrieve(listed.id)
        assert (endpoint.url, endpoint.secret) == (url, exported["WOOSHPAY_WEBHOOK_SECRET"])


def test_a_port_that_is_taken_is_a_sentence() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        run = subprocess.run([*RUN, "--port", port], capture_output=True, text=True, timeout=60)
    assert run.returncode == 1
    assert run.stderr.startswith(f"Error: Cannot listen on 127.0.0.1:{port}: ")
    assert len(run.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["--port", "99999"], 2, "99999 is not in the range"),
        (["--webhook", "shop.example"], 1, "Error: "),
    ],
)
def test_a_wrong_option_is_a_sentence(arguments: list[str], code: int, says: str) -> None:
    run = subprocess.run([*RUN, *arguments], capture_output=True, text=True, timeout=60)
    assert run.returncode == code
    assert says in run.stderr
    assert "Traceback" not in run.stderr
