"""The sync tests' own tools."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

Program = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def program() -> Iterator[Program]:
    """Start a Python program of its own, with warnings shown: what a user's script would see.

    Those that still run when the test ends are killed.
    """
    started: list[subprocess.Popen[str]] = []

    def start(source: str | Path, *args: str) -> subprocess.Popen[str]:
        what = [str(source)] if isinstance(source, Path) else ["-c", textwrap.dedent(source)]
        child = subprocess.Popen(
            # Not -X dev: on a busy machine its asyncio adds remarks about slow callbacks.
            [sys.executable, "-W", "default", *what, *args],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(child)
        return child

    yield start
    for child in started:
        if child.poll() is None:
            child.kill()
        child.communicate()
