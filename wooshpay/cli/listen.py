"""``wooshpay listen``: a sandbox whose events are shown as they come, and forwarded to an endpoint."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from datetime import datetime
from typing import Final

import attrs
import click
from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.text import Text

from wooshpay import AsyncWooshPay
from wooshpay.cli.endpoints import matching, read_url
from wooshpay.cli.streams import write_line
from wooshpay.cli.texts import visible
from wooshpay.core.json import JsonObject, loads
from wooshpay.sandbox import Sandbox

_LOOK_EVERY: Final = 0.1
# The longest type; with time, status and the longest id it fills 80 columns.
_TYPE_WIDTH: Final = 39
_INDENT: Final = 15


@click.command("listen")
@click.option(
    "--forward-to",
    "url",
    required=True,
    metavar="URL",
    callback=read_url,
    help="Your endpoint: https, or http on this network.",
)
@click.option(
    "--events",
    multiple=True,
    metavar="TYPES",
    help="Only these types, divided by commas; invoice.* means all that begin so. May be given several times.",
)
@click.option(
    "--port",
    default=0,
    show_default="a free one",
    type=click.IntRange(0, 65535),
    help="Port for the sandbox to listen on.",
)
def command(url: str, events: tuple[str, ...], port: int) -> None:
    """Run a sandbox, and show and forward its events as they come.

    Every event is posted to your endpoint, signed with the secret that is shown at the start, and again later until
    the answer is 2xx. It runs until Ctrl-C.
    """
    patterns = [pattern.strip() for given in events for pattern in given.split(",") if pattern.strip()]
    types = matching(patterns)
    # A call that Ctrl-C cuts off is logged, as money may have moved. Here it cannot have.
    logging.getLogger("wooshpay").addHandler(logging.NullHandler())
    try:
        asyncio.run(_run(Sandbox(port=port, webhook=url), url, types))
    except KeyboardInterrupt:
        pass
    except OSError as error:
        raise click.ClickException(f"Cannot listen on 127.0.0.1:{port}: {error.strerror or error}.") from None


async def _run(sandbox: Sandbox, url: str, types: list[str]) -> None:
    console = Console(highlight=False)
    async with sandbox:
        if types:
            await _narrow(sandbox, types)
        _introduce(console, sandbox, url, types)
        log = DeliveryLog(sandbox)
        while True:
            for attempt in log.news():
                _show(console, attempt)
            await asyncio.sleep(_LOOK_EVERY)


@attrs.frozen
class Attempt:
    """One POST of an event to the endpoint.

    Attributes:
        at: When it fell due, in milliseconds on the sandbox's clock.
        status: The status of the answer; ``None`` where none came.
        reason: Why no answer came.
        next_at: When the event is posted again; ``None`` where it is not.
    """

    event: JsonObject
    at: int
    status: int | None
    reason: str
    next_at: int | None


class DeliveryLog:
    """Gives each attempt once.

    Args:
        sandbox: The sandbox that delivers.
    """

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._known = 0
        # Number of a delivery that may go on -> how many of its attempts were given.
        self._open: dict[int, int] = {}

    def news(self) -> Iterator[Attempt]:
        """The attempts since the last look."""
        deliveries = self._sandbox.deliveries
        self._open |= dict.fromkeys(range(self._known, len(deliveries)), 0)
        self._known = len(deliveries)
        for number, told in list(self._open.items()):
            delivery = deliveries[number]
            attempts = delivery.attempts[told:]
            self._open[number] = told + len(attempts)
            if delivery.state != "pending":
                del self._open[number]
            for attempt in attempts:
                last = attempt is delivery.attempts[-1]
                yield Attempt(
                    event=loads(delivery.body),
                    at=attempt.due,
                    status=attempt.status,
                    reason=attempt.error or "",
                    next_at=delivery.next_at if last else None,
                )


async def _narrow(sandbox: Sandbox, types: list[str]) -> None:
    async with AsyncWooshPay(sandbox.api_key, base_url=sandbox.base_url) as client:
        async for endpoint in client.webhook_endpoints.list():
            await client.webhook_endpoints.update(endpoint.id, enabled_events=types)


def _introduce(console: Console, sandbox: Sandbox, url: str, types: list[str]) -> None:
    what = "all events" if not types else f"events of {len(types)} types" if len(types) > 1 else f"every {types[0]}"
    lines = (
        "\n  [bold]wooshpay listen[/]\n",
        "  [dim]# for your program[/]",
        f"  export WOOSHPAY_BASE_URL={sandbox.base_url}",
        f"  export WOOSHPAY_API_KEY={sandbox.api_key}",
        f"  export WOOSHPAY_PUBLISHABLE_KEY={sandbox.publishable_key}",
        f"  export WOOSHPAY_WEBHOOK_SECRET={sandbox.webhook_secret}",
        "\n  [dim]# the dashboard[/]",
        f"  {sandbox.dashboard_url}",
        f"\n  It forwards {what} to {escape(url)}\n  and runs until Ctrl-C.\n",
    )
    for line in lines:
        # What is to be copied must not be broken.
        console.print(line, soft_wrap=True)


def _show(console: Console, attempt: Attempt) -> None:
    event, status = attempt.event, str(attempt.status or "---")
    about = visible(str(event["data"]["object"].get("id", "")))
    at = _moment(attempt.at)
    if not console.is_terminal:
        fields = (at.isoformat(timespec="milliseconds"), event["type"], about, event["id"], status)
        write_line("\t".join(map(visible, fields)))
        return
    taken = attempt.status is not None and 200 <= attempt.status < 300
    line = Text.assemble(
        (f"{at:%H:%M:%S}  ", "dim"),
        (status, "green" if taken else "red"),
        f"  {event['type']:<{_TYPE_WIDTH}} ",
        (about, "dim"),
    )
    console.print(line, soft_wrap=True)
    if not taken:
        console.print(Padding(Text(visible(_sequel(attempt)), "red"), (0, 0, 0, _INDENT)))


def _sequel(attempt: Attempt) -> str:
    again = f"Again at {_moment(attempt.next_at):%H:%M:%S}." if attempt.next_at is not None else ""
    return f"{attempt.reason.rstrip('.')}. {again}" if attempt.reason else again


def _moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000).astimezone()
