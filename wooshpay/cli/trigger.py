"""``wooshpay trigger``: one signed, realistic event for an endpoint under development."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import BinaryIO, Final

import aiohttp
import attrs
import click
from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from wooshpay import ConfigurationError, webhooks
from wooshpay.api.events import DOCUMENTED_EVENT_TYPES, INFERRED_EVENT_TYPES, THIRD_PARTY_EVENT_TYPES
from wooshpay.cli.endpoints import read_url, unknown
from wooshpay.cli.exits import FAILED, RESULT_NOT_SHOWN
from wooshpay.cli.streams import OutputError, complain, reason_of, write_line
from wooshpay.cli.texts import visible
from wooshpay.core.json import JsonObject, dumps, is_object, loads
from wooshpay.core.redaction import redact
from wooshpay.sandbox.engine.clock import real_time
from wooshpay.sandbox.webhooks.options import HEADER_CHOICES
from wooshpay.sandbox.webhooks.signing import SignatureHeader, Signing, signature_headers
from wooshpay.testing.changes import ChangeError, with_texts
from wooshpay.testing.scenes import SCENES, make_event
from wooshpay.testing.stage import open_stage

TIMEOUT_SECONDS: Final = 10.0
_MOST: Final = 1000
# Of an answer's text: enough for the sentence that says why.
_LONGEST_TEXT: Final = 300


def _read_changes(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> list[tuple[str, str]]:
    for value in values:
        if not value.partition("=")[0] or "=" not in value:
            raise click.BadParameter(f"{visible(value)!r} must have the form PATH=VALUE, such as metadata.order=17.")
    return [(path, text) for path, _, text in (value.partition("=") for value in values)]


@click.command("trigger")
@click.argument("event", required=False)
@click.option("--to", "url", metavar="URL", callback=read_url, help="Your endpoint: https, or http on this network.")
@click.option(
    "--secret",
    envvar="WOOSHPAY_WEBHOOK_SECRET",
    show_envvar=True,
    metavar="SECRET",
    help="The endpoint's secret, whsec_...; better in the variable, where no list of processes shows it.",
)
@click.option(
    "--object",
    "file",
    type=click.File("rb"),
    metavar="FILE",
    help="The JSON object that the event is about, in place of one made in a sandbox; - reads standard input.",
)
@click.option(
    "--set",
    "changes",
    multiple=True,
    metavar="PATH=VALUE",
    callback=_read_changes,
    help="Change a field of the object, such as metadata.order=17 or amount=500. May be given several times.",
)
@click.option(
    "--header",
    type=click.Choice(HEADER_CHOICES, case_sensitive=False),
    default="both",
    show_default=True,
    help="The header that carries the signature.",
)
@click.option("--count", type=click.IntRange(1, _MOST), default=1, show_default=True, help="Send so many events.")
@click.option("--duplicate", is_flag=True, help="Send every event twice, as WooshPay may.")
@click.option("--list", "listing", is_flag=True, help="Show the types of events, and send nothing.")
def command(
    event: str | None,
    url: str | None,
    secret: str | None,
    file: BinaryIO | None,
    changes: list[tuple[str, str]],
    header: SignatureHeader,
    count: int,
    duplicate: bool,
    listing: bool,
) -> None:
    """Send one signed, realistic EVENT to your endpoint, such as payment_intent.succeeded.

    What the event tells of is really done in a sandbox of its own, so its object is what WooshPay would send. No
    account and no network are needed, and nothing is charged.

    Exits with 0 if every answer was 2xx, with 1 if one was not, and with 3 if events were sent but could not be
    shown.
    """
    # A call of the stage's that Ctrl-C cuts off is logged, as money may have moved. Here it cannot have.
    logging.getLogger("wooshpay").addHandler(logging.NullHandler())
    console = Console(highlight=False)
    if listing:
        _list(console)
        return
    if event is None:
        raise click.UsageError("Name an EVENT, such as payment_intent.succeeded; --list shows all.")
    if url is None:
        raise click.UsageError("Say where your endpoint is, with --to URL.")
    about = _read(file) if file is not None else None
    if about is None and event not in SCENES:
        raise click.UsageError(f"{unknown(event)} Any other type takes --object FILE.")
    _check(secret)
    with open_stage() as stage:
        events = [_changed(make_event(stage, event, about), changes) for _ in range(count)]
    copies = 2 if duplicate else 1
    sending = Sending([made for made in events for _ in range(copies)])
    try:
        asyncio.run(_send(sending, url, secret or "", Signing(header=header), console))
    except OutputError as error:
        complain(f"Error: {error}\n{len(sending.answers)} of {len(sending.events)} events were sent.")
        raise SystemExit(RESULT_NOT_SHOWN) from None
    if not all(answer.succeeded for answer in sending.answers):
        raise SystemExit(FAILED)


@attrs.frozen
class Answer:
    """What the endpoint said.

    Attributes:
        status: The HTTP status; ``None`` where no answer came.
        text: What it said beside, or why no answer came.
        seconds: How long it took.
    """

    status: int | None
    text: str
    seconds: float

    @property
    def succeeded(self) -> bool:
        """Whether the endpoint took the event."""
        return self.status is not None and 200 <= self.status < 300


@attrs.define
class Sending:
    """Events on their way to the endpoint, and the answers so far."""

    events: list[JsonObject]
    answers: list[Answer] = attrs.field(factory=list[Answer])


def _check(secret: str | None) -> None:
    if not secret:
        raise click.UsageError("There is no secret to sign with: set WOOSHPAY_WEBHOOK_SECRET, or pass --secret.")
    try:
        webhooks.sign(b"{}", secret)
    except ConfigurationError as error:
        raise click.UsageError(str(error)) from None


def _read(file: BinaryIO) -> JsonObject:
    try:
        data = file.read()
        data.decode()  # the SDK reads more than UTF-8, but not without changing it
        value = loads(data)
        dumps(value)
    except OSError as error:
        raise click.UsageError(f"{file.name} cannot be read: {reason_of(error)}.") from None
    except (ValueError, TypeError, RecursionError):
        raise click.UsageError(f"{file.name} is not JSON that can be sent.") from None
    if not is_object(value):
        raise click.UsageError(f"{file.name} holds no JSON object.")
    if value.get("object") == "event":
        raise click.UsageError(f"{file.name} holds a whole event: leave only what is under data.object.")
    return value


def _changed(event: JsonObject, changes: list[tuple[str, str]]) -> JsonObject:
    if not changes:
        return event
    try:
        return {**event, "data": {**event["data"], "object": with_texts(event["data"]["object"], changes)}}
    except ChangeError as error:
        raise click.UsageError(f"--set {visible(str(error))}") from None


async def _send(sending: Sending, url: str, secret: str, signing: Signing, console: Console) -> None:
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
    async with aiohttp.ClientSession(timeout=timeout, headers={"User-Agent": "wooshpay-trigger"}) as session:
        for event in sending.events:
            sending.answers.append(await _post(session, url, dumps(event), secret, signing))
            _show(console, event, sending.answers[-1])


async def _post(session: aiohttp.ClientSession, url: str, body: bytes, secret: str, signing: Signing) -> Answer:
    headers = {"Content-Type": "application/json", **signature_headers(body, secret, real_time(), signing)}
    began = time.monotonic()
    try:
        async with session.post(url, data=body, headers=headers, allow_redirects=False) as response:
            plain = response.content_type in {"text/plain", "application/json"}
            text = (await response.content.read(_LONGEST_TEXT)).decode(errors="replace") if plain else ""
            return Answer(response.status, text, time.monotonic() - began)
    except TimeoutError:
        return Answer(None, f"No answer within {TIMEOUT_SECONDS:g} seconds.", time.monotonic() - began)
    except (aiohttp.ClientError, OSError, ValueError) as error:
        return Answer(None, f"No answer: {error or type(error).__name__}.", time.monotonic() - began)


def _show(console: Console, event: JsonObject, answer: Answer) -> None:
    style = "green" if answer.succeeded else "red"
    status = str(answer.status or "---")
    took = f"{answer.seconds * 1000:.0f} ms"
    if not console.is_terminal:
        write_line("\t".join((event["type"], event["id"], status, took)))
        if not answer.succeeded and answer.text:
            complain(_one_line(answer.text))
        return
    console.print(Text.assemble((status, style), "  ", (event["type"], "bold")), soft_wrap=True)
    about = visible(str(event["data"]["object"].get("id", "no id")))
    console.print(Text(f"     {event['id']} about {about}, {took}", "dim"), soft_wrap=True)
    if not answer.succeeded and answer.text:
        console.print(Padding(Text(_one_line(answer.text), style), (0, 0, 0, 5)))


def _one_line(text: str) -> str:
    """What a stranger's server said, without secrets and without anything that moves a terminal's cursor."""
    return redact(" ".join("".join(sign if sign.isprintable() else " " for sign in text).split()))


def _list(console: Console) -> None:
    ways: dict[str, str] = {
        **dict.fromkeys(DOCUMENTED_EVENT_TYPES, "documented"),
        **dict.fromkeys(INFERRED_EVENT_TYPES, "inferred"),
        **dict.fromkeys(THIRD_PARTY_EVENT_TYPES, "third party"),
    }
    for type in SCENES:
        way = ways.get(type, "inferred")
        if console.is_terminal:
            console.print(Text.assemble(f"{type:<42}", (way, "dim")), soft_wrap=True)
        else:
            write_line(f"{type}\t{way}")
