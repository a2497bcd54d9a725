"""``wooshpay api``: the map of all operations."""

from __future__ import annotations

import difflib
import itertools
import json
import textwrap
from collections.abc import Iterator, Sequence
from typing import Final

import click
from rich.console import Console
from rich.text import Text

from wooshpay.cli.streams import write_line
from wooshpay.describe.operations import Facts, Parameter, all_facts, purpose_of, to_json, values_of

_VERBS: Final = {"GET": "green", "POST": "blue", "DELETE": "red"}
_INFERRED: Final = "inferred"
# Longer lists of values would bury the parameters after them.
_MANY_VALUES: Final = 12
_HANGING: Final = 6


@click.command("api")
@click.argument("sections", nargs=-1, metavar="[SECTION]...")
@click.option("--json", "as_json", is_flag=True, help="Print everything known of the operations as JSON.")
def command(sections: tuple[str, ...], as_json: bool) -> None:
    """Show all operations: verb, path, parameters and result.

    With a SECTION, such as refunds or checkout.sessions, or a single operation, such as refunds.create, show what
    each parameter means. What may be left out is marked with "?".

    When piped, print one line for each operation, its columns divided by tabs.
    """
    chosen = _choose(list(all_facts()), sections)
    console = Console(highlight=False)
    if as_json:
        write_line(json.dumps([to_json(facts) for facts in chosen], indent=2))
    elif console.is_terminal:
        _show(console, chosen, in_detail=bool(sections))
    else:
        write_line("\n".join(_line(facts) for facts in chosen))


# ---- which ones -----------------------------------------------------------------------------------------------


def _choose(known: Sequence[Facts], wanted: Sequence[str]) -> Sequence[Facts]:
    if not wanted:
        return known
    chosen: set[str] = set()
    for word in wanted:
        found = {facts.name for facts in known if _is_in(facts, word.replace("-", "_"))}
        if not found:
            raise click.UsageError(_unknown(word, known))
        chosen |= found
    return [facts for facts in known if facts.name in chosen]


def _is_in(facts: Facts, word: str) -> bool:
    return f"{facts.name}.".startswith(f"{word}.") or facts.section.rpartition(".")[2] == word


def _unknown(word: str, known: Sequence[Facts]) -> str:
    sections = dict.fromkeys(facts.section for facts in known)
    names = [facts.name for facts in known] if "." in word else []
    near = difflib.get_close_matches(word.replace("-", "_"), [*sections, *names], n=3)
    hint = f"Did you mean {' or '.join(near)}?" if near else f"There are {', '.join(sections)}."
    return f"No section {word!r}. {hint}"


# ---- for programs ---------------------------------------------------------------------------------------------


def _line(facts: Facts) -> str:
    parameters = ", ".join(f"{_marked(parameter)}: {parameter.annotation}" for parameter in facts.parameters)
    seen = "documented" if facts.text.inferred is None else _INFERRED
    return "\t".join((facts.name, facts.method, facts.path, f"({parameters}) -> {facts.result}", seen))


def _marked(parameter: Parameter) -> str:
    return parameter.name if parameter.required else f"{parameter.name}?"


# ---- for people -----------------------------------------------------------------------------------------------


def _show(console: Console, chosen: Sequence[Facts], *, in_detail: bool) -> None:
    for section, operations in itertools.groupby(chosen, key=lambda facts: facts.section):
        _print(console, Text(section, "bold"))
        _print_prose(console, purpose_of(section), "dim")
        console.print()
        for facts in operations:
            if in_detail:
                _show_whole(console, facts)
            else:
                _print(console, _call(facts, console.width))
                _print(console, _request(facts))
        if not in_detail:
            console.print()
    if not in_detail:
        inferred = sum(facts.text.inferred is not None for facts in chosen)
        _print_prose(
            console,
            f"{len(chosen)} operations. Not all about the {inferred} inferred ones stands in WooshPay's own pages.",
        )
        _print_prose(console, "What each parameter means: wooshpay api SECTION")


def _show_whole(console: Console, facts: Facts) -> None:
    _print(console, Text.assemble("  ", (facts.name, "bold"), " -> ", (facts.result, "cyan")))
    _print(console, _request(facts))
    console.print()
    _print_prose(console, facts.text.summary, indent=4)
    console.print()
    for parameter in facts.parameters:
        name = (_marked(parameter), "bold" if parameter.required else "")
        _print(console, Text.assemble("    ", name, ": ", (parameter.annotation, "cyan")))
        _print_prose(console, _meaning(parameter), "dim", indent=6)
    if facts.parameters:
        console.print()
    if facts.text.inferred is not None:
        _print_prose(console, f"Inferred: {facts.text.inferred}", "yellow", indent=4)
        console.print()


def _meaning(parameter: Parameter) -> str:
    values = values_of(parameter.type)
    if not values:
        return parameter.description
    rest = len(values) - _MANY_VALUES
    shown = [*values[:_MANY_VALUES], f"and {rest} more"] if rest > 0 else values
    return f"{parameter.description} Values: {', '.join(shown)}."


def _call(facts: Facts, width: int) -> Text:
    """Write the call as in Python. A line breaks between parameters, never within one."""
    lines = Text("  ").append(f"{facts.name}(", "bold")
    column = lines.cell_len
    for number, (word, style) in enumerate(_words(facts)):
        if number and column + 1 + len(word) > width:
            lines.append(f"\n{' ' * _HANGING}")
            column = _HANGING
        elif number:
            lines.append(" ")
            column += 1
        lines.append(word, style)
        column += len(word)
    return lines


def _words(facts: Facts) -> Iterator[tuple[str, str]]:
    for parameter in facts.parameters:
        end = ")" if parameter is facts.parameters[-1] else ","
        yield f"{_marked(parameter)}{end}", "" if parameter.required else "dim"
    if not facts.parameters:
        yield ")", ""
    yield f"-> {facts.result}", "cyan"
    if facts.text.inferred is not None:
        yield f"({_INFERRED})", "yellow"


def _request(facts: Facts) -> Text:
    return Text("    ").append(f"{facts.method:<6} ", _VERBS[facts.method]).append(facts.path)


def _print_prose(console: Console, text: str, style: str = "", *, indent: int = 0) -> None:
    lines = textwrap.wrap(
        text.replace("``", "`"),
        console.width,
        initial_indent=" " * indent,
        subsequent_indent=" " * indent,
        break_on_hyphens=False,
    )
    _print(console, Text("\n".join(lines), style))


def _print(console: Console, text: Text) -> None:
    """Print lines as they are: those of rich's own breaking would end in blanks."""
    console.print(text, no_wrap=True, overflow="ignore", crop=False)
