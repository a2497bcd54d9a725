"""Measuring in a process of its own, with or without the ``speed`` extra, and nothing else in its memory."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import attrs

from benchmarks.report import Figure
from benchmarks.rounds import Effort


def environment() -> dict[str, str]:
    """The environment of a child: it finds these benchmarks, and the package that is measured here.

    Modules are compiled once and kept, as they are for a package that pip installed: otherwise every start of a server
    would be measured with the compilation of our own code, and without that of the packages beside it.
    """
    # Found and not imported: what a child measures begins with its imports.
    package = find_spec("wooshpay")
    assert package is not None
    assert package.origin is not None
    path = [str(Path(package.origin).parents[1]), str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**inherited, "PYTHONPATH": os.pathsep.join(filter(None, path))}


def measured(function: str, effort: Effort, *, speed: bool) -> list[Figure]:
    """Run a function in a child process.

    Args:
        function: Its module and name, such as ``benchmarks.create:with_stdlib``; from an `Effort` it makes figures.
        effort: How much is measured.
        speed: Whether orjson can be imported there; without it the SDK uses the standard library's JSON.

    Raises:
        SystemExit: The child failed.
    """
    if speed and find_spec("orjson") is None:
        return [Figure(what=f"{function}: orjson is not installed (extra speed)", unit="", values={})]
    command = [sys.executable, "-m", "benchmarks.child", function, json.dumps(attrs.asdict(effort))]
    child = subprocess.run(
        [*command, "--speed"] if speed else command, env=environment(), stdout=subprocess.PIPE, check=False
    )
    if child.returncode:
        raise SystemExit(f"Measuring {function} failed.")
    rows: list[dict[str, Any]] = json.loads(child.stdout)
    return [Figure(**row) for row in rows]


def main() -> None:
    """Run the function that the command line names; write its figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("function")
    parser.add_argument("effort", type=lambda text: Effort(**json.loads(text)))
    parser.add_argument("--speed", action="store_true")
    options = parser.parse_args()
    if not options.speed:
        sys.modules["orjson"] = None  # type: ignore[assignment]  # importing it fails, as where it is not installed
    module, _, name = options.function.partition(":")
    figures: list[Figure] = getattr(import_module(module), name)(options.effort)
    json.dump([attrs.asdict(figure) for figure in figures], sys.stdout)


if __name__ == "__main__":
    main()
