"""The command that holds all others. Each of them is a module, imported when it is used."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Mapping
from importlib import import_module
from typing import Any, Final

import click

from wooshpay import ConfigurationError, WooshPayError, __version__
from wooshpay.cli.calls.sections import find_section, purposes_of_sections
from wooshpay.cli.failures import explain, redacted
from wooshpay.cli.groups import LazyGroup

# Command -> the module whose `command` it is, and what it is for.
_TOOLS: Final[dict[str, tuple[str, str]]] = {
    "demo": ("wooshpay.cli.demo", "Watch a payment from end to end, offline."),
    "sandbox": ("wooshpay.cli.sandbox", "Run an offline WooshPay for your own program."),
    "listen": ("wooshpay.cli.listen", "Run a sandbox, and forward its events to your endpoint."),
    "trigger": ("wooshpay.cli.trigger", "Send a signed test event to your endpoint."),
    "export": ("wooshpay.cli.export", "Write a section's objects to a CSV, JSON or Parquet file."),
    "report": ("wooshpay.cli.report", "Plot volume, success rates and refunds over time."),
    "doctor": ("wooshpay.cli.doctor", "Check key, host, connection, clock and versions."),
    "bulk": ("wooshpay.cli.bulk", "Make one call for each row of a file; go on after an interruption."),
    "api": ("wooshpay.cli.api", "Show all operations: verb, path, parameters."),
    "openapi": ("wooshpay.cli.openapi", "Print the API as an OpenAPI 3.1 document."),
    "completion": ("wooshpay.cli.completion", "Complete commands with <TAB> in bash, zsh or fish."),
}

_INTERRUPTED: Final = 130
# As of a program that the signal SIGPIPE ends, so that nobody takes `| head` for an error of WooshPay's.
_BROKEN_PIPE: Final = 141


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
            click.echo(explain(error), err=True)
            ctx.exit(2 if isinstance(error, ConfigurationError) else 1)
        except KeyboardInterrupt as interruption:
            for note in getattr(interruption, "__notes__", ()):
                click.echo(f"{note}.", err=True)
            ctx.exit(_INTERRUPTED)
        except BrokenPipeError:
            # Nobody reads any more, and the flush at exit must not complain about it.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            ctx.exit(_BROKEN_PIPE)


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
