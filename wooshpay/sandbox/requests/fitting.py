"""Fitting what came inside objects and lists to the types that the operation declares.

A form has texts only, and JSON is often sent with a number where a text belongs. What can be told without loss becomes
what is declared, so that it is answered so; the rest is refused by name. Plain parameters at the top are left alone:
the behaviours read them themselves. Names that are not declared pass, as they do at WooshPay.
"""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, Final, Literal

from wooshpay.core.declaration import Declaration
from wooshpay.core.json import Json, JsonObject
from wooshpay.core.unset import Unset
from wooshpay.sandbox.engine.errors import SandboxError, invalid
from wooshpay.sandbox.engine.params import is_list, is_object

_Fit = Callable[[Json, str], Json]

_WHOLE: Final = re.compile(r"-?[0-9]{1,18}")
# Files have a form of their own, and free pairs are read more leniently.
_NOT_FITTED: Final = {"return", "options", "file", "metadata"}
_MARKS: Final = (typing.Required, typing.NotRequired, typing.Annotated)


def fit(declaration: Declaration, values: JsonObject) -> JsonObject:
    """Fit the parameters of an operation.

    Raises:
        SandboxError: 400, something is not of its type; it says what.
    """
    fits = _fits_of(declaration)
    return {
        name: fits[name](value, name) if isinstance(value, (dict, list)) and name in fits else value
        for name, value in values.items()
    }


@cache
def _fits_of(declaration: Declaration) -> Mapping[str, _Fit]:
    hints = typing.get_type_hints(declaration.function, include_extras=True)
    return {declaration.wire.get(name, name): fit_of(hint) for name, hint in hints.items() if name not in _NOT_FITTED}


@cache
def fit_of(hint: Any) -> _Fit:
    """How a value is fitted to a type, given the name of its place for refusals."""
    origin: Any = typing.get_origin(hint) or hint
    arguments = typing.get_args(hint)
    if origin in _MARKS:
        return fit_of(arguments[0])
    if origin in (typing.Union, types.UnionType):
        kept = [option for option in arguments if option not in (type(None), Unset)]
        return fit_of(kept[0]) if len(kept) == 1 else _one_of([fit_of(option) for option in kept])
    if origin is str or origin is Literal:
        return _text
    if origin is bool:
        return _flag
    if origin is int:
        return _whole_number
    if origin is float:
        return _number
    if origin in (list, Sequence):
        return _list_of(fit_of(arguments[0]))
    if origin in (dict, Mapping):
        inner = fit_of(arguments[1])
        return _object_of(lambda name: inner)
    if typing.is_typeddict(origin):
        return _object_of(lambda name: _members(origin).get(name, _anything))
    return _anything


@cache
def _members(shape: Any) -> Mapping[str, _Fit]:
    # When it is asked for: a shape may come to itself again.
    hints = typing.get_type_hints(shape, include_extras=True)
    return {name: fit_of(hint) for name, hint in hints.items() if name not in _NOT_FITTED}


def _one_of(fits: Sequence[_Fit]) -> _Fit:
    def fit(value: Json, place: str) -> Json:
        fitted: list[Json] = []
        for option in fits:
            try:
                fitted.append(option(value, place))
            except SandboxError:
                continue
        # What fits as it is does so better than what has to be changed.
        if value in fitted:
            return value
        return fitted[0] if fitted else fits[0](value, place)

    return fit


def _object_of(fit_member: Callable[[str], _Fit]) -> _Fit:
    def fit(value: Json, place: str) -> Json:
        # An empty text takes an object away.
        if value is None or value == "":
            return value
        if not is_object(value):
            raise invalid(place, "an object")
        return {name: fit_member(name)(item, f"{place}[{name}]") for name, item in value.items()}

    return fit


def _list_of(fit_entry: _Fit) -> _Fit:
    def fit(value: Json, place: str) -> Json:
        if value is None or value == "":
            return value
        if not is_list(value):
            raise invalid(place, "a list")
        return [fit_entry(item, f"{place}[{number}]") for number, item in enumerate(value)]

    return fit


def _anything(value: Json, place: str) -> Json:
    return value


def _text(value: Json, place: str) -> Json:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)
    raise invalid(place, "a text")


def _flag(value: Json, place: str) -> Json:
    fitted = {"true": True, "false": False}.get(value, value) if isinstance(value, str) else value
    if fitted is None or isinstance(fitted, bool):
        return fitted
    raise invalid(place, "true or false")


def _whole_number(value: Json, place: str) -> Json:
    fitted = int(value) if isinstance(value, str) and _WHOLE.fullmatch(value) else value
    if fitted is None or (isinstance(fitted, int) and not isinstance(fitted, bool)):
        return fitted
    raise invalid(place, "a whole number", code="parameter_invalid_integer")


def _number(value: Json, place: str) -> Json:
    if value is None or (isinstance(value, (int, float)) and not isinstance(value, bool)):
        return value
    try:
        return float(value) if isinstance(value, str) else _refuse_number(place)
    except ValueError:
        return _refuse_number(place)


def _refuse_number(place: str) -> Json:
    raise invalid(place, "a number")
