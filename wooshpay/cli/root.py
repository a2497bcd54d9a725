"""The command that holds all others. Each of them is a module, imported when it is used."""

from __future__ import annotations

import logging
import signal
import sys
from collections.abc import Mapping
from importlib import import_module
from typing import Any, Final, NoReturn

import click

from wooshpay import ConfigurationError, WooshPayError, __version__
from wooshpay.cli.calls.sections import find_section, purposes_of_sections
from wooshpay.cli.exits import BROKEN_PIPE, FAILED, OUTPUT_FAILED, WRONG_USAGE, of_signal
from wooshpay.cli.failures import explain, explain_file_error, redacted
from wooshpay.cli.groups import LazyGroup
from wooshpay.cli.streams import OutputError, complain

# Command -> the module whose `command` it is, and what it is for.
_TOOLS: Final[dict[str, tuple[str, str]]] = {
    "demo": ("wooshpay.cli.demo", "Watch a payment from end to end, offline."),
    "sandbox": ("wooshpay.cli.sandbox", "Run an offline WooshPay for your own program."),
    "listen": ("wooshpay.cli.listen", "Forward the events of a sandbox to your endpoint."),
    "trigger": ("wooshpay.cli.trigger", "Send a signed test event to your endpoint."),
    "export": ("wooshpay.cli.export", "Write a section's objects to a CSV, JSON or Parquet file."),
    "report": ("wooshpay.cli.report", "Plot volume, success rates and refunds over time."),
    "doctor": ("wooshpay.cli.doctor", "Check key, host, connection, clock and versions."),
    "bulk": ("wooshpay.cli.bulk", "Make one call for each row of a file; go on after an interruption."),
    "api": ("wooshpay.cli.api", "Show all operations: verb, path, parameters."),
    "openapi": ("wooshpay.cli.openapi", "Print the API as an OpenAPI 3.1 document."),
    "completion": ("wooshpay.cli.completion", "Complete commands with <TAB> in bash, zsh or fish."),
}


class Commands(LazyGroup):
    """The tools, and the sections of the API."""

    @property
    def purposes(self) -> Mapping[str, Mapping[str, str]]:
        """All commands, and what each is for."""
        return {
            "Commands": {name: purpose for name, (_, purpose) in _TOOLS.items()},
            "Sections of the API": purposes_of_sections(),
        }

    def find(self, name: str) -> click.Command:
        """Import a command."""
        if name not in _TOOLS:
            return find_section(name)
        module, _ = _TOOLS[name]
        command: click.Command = import_module(module).command
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Run what was asked for, and end as shells expect, whatever happens on the way."""
        # What the SDK has to say is said here, in sentences of its own.
        logging.getLogger("wooshpay").addHandler(logging.NullHandler())
        try:
            return super().invoke(ctx)
        except click.UsageError as error:
            raise redacted(error) from None
        except WooshPayError as error:
            complain(explain(error))
            ctx.exit(WRONG_USAGE if isinstance(error, ConfigurationError) else FAILED)
        except KeyboardInterrupt as interruption:
            for note in getattr(interruption, "__notes__", ()):
                complain(f"{note}.")
            ctx.exit(of_signal(getattr(interruption, "number", signal.SIGINT)))
        except OSError as error:
            complain(explain_file_error(error))
            ctx.exit(FAILED)

    def main(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Run the command, and end the process with its exit code; also where its help cannot be printed."""
        try:
            super().main(*args, **kwargs)
        except OutputError as error:
            _end_without_output(error)
        except SystemExit:
            _flush_output()
            raise
        raise AssertionError("click ends the process")


def _flush_output() -> None:
    try:
        sys.stdout.flush()
    except OutputError as error:
        _end_without_output(error)


def _end_without_output(error: OutputError) -> NoReturn:
    if error.reader_left:
        sys.exit(BROKEN_PIPE)
    complain(f"Error: {error}")
    sys.exit(OUTPUT_FAILED)


def _hyphenated(name: str) -> str:
    """Names may be written as in Python, too; what stands after a dot is a key, and stays as it is."""
    return name if "." in name else name.replace("_", "-")


@click.group(
    cls=Commands,
    context_settings={
        "help_option_names": ["-h", "--help"],
        "token_normalize_func": _hyphenated,
    },
)
@click.version_option(__version__, message="wooshpay %(version)s")
def root() -> None:
    """WooshPay from the command line.

    The API key comes from WOOSHPAY_API_KEY; wooshpay doctor says whether it works.
    """
