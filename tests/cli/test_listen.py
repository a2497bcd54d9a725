from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Final

import pytest
from cli.endpoint import Endpoint, endpoint
from support.children import HANGS

from wooshpay import WooshPay, webhooks

RUN: Final = [sys.executable, "-W", "error", "-c", "from wooshpay.cli import main; main()", "listen"]


class Listener:
    """The command at work.

    Attributes:
        head: All that it showed first.
        exported: The variables that it says to export.
    """

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        self._lines = process.stdout
        self.head = ""
        for line in self._lines:
            self.head += line
            if "until Ctrl-C" in line:
                break
        self._lines.readline()
        self.exported = dict(re.findall(r"^  export (\w+)=(\S+)$", plain(self.head), re.MULTILINE))

    def connect(self) -> WooshPay:
        return WooshPay(self.exported["WOOSHPAY_API_KEY"], base_url=self.exported["WOOSHPAY_BASE_URL"])

    def line(self) -> str:
        """Wait for the next line."""
        return self._lines.readline().rstrip("\n")


@contextmanager
def listening(*arguments: str, **environment: str) -> Generator[Listener]:
    """Run the command until the block ends, which Ctrl-C must end well."""
    odd = ("NO_COLOR", "FORCE_COLOR", "WOOSHPAY_")
    given = {name: value for name, value in os.environ.items() if not name.startswith(odd)}
    process = subprocess.Popen(
        [*RUN, *arguments],
        env={**given, "COLUMNS": "80", "PYTHONUTF8": "1", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield Listener(process)
    finally:
        process.send_signal(signal.SIGINT)
        rest, errors = process.communicate(timeout=HANGS)
    assert (process.returncode, rest, errors) == (0, "", "")


def plain(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


@pytest.fixture
def shop() -> Iterator[Endpoint]:
    with endpoint() as found:
        yield found


def test_events_are_forwarded_signed_and_shown_in_order(shop: Endpoint) -> None:
    with listening("--forward-to", shop.url) as listener, listener.connect() as client:
        assert f"all events to {shop.url}" in listener.head
        payment = client.payment_intents.create(amount=500, currency="USD")
        client.payment_intents.cancel(payment.id, cancellation_reason="abandoned")
        for type in ("payment_intent.created", "payment_intent.canceled"):
            hook = shop.next()
            event = webhooks.construct(hook.body, hook.headers, listener.exported["WOOSHPAY_WEBHOOK_SECRET"])
            at, *rest = listener.line().split("\t")
            assert rest == [type, payment.id, event.id, "200"]
            assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d", at)


def test_people_see_a_refusal_and_when_the_event_comes_again(shop: Endpoint) -> None:
    shop.answers = [500]
    with listening("--forward-to", shop.url, FORCE_COLOR="1") as listener, listener.connect() as client:
        holder = client.products.create(name="Tea")
        line = listener.line()
        assert "\x1b[" in line
        assert re.fullmatch(rf"\d\d:\d\d:\d\d  500  product.created +{holder.id}", plain(line))
        assert re.fullmatch(r" {15}Again at (\d{4}-\d\d-\d\d )?\d\d:\d\d:\d\d\.", plain(listener.line()))


def test_the_longest_line_fits_80_columns(shop: Endpoint) -> None:
    with listening("--forward-to", shop.url, FORCE_COLOR="1", NO_COLOR="1") as listener, listener.connect() as client:
        client.payment_intents.create(
            amount=500,
            currency="USD",
            confirm=True,
            capture_method="manual",
            payment_method_data={
                "type": "card",
                "card": {"number": "4111111111111111", "exp_month": "12", "exp_year": "2090", "cvc": "123"},
            },
        )
        listener.line()
        line = plain(listener.line())
        assert "  payment_intent.amount_capturable_updated " in line
        assert len(line) <= 80
        head = [line for line in listener.head.splitlines() if "http" not in line and "export" not in line]
        assert max(map(len, head)) <= 80


def test_nobody_there_is_shown(shop: Endpoint) -> None:
    with listening("--forward-to", "http://127.0.0.1:9/webhooks") as listener, listener.connect() as client:
        client.products.create(name="Tea")
        assert listener.line().endswith("\t---\tConnection refused: nothing listens at 127.0.0.1:9.")


@pytest.mark.parametrize("events", ["payment_intent.canceled", "invoice.*, payment_intent.ca*"])
def test_only_the_types_that_were_asked_for(shop: Endpoint, events: str) -> None:
    with listening("--forward-to", shop.url, "--events", events) as listener, listener.connect() as client:
        payment = client.payment_intents.create(amount=500, currency="USD")
        client.payment_intents.cancel(payment.id, cancellation_reason="abandoned")
        assert listener.line().split("\t")[1] == "payment_intent.canceled"
        hook = shop.next()
        assert webhooks.construct(hook.body, hook.headers, listener.exported["WOOSHPAY_WEBHOOK_SECRET"])
        assert shop.hooks.empty()


def test_a_port_that_is_taken_is_a_sentence() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        run = subprocess.run(
            [*RUN, "--forward-to", "http://127.0.0.1:9", "--port", port], capture_output=True, text=True, timeout=HANGS
        )
    assert run.returncode == 1
    assert run.stderr.startswith(f"Error: Cannot listen on 127.0.0.1:{port}: ")
    assert len(run.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "Missing option '--forward-to'"),
        (["--forward-to", "http://shop.example.com/webhooks"], "https://"),
        (["--forward-to", "shop"], "https://"),
        (["--forward-to", "http://127.0.0.1:9", "--events", "payment_intent.suceeded"], "Did you mean payment_intent."),
        (["--forward-to", "http://127.0.0.1:9", "--events", "galaxy.*"], "A pattern such as invoice.*"),
    ],
)
def test_wrong_use_is_a_sentence(arguments: list[str], says: str) -> None:
    run = subprocess.run([*RUN, *arguments], capture_output=True, text=True, timeout=HANGS)
    assert (run.returncode, run.stdout) == (2, "")
    assert says in run.stderr
    assert "Traceback" not in run.stderr


def test_verification_cannot_be_switched_off() -> None:
    run = subprocess.run([*RUN, "--help"], capture_output=True, text=True, timeout=HANGS)
    assert "skip" not in run.stdout
