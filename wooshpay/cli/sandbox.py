"""``wooshpay sandbox``: an offline WooshPay that runs until Ctrl-C."""

from __future__ import annotations

import asyncio
import json
import signal
from pathlib import Path

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from wooshpay.cli.streams import write_line
from wooshpay.cli.texts import visible
from wooshpay.sandbox import CARDS, Sandbox, SandboxError, StateFileError


@click.command("sandbox")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    default=0,
    show_default="that of the state file, or a free one",
    type=click.IntRange(0, 65535),
    help="Port to listen on.",
)
@click.option(
    "--state",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Keep everything in this file, and go on from what is in it. Faults and the request log are not kept.",
)
@click.option(
    "--seed",
    type=int,
    metavar="NUMBER",
    help="Make ids, keys and times repeatable. The clock begins at 2026-01-01 and stands still until it is moved.",
)
@click.option("--webhook", metavar="URL", help="Post every event to this URL, signed.")
@click.option("--json", "as_json", is_flag=True, help="Print address and keys as one line of JSON.")
def command(host: str, port: int, state: Path | None, seed: int | None, webhook: str | None, as_json: bool) -> None:
    """Run an offline WooshPay for your own program.

    It listens on this machine only, keeps everything in memory unless --state names a file, and runs until Ctrl-C.
    """
    sandbox = Sandbox(host=host, port=port, state=state, seed=seed, webhook=webhook)
    try:
        asyncio.run(_run(sandbox, state, as_json))
    except KeyboardInterrupt:
        pass
    except StateFileError as error:
        raise click.ClickException(str(error)) from None
    except SandboxError as error:
        raise click.ClickException(error.message) from None
    except OSError as error:
        raise click.ClickException(f"Cannot listen on {host}:{port}: {error.strerror or error}.") from None


async def _run(sandbox: Sandbox, state: Path | None, as_json: bool) -> None:
    async with sandbox:
        if as_json:
            write_line(json.dumps(_facts(sandbox)))
        else:
            _show(
                sandbox,
                f"keeps everything in {escape(visible(str(state)))}"
                if state is not None
                else "keeps everything in memory",
            )
        await until_ctrl_c()


async def until_ctrl_c() -> None:
    """Wait for Ctrl-C. A second one, while what follows is under way, is a `KeyboardInterrupt` again."""
    pressed = asyncio.Event()
    loop = asyncio.get_running_loop()
    try:
        # The loop is woken for a signal only where it handles it: one that comes right before the loop goes to sleep
        # would else be seen when something else wakes it, which may be never.
        loop.add_signal_handler(signal.SIGINT, pressed.set)
    except NotImplementedError:  # on Windows, whose loop is woken for any signal
        await pressed.wait()
    else:
        try:
            await pressed.wait()
        finally:
            loop.remove_signal_handler(signal.SIGINT)


def _facts(sandbox: Sandbox) -> dict[str, str]:
    return {
        "base_url": sandbox.base_url,
        "api_key": sandbox.api_key,
        "publishable_key": sandbox.publishable_key,
        "webhook_secret": sandbox.webhook_secret,
        "dashboard_url": sandbox.dashboard_url,
    }


def _show(sandbox: Sandbox, keeps: str) -> None:
    console = Console(highlight=False)
    facts = _facts(sandbox)
    dashboard = facts.pop("dashboard_url")
    cards = Table.grid(padding=(0, 2))
    for card in CARDS:
        cards.add_row(f"  {card.number}", card.does)
    lines = (
        "\n  [bold]wooshpay sandbox[/]\n",
        "  [dim]# cards: any date to come, any CVC[/]",
        "  [dim]# in code: pm_card_visa, pm_card_declined, pm_card_3ds ... in place of a card[/]",
        cards,
        "\n  [dim]# the dashboard[/]",
        f"  {dashboard}",
        "\n  [dim]# for your program[/]",
        *(f"  export WOOSHPAY_{name.upper()}={value}" for name, value in facts.items()),
        f"\n  It {keeps} and runs until Ctrl-C.\n",
    )
    for line in lines:
        # What is to be copied must not be broken; the table's words may be.
        console.print(line, soft_wrap=isinstance(line, str))
