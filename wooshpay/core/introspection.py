"""What frameworks read of an operation: its signature, and the namespace in which they evaluate the annotations.

FastAPI makes a parameter of the route from each parameter of a dependency. For the IDs of an operation that is right.
It must not happen to ``options``, with which anybody on the internet could set headers and time limits of a call, and
for an optional parameter FastAPI could not leave out what is `UNSET`. So these evaluate to dependencies that return the
default, in FastAPI only. The signature shows the annotations as they are declared.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Coroutine
from functools import cache
from typing import Annotated, Any, Final

_PREFIX: Final = "_default_of_"


class _Annotation(str):
    """An annotation that is shown as it is declared, and evaluated by another name."""

    _declared: str

    def __new__(cls, declared: str, name: str) -> _Annotation:
        made = super().__new__(cls, f"{_PREFIX}{name}")
        made._declared = declared
        return made

    def __repr__(self) -> str:
        return repr(self._declared)

    def __str__(self) -> str:
        return self._declared

    def __eq__(self, other: object) -> bool:
        return self._declared == str(other) if isinstance(other, str) else NotImplemented

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash(self._declared)


def shown_signature(signature: inspect.Signature) -> inspect.Signature:
    """Return a signature in which FastAPI sees no parameter that has a default."""
    if "fastapi" not in sys.modules:
        return signature
    parameters = [
        parameter.replace(annotation=_Annotation(parameter.annotation, name)) if _is_optional(parameter) else parameter
        for name, parameter in signature.parameters.items()
    ]
    return signature.replace(parameters=parameters)


def namespace(known: dict[str, Any], signature: inspect.Signature) -> dict[str, Any]:
    """Return the names that annotations are evaluated with.

    Args:
        known: The names of the module that declares the operation.
        signature: The declared signature.
    """
    fastapi: Any = sys.modules.get("fastapi")
    if fastapi is None:
        return known
    return known | {
        f"{_PREFIX}{name}": Annotated[Any, fastapi.Depends(_returning(parameter.default))]
        for name, parameter in signature.parameters.items()
        if _is_optional(parameter)
    }


def _is_optional(parameter: inspect.Parameter) -> bool:
    return parameter.default is not parameter.empty and isinstance(parameter.annotation, str)


@cache
def _returning(value: Any) -> Callable[[], Coroutine[Any, Any, Any]]:
    async def default() -> Any:
        return value

    return default
