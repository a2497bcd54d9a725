"""Runs an example in a process of its own until a block ends, as its user would."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import wooshpay

HERE: Final = Path(__file__).parent
WAIT_SECONDS: Final = 60.0


def free_port() -> int:
    """A port that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def environment(**settings: str) -> dict[str, str]:
    """The environment of an example: it finds the package where this process did, whether installed or not.

    How these tests are run is not passed on: an example has tests and modules of its own.
    """
    path = os.pathsep.join([str(Path(wooshpay.__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    programs = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    passed_on = {name: value for name, value in os.environ.items() if name not in ("PYTEST_ADDOPTS", "PYTHONSAFEPATH")}
    return {**passed_on, "PYTHONPATH": path, "PATH": programs, "PYTHONUNBUFFERED": "1", **settings}


@contextmanager
def running(
    command: Sequence[str | Path], port: int, *, settings: Mapping[str, str], folder: Path
) -> Generator[Callable[[], str]]:
    """Run a server until the block ends; what is given tells what it has printed so far."""
    output = folder / "output.txt"
    with output.open("w") as file:
        process = subprocess.Popen(
            command, env=environment(**settings), cwd=folder, stdout=file, stderr=subprocess.STDOUT
        )
    try:
        limit = time.monotonic() + WAIT_SECONDS
        while not _listens(port):
            assert process.poll() is None, output.read_text()
            assert time.monotonic() < limit, "it does not listen"
            time.sleep(0.05)
        yield output.read_text
    finally:
        process.terminate()
        process.wait(30)


def _listens(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), 1):
            return True
    except OSError:
        return False
