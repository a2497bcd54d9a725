"""``wooshpay sandbox``: an offline WooshPay that runs until Ctrl-C, and commands that talk to a running one."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from wooshpay.cli.calls.ending import ending_signals
from wooshpay.cli.groups import LazyGroup
from wooshpay.cli.sandbox_options import account_options, account_settings, sandbox_key, strictness
from wooshpay.cli.streams import write_line
from wooshpay.cli.texts import visible

if TYPE_CHECKING:
    from wooshpay.sandbox import Sandbox

# Command -> the module whose `command` it is, and what it is for.
_CONTROLS: Final[dict[str, tuple[str, str]]] = {
    "act": ("wooshpay.cli.controls.act", "Do what a customer, a cardholder or a bank does."),
    "clock": ("wooshpay.cli.controls.clock", "Show the clock, move it, stop it, let it run."),
    "fault": ("wooshpay.cli.controls.fault", "Add, list and remove faults of the network and the server."),
    "health": ("wooshpay.cli.controls.health", "Check that a sandbox is ready, without a key."),
    "reset": ("wooshpay.cli.controls.reset", "Go back to the state of a new sandbox."),
}
# What can ask a program to end: Ctrl-C; `docker stop`, Kubernetes and systemd; a terminal that closes.
_ENDING: Final = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


class Controls(LazyGroup):
    """Starts a sandbox, or talks to one that runs."""

    @property
    def purposes(self) -> Mapping[str, Mapping[str, str]]:
        """The commands for a running sandbox."""
        return {"Commands for a running sandbox": {name: purpose for name, (_, purpose) in _CONTROLS.items()}}

    def find(self, name: str) -> click.Command:
        """Import a command."""
        command: click.Command = import_module(_CONTROLS[name][0]).command
        return command


@click.group("sandbox", cls=Controls, invoke_without_command=True, subcommand_metavar="[COMMAND [ARGS]...]")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on; 0.0.0.0 in a container.")
@click.option(
    "--port",
    default=0,
    show_default="that of the state file, or a free one",
    type=click.IntRange(0, 65535),
    help="Port to listen on.",
)
@click.option(
    "--public-url",
    metavar="URL",
    help="URL under which clients and browsers reach it, such as http://sandbox:4242. All links begin with it.",
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
@sandbox_key("--api-key", "WOOSHPAY_SANDBOX_API_KEY", "sk_test_", "Secret key")
@sandbox_key("--webhook-secret", "WOOSHPAY_SANDBOX_WEBHOOK_SECRET", "whsec_", "Secret of --webhook")
@account_options
@click.option("--json", "as_json", is_flag=True, help="Print address and keys as one line of JSON.")
@click.pass_context
def command(
    ctx: click.Context,
    /,
    host: str,
    port: int,
    public_url: str | None,
    state: Path | None,
    seed: int | None,
    webhook: str | None,
    api_key: str | None,
    webhook_secret: str | None,
    strict: bool,
    as_json: bool,
    **account: Any,
) -> None:
    """Run an offline WooshPay for your own program.

    It listens on this machine only unless --host says otherwise, keeps everything in memory unless --state names a
    file, and runs until Ctrl-C or SIGTERM.

    With a COMMAND it talks to a sandbox that runs, as WOOSHPAY_BASE_URL and WOOSHPAY_API_KEY say.
    """
    if ctx.invoked_subcommand is not None:
        from wooshpay.cli.controls.running import refuse_options_before

        refuse_options_before(ctx, "is for starting a sandbox, and has no effect on the command")
        return
    with ending_signals(caught=True):
        try:
            _start(
                as_json,
                host=host,
                port=port,
                public_url=public_url,
                state=state,
                seed=seed,
                webhook=webhook,
                api_key=api_key,
                webhook_secret=webhook_secret,
                account=account_settings(**account),
                **strictness(strict),
            )
        except KeyboardInterrupt:
            pass


def _start(as_json: bool, *, host: str, port: int, state: Path | None, **settings: Any) -> None:
    from wooshpay.sandbox import Sandbox, SandboxError, StateFileError

    try:
        asyncio.run(_run(Sandbox(host=host, port=port, state=state, **settings), host, state, as_json, settings))
    except StateFileError as error:
        raise click.ClickException(str(error)) from None
    except SandboxError as error:
        raise click.ClickException(error.message) from None
    except OSError as error:
        raise click.ClickException(f"Cannot listen on {host}:{port}: {error.strerror or error}.") from None


async def _run(sandbox: Sandbox, host: str, state: Path | None, as_json: bool, settings: Mapping[str, Any]) -> None:
    async with sandbox:
        if as_json:
            write_line(json.dumps(_facts(sandbox)))
        else:
            notes = [] if settings.get("public_url") or _is_one_address(host) else [_EVERYWHERE]
            from rich.markup import escape

            where = f"in {escape(visible(str(state)))}" if state is not None else "in memory"
            _show(sandbox, [*notes, f"It keeps everything {where} and runs until Ctrl-C."])
        await until_ctrl_c()


_EVERYWHERE: Final = (
    "It listens on all addresses of this machine. These URLs work only on the\n  machine itself: for other machines and"
    " containers, pass --public-url URL."
)


def _is_one_address(host: str) -> bool:
    return bool(host.strip("0:.")) and host != "*"


async def until_ctrl_c() -> None:
    """Wait for Ctrl-C, SIGTERM or SIGHUP. A second one, while what follows is under way, interrupts it.

    The handlers also count where this process is the first of a container. The system ignores signals there for which
    a process has none.
    """
    pressed = asyncio.Event()
    loop = asyncio.get_running_loop()
    before = {number: signal.getsignal(number) for number in _ENDING}
    taken: list[int] = []
    try:
        for number, handler in before.items():
            if number != signal.SIGINT and handler is signal.SIG_IGN:
                continue  # as after nohup
            # The loop is woken for a signal only where it handles it: one that comes right before the loop goes to
            # sleep would else be seen when something else wakes it, which may be never.
            loop.add_signal_handler(number, pressed.set)
            taken.append(number)
        await pressed.wait()
    except NotImplementedError:  # on Windows, whose loop is woken for any signal
        await pressed.wait()
    finally:
        for number in taken:
            loop.remove_signal_handler(number)
            if number != signal.SIGINT:
                signal.signal(number, before[number])


def _facts(sandbox: Sandbox) -> dict[str, str]:
    return {
        "base_url": sandbox.base_url,
        "api_key": sandbox.api_key,
        "publishable_key": sandbox.publishable_key,
        "webhook_secret": sandbox.webhook_secret,
        "dashboard_url": sandbox.dashboard_url,
    }


def _show(sandbox: Sandbox, notes: list[str]) -> None:
    # Imported when the sandbox listens already, so that the first request need not wait for them.
    from rich.console import Console
    from rich.table import Table

    from wooshpay.sandbox import CARDS

    console = Console(highlight=False)
    facts = _facts(sandbox)
    dashboard = facts.pop("dashboard_url")
    cards = Table.grid(padding=(0, 2))
    for card in CARDS:
        cards.add_row(f"  {card.number}", card.does)
    lines = (
        "\n  [bold]wooshpay sandbox[/]\n",
        "  [dim]# test cards, with any future expiry date and any CVC[/]",
        "  [dim]# in code: pm_card_visa, pm_card_declined, pm_card_3ds ... in place of a card[/]",
        cards,
        "\n  [dim]# the dashboard[/]",
        f"  {dashboard}",
        "\n  [dim]# for your program[/]",
        *(f"  export WOOSHPAY_{name.upper()}={value}" for name, value in facts.items()),
        *(f"\n  {note}" for note in notes),
        "",
    )
    for line in lines:
        # What is to be copied must not be broken; the table's words may be.
        console.print(line, soft_wrap=isinstance(line, str))
