"""The help of an operation's command, in the words of its docstring."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

import click

from wooshpay.cli.calls.options import metavar_of, option_name
from wooshpay.describe.operations import Facts, Parameter
from wooshpay.describe.shapes import Shape, shape_of

_MANY: Final = 10
_WIDEST_NAME: Final = 26

_LIST: Final = re.compile(r"ListObject\[(\w+)\]")
_FLAG: Final = re.compile(r"\b([a-z_]+)=True\b")

_HOW: Final = {
    "object": "Objects are JSON, or key by key: {option}.{key} ...; both may be joined.",
    "list": "Lists are JSON, or the option repeated for each entry, or key by key: {option}.0{key} ...",
    "pairs": "Free pairs are KEY=VALUE, the option repeated for each, or JSON.",
    "files": "Instead of JSON, @FILE reads a file and @- standard input, so that what is secret stands neither in the "
    "shell's history nor in the list of processes.",
}


def write_text(facts: Facts, formatter: click.HelpFormatter) -> None:
    """Write what an operation does, and the request that it makes."""
    text = facts.text
    paragraphs = [text.summary, *text.body, *(f"Note: {note}" for note in text.notes)]
    if text.inferred is not None:
        paragraphs.append(f"Not all of this stands in WooshPay's own pages. Inferred: {text.inferred}")
    result = "" if facts.result == "Json" else " -> " + _LIST.sub(r"list of \1", facts.result)
    with formatter.indentation():
        for paragraph in paragraphs:
            formatter.write_paragraph()
            formatter.write_text(plain(paragraph))
        formatter.write_paragraph()
        request = f"{facts.method} {facts.path}"
        indent = " " * formatter.current_indent
        # A path is never broken, as it may be copied.
        fits = len(indent + request + result) <= formatter.width
        formatter.write(f"{indent}{request}{result}\n" if fits else f"{indent}{request}\n{indent} {result}\n")


def write_parameters(facts: Facts, formatter: click.HelpFormatter) -> None:
    """Write what each parameter means."""
    headings = {
        "Arguments": [parameter for parameter in facts.parameters if parameter.place == "path"],
        "Required": [parameter for parameter in facts.parameters if parameter.place != "path" and parameter.required],
        "Parameters": [parameter for parameter in facts.parameters if not parameter.required],
    }
    for heading, parameters in headings.items():
        if parameters:
            with formatter.section(heading):
                formatter.write_dl([(_name(one), _meaning(one)) for one in parameters], col_max=_WIDEST_NAME)


def write_rules(facts: Facts, formatter: click.HelpFormatter) -> None:
    """Write how values that are more than one text are given, as far as this operation has such."""
    rules = list(_rules(facts))
    if rules:
        with formatter.section("Values"):
            for rule in rules:
                formatter.write_text(rule)


def _rules(facts: Facts) -> Iterator[str]:
    shapes = {one.name: shape_of(one.type) for one in facts.parameters if one.place != "path"}
    kinds = {shape.kind for shape in shapes.values()}
    for kind in ("object", "list", "pairs"):
        # An entry that is an object shows more than one that is text.
        ranked = sorted((len(_keys(shape)) == 0, name) for name, shape in shapes.items() if shape.kind == kind)
        if ranked:
            name = ranked[0][1]
            keys = _keys(shapes[name])
            key = keys[0] if keys else ""
            yield _HOW[kind].format(option=option_name(name), key=f".{key}" if kind == "list" and key else key)
    if kinds & {"object", "list", "pairs"}:
        yield _HOW["files"]


def _name(parameter: Parameter) -> str:
    if parameter.place == "path":
        return parameter.name.upper()
    shape = shape_of(parameter.type)
    name = option_name(parameter.name)
    if shape.kind == "boolean" and not shape.nullable:
        return f"{name} / --no-{name[2:]}"
    return f"{name} {metavar_of(shape)}"


def _meaning(parameter: Parameter) -> str:
    shape = shape_of(parameter.type)
    inner = shape_of(shape.inner) if shape.kind == "list" else shape
    if shape.kind == "file":
        # In Python there are more ways to name one.
        return "Its path, or - for standard input."
    parts = [plain(parameter.description)]
    if inner.values:
        parts.append(f"{'Values' if inner.kind == 'choice' else 'Usual values'}: {_some(inner.values)}.")
    if inner.fields:
        parts.append(f"Keys: {_some(tuple(inner.fields))}.")
    if shape.nullable:
        parts.append("May be null.")
    return " ".join(part for part in parts if part)


def _keys(shape: Shape) -> tuple[str, ...]:
    return tuple(shape.fields) if shape.kind == "object" else tuple(shape_of(shape.inner).fields)


def _some(words: Sequence[str]) -> str:
    rest = len(words) - _MANY
    return ", ".join(words) if rest <= 1 else f"{', '.join(words[:_MANY])} and {rest} more"


def plain(text: str) -> str:
    """Take Python's ways of writing out of a text."""
    return _FLAG.sub(lambda found: option_name(found[1]), text.replace("`", ""))
