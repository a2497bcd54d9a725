"""Every program in the README does what it shows, and its commands are what they claim to be."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Final

import pytest

import wooshpay
from wooshpay import WooshPay
from wooshpay.sandbox import Sandbox, SyncSandbox

ROOT: Final = Path(__file__).parents[2]
README: Final = (ROOT / "README.md").read_text("utf-8")
BLOCKS: Final[list[str]] = re.findall(r"^```python\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
COMMANDS: Final[list[str]] = re.findall(r"^```sh\n(.*?)\n```$", README, re.MULTILINE | re.DOTALL)

# What each program prints, in the README's order. The webhook receiver runs until it is ended: None.
PRINTS: Final = (
    r"send the customer to http://127\.0\.0\.1:\d+/pay/\S+\n",
    r"succeeded 500 succeeded\nch_\d+ \d{4}-\d\d-\d\d \S+ 500\n",
    None,
    r"ask for another card: insufficient_funds\n",
    r"declined - The card was declined\. Try again or use another payment method\.\n"
    r"paid - https://shop\.example/thanks\n2 attempts, 1 customer\n",
)


@pytest.fixture
def sandbox() -> Iterator[SyncSandbox]:
    with Sandbox() as running:
        yield running


@pytest.fixture
def environment(sandbox: SyncSandbox) -> dict[str, str]:
    # Where the package is not installed, the programs find it where this process did.
    path = os.pathsep.join([str(Path(wooshpay.__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    keys = {"WOOSHPAY_API_KEY": sandbox.api_key, "WOOSHPAY_BASE_URL": sandbox.base_url, "PYTHONPATH": path}
    return {**os.environ, **keys}


def save(block: str, folder: Path) -> Path:
    program = folder / "program.py"
    program.write_text(block, "utf-8")
    return program


def test_every_program_is_known() -> None:
    assert len(BLOCKS) == len(PRINTS)


@pytest.mark.parametrize(
    ("block", "prints"), [pair for pair in zip(BLOCKS, PRINTS, strict=True) if pair[1] is not None]
)
def test_a_program_works_as_printed(block: str, prints: str, environment: dict[str, str], tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-W", "error", save(block, tmp_path)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (run.returncode, run.stderr) == (0, "")
    assert re.fullmatch(prints, run.stdout)


def test_the_webhook_receiver_takes_real_deliveries_only(
    sandbox: SyncSandbox, environment: dict[str, str], tmp_path: Path
) -> None:
    block = BLOCKS[PRINTS.index(None)]
    port = free_port()
    with WooshPay(sandbox.api_key, base_url=sandbox.base_url) as client:
        endpoint = client.webhook_endpoints.create(
            url=f"http://127.0.0.1:{port}/webhooks", enabled_events=["payment_intent.succeeded"]
        )
        settings = {"PORT": str(port), "WOOSHPAY_WEBHOOK_SECRET": endpoint.secret or ""}
        with running(save(block, tmp_path), {**environment, **settings}, port) as output:
            client.payment_intents.create(
                amount=1999,
                currency="USD",
                confirm=True,
                merchant_order_id="order-1001",
                payment_method_data={
                    "type": "card",
                    "card": {"number": "4111111111111111", "exp_month": "12", "exp_year": "2034", "cvc": "123"},
                },
            )
            sandbox.settle()
            assert post(port, b'{"id":"evt_1","type":"payment_intent.succeeded"}') == 400
        assert "paid: order-1001\n" in output()
    assert [delivery.state for delivery in sandbox.deliveries] == ["delivered"]


def test_every_program_passes_a_strict_type_check(tmp_path: Path) -> None:
    for number, block in enumerate(BLOCKS):
        (tmp_path / f"program{number}.py").write_text(block, "utf-8")
    home = Path(wooshpay.__file__).parents[1]
    installed = home.is_relative_to(Path(sys.prefix))
    run = subprocess.run(
        [
            sys.executable,
            "-m",
            "mypy",
            "--strict",
            "--config-file=",
            "--follow-imports=silent",
            "--cache-dir",
            tmp_path / "cache",
            tmp_path,
        ],
        env={**os.environ, "MYPYPATH": "" if installed else str(home)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert run.returncode == 0, run.stdout + run.stderr


def test_each_set_up_is_one_line_that_ends_in_what_it_promises() -> None:
    demo, tests = COMMANDS
    for command in (demo, tests):
        assert command.startswith("python3 -m venv .venv && .venv/bin/pip install ")
        assert "\n" not in command
    assert demo.endswith(" && .venv/bin/wooshpay demo")
    assert tests.endswith(" && .venv/bin/python -m pytest -n auto --dist worksteal")


def test_every_file_that_is_linked_exists() -> None:
    for target in re.findall(r"\]\((?!https?://)([^)]+)\)", README):
        assert (ROOT / target).is_file(), target


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def running(program: Path, environment: dict[str, str], port: int) -> Generator[Callable[[], str]]:
    """Run a server until the block ends; what is given tells what it printed."""
    printed = ""
    process = subprocess.Popen(
        [sys.executable, program],
        env=environment,
        cwd=program.parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        limit = time.monotonic() + 30
        while post(port, b"") is None:
            assert process.poll() is None, process.communicate()[0]
            assert time.monotonic() < limit
            time.sleep(0.05)
        yield lambda: printed
    finally:
        process.terminate()
        printed, _ = process.communicate(timeout=30)


def post(port: int, body: bytes) -> int | None:
    """Send a body without a signature; give the status, or ``None`` while nobody listens."""
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("POST", "/webhooks", body)
        return connection.getresponse().status
    except ConnectionError:
        return None
    finally:
        connection.close()
