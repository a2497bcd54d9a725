"""Completion: by the protocol that click's scripts speak, and in the shells themselves where they are installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest
from support.cli import MAIN, environment, process, run

BASH: Final = shutil.which("bash")


def complete(*words: str) -> list[str]:
    """What bash is told when the last of these words is being typed."""
    line = " ".join(["wooshpay", *words])
    done = subprocess.run(
        MAIN,
        env=environment(_WOOSHPAY_COMPLETE="bash_complete", COMP_WORDS=line, COMP_CWORD=str(len(words))),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stderr == ""
    return [item.partition(",")[2] for item in done.stdout.splitlines()]


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["pay"], ["payment-intents", "payment-links", "payment-methods", "payouts"]),
        (["doc"], ["doctor"]),
        (["refunds", ""], ["create", "retrieve"]),
        (["issuing", "car"], ["cardholders", "cards"]),
        (["checkout", "sessions", "ex"], ["expire"]),
        (["refunds", "create", "--a"], ["--amount", "--api-key-file"]),
        (
            ["refunds", "create", "--reason", ""],
            ["duplicate", "fraudulent", "requested_by_customer", "requested_by_merchant", "resolved_dispute"],
        ),
        (["payment-intents", "create", "--payment-method-types", "alipay_"], ["alipay_hk"]),
        (["payment-intents", "create", "--no-c"], ["--no-confirm"]),
        (["payment-intents", "create", "--shipping.address.li"], [f"--shipping.address.line{line}" for line in (1, 2)]),
        (["payment-intents", "create", "--payment-method-data.type", "alipay_"], ["alipay_hk"]),
        (["checkout", "sessions", "create", "--line-items.3.q"], ["--line-items.3.quantity"]),
        (["completion", ""], ["bash", "zsh", "fish"]),
    ],
    ids=" ".join,
)
def test_what_can_come_next(words: list[str], found: list[str]) -> None:
    assert complete(*words) == found


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_script_is_printed_for_each_shell(shell: str) -> None:
    done = run("completion", shell)
    assert (done.code, done.err) == (0, "")
    assert f"_WOOSHPAY_COMPLETE={shell}_complete" in done.out


def test_other_shells_are_refused() -> None:
    assert run("completion", "csh").code == 2


# ---- the shells themselves: what is not installed on a machine cannot be run there ------------------------------

IN_BASH: Final = """
eval "$(wooshpay completion bash)"
COMP_WORDS=(wooshpay refunds create --reason dup); COMP_CWORD=4
_wooshpay_completion wooshpay
echo "${COMPREPLY[@]}"
"""
IN_FISH: Final = """
wooshpay completion fish | source
complete --do-complete 'wooshpay refunds create --reason dup'
"""
# zsh completes only at a prompt: its own functions are replaced by ones that print what they are given.
IN_ZSH: Final = """
compdef() { :; }
_describe() { print -l -- "${(P@)3}"; }
compadd() { print -l -- "${(P@)@[-1]}"; }
eval "$(wooshpay completion zsh)"
words=(wooshpay refunds create --reason dup); CURRENT=5
_wooshpay_completion
"""


@pytest.fixture
def path(tmp_path: Path) -> str:
    """A search path on which the command is this tree's."""
    command = tmp_path / "wooshpay"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -c "from wooshpay.cli import main; main()" "$@"\n')
    command.chmod(0o755)
    return f"{tmp_path}{os.pathsep}{os.environ['PATH']}"


SHELLS: Final = {"bash": IN_BASH, "fish": IN_FISH, "zsh": IN_ZSH}
INSTALLED: Final = [shell for shell in SHELLS if shutil.which(shell)]


def test_bash_is_there_to_be_tried() -> None:
    assert "bash" in INSTALLED


@pytest.mark.parametrize("shell", INSTALLED)
def test_a_shell_completes_by_its_script(shell: str, path: str, tmp_path: Path) -> None:
    home = {"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path)}
    done = subprocess.run(
        [shell, "-c", SHELLS[shell]],
        env=environment(PATH=path, TERM="dumb", **home),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stderr == ""
    assert done.stdout.split() == ["duplicate"]


# ---- cost -----------------------------------------------------------------------------------------------------


def modules_after(*words: str, **variables: str) -> set[str]:
    """The modules that a run of the command imports, asked of a real process."""
    program = (
        "import sys, atexit\n"
        "atexit.register(lambda: print(*sys.modules, file=sys.stderr))\n"
        "from wooshpay.cli import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *words],
        env=environment(**variables),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return set(done.stderr.split())


def sections_among(modules: set[str]) -> set[str]:
    return {name for name in modules if name.startswith("wooshpay.api.")}


HEAVY: Final = {"aiohttp", "cattrs", "rich", "asyncio", "ssl", "jinja2"}


def test_the_map_of_all_commands_costs_no_section_and_no_network() -> None:
    modules = modules_after("--help")
    assert not modules & HEAVY
    assert not sections_among(modules)


def test_the_help_of_a_section_costs_that_section_only() -> None:
    modules = modules_after("payment-intents", "--help")
    assert not modules & (HEAVY - {"asyncio", "ssl"})
    assert sections_among(modules) == {"wooshpay.api.payment_intents", "wooshpay.api.shared"}


def test_completing_a_word_costs_no_section_and_no_network() -> None:
    modules = modules_after(_WOOSHPAY_COMPLETE="bash_complete", COMP_WORDS="wooshpay re", COMP_CWORD="1")
    assert not modules & HEAVY
    assert not sections_among(modules)


def test_completion_needs_no_key() -> None:
    assert process("completion", "bash", WOOSHPAY_API_KEY="").returncode == 0
