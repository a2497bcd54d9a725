"""Programs of users', under the strictest settings of both type checkers.

The Python files in `programs/` say with ``assert_type`` what is known of every result, and must pass. The texts there
are programs with mistakes, and must be faulted on exactly the lines that say so.
"""

from __future__ import annotations

import ast
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest

import wooshpay
from wooshpay.api import declarations

PROGRAMS = Path(__file__).parent / "programs"
RIGHT = sorted(path.name for path in PROGRAMS.glob("*.py"))
WRONG = sorted(path.stem for path in PROGRAMS.glob("*.txt"))
HOME = Path(wooshpay.__file__).parent.parent
INSTALLED = HOME.name in {"site-packages", "dist-packages"}

# Program -> line -> what the checker says there.
Findings: TypeAlias = dict[str, dict[int, str]]
Check: TypeAlias = Callable[[], Findings]


@pytest.fixture(scope="module")
def checks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Check]:
    """Both checkers, at work side by side: they are most of the time that these tests take."""
    place = tmp_path_factory.mktemp("user")
    for name in RIGHT:
        shutil.copy(PROGRAMS / name, place)
    for name in WRONG:
        shutil.copy(PROGRAMS / f"{name}.txt", place / f"{name}.py")
    settings = {
        "typeCheckingMode": "strict",
        "pythonVersion": "3.11",
        "extraPaths": [] if INSTALLED else [str(HOME)],
        # A mistake must be found for what it is, not for standing alone in its line.
        "reportUnusedExpression": "none",
    }
    (place / "pyrightconfig.json").write_text(json.dumps(settings))
    path = "" if INSTALLED else f"mypy_path = {HOME}\n"
    # The SDK's own source is not the user's to check: an installed package is silent, so this one is too.
    (place / "mypy.ini").write_text(f"[mypy]\nstrict = true\npython_version = 3.11\nfollow_imports = silent\n{path}")
    names = [*RIGHT, *(f"{name}.py" for name in WRONG)]
    mypy = start([sys.executable, "-m", "mypy", "--no-pretty", "--show-error-codes", *names], place)
    pyright = start([sys.executable, "-m", "pyright", "--pythonpath", sys.executable, "--outputjson"], place)
    return {"mypy": lambda: read_mypy(mypy), "pyright": lambda: read_pyright(pyright)}


def start(command: list[str], place: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(command, cwd=place, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.fixture(scope="module")
def findings(checks: dict[str, Check]) -> dict[str, Findings]:
    return {name: read() for name, read in checks.items()}


def read_mypy(running: subprocess.Popen[str]) -> Findings:
    output, errors = running.communicate(timeout=300)
    assert running.returncode in {0, 1}, output + errors
    found: Findings = {}
    for line in output.splitlines():
        if said := re.match(r"(\S+\.py):(\d+): error: (.*)", line):
            found.setdefault(said[1], {})[int(said[2])] = said[3]
    assert found or "Success" in output, output + errors
    return found


def read_pyright(running: subprocess.Popen[str]) -> Findings:
    output, errors = running.communicate(timeout=300)
    assert running.returncode in {0, 1}, output + errors
    found: Findings = {}
    for said in json.loads(output)["generalDiagnostics"]:
        if said["severity"] == "error":
            line = said["range"]["start"]["line"] + 1
            found.setdefault(Path(said["file"]).name, {})[line] = said["message"]
    return found


checkers = pytest.mark.parametrize("checker", ["mypy", "pyright"])


@checkers
@pytest.mark.parametrize("program", RIGHT)
def test_a_right_program_passes_with_precise_types(checker: str, program: str, findings: dict[str, Findings]) -> None:
    """An ``Any`` in a signature would switch the checker off for whoever uses the result."""
    assert findings[checker].get(program, {}) == {}


@checkers
@pytest.mark.parametrize("program", WRONG)
def test_every_mistake_is_found_and_nothing_else(checker: str, program: str, findings: dict[str, Findings]) -> None:
    found = findings[checker].get(f"{program}.py", {})
    lines = (PROGRAMS / f"{program}.txt").read_text().splitlines()
    expected = {number: line for number, line in enumerate(lines, 1) if "# E: " in line}
    missed = [f"{number}: {line.strip()}" for number, line in expected.items() if number not in found]
    assert not missed, f"{checker} did not see these"
    assert {number: said for number, said in found.items() if number not in expected} == {}


def operations_in(program: str) -> set[str]:
    """What a program calls on a client, such as ``refunds.create``."""
    found: set[str] = set()
    for node in ast.walk(ast.parse((PROGRAMS / program).read_text())):
        if isinstance(node, ast.Call):
            first, _, rest = ast.unparse(node.func).partition(".")
            if first == "client":
                found.add(rest)
    return found


@pytest.mark.parametrize("program", ["every_section_asynchronous.py", "every_section_synchronous.py"])
def test_the_programs_call_every_operation_of_every_section(program: str) -> None:
    assert {declaration.name for declaration in declarations()} - operations_in(program) == set()
