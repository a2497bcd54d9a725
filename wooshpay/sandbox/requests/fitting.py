"""Fitting what came inside objects and lists to the types that the operation declares.

A form has texts only, and JSON is often sent with a number where a text belongs. What can be told without loss becomes
what is declared, so that it is answered so; the rest is refused by name. Plain parameters at the top are left alone:
the behaviours read them themselves; only a time in the wrong unit is refused. Names that are not declared pass, as they
do at WooshPay, and are noted.
"""

from __future__ import annotations

import inspect
import re
import types
import typing
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cache
from typing import Any, Final, Literal, TypeAlias

import attrs

from wooshpay.core.declaration import Declaration
from wooshpay.core.json import Json, JsonObject
from wooshpay.core.paging import CURSORS
from wooshpay.core.units import TimeUnit, unit_of
from wooshpay.core.unset import Unset
from wooshpay.sandbox.engine.errors import SandboxError, invalid
from wooshpay.sandbox.engine.params import is_list, is_object
from wooshpay.sandbox.engine.units import check_unit


@attrs.frozen
class Unknown:
    """A parameter that the operation does not declare.

    Attributes:
        name: Its full name, such as ``payment_method_data[card][colour]``.
        own: Its name within the object that it is in.
        known: The names that are declared there.
    """

    name: str
    own: str
    known: Collection[str]


Unknowns: TypeAlias = list[Unknown]

# Takes a value, its full name for refusals, and the list in which unknown names are noted.
_Fit: TypeAlias = Callable[[Json, str, Unknowns], Json]

_WHOLE: Final = re.compile(r"-?[0-9]{1,18}")
# Files have a form of their own, and free pairs are read more leniently.
_NOT_FITTED: Final = {"file", "metadata"}
# An argument of the SDK's method alone.
_NOT_SENT: Final = {"options"}
_MARKS: Final = (typing.Required, typing.NotRequired, typing.Annotated)


def fit(declaration: Declaration, values: JsonObject, unknown: Unknowns) -> JsonObject:
    """Fit the parameters of an operation.

    Args:
        declaration: The operation.
        values: The parameters, by name.
        unknown: The list to which parameters are added that the operation does not declare. The values of metadata
            and of other objects without declared names are never added.

    Raises:
        SandboxError: 400, a value does not have the declared type. The message names the parameter.
    """
    fits = _fits_of(declaration)
    unknown.extend(Unknown(name, name, fits) for name in values if name not in fits)
    for name, unit in _times_of(declaration).items():
        check_unit(values.get(name), unit, param=name)
    return {
        name: fits[name](value, name, unknown) if isinstance(value, (dict, list)) and name in fits else value
        for name, value in values.items()
    }


@cache
def _fits_of(declaration: Declaration) -> Mapping[str, _Fit]:
    hints = typing.get_type_hints(declaration.function, include_extras=True)
    # Pages follow one another by cursors, also in lists whose reference does not mention them.
    cursors = dict.fromkeys(CURSORS, _anything) if declaration.is_list else {}
    # The others stand in the path.
    return cursors | {
        declaration.wire.get(name, name): _anything if name in _NOT_FITTED else fit_of(hints[name])
        for name, parameter in declaration.signature.parameters.items()
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY and name not in _NOT_SENT
    }


@cache
def _times_of(declaration: Declaration) -> Mapping[str, TimeUnit]:
    hints = typing.get_type_hints(declaration.function, include_extras=True)
    return {
        declaration.wire.get(name, name): unit
        for name, hint in hints.items()
        for option in _options_of(hint)
        if (unit := unit_of(option)) is not None
    }


@cache
def fit_of(hint: Any) -> _Fit:
    """Return how a value is fitted to a type."""
    origin: Any = typing.get_origin(hint) or hint
    arguments = typing.get_args(hint)
    unit = unit_of(hint)
    if unit is not None:
        return _time_of(unit, fit_of(arguments[0]))
    if origin in _MARKS:
        return fit_of(arguments[0])
    if origin in (typing.Union, types.UnionType):
        kept = _options_of(hint)
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
        return _object_of(lambda: None, inner)
    if typing.is_typeddict(origin):
        return _object_of(lambda: _members(origin), _anything)
    return _anything


def _options_of(hint: Any) -> list[Any]:
    """Return what a type can be, without ``None`` and ``Unset``."""
    if typing.get_origin(hint) not in (typing.Union, types.UnionType):
        return [hint]
    return [option for option in typing.get_args(hint) if option not in (type(None), Unset)]


@cache
def _members(shape: Any) -> Mapping[str, _Fit]:
    # When it is asked for: a shape may come to itself again.
    hints = typing.get_type_hints(shape, include_extras=True)
    return {name: _anything if name in _NOT_FITTED else fit_of(hint) for name, hint in hints.items()}


def _one_of(fits: Sequence[_Fit]) -> _Fit:
    def fit(value: Json, place: str, unknown: Unknowns) -> Json:
        fitted: list[tuple[Json, Unknowns]] = []
        for option in fits:
            noted: Unknowns = []
            try:
                fitted.append((option(value, place, noted), noted))
            except SandboxError:
                continue
        if not fitted:
            return fits[0](value, place, unknown)
        # What fits as it is does so better than what has to be changed, and next counts how much of it is known.
        chosen, noted = min(fitted, key=lambda found: (found[0] != value, len(found[1])))
        unknown.extend(noted)
        return chosen

    return fit


def _time_of(unit: TimeUnit, fit_number: _Fit) -> _Fit:
    def fit(value: Json, place: str, unknown: Unknowns) -> Json:
        check_unit(value, unit, param=place)
        return fit_number(value, place, unknown)

    return fit


def _object_of(members: Callable[[], Mapping[str, _Fit] | None], fit_other: _Fit) -> _Fit:
    """Fit an object, member by member.

    Args:
        members: Returns how the declared members are fitted; ``None`` if any name is allowed.
        fit_other: How the other members are fitted.
    """

    def fit(value: Json, place: str, unknown: Unknowns) -> Json:
        # An empty text takes an object away.
        if value is None or value == "":
            return value
        if not is_object(value):
            raise invalid(place, "an object")
        known = members()
        fitted: JsonObject = {}
        for name, item in value.items():
            whole = f"{place}[{name}]"
            if known is not None and name not in known:
                unknown.append(Unknown(whole, name, known))
            fitted[name] = (known or {}).get(name, fit_other)(item, whole, unknown)
        return fitted

    return fit


def _list_of(fit_entry: _Fit) -> _Fit:
    def fit(value: Json, place: str, unknown: Unknowns) -> Json:
        if value is None or value == "":
            return value
        if not is_list(value):
            raise invalid(place, "a list")
        return [fit_entry(item, f"{place}[{number}]", unknown) for number, item in enumerate(value)]

    return fit


def _anything(value: Json, place: str, unknown: Unknowns) -> Json:
    return value


def _text(value: Json, place: str, unknown: Unknowns) -> Json:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)
    raise invalid(place, "a text")


def _flag(value: Json, place: str, unknown: Unknowns) -> Json:
    fitted = {"true": True, "false": False}.get(value, value) if isinstance(value, str) else value
    if fitted is None or isinstance(fitted, bool):
        return fitted
    raise invalid(place, "true or false")


def _whole_number(value: Json, place: str, unknown: Unknowns) -> Json:
    fitted = int(value) if isinstance(value, str) and _WHOLE.fullmatch(value) else value
    if fitted is None or (isinstance(fitted, int) and not isinstance(fitted, bool)):
        return fitted
    raise invalid(place, "a whole number", code="parameter_invalid_integer")


def _number(value: Json, place: str, unknown: Unknowns) -> Json:
    if value is None or (isinstance(value, (int, float)) and not isinstance(value, bool)):
        return value
    try:
        return float(value) if isinstance(value, str) else _refuse_number(place)
    except ValueError:
        return _refuse_number(place)


def _refuse_number(place: str) -> Json:
    raise invalid(place, "a number")
