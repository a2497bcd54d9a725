"""Arguments made from type hints: what a user could write for a parameter, for parameters of any shape."""

from __future__ import annotations

import collections.abc
import inspect
import types
import typing
from typing import Any

from wooshpay.core.declaration import Declaration
from wooshpay.core.unset import Unset

# What a query string or a path would break on, if it were not quoted.
TEXT = "tea & cake=50% für/+?#"
FILE = b"\x89PNG\r\n\x1a\n--not-a-boundary\r\n"


def keywords(declaration: Declaration) -> dict[str, inspect.Parameter]:
    """The keyword parameters of an operation that go over the wire."""
    return {
        name: parameter
        for name, parameter in declaration.signature.parameters.items()
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY and name != "options"
    }


def required(declaration: Declaration) -> dict[str, Any]:
    """An argument for every keyword parameter that has no default."""
    arguments = every(declaration)
    return {
        name: arguments[name]
        for name, parameter in keywords(declaration).items()
        if parameter.default is inspect.Parameter.empty
    }


def every(declaration: Declaration) -> dict[str, Any]:
    """An argument for every keyword parameter."""
    hints = typing.get_type_hints(declaration.function)
    return {name: plausible(hints[name]) for name in keywords(declaration)}


def nullable(declaration: Declaration) -> list[str]:
    """The keyword parameters that take ``None``."""
    hints = typing.get_type_hints(declaration.function)
    return [name for name in keywords(declaration) if type(None) in _options(hints[name])]


def plausible(hint: Any) -> Any:
    """Make a value of a type; of a union the first that is a value at all, of a TypedDict one with every key."""
    options = [option for option in _options(hint) if option not in {Unset, type(None)}]
    if bytes in options:  # a file may come in many ways: tests of uploads know them all
        return FILE
    [option, *_] = options
    origin = typing.get_origin(option) or option
    arguments = typing.get_args(option)
    if typing.is_typeddict(option):
        return {key: plausible(inner) for key, inner in typing.get_type_hints(option).items()}
    if origin is typing.Literal:
        return arguments[-1]
    if origin in {list, collections.abc.Sequence}:
        return [plausible(arguments[0]), plausible(arguments[0])]
    if origin in {dict, collections.abc.Mapping}:
        return {"one": plausible(arguments[1]), "an other": plausible(arguments[1])}
    simple: dict[Any, Any] = {str: TEXT, int: 1999, bool: True, float: 0.5, Any: {"deep": [1, None, {"x": TEXT}]}}
    if origin not in simple:
        raise TypeError(f"no value is known for {option}: teach this module to make one")
    return simple[origin]


def _options(hint: Any) -> list[Any]:
    if typing.get_origin(hint) in {typing.Union, types.UnionType}:
        return [inner for option in typing.get_args(hint) for inner in _options(option)]
    if typing.get_origin(hint) in {typing.Required, typing.NotRequired}:
        return _options(typing.get_args(hint)[0])
    return [hint]
