"""Servers in processes of their own: starting them, waiting for their first answer, their memory, their end."""

from __future__ import annotations

import base64
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO
from urllib.parse import urlencode

import attrs

from benchmarks.child import environment
from benchmarks.load import Ask

_PATIENCE = 60.0


@attrs.frozen
class Api:
    """How customers are made and read at a server.

    Attributes:
        name: The server's name in the table.
        command: The command line for a port, and a folder for its files.
        key: The secret key.
        is_json: Whether bodies are JSON, or else forms.
    """

    name: str
    command: Callable[[int, Path], Sequence[str]]
    key: str
    is_json: bool

    def create(self, number: int) -> Ask:
        """The request that makes a customer."""
        fields = {"email": f"user{number}@example.com", "name": "Ada Lovelace", "description": "A customer"}
        body = json.dumps(fields).encode() if self.is_json else urlencode(fields).encode()
        kind = "application/json" if self.is_json else "application/x-www-form-urlencoded"
        return Ask.make("POST", "/v1/customers", {**self._authorization(), "Content-Type": kind}, body)

    def read(self, path: str) -> Ask:
        """The request that reads something."""
        return Ask.make("GET", path, self._authorization())

    def _authorization(self) -> dict[str, str]:
        return {"Authorization": f"Basic {base64.b64encode(f'{self.key}:'.encode()).decode()}"}


SANDBOX = Api(
    "wooshpay sandbox",
    lambda port, folder: [sys.executable, "-m", "benchmarks.served", str(port)],
    "sk_test_benchmark",
    True,
)
SANDBOX_WITH_STATE = Api(
    "with --state",
    lambda port, folder: [sys.executable, "-m", "benchmarks.served", str(port), "--state", str(folder / "s.db")],
    SANDBOX.key,
    True,
)
LOCALSTRIPE = Api(
    "localstripe",
    lambda port, folder: [sys.executable, "-m", "localstripe", "--port", str(port), "--from-scratch"],
    "sk_test_12345",
    False,
)


@attrs.frozen
class Server:
    """A server that runs.

    Attributes:
        port: Where it listens.
        process: Its process.
        seconds_to_answer: From the start of the process to the first answer.
    """

    port: int
    process: subprocess.Popen[bytes]
    seconds_to_answer: float

    @property
    def memory(self) -> int | None:
        """Bytes that it occupies; ``None`` where the system does not say."""
        try:
            pages = Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]
        except OSError:
            return None
        return int(pages) * os.sysconf("SC_PAGE_SIZE")


def processor_seconds(pid: int) -> float:
    """Return the seconds of CPU that a process and its children have used; 0 where the system does not say."""
    ticks: dict[int, int] = {}
    parents: dict[int, int] = {}
    for file in Path("/proc").glob("[0-9]*/stat"):
        try:
            # The name of the program comes first, in brackets, and may hold anything.
            fields = file.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # the process has ended meanwhile
        number = int(file.parent.name)
        parents[number], ticks[number] = int(fields[1]), int(fields[11]) + int(fields[12])
    family = {pid}
    while found := {child for child, parent in parents.items() if parent in family} - family:
        family |= found
    return sum(ticks.get(member, 0) for member in family) / os.sysconf("SC_CLK_TCK")


@contextmanager
def running(command: Callable[[int], Sequence[str]]) -> Generator[Server]:
    """Run a server on a free port until the block ends.

    Raises:
        RuntimeError: It ended, or did not answer in time. The message has what it wrote.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    started = time.perf_counter()
    with tempfile.TemporaryFile() as written:
        process = subprocess.Popen(command(port), env=environment(), stdout=subprocess.DEVNULL, stderr=written)
        try:
            _wait(port, process, written)
            yield Server(port, process, time.perf_counter() - started)
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait(port: int, process: subprocess.Popen[bytes], written: IO[bytes]) -> None:
    end = time.perf_counter() + _PATIENCE
    while time.perf_counter() < end and process.poll() is None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", "/v1/customers/cus_1")
            connection.getresponse().read()
        except OSError:
            time.sleep(0.005)
        else:
            return
        finally:
            connection.close()
    written.seek(0)
    raise RuntimeError(f"{process.args!r} did not come up: {written.read().decode(errors='replace')}")
