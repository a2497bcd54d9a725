"""The command that holds all others. Each of them is a module, imported when it is used."""

from __future__ import annotations

from importlib import import_module
from typing import Any, Final

import click

from wooshpay import __version__

# Command -> the module whose `command` it is.
_COMMANDS: Final[dict[str, str]] = {
    "api": "wooshpay.cli.api",
    "demo": "wooshpay.cli.demo",
    "listen": "wooshpay.cli.listen",
    "openapi": "wooshpay.cli.openapi",
    "sandbox": "wooshpay.cli.sandbox",
    "trigger": "wooshpay.cli.trigger",
}

_INTERRUPTED: Final = 130


class Commands(click.Group):
    """A group whose commands are found in a table of modules."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of all commands."""
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command."""
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = import_module(_COMMANDS[cmd_name]).command
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Run what was asked for. Ctrl-C ends it without a word, as shells expect."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            ctx.exit(_INTERRUPTED)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="wooshpay %(version)s")
def root() -> None:
    """WooshPay from the command line."""
