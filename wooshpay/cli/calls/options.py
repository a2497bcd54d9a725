"""The parameters of an operation as options, and what was typed there as arguments."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import attrs
import click
from click.shell_completion import CompletionItem

from wooshpay.cli.streams import read_standard_input, reason_of
from wooshpay.core.json import JsonObject, is_object, loads
from wooshpay.describe.operations import Facts, Parameter
from wooshpay.describe.shapes import Kind, Shape, shape_of
from wooshpay.describe.values import Arguments, ValueProblem, places_in, read_arguments, type_at

if TYPE_CHECKING:
    _TextType: TypeAlias = click.ParamType[str]
else:
    # It is generic in the newest releases of click only.
    _TextType = click.ParamType

_STDIN: Final = "-"
# What most people get wrong first.
_UNITS: Final = " It is in minor units, so 19.99 USD are 1999."
# What may be long, or secret, or both: it can come from a file.
_FROM_FILES: Final[frozenset[Kind]] = frozenset({"list", "object", "pairs", "json"})
_METAVARS: Final[dict[Kind, str]] = {
    "text": "TEXT",
    "choice": "VALUE",
    "integer": "INTEGER",
    "number": "NUMBER",
    "boolean": "true|false",
    "object": "JSON",
    "pairs": "KEY=VALUE",
    "json": "JSON",
    "file": "FILE",
}


@attrs.frozen
class Typed:
    """What an option holds before it is read: where it goes, and the texts given.

    Attributes:
        place: The place, such as ``payment_method_data.card.number``.
        texts: What was typed, in order.
    """

    place: str
    texts: Sequence[str]


class ValueType(_TextType):
    """Text that is read later, all together. It is here to be completed."""

    name = "text"

    def __init__(self, shape: Shape) -> None:
        self.shape = shape

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Complete one of the values that there are, or the name of a file."""
        shape = shape_of(self.shape.inner) if self.shape.kind == "list" else self.shape
        if shape.kind == "file":
            return [CompletionItem(incomplete, type="file")]
        values = ("true", "false") if shape.kind == "boolean" else shape.values
        return [CompletionItem(value) for value in values if value.startswith(incomplete)]


# ---- declaring ------------------------------------------------------------------------------------------------


def option_name(place: str) -> str:
    """The name of a place as an option: hyphens in the parameter's name, keys as in the API."""
    name, dot, keys = place.partition(".")
    return f"--{name.replace('_', '-')}{dot}{keys}"


def click_parameter(parameter: Parameter) -> click.Parameter:
    """Make the argument or option of a parameter."""
    shape = shape_of(parameter.type)
    if parameter.place == "path":
        return click.Argument([parameter.name], metavar=parameter.name.upper())
    name = option_name(parameter.name)
    if shape.kind == "boolean" and not shape.nullable:
        return click.Option(
            [f"{name}/--no-{name[2:]}", _variable(parameter.name)], default=None, help=parameter.description
        )
    return _option(name, _variable(parameter.name), shape, parameter.description)


def nested_options(facts: Facts, args: Sequence[str]) -> tuple[dict[str, click.Option], dict[str, ValueProblem]]:
    """Make options for the places within parameters that occur among the words of a command line.

    Returns:
        Option by place; and what is wrong with the others, by the option's name. Those may be no options at all.
    """
    found: dict[str, click.Option] = {}
    wrong: dict[str, ValueProblem] = {}
    for word in args:
        name = word.partition("=")[0]
        if not name.startswith("--") or "." not in name:
            continue
        place = name[2:]
        try:
            hint = type_at(facts, place)
        except ValueProblem as problem:
            wrong[name] = problem
        else:
            found.setdefault(place, _option(name, f"nested_{len(found)}", shape_of(hint)))
    return found, wrong


def nested_names(facts: Facts, incomplete: str) -> Iterator[str]:
    """The options that begin like this and go into a parameter, for completion."""
    typed = incomplete.split(".")
    for parameter in facts.parameters:
        name = option_name(parameter.name)
        # All that lies within all parameters would be too much: it shows once one parameter is left.
        if parameter.place == "path" or not incomplete.startswith(name):
            continue
        for place, _ in places_in(parameter.type):
            steps = f"{name}.{place}".split(".")
            # Of lists the first entry is known; the others are like it.
            numbered = [_numbered(step, typed[at : at + 1]) for at, step in enumerate(steps)]
            found = ".".join(numbered)
            if found.startswith(incomplete):
                yield found


def _numbered(step: str, typed: Sequence[str]) -> str:
    return typed[0] if step == "0" and typed and typed[0].isdecimal() else step


def metavar_of(shape: Shape) -> str:
    """What stands for the value in help."""
    if shape.kind == "list":
        return f"{metavar_of(shape_of(shape.inner))}..."
    return _METAVARS[shape.kind]


def _option(name: str, variable: str, shape: Shape, description: str = "") -> click.Option:
    return click.Option(
        [name, variable],
        type=ValueType(shape),
        multiple=True,
        metavar=metavar_of(shape),
        help=_beside(description),
    )


def _beside(description: str) -> str | None:
    """What a shell shows beside an option that it completes. Help is written elsewhere."""
    return description.replace("`", "") or None


def _variable(name: str) -> str:
    return f"given_{name}"


# ---- reading --------------------------------------------------------------------------------------------------


def typed_in(facts: Facts, nested: Mapping[str, click.Option], options: Mapping[str, Any]) -> list[Typed]:
    """Find what was typed among the options that click has read."""
    found: list[Typed] = []
    for parameter in facts.parameters:
        value: Any = options[parameter.name if parameter.place == "path" else _variable(parameter.name)]
        if isinstance(value, bool):
            found.append(Typed(parameter.name, ["true" if value else "false"]))
        elif isinstance(value, str):
            found.append(Typed(parameter.name, [value]))
        elif value:
            found.append(Typed(parameter.name, value))
    found += [Typed(place, options[option.name]) for place, option in nested.items() if option.name in options]
    return found


def read_typed(facts: Facts, typed: Sequence[Typed], body: str | None) -> Arguments:
    """Read what was typed.

    Args:
        facts: The operation.
        typed: What was given for its parameters.
        body: A whole JSON body, ``@FILE``, or ``-`` for standard input.

    Raises:
        click.UsageError: Something cannot be read.
    """
    source = _Source()
    try:
        whole = None if body is None else _whole_body(source.text("--body", f"@{_STDIN}" if body == _STDIN else body))
        given = [
            (one.place, source.text(option_name(one.place), text) if _may_be_in_file(facts, one.place) else text)
            for one in typed
            for text in one.texts
        ]
        _check_encoding(given)
        arguments = read_arguments(facts, given, whole)
    except ValueProblem as problem:
        raise click.UsageError(sentence(facts, problem)) from None
    return _with_stream(facts, arguments, source)


def sentence(facts: Facts, problem: ValueProblem) -> str:
    """Say what is wrong in the words of a command line."""
    in_path = any(parameter.place == "path" and parameter.name == problem.place for parameter in facts.parameters)
    name = problem.place.upper() if in_path else option_name(problem.place)
    end = "" if problem.problem.endswith("?") else "."
    units = _UNITS if "whole number" in problem.problem and _is_money(facts, problem.place) else ""
    return f"{name} {problem.problem}{end}{units}"


def _is_money(facts: Facts, place: str) -> bool:
    return any(one.name == place and "inor units" in one.description for one in facts.parameters)


def _may_be_in_file(facts: Facts, place: str) -> bool:
    return shape_of(type_at(facts, place)).kind in _FROM_FILES


class _Source:
    """Files and standard input, which can be read once."""

    def __init__(self) -> None:
        self._taken = ""

    def text(self, option: str, text: str) -> str:
        """Read ``@FILE`` or ``@-``; any other text stands for itself."""
        if not text.startswith("@"):
            return text
        if text == f"@{_STDIN}":
            self.take(option)
        try:
            if text == f"@{_STDIN}":
                return read_standard_input().decode()
            return Path(text[1:]).expanduser().read_bytes().decode()
        except OSError as error:
            raise click.UsageError(f"{option} cannot be read from {text[1:]}: {reason_of(error)}.") from None
        except RuntimeError as error:  # a home directory that does not exist
            raise click.UsageError(f"{option} cannot be read from {text[1:]}: {error}") from None
        except UnicodeDecodeError:
            raise click.UsageError(f"{option} cannot be read from {text[1:]}: it is not in UTF-8.") from None

    def take(self, option: str) -> None:
        """Keep standard input for one option."""
        if self._taken:
            raise click.UsageError(f"{option} and {self._taken} cannot both be read from standard input.")
        self._taken = option


def _whole_body(text: str) -> JsonObject:
    try:
        found = loads(text.encode())
    except ValueError:
        found = None
    if not is_object(found):
        raise click.UsageError("--body must be a JSON object, @FILE that holds one, or - for standard input.")
    return found


def _check_encoding(given: Sequence[tuple[str, str]]) -> None:
    for place, text in given:
        if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
            raise ValueProblem(place, "is not in UTF-8")


def _with_stream(facts: Facts, arguments: Arguments, source: _Source) -> Arguments:
    """Put standard input in the place of the file that is called ``-``."""
    keywords = dict(arguments.keywords)
    for parameter in facts.parameters:
        if shape_of(parameter.type).kind == "file" and keywords.get(parameter.name) == _STDIN:
            source.take(option_name(parameter.name))
            _check_standard_input(option_name(parameter.name))
            keywords[parameter.name] = sys.stdin.buffer
            keywords.setdefault("filename", "file")
    return attrs.evolve(arguments, keywords=keywords)


def _check_standard_input(option: str) -> None:
    """Find out before anything is sent that there is nothing to send."""
    buffer = sys.stdin.buffer
    try:
        if isinstance(buffer, io.BufferedReader):
            buffer.peek(1)
    except OSError as error:
        raise click.UsageError(f"{option} cannot be read from -: {reason_of(error)}.") from None
