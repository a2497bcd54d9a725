"""``python -m benchmarks NAME``: run a benchmark, print its figures as a table or as JSON."""

from __future__ import annotations

import argparse
from importlib import import_module
from typing import Final

from benchmarks.report import Benchmark, as_json, as_markdown

# Each is a module of this package whose `BENCHMARK` it is.
_NAMES: Final = ("sandbox", "webhooks")


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    commands = parser.add_subparsers(dest="name", required=True, metavar="NAME")
    for name in _NAMES:
        benchmark: Benchmark = import_module(f"benchmarks.{name}").BENCHMARK
        command = commands.add_parser(name, help=benchmark.about, description=benchmark.about)
        command.add_argument("--json", action="store_true", help="print JSON instead of Markdown")
        benchmark.add_arguments(command)
        command.set_defaults(benchmark=benchmark)
    arguments = parser.parse_args()
    figures = arguments.benchmark.run(arguments)
    print(as_json(figures) if arguments.json else as_markdown(figures))


if __name__ == "__main__":
    main()
