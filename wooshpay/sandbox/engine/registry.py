"""Where the behaviours register themselves: under an operation, an act, an alarm, an event or an object.

The gate, the clock and the events find them here, so none of them knows a behaviour by name.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar

from wooshpay.sandbox.engine.module_index import REACTIONS, VIEWS, behaviours_of

if TYPE_CHECKING:
    from wooshpay.core.json import JsonObject
    from wooshpay.sandbox.engine.act_parameters import ActParameter
    from wooshpay.sandbox.engine.params import Params
    from wooshpay.sandbox.engine.state import State
    from wooshpay.sandbox.engine.store import Record

Behaviour: TypeAlias = "Callable[[State, Params], JsonObject]"
Duty: TypeAlias = "Callable[[State, str], None]"
Reaction: TypeAlias = "Callable[[State, Record], None]"
View: TypeAlias = "Callable[[State, Record], JsonObject]"

F = TypeVar("F", bound=Callable[..., Any])

_PACKAGE: Final = "wooshpay.sandbox."

_behaviours: Final[dict[str, Behaviour]] = {}
_acts: Final[dict[str, Behaviour]] = {}
_act_parameters: Final[dict[str, tuple[ActParameter, ...]]] = {}
_duties: Final[dict[str, Duty]] = {}
_reactions: Final[dict[str, list[Reaction]]] = {}
_ordered_reactions: Final[dict[str, list[Reaction]]] = {}
_views: Final[dict[str, View]] = {}


def behaviour(operation: str) -> Callable[[F], F]:
    """Register what an operation does, under its SDK name."""
    return _under(operation, _behaviours)


def act(name: str, *parameters: ActParameter) -> Callable[[F], F]:
    """Register a simulated action of somebody other than the merchant, such as a customer or a bank.

    Args:
        name: Its name, such as ``checkout.sessions.pay``.
        parameters: The parameters that it takes, in the order in which forms show them.
    """
    _act_parameters[name] = parameters
    return _under(name, _acts)


def duty(alarm: str) -> Callable[[F], F]:
    """Register what happens to an object when an alarm of this name falls due."""
    return _under(alarm, _duties)


def view(kind: str) -> Callable[[F], F]:
    """Register how an object of this kind is answered, where that is more than its fields."""
    return _under(kind, _views)


def reaction(event: str) -> Callable[[F], F]:
    """Register what else happens when an event of this type comes up."""

    def register(function: F) -> F:
        _reactions.setdefault(event, []).append(function)
        return function

    return register


def _under(name: str, table: dict[str, Any]) -> Callable[[F], F]:
    def register(function: F) -> F:
        if name in table:
            raise TypeError(f"{name} is registered twice")
        table[name] = function
        return function

    return register


@cache
def load() -> None:
    """Import every behaviour and lifecycle, once."""
    import pkgutil

    from wooshpay.sandbox import behaviours, lifecycles

    for package in (behaviours, lifecycles):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            import_module(module.name)


@cache
def _load_module(name: str) -> None:
    import_module(_PACKAGE + name)


def find_behaviour(operation: str) -> Behaviour | None:
    """Return what an operation does. Only the modules that its section needs are imported."""
    if operation not in _behaviours:
        _load_module(behaviours_of(operation.rpartition(".")[0]))
    return _behaviours.get(operation)


def find_act(name: str) -> Behaviour | None:
    """What an act does."""
    load()
    return _acts.get(name)


def act_parameters(name: str) -> tuple[ActParameter, ...]:
    """Return the declared parameters of a simulated action; empty if it declares none."""
    load()
    return _act_parameters.get(name, ())


def acts() -> dict[str, Behaviour]:
    """All acts, by name."""
    load()
    return dict(sorted(_acts.items()))


def find_duty(alarm: str) -> Duty:
    """What an alarm is for."""
    load()
    return _duties[alarm]


def find_reactions(event: str) -> list[Reaction]:
    """Return what else happens on an event, in the order of `module_index.REACTIONS`."""
    ordered = _ordered_reactions.get(event)
    if ordered is None:
        for module in REACTIONS.get(event, ()):
            _load_module(module)
        ordered = _ordered_reactions[event] = sorted(_reactions.get(event, ()), key=lambda found: _place(event, found))
    return ordered


def find_view(kind: str) -> View | None:
    """How an object of this kind is answered."""
    module = VIEWS.get(kind)
    if module is None:
        return None
    _load_module(module)
    return _views[kind]


def _place(event: str, function: Reaction) -> int:
    return REACTIONS[event].index(function.__module__.removeprefix(_PACKAGE))
