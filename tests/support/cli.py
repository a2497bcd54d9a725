"""The ``wooshpay`` command, run in this process or as a real one."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import Final

import attrs
from click.testing import CliRunner
from support.children import HANGS

KEY: Final = "sk_test_abcdefghijklmnop"
MAIN: Final = [sys.executable, "-W", "error", "-c", "from wooshpay.cli import main; main()"]


@attrs.frozen
class Run:
    """How a command ended."""

    code: int
    out: str
    err: str


def environment(**more: str) -> dict[str, str]:
    """The variables of this process without any that change how a command prints, and with a key."""
    mine = {
        name: value
        for name, value in os.environ.items()
        if name not in {"NO_COLOR", "FORCE_COLOR", "COLUMNS", "TERM"} and not name.startswith("WOOSHPAY_")
    }
    return {**mine, "PYTHONUTF8": "1", "WOOSHPAY_API_KEY": KEY, **more}


def run(*arguments: str, given: str | bytes = "", **variables: str) -> Run:
    """Run a command in this process.

    Args:
        arguments: The words after ``wooshpay``.
        given: What standard input holds.
        variables: Variables of the environment.
    """
    from wooshpay.cli.root import root

    result = CliRunner().invoke(
        root, list(arguments), prog_name="wooshpay", input=given, env={"WOOSHPAY_API_KEY": KEY, **variables}
    )
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Run(result.exit_code, result.stdout, result.stderr)


def process(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a command as a process of its own, piped."""
    return subprocess.run(
        [*MAIN, *arguments], env=environment(**variables), capture_output=True, text=True, timeout=HANGS, check=False
    )


def words(name: str) -> list[str]:
    """An operation's name as the words of its command."""
    return name.replace("_", "-").split(".")


def plain(text: str) -> str:
    """A text without its colours."""
    return re.sub(r"\x1b\[[0-9;]*m", "", text)
