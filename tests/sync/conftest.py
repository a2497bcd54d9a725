"""The sync tests' own tools."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Callable

import pytest

Program = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def program() -> Program:
    """Start a Python program of its own, with warnings shown: what a user's script would see."""

    def start(source: str, *args: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            # Not -X dev: on a busy machine its asyncio adds remarks about slow callbacks.
            [sys.executable, "-W", "default", "-c", textwrap.dedent(source), *args],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return start
