"""``wooshpay sandbox clock``: show the clock of a running sandbox, move it, stop it, let it run."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, TypeAlias

import click

from wooshpay.cli.controls.running import Reach, Running, refuse_options_before, sandbox_options, show
from wooshpay.core.json import JsonObject

_PART: Final = re.compile(r"(\d{1,12}(?:\.\d{1,6})?)(ms|s|m|h|d|w)", re.ASCII)
_UNITS: Final = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}

if TYPE_CHECKING:
    _Milliseconds: TypeAlias = click.ParamType[int]
else:
    # Older releases of click know no parameters of it.
    _Milliseconds = click.ParamType


class Span(_Milliseconds):
    """A span of time such as ``31d`` or ``1d12h``, in milliseconds."""

    name = "span"

    def convert(self, value: str | int, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Read what was typed."""
        if isinstance(value, int):
            return value
        text = value.strip().lower().replace(" ", "")
        parts = _PART.findall(text)
        if not parts or "".join(number + unit for number, unit in parts) != text:
            self.fail(
                f"{value!r} is not a span of time. Write a number and a unit: 31d, 12h, 90m (minutes), 45s, 500ms, 2w,"
                " or several such as 1d12h. The clock moves forward only.",
                param,
                ctx,
            )
        return round(sum(float(number) * _UNITS[unit] for number, unit in parts))


@click.group("clock", invoke_without_command=True, subcommand_metavar="[COMMAND [ARGS]...]")
@sandbox_options
@click.pass_context
def command(ctx: click.Context, reach: Reach) -> None:
    """Show or set the clock of a running sandbox.

    Without a command, the clock is shown.
    """
    if ctx.invoked_subcommand is None:
        _run(reach, None)
    else:
        refuse_options_before(ctx, "belongs after the name of the command")


@command.command("show")
@sandbox_options
def show_clock(reach: Reach) -> None:
    """Show the time, and whether the clock runs."""
    _run(reach, None)


@command.command("advance")
@click.argument("span", type=Span())
@click.option("--settle", is_flag=True, help="Then wait until all webhooks that are due have been delivered.")
@sandbox_options
def advance(reach: Reach, span: int, settle: bool) -> None:
    """Move the clock forward by SPAN, such as 31d, 12h or 1d12h.

    What falls due on the way happens in order, each at its own time: renewals, trials, retries, expiries, payouts.
    """
    _run(reach, {"advance": {"milliseconds": span}}, settle=settle)


@command.command("freeze")
@sandbox_options
def freeze(reach: Reach) -> None:
    """Stop the clock. `advance` still moves it."""
    _run(reach, {"freeze": True})


@command.command("resume")
@sandbox_options
def resume(reach: Reach) -> None:
    """Let a stopped clock run on from the time that it shows."""
    _run(reach, {"resume": True})


def _run(reach: Reach, change: JsonObject | None, *, settle: bool = False) -> None:
    with reach.sandbox() as sandbox:
        clock = sandbox.get("clock") if change is None else sandbox.post("clock", change)
        if settle:
            clock = {**clock, "deliveries": _settle(sandbox)}
        show(reach, clock, _lines)


def _settle(sandbox: Running) -> JsonObject:
    deliveries: JsonObject = sandbox.post("settle").get("deliveries") or {}
    return deliveries


def _lines(clock: JsonObject) -> list[str]:
    moment = datetime.fromtimestamp(int(clock["now"]) / 1000, UTC)
    lines = [f"{moment:%Y-%m-%d %H:%M:%S} UTC, {'stopped' if clock['frozen'] else 'running'}"]
    if "deliveries" in clock:
        counts = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in clock["deliveries"].items())
        lines.append(f"Webhook deliveries: {counts or 'none'}")
    return lines
