"""``wooshpay completion``: what a shell needs to complete commands, options and values."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from wooshpay.cli.streams import write_line

_VARIABLE = "_WOOSHPAY_COMPLETE"


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def command(ctx: click.Context, shell: str) -> None:
    """Print the script that completes wooshpay's commands in a SHELL: bash, zsh or fish.

    To have it in every new shell, put this line where the shell starts:

    \b
      ~/.bashrc                   eval "$(wooshpay completion bash)"
      ~/.zshrc                    eval "$(wooshpay completion zsh)"
      ~/.config/fish/config.fish  wooshpay completion fish | source

    Sections, operations, options and listed values are completed, and after a dot what lies within a
    parameter, as in --shipping.<TAB>
    """
    completion = get_completion_class(shell)
    assert completion is not None
    root = ctx.find_root()
    write_line(completion(root.command, {}, root.info_name or "wooshpay", _VARIABLE).source())
