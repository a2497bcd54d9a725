from __future__ import annotations

import re
import subprocess
import sys

import pytest
from support.children import HANGS
from support.cli import run as cli

from wooshpay import __version__
from wooshpay.api import SECTIONS

MAIN = "from wooshpay.cli import main; main()"


def wooshpay(*arguments: str, before: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", before + MAIN, *arguments], capture_output=True, text=True, timeout=HANGS
    )


def test_the_version() -> None:
    run = wooshpay("--version")
    assert (run.returncode, run.stdout, run.stderr) == (0, f"wooshpay {__version__}\n", "")


def test_help_names_every_command_and_every_section() -> None:
    run = wooshpay("--help")
    assert run.returncode == 0
    tools, _, sections = run.stdout.partition("\nSections of the API:\n")
    for command in ("api", "completion", "demo", "doctor", "listen", "openapi", "sandbox", "trigger"):
        assert f"\n  {command} " in tools
    for section in SECTIONS:
        assert f"  {section.partition('.')[0].replace('_', '-')} " in sections
    assert max(map(len, run.stdout.splitlines())) <= 80


def test_every_command_of_the_map_is_there() -> None:
    for command in re.findall(r"(?m)^  ([a-z][a-z-]+) ", cli("--help").out):
        done = cli(command, "--help")
        assert (done.code, done.err) == (0, "")
        assert done.out.startswith(f"Usage: wooshpay {command} ")


def test_ctrl_c_before_a_command_runs_is_no_traceback() -> None:
    """A shell that waits for what can come next is often told to stop."""
    early = "import sys\nclass Early:\n    def find_spec(self, name, *_):\n        if name == 'wooshpay.cli.root':"
    run = wooshpay("--help", before=f"{early} raise KeyboardInterrupt\nsys.meta_path.insert(0, Early())\n")
    assert (run.returncode, run.stdout, run.stderr) == (130, "", "")


def test_an_unknown_command_is_refused() -> None:
    run = wooshpay("pay")
    assert run.returncode == 2
    assert "No such command 'pay'" in run.stderr


@pytest.mark.parametrize("name", ["click", "jinja2", "rich"])
def test_without_the_extra_it_says_what_to_install(name: str) -> None:
    hidden = (
        "import importlib.util as util\n"
        "find = util.find_spec\n"
        f"util.find_spec = lambda name, package=None: None if name == {name!r} else find(name, package)\n"
    )
    run = wooshpay("demo", before=hidden)
    assert (run.returncode, run.stdout) == (2, "")
    assert run.stderr == (
        f"The wooshpay command needs {name}, which the SDK itself does not. Install with: pip install 'wooshpay[cli]'\n"
    )


def test_loading_the_entry_point_imports_nothing_else() -> None:
    program = (
        "import sys; before = set(sys.modules); import wooshpay.cli\n"
        "new = {name.partition('.')[0] for name in set(sys.modules) - before}\n"
        "print(*sorted(new - set(sys.stdlib_module_names)))\n"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout == "wooshpay\n"
