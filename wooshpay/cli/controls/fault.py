"""``wooshpay sandbox fault``: what networks and servers do wrong, switched on and off in a running sandbox."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, TypeAlias, get_args

import click
from click.shell_completion import CompletionItem

from wooshpay.cli.controls.running import Reach, as_text, entries, sandbox_options, show
from wooshpay.core.json import JsonObject
from wooshpay.sandbox.requests.fault_kinds import FAULT_KINDS, PARAMETERS, RetryAfterForm

if TYPE_CHECKING:
    _Text: TypeAlias = click.ParamType[str]
    _Times: TypeAlias = click.ParamType[int | None]
else:
    # Older releases of click know no parameters of it.
    _Text = _Times = click.ParamType


class Kind(_Text):
    """The name of a kind of fault; one that is written much alike is suggested."""

    name = "kind"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Check what was typed."""
        name = value.replace("-", "_")
        if name not in FAULT_KINDS:
            near = get_close_matches(name, FAULT_KINDS, 1)
            hint = f"Did you mean {near[0]}?" if near else f"The kinds are {', '.join(FAULT_KINDS)}."
            self.fail(f"{value!r} is not a kind of fault. {hint}", param, ctx)
        return name

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Complete a kind."""
        start = incomplete.replace("-", "_")
        return [CompletionItem(name, help=facts.what) for name, facts in FAULT_KINDS.items() if name.startswith(start)]


class Times(_Times):
    """How many requests a fault hits; ``all`` for every one."""

    name = "times"

    def convert(self, value: str | int, param: click.Parameter | None, ctx: click.Context | None) -> int | None:
        """Read what was typed."""
        if value == "all":
            return None
        if not str(value).isdecimal() or int(value) < 1:
            self.fail(f"{value!r} is not a number of requests. Pass a number from 1, or all.", param, ctx)
        return int(value)


@click.group("fault")
def command() -> None:
    """Add, list and remove faults in a running sandbox."""


@command.command("add", epilog=f"KIND is one of {', '.join(FAULT_KINDS)}.")
@click.argument("kind", type=Kind())
@click.option("--operation", metavar="NAME", help="Hit only requests of this operation, such as refunds.create.")
@click.option("--times", type=Times(), metavar="NUMBER|all", help="Hit so many requests. Default: 1.")
@click.option("--probability", type=float, help="Hit a request with this chance, above 0 and at most 1.")
@click.option("--seed", type=int, help="Make the chances repeatable.")
@click.option("--bytes", type=int, help="For cut_body and drip: how many bytes arrive, in all or at a time.")
@click.option("--seconds", type=float, help="For slow, drip and stale_close: how long it takes.")
@click.option("--retry-after", type=float, help="For rate_limit: after how many seconds to try again.")
@click.option(
    "--retry-after-form",
    type=click.Choice(get_args(RetryAfterForm)),
    help="For rate_limit: how the response says so.",
)
@sandbox_options
@click.pass_context
def add(ctx: click.Context, /, reach: Reach, **settings: Any) -> None:
    """Add a fault that hits the next request, or the next that fits.

    The oldest fault that fits a request hits it.
    """
    given = {name: value for name, value in settings.items() if value is not None}
    if "times" not in given and ctx.get_parameter_source("times") is click.core.ParameterSource.COMMANDLINE:
        given["times"] = None  # all
    with reach.sandbox() as sandbox:
        show(reach, sandbox.post("faults", given), lambda fault: [_line(fault)])


@command.command("list")
@sandbox_options
def list_faults(reach: Reach) -> None:
    """List the faults that wait for requests."""
    with reach.sandbox() as sandbox:
        show(reach, sandbox.get("faults"), _lines)


@command.command("remove")
@click.argument("fault_id", metavar="ID")
@sandbox_options
def remove(reach: Reach, fault_id: str) -> None:
    """Remove one fault, by its ID, such as fault_1."""
    from urllib.parse import quote

    with reach.sandbox() as sandbox:
        show(reach, sandbox.delete(f"faults/{quote(fault_id, safe='')}"), lambda fault: [f"{fault['id']} is removed."])


@command.command("clear")
@sandbox_options
def clear(reach: Reach) -> None:
    """Remove all faults."""
    with reach.sandbox() as sandbox:
        show(reach, sandbox.delete("faults"), lambda _: ["All faults are removed."])


def _lines(faults: JsonObject) -> list[str]:
    return [_line(fault) for fault in entries(faults)] or ["There are no faults."]


def _line(fault: JsonObject) -> str:
    remaining = fault["remaining"]
    hits = "every request" if remaining is None else "1 request" if remaining == 1 else f"{remaining} requests"
    of = f" of {fault['operation']}" if fault["operation"] else ""
    chance = f" with probability {fault['probability']:g}" if fault["probability"] != 1 else ""
    defaults = {name: facts.default for name, facts in PARAMETERS.items()}
    settings = "".join(
        f", {name} {as_text(value)}" for name, value in fault.items() if name in defaults and value != defaults[name]
    )
    return f"{fault['id']}  {fault['kind']}: hits {hits}{of}{chance}, has hit {fault['hits']}{settings}"
