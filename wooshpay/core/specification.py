"""The sections of a client seen from its class, as `unittest.mock.create_autospec` sees them.

``AsyncWooshPay.refunds.create`` is a function with the declared signature. It belongs to no client, so it refuses to be
called; but a mock made of the class has the sections, their operations and what these return.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

if TYPE_CHECKING:
    from wooshpay.core.declaration import Declaration
    from wooshpay.core.waiting import Waiting

T = TypeVar("T")


class Specification:
    """Takes the place of the caller on the class of a client, and makes functions of the operations.

    Args:
        client: The name of the client's class.
        awaited: Whether calls are awaited.
    """

    def __init__(self, client: str, *, awaited: bool) -> None:
        self._client = client
        self._awaited = awaited

    def operation(self, declaration: Declaration | Waiting[..., Any], caller: object) -> Callable[..., Any]:
        """Return a function that looks like an operation."""
        function = self._function(declaration, awaited=self._awaited)
        vars(function)["with_response"] = self._function(declaration, awaited=self._awaited)
        return function

    def list_operation(self, declaration: Declaration, caller: object) -> Callable[..., Any]:
        """Return a function that looks like a list operation."""
        function = self._function(declaration, awaited=False)
        vars(function)["with_response"] = self._function(declaration, awaited=self._awaited)
        return function

    def waiting(self, declaration: Waiting[..., Any], caller: object) -> Callable[..., Any]:
        """Return a function that looks like a ``wait``."""
        return self._function(declaration, awaited=self._awaited)

    def _function(self, declaration: Declaration | Waiting[..., Any], *, awaited: bool) -> Callable[..., Any]:
        def refuse() -> NoReturn:
            raise TypeError(
                f"{declaration.name}() was called on the class. Create a client first:"
                f" client = {self._client}(...), then client.{declaration.name}(...)."
            )

        def plain(*args: Any, **kwargs: Any) -> Any:
            refuse()

        async def coroutine(*args: Any, **kwargs: Any) -> Any:
            refuse()

        function: Any = coroutine if awaited else plain
        function.__name__ = declaration.function.__name__
        function.__qualname__ = declaration.function.__qualname__
        function.__doc__ = declaration.__doc__
        function.__signature__ = declaration.signature
        made: Callable[..., Any] = function
        return made


if TYPE_CHECKING:
    section = cached_property

else:

    class section(cached_property):  # noqa: N801  # a decorator
        """A section of a client, made when it is first used; on the class of a client, one to make mocks of."""

        def __get__(self, instance, owner=None):
            if instance is None:
                specification = getattr(owner, "_specification", None)
                from types import SimpleNamespace

                # A section needs nothing of its client but the caller.
                return self if specification is None else self.func(SimpleNamespace(_caller=specification))
            return super().__get__(instance, owner)
