"""``wooshpay sandbox``: an offline WooshPay that runs until Ctrl-C."""

from __future__ import annotations

import asyncio

import click
from rich.console import Console
from rich.table import Table

from wooshpay import AsyncWooshPay, WooshPayError
from wooshpay.sandbox import Sandbox

_SHOWN_CARDS = (
    ("4111111111111111", "succeeds"),
    ("4761344136141390", "asks for 3-D Secure"),
    ("4000000000009995", "is declined: insufficient_funds"),
)


@click.command("sandbox", short_help="Run an offline WooshPay for your own program.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=0, show_default="a free one", type=click.IntRange(0, 65535), help="Port to listen on.")
@click.option("--webhook", metavar="URL", help="Post every event to this URL, signed.")
def command(host: str, port: int, webhook: str | None) -> None:
    """Run an offline WooshPay for your own program.

    It keeps everything in memory, listens on this machine only, and runs until Ctrl-C.
    """
    try:
        asyncio.run(_run(host, port, webhook))
    except KeyboardInterrupt:
        pass
    except OSError as error:
        raise click.ClickException(f"Cannot listen on {host}:{port}: {error.strerror or error}.") from None
    except WooshPayError as error:
        raise click.ClickException(error.message) from None


async def _run(host: str, port: int, webhook: str | None) -> None:
    async with Sandbox(host=host, port=port) as sandbox:
        secret: str | None = None
        if webhook is not None:
            async with AsyncWooshPay(sandbox.api_key, base_url=sandbox.base_url) as client:
                endpoint = await client.webhook_endpoints.create(url=webhook, enabled_events=["*"])
            secret = endpoint.secret
        _show(sandbox, secret)
        await asyncio.Event().wait()


def _show(sandbox: Sandbox, secret: str | None) -> None:
    console = Console(highlight=False, soft_wrap=True)
    console.print("\n  [bold]wooshpay sandbox[/]  runs until Ctrl-C and keeps everything in memory.\n")
    console.print("  [dim]# for your program[/]")
    console.print(f"  export WOOSHPAY_BASE_URL={sandbox.base_url}")
    console.print(f"  export WOOSHPAY_API_KEY={sandbox.api_key}")
    if secret is not None:
        console.print(f"  export WOOSHPAY_WEBHOOK_SECRET={secret}")
    else:
        console.print("\n  [dim]# for events: start it with --webhook http://127.0.0.1:8000/webhooks,[/]")
        console.print("  [dim]# or register an endpoint with client.webhook_endpoints.create(...)[/]")
    cards = Table.grid(padding=(0, 2))
    for number, does in _SHOWN_CARDS:
        cards.add_row(f"  {number}", does)
    console.print("\n  [dim]# cards: any date to come, any CVC[/]")
    console.print(cards)
    console.print()
