"""``python -m benchmarks [NAME ...]``: run benchmarks; print their figures as a table, keep them as JSON, draw them.

Without a name all goals of speed are measured. A benchmark is a module of this package with a ``BENCHMARK``
in it, and has the module's name. One that is named alone takes its own options as well: NAME --help.
"""

from __future__ import annotations

import argparse
import pkgutil
import sys
from collections.abc import Sequence
from importlib import import_module
from itertools import takewhile
from pathlib import Path
from typing import Final

import benchmarks
from benchmarks.plot import draw
from benchmarks.report import Benchmark, Figure, as_json, as_markdown

# What is measured when nothing is named, in the order of the table.
GOALS: Final = ("create", "lists", "decode", "sync", "webhooks", "memory", "imports", "growth")


def main(arguments: Sequence[str]) -> None:
    """Run what the command line asks for."""
    named = list(takewhile(lambda argument: not argument.startswith("-"), arguments))
    asked = arguments[len(named) :]
    chosen = {name: find(name) for name in named or GOALS}
    alone = chosen[named[0]] if len(named) == 1 else None
    options = _parser(alone).parse_args(asked)
    figures: list[Figure] = []
    for name, benchmark in chosen.items():
        print(f"{name} ...", file=sys.stderr, flush=True)
        figures += benchmark.run(options if alone else _parser(benchmark).parse_args(asked))
    _show(figures, options)


def find(name: str) -> Benchmark:
    """The benchmark of a name.

    Raises:
        SystemExit: There is none.
    """
    found = _benchmark(name) if name in _modules() else None
    if found is None:
        raise SystemExit(f"There is no benchmark {name!r}: python -m benchmarks --help lists them.")
    return found


def _modules() -> list[str]:
    return [module.name for module in pkgutil.iter_modules(benchmarks.__path__) if module.name != "__main__"]


def _benchmark(module: str) -> Benchmark | None:
    return getattr(import_module(f"benchmarks.{module}"), "BENCHMARK", None)


def _names() -> str:
    found = {module: _benchmark(module) for module in _modules()}
    return "\n".join(f"  {name:12}{benchmark.about}" for name, benchmark in found.items() if benchmark)


def _parser(alone: Benchmark | None) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks [NAME ...]",
        description=alone.about if alone else __doc__,
        epilog=None if alone else _names(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--quick", action="store_true", help="measure less: rough figures, soon")
    parser.add_argument("--json", nargs="?", const="-", metavar="FILE", help="print JSON, or write it to a file")
    parser.add_argument("--markdown", metavar="FILE", help="write the table to a file")
    parser.add_argument("--svg", metavar="FILE", help="draw how near each goal was: .svg, .png or .pdf")
    if alone:
        alone.add_arguments(parser)
    return parser


def _show(figures: Sequence[Figure], options: argparse.Namespace) -> None:
    if options.json and options.json != "-":
        Path(options.json).write_text(as_json(figures) + "\n")
    if options.markdown:
        Path(options.markdown).write_text(as_markdown(figures) + "\n")
    if options.svg:
        draw(figures, Path(options.svg))
    print(as_json(figures) if options.json == "-" else as_markdown(figures))


if __name__ == "__main__":
    main(sys.argv[1:])
