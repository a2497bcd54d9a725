"""``wooshpay sandbox act``: simulated actions of customers, cardholders and banks, made of their declarations."""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, Final

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from wooshpay.cli.controls.running import as_text, reach_of, reach_options, show
from wooshpay.cli.groups import LazyGroup
from wooshpay.cli.streams import write_line
from wooshpay.cli.texts import visible
from wooshpay.core.json import Json, JsonObject, is_object, loads
from wooshpay.sandbox.engine.act_parameters import ActParameter
from wooshpay.sandbox.engine.registry import act_parameters, acts, find_act

# The names that the command's own options have.
_TAKEN: Final = frozenset({"json", "help", "base_url", "api_key", "api_key_file", "timeout"})

# Characters. If the choices of an option take more, its help lists them in the text, which is wrapped.
_LONGEST_METAVAR: Final = 50


class Actions(LazyGroup):
    """All simulated actions, by name."""

    @property
    def purposes(self) -> Mapping[str, Mapping[str, str]]:
        """The actions, and what each does."""
        return {"Simulated actions": {name: _summary(name) for name in acts()}}

    def find(self, name: str) -> click.Command:
        """Make the command of an action."""
        return _command(name)


@click.group(
    "act",
    cls=Actions,
    invoke_without_command=True,
    subcommand_metavar="[NAME [--PARAMETER VALUE | PARAMETER=VALUE]...]",
)
@click.pass_context
def command(ctx: click.Context) -> None:
    """Simulate what a customer, a cardholder or a bank does in a running sandbox.

    Without NAME, all simulated actions are listed. `wooshpay sandbox act NAME --help` shows the parameters.
    """
    if ctx.invoked_subcommand is None:
        _list()


def _list() -> None:
    console = Console(highlight=False)
    if not console.is_terminal:
        for name in acts():
            write_line(f"{name}\t{_summary(name)}")
        return
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    for name in acts():
        table.add_row(Text(name, "bold"), Text(_summary(name)))
    console.print(table)


def _summary(name: str) -> str:
    summary, _, _ = (inspect.getdoc(find_act(name)) or "").partition("\n\n")
    return " ".join(summary.replace("``", "").split())


def _command(name: str) -> click.Command:
    declared = {parameter.name: parameter for parameter in act_parameters(name)}

    def run(pairs: tuple[str, ...], **options: Any) -> None:
        reach = reach_of(options)
        values: JsonObject = {field: value for field, value in options.items() if value is not None}
        for pair in pairs:
            _put(values, pair, name, declared)
        missing = [
            parameter.name
            for parameter in declared.values()
            if parameter.required and not _is_in(values, parameter.name)
        ]
        if missing:
            raise click.UsageError(
                f"The simulated action {name} needs {' and '.join(missing)}. Pass {_option(missing[0])} VALUE."
            )
        with reach.sandbox() as sandbox:
            show(reach, sandbox.post(f"acts/{name}", values), _lines)

    return click.Command(
        name,
        callback=run,
        help=_text(name),
        params=[
            click.Argument(["pairs"], nargs=-1, metavar="[PARAMETER=VALUE]..."),
            *(_as_option(parameter) for parameter in declared.values() if parameter.name not in _TAKEN),
            *reach_options(),
        ],
    )


def _is_in(values: JsonObject, name: str) -> bool:
    return values.get(name) not in (None, "")


def _text(name: str) -> str:
    text = (inspect.getdoc(find_act(name)) or "").replace("``", "")
    return f"{text}\n\nThe result is what the sandbox answers; --json prints all of it."


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _as_option(parameter: ActParameter) -> click.Option:
    help = parameter.says
    many = len("|".join(parameter.choices)) > _LONGEST_METAVAR
    if many:
        help += f" One of: {', '.join(parameter.choices)}."
    if parameter.required:
        help += " Required."
    elif parameter.default is not None:
        help += f" Default: {as_text(parameter.default)}."
    if parameter.kind == "flag":
        option = _option(parameter.name)
        return click.Option([f"{option}/--no-{option[2:]}", parameter.name], default=None, help=help)
    kinds: dict[str, Any] = {
        "choice": click.Choice(parameter.choices),
        "amount": click.INT,
        "integer": click.INT,
        "object": _Object(),
    }
    metavars = {"id": "ID", "amount": "AMOUNT", "currency": "CURRENCY", "object": "JSON"}
    return click.Option(
        [_option(parameter.name), parameter.name],
        type=kinds.get(parameter.kind, click.STRING),
        metavar=parameter.name.upper() if many else metavars.get(parameter.kind),
        help=help,
    )


class _Object(click.ParamType):  # type: ignore[type-arg,unused-ignore]  # older releases of click take no parameter
    """A JSON object."""

    name = "json"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> JsonObject:
        """Read what was typed."""
        try:
            found = loads(value.encode()) if isinstance(value, str) else value
        except ValueError:
            found = None
        if not is_object(found):
            self.fail(f"""{value!r} is not a JSON object, such as {{"order": "17"}}.""", param, ctx)
        return found


def _put(values: JsonObject, pair: str, action: str, declared: Mapping[str, ActParameter]) -> None:
    """Add what ``name=value`` or ``name.key=value`` says.

    Raises:
        click.UsageError: It is something else, or the action has no such parameter.
    """
    place, equals, text = pair.partition("=")
    name, *keys = place.split(".")
    if not equals or not name or not all(keys):
        raise click.UsageError(f"{pair!r} is not a parameter. Write it as NAME=VALUE, such as amount=500.")
    name = name.replace("-", "_")
    if declared and name not in declared:
        near = get_close_matches(name, declared, 1)
        hint = f"Did you mean {near[0]}?" if near else f"Its parameters are {', '.join(declared)}."
        raise click.UsageError(f"The simulated action {action} has no parameter {name!r}. {hint}")
    if keys:
        within = values
        for key in (name, *keys[:-1]):
            within = within.setdefault(key, {})
            if not is_object(within):
                raise click.UsageError(f"{place} cannot be set, since {key} has a value already.")
        within[keys[-1]] = text
        return
    parameter = declared.get(name)
    if parameter is None:
        values[name] = _guessed(text)
        return
    option = _as_option(parameter)
    values[name] = click.BOOL(text) if parameter.kind == "flag" else option.type(text, param=option)


def _guessed(text: str) -> Json:
    """Read JSON where a value looks like an object or a list; anything else is text, as in a form."""
    if text[:1] not in {"{", "["}:
        return text
    try:
        found: Json = json.loads(text)
        return found
    except ValueError:
        return text


def _lines(result: JsonObject) -> list[str]:
    """Return what a person wants to know: how it went, where the browser goes, and the state of each object."""
    if result.get("object") != "sandbox.page":
        url = result.get("url")
        return [_about(result), *([f"url  {url}"] if isinstance(url, str) else [])]
    rows = [(str(result.get("status")), str(result.get("message") or ""))]
    rows += [("url", str(result["url"]))] if result.get("url") else []
    rows += [(name, _about(value)) for name, value in result.items() if is_object(value)]
    widest = max(len(name) for name, _ in rows)
    return [f"{name.ljust(widest)}  {visible(text)}".rstrip() for name, text in rows]


def _about(value: JsonObject) -> str:
    if not isinstance(value.get("id"), str):
        return as_text(value)
    facts = [as_text(value[name]) for name in ("object", "status", "payment_status") if value.get(name) is not None]
    return f"{value['id']}  {', '.join(facts)}"
