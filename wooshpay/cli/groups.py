"""Commands that hold others and know them by name and purpose, so that one is imported only when it is used."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from difflib import get_close_matches

import click
from click.shell_completion import CompletionItem


class LazyGroup(click.Group, ABC):
    """A group whose commands are looked up one by one."""

    @property
    @abstractmethod
    def purposes(self) -> Mapping[str, Mapping[str, str]]:
        """Under each heading, the commands with what each is for, in a few words."""

    @abstractmethod
    def find(self, name: str) -> click.Command:
        """Import one of the commands."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of all commands."""
        return [name for commands in self.purposes.values() for name in commands]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command; ``None`` where there is none of that name."""
        return self.find(cmd_name) if cmd_name in self.list_commands(ctx) else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that the first word names, or say which ones are written much like it."""
        known = self.list_commands(ctx)
        # Names with a dot stay as they are typed.
        name = args[0] if "." in args[0] else args[0].replace("_", "-")
        if name not in known and not name.startswith("-") and not ctx.resilient_parsing:
            near = get_close_matches(name, known, 3)
            hint = f"Did you mean {' or '.join(near)}?" if near else f"See {ctx.command_path} --help."
            ctx.fail(f"No such command {args[0]!r}. {hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands under their headings."""
        widest = max(len(name) for name in self.list_commands(ctx))
        for heading, commands in self.purposes.items():
            with formatter.section(heading):
                formatter.write_dl([(name.ljust(widest), purpose) for name, purpose in commands.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete the name of a command, or an option of this one."""
        found = [
            CompletionItem(name, help=purpose)
            for commands in self.purposes.values()
            for name, purpose in commands.items()
            if name.startswith(incomplete)
        ]
        return [*found, *click.Command.shell_complete(self, ctx, incomplete)]
