from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Final

from support.children import HANGS

from wooshpay.describe.openapi import document

RUN: Final = [sys.executable, "-W", "error", "-c", "from wooshpay.cli import main; main()", "openapi"]


def openapi(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*RUN, *arguments], capture_output=True, text=True, timeout=HANGS)


def test_it_prints_the_document() -> None:
    run = openapi()
    assert (run.returncode, run.stderr) == (0, "")
    assert json.loads(run.stdout) == document()
    assert run.stdout.endswith("}\n")


def test_it_writes_the_same_to_a_file(tmp_path: Path) -> None:
    file = tmp_path / "wooshpay.json"
    run = openapi("--output", str(file))
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")
    assert file.read_text(encoding="utf-8") == openapi().stdout


def test_a_file_that_cannot_be_written_is_an_error_without_a_traceback(tmp_path: Path) -> None:
    run = openapi("--output", str(tmp_path / "missing" / "wooshpay.json"))
    assert run.returncode == 1
    assert "No such file or directory" in run.stderr
    assert "Traceback" not in run.stderr
