"""``wooshpay listen``: the events of a sandbox, forwarded to an endpoint and shown as they are delivered."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Mapping
from contextlib import AsyncExitStack, aclosing
from datetime import datetime
from typing import Final

import attrs
import click
from rich.console import Console
from rich.markup import escape
from rich.text import Text

from wooshpay import AsyncWooshPay, ConfigurationError, ServerError, TransportError, webhooks
from wooshpay.cli.connection import KEY_VARIABLE, URL_VARIABLE
from wooshpay.cli.controls.health import is_wooshpay, look
from wooshpay.cli.endpoints import matching, read_url
from wooshpay.cli.listener import Attempt, Listener, ListenError, Notice
from wooshpay.cli.streams import complain, write_line
from wooshpay.cli.texts import visible
from wooshpay.config import check_base_url
from wooshpay.sandbox import Sandbox

# The longest type; with time, status and the longest id it fills 80 columns.
_TYPE_WIDTH: Final = 39
_INDENT: Final = 15
_CALL_SECONDS: Final = 10.0
_HEALTH_SECONDS: Final = 5.0
# Windows lacks SIGHUP.
_ENDING: Final[list[int]] = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


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
    "--sandbox",
    "base_url",
    metavar="URL",
    help=f"Attach to the sandbox that runs there, with its key in {KEY_VARIABLE}."
    f" Default: {URL_VARIABLE}, otherwise a new sandbox.",
)
@click.option(
    "--secret",
    envvar="WOOSHPAY_WEBHOOK_SECRET",
    show_envvar=True,
    metavar="SECRET",
    help="Sign with this secret, whsec_.... Default: the secret of the sandbox.",
)
@click.option(
    "--port",
    default=0,
    show_default="a free one",
    type=click.IntRange(0, 65535),
    help="Run a new sandbox, which listens on this port.",
)
def command(url: str, events: tuple[str, ...], base_url: str | None, secret: str | None, port: int) -> None:
    """Show the events of a sandbox, and forward them to your endpoint.

    Every event is posted to your endpoint, signed with the secret that is shown at the start, and again later until
    the status is 2xx. It runs until Ctrl-C. Then the endpoint is removed from the sandbox.
    """
    patterns = [pattern.strip() for given in events for pattern in given.split(",") if pattern.strip()]
    types = matching(patterns)
    _check_secret(secret)
    with_port = click.get_current_context().get_parameter_source("port") is click.core.ParameterSource.COMMANDLINE
    running = _running_sandbox(base_url, with_port, os.environ)
    # A call that Ctrl-C cuts off is logged, as money may have moved. Here it cannot have.
    logging.getLogger("wooshpay").addHandler(logging.NullHandler())
    try:
        asyncio.run(_run(running, port, url, types, secret or None))
    except (KeyboardInterrupt, asyncio.CancelledError):
        pass
    except ListenError as error:
        raise click.ClickException(visible(str(error))) from None
    except OSError as error:
        raise click.ClickException(f"Cannot listen on 127.0.0.1:{port}: {error.strerror or error}.") from None


@attrs.frozen
class Running:
    """A sandbox that runs already.

    Attributes:
        base_url: Where it listens.
        api_key: Its key.
        source: Where the URL comes from, for messages.
    """

    base_url: str
    api_key: str = attrs.field(repr=False)
    source: str


def _running_sandbox(base_url: str | None, with_port: bool, environ: Mapping[str, str]) -> Running | None:
    """Decide which sandbox to attach to; ``None`` means a new one.

    Raises:
        click.UsageError: The options exclude each other, or there is no key for the sandbox.
    """
    if base_url is not None and with_port:
        raise click.UsageError("--port is for a new sandbox, and --sandbox for one that runs. Leave one of them out.")
    source = "--sandbox" if base_url is not None else URL_VARIABLE
    url = base_url or ("" if with_port else environ.get(URL_VARIABLE, ""))
    if not url or (base_url is None and is_wooshpay(url)):
        return None
    if is_wooshpay(url):
        raise click.UsageError("--sandbox names WooshPay itself. Name a sandbox, such as http://127.0.0.1:4242.")
    key = environ.get(KEY_VARIABLE, "")
    if not key:
        raise click.UsageError(
            f"There is no key for the sandbox at {url} ({source}). Set {KEY_VARIABLE} to the one that it printed when"
            " it started."
        )
    if "_live_" in key[:8]:
        raise click.UsageError(
            f"{KEY_VARIABLE} holds a live key, which is never sent to a sandbox. Set it to the key that the sandbox"
            " printed when it started."
        )
    return Running(url, key, source)


def _check_secret(secret: str | None) -> None:
    if secret:
        try:
            webhooks.sign(b"{}", secret)
        except ConfigurationError as error:
            raise click.UsageError(str(error)) from None


async def _run(running: Running | None, port: int, url: str, types: list[str], secret: str | None) -> None:
    console = Console(highlight=False)
    async with AsyncExitStack() as stack:
        _end_at_signals(stack)
        sandbox = None
        if running is not None:
            await _require_sandbox(running)
        else:
            sandbox = await stack.enter_async_context(Sandbox(port=port))
            running = Running(sandbox.base_url, sandbox.api_key, "")
        client = await stack.enter_async_context(
            AsyncWooshPay(running.api_key, base_url=running.base_url, max_retries=0, timeout=_CALL_SECONDS)
        )
        listener = Listener(client, running.base_url, url, types, secret)
        try:
            await listener.register()
        except (TransportError, ServerError):
            raise _unanswered(running) from None
        stack.push_async_callback(listener.remove)
        _introduce(console, listener, sandbox)
        async with aclosing(listener.follow()) as news:
            async for each in news:
                _show(console, each)


async def _require_sandbox(running: Running) -> None:
    """Refuse a host that has not shown that it is a sandbox. Until then, the key is not sent.

    Raises:
        ListenError: Nothing answers there, or something else.
    """
    base_url = check_base_url(running.base_url, live=False)
    health = await asyncio.to_thread(look, base_url, _HEALTH_SECONDS)
    if health.state == "not_a_sandbox":
        raise ListenError(f"{health.says} The key was not sent.")
    if health.state != "ready":
        raise _unanswered(running)


def _unanswered(running: Running) -> ListenError:
    return ListenError(
        f"No sandbox answers at {running.base_url} ({running.source}). Start it with `wooshpay sandbox`, or name no"
        " sandbox to run a new one."
    )


def _end_at_signals(stack: AsyncExitStack) -> None:
    """Let a signal cancel the current task, so that whatever is open is closed. A second one cancels the closing."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    for number in _ENDING:
        try:
            loop.add_signal_handler(number, task.cancel)
        except NotImplementedError:  # on Windows, where Ctrl-C cancels the task by itself
            return
        stack.callback(loop.remove_signal_handler, number)


def _introduce(console: Console, listener: Listener, sandbox: Sandbox | None) -> None:
    types = listener.types
    what = "all events" if not types else f"events of {len(types)} types" if len(types) > 1 else f"every {types[0]}"
    whose = "" if sandbox is not None else f" of the sandbox\n  at {escape(visible(listener.base_url))}"
    exports = {"WEBHOOK_SECRET": listener.secret}
    if sandbox is not None:
        keys = {"API_KEY": sandbox.api_key, "PUBLISHABLE_KEY": sandbox.publishable_key}
        exports = {"BASE_URL": sandbox.base_url, **keys, **exports}
    lines = [
        "\n  [bold]wooshpay listen[/]\n",
        "  [dim]# for your program[/]",
        *(f"  export WOOSHPAY_{name}={value}" for name, value in exports.items()),
        *(("\n  [dim]# the dashboard[/]", f"  {sandbox.dashboard_url}") if sandbox is not None else ()),
        f"\n  It forwards {what}{whose} to {escape(visible(listener.url))}\n",
    ]
    if not listener.owned:
        lines[-1] += "  with the endpoint that the sandbox already has for this URL,\n"
    lines[-1] += "  and runs until Ctrl-C.\n"
    for line in lines:
        # What is to be copied must not be broken.
        console.print(line, soft_wrap=True)


def _show(console: Console, news: Attempt | Notice) -> None:
    if isinstance(news, Notice):
        if console.is_terminal:
            console.print(Text(visible(news.text), "yellow"))
        else:
            complain(visible(news.text))
        return
    status, at = str(news.status or "---"), _moment(news.due)
    reason = "" if news.succeeded else news.reason
    if not console.is_terminal:
        fields = [at.isoformat(timespec="milliseconds"), news.type, news.about, news.event, status]
        write_line("\t".join(map(visible, [*fields, reason] if reason else fields)))
        return
    line = Text.assemble(
        (f"{at:%H:%M:%S}  ", "dim"),
        (status, "green" if news.succeeded else "red"),
        f"  {visible(news.type):<{_TYPE_WIDTH}} ",
        (visible(news.about), "dim"),
    )
    console.print(line, soft_wrap=True)
    for text in (visible(reason), _again(news)):
        if text:
            shown = Text(" " * _INDENT + text, "red")
            shown.truncate(console.width, overflow="ellipsis")
            console.print(shown, soft_wrap=True)


def _again(news: Attempt) -> str:
    """Say when the event is posted again, on the sandbox's clock; with the date if that is another day."""
    if news.next_at is None:
        return ""
    at, again = _moment(news.due), _moment(news.next_at)
    return f"Again at {again:%H:%M:%S}." if again.date() == at.date() else f"Again at {again:%Y-%m-%d %H:%M:%S}."


def _moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000).astimezone()
