"""Methods that make several calls: written once, as an async method of a section, and used on both clients.

The body of such a method sees the section of an `AsyncWooshPay`. On a `WooshPay` it runs on the client's private loop.
It is not an operation of the API, so nothing that lists those shows it.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Coroutine
from functools import cached_property
from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, TypeVar, overload

from wooshpay.core.declaration import Async, Caller, Resource, Sync
from wooshpay.core.names import advice

if TYPE_CHECKING:
    from typing import Self

P = ParamSpec("P")
R = TypeVar("R")


class Composed(Generic[P, R]):
    """A method of several calls as written in its section. On a client it becomes a method of that client's kind."""

    def __init__(self, function: Callable[..., Coroutine[Any, Any, R]]) -> None:
        self.function = function
        self.name = function.__name__
        self.__doc__ = function.__doc__
        self.__module__ = function.__module__

    def __set_name__(self, owner: type, name: str) -> None:
        section = owner.__module__.removeprefix("wooshpay.api.")
        self.name = f"{section}.{name}"

    @cached_property
    def signature(self) -> inspect.Signature:
        """The parameters, without ``self``."""
        whole = inspect.signature(self.function)
        return whole.replace(parameters=list(whole.parameters.values())[1:])

    def check(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Refuse arguments that do not fit.

        Raises:
            TypeError: An argument is missing, or there is no such parameter.
        """
        for name in kwargs:
            if name not in self.signature.parameters and (hint := advice(name, self.name)) is not None:
                raise TypeError(f"{self.name}() has no parameter {name!r}. {hint}")
        try:
            self.signature.bind(*args, **kwargs)
        except TypeError as error:
            raise TypeError(f"{self.name}(): {error}") from None

    if TYPE_CHECKING:

        @overload
        def __get__(self, instance: None, owner: Any) -> Self: ...
        @overload
        def __get__(self, instance: Resource[Async], owner: Any) -> Callable[P, Coroutine[Any, Any, R]]: ...
        @overload
        def __get__(self, instance: Resource[Sync], owner: Any) -> Callable[P, R]: ...
        def __get__(self, instance: Any, owner: Any) -> Any: ...

    else:

        def __get__(self, instance: Any, owner: Any) -> Any:
            return self if instance is None else _bound(self, instance)

    def __repr__(self) -> str:
        return f"<{self.name}>"


def _bound(composed: Composed[..., Any], resource: Resource[Any]) -> Callable[..., Any]:
    section, caller = type(resource), resource._caller  # pyright: ignore[reportPrivateUsage]  # of the same package

    def begin(caller: Caller, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Coroutine[Any, Any, Any]:
        return composed.function(section(caller), *args, **kwargs)

    async def call_async(*args: Any, **kwargs: Any) -> Any:
        composed.check(args, kwargs)
        return await caller.compose(lambda caller: begin(caller, args, kwargs))

    def call(*args: Any, **kwargs: Any) -> Any:
        composed.check(args, kwargs)
        return caller.compose(lambda caller: begin(caller, args, kwargs))

    method: Any = call_async if inspect.iscoroutinefunction(caller.compose) else call
    functools.update_wrapper(method, composed.function)
    del method.__wrapped__
    method.__signature__ = composed.signature
    return method  # type: ignore[no-any-return]  # it is one of the two


def composed(function: Callable[Concatenate[Any, P], Coroutine[Any, Any, R]]) -> Composed[P, R]:
    """Make a method of both clients from an async method of a section that makes several calls."""
    return Composed(function)
