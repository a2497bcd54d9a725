"""How an operation is declared: one typed signature, from which everything else is derived.

A section of the API is a `Resource`, generic in its world: `Async` or `Sync`. A method under one of the
decorators `get`, `post`, `delete` and `paged` is never run; its signature is the declaration, and the
descriptor gives it the right type on each client.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Coroutine, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Concatenate, Generic, NoReturn, ParamSpec, Protocol, TypeVar, overload
from urllib.parse import quote

import attrs

from wooshpay.core.confined import Confined
from wooshpay.core.listing import ListObject
from wooshpay.core.names import advice, check_extras, check_options, check_params
from wooshpay.core.paging import AsyncPager, Pager, with_position
from wooshpay.core.request import NOTHING_EXPECTED, ApiResponse, Call, Method, ParamsIn
from wooshpay.core.unset import UNSET

if TYPE_CHECKING:
    from typing import Self

    from wooshpay.config import RequestOptions
    from wooshpay.core.docstring import Docstring
    from wooshpay.core.json import JsonObject
    from wooshpay.core.pipeline import Pipeline
    from wooshpay.core.waiting import Wait

P = ParamSpec("P")
T = TypeVar("T")


class Async:
    """The world of `AsyncWooshPay`: calls are awaited."""


class Sync:
    """The world of `WooshPay`: calls return their result."""


W = TypeVar("W", Async, Sync)


class Caller(Protocol):
    """What carries a call out. There is one for each world; which one a resource holds decides its world."""

    @property
    def operation(self) -> Callable[[Any, Any], Any]:
        """Makes of a declaration and this caller what the operation is on a client."""
        ...

    @property
    def list_operation(self) -> Callable[[Any, Any], Any]:
        """The same for a list operation."""
        ...

    @property
    def waiting(self) -> Callable[[Any, Any], Any]:
        """The same for a ``wait``."""
        ...

    def call(self, call: Call, returns: Any) -> Any:
        """Give the decoded result, or a coroutine of it."""

    def call_with_response(self, call: Call, returns: Any) -> Any:
        """Give the `ApiResponse`, or a coroutine of it."""

    def page(self, call: Call, returns: Any) -> Any:
        """Give the pager over a list."""

    def wait(self, wait: Wait) -> Any:
        """Give what the waiting comes to, or a coroutine of it."""

    def compose(self, work: Callable[[Caller], Coroutine[Any, Any, T]]) -> Any:
        """Run a coroutine function that makes calls with an async caller. Return its result, or a coroutine of it."""

    def with_pipeline(self, pipeline: Pipeline) -> Caller:
        """Give a caller of the same world that uses another pipeline."""
        ...

    def close(self) -> Any:
        """Close the connections, or give a coroutine that does."""


@attrs.define(slots=False, eq=False, repr=False)
class Resource(Confined, Generic[W]):
    """One section of the API on one client."""

    _caller: Caller

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


class AsyncOperation(Generic[P, T]):
    """An operation of one asynchronous client, ready to be awaited."""

    if TYPE_CHECKING:

        def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, T]: ...

        def with_response(self, *args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, ApiResponse[T]]:
            """Make the same call; give its result with status, headers, request id, attempts and key."""
            ...


class SyncOperation(Generic[P, T]):
    """An operation of one synchronous client, ready to be called."""

    if TYPE_CHECKING:

        def __call__(self, *args: P.args, **kwargs: P.kwargs) -> T: ...

        def with_response(self, *args: P.args, **kwargs: P.kwargs) -> ApiResponse[T]:
            """Make the same call; give its result with status, headers, request id, attempts and key."""
            ...


class AsyncListOperation(Generic[P, T]):
    """A list operation of one asynchronous client."""

    if TYPE_CHECKING:

        def __call__(self, *args: P.args, **kwargs: P.kwargs) -> AsyncPager[T]: ...

        def with_response(self, *args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, ApiResponse[ListObject[T]]]:
            """Get the first page with status, headers, request id and attempts."""
            ...


class SyncListOperation(Generic[P, T]):
    """A list operation of one synchronous client."""

    if TYPE_CHECKING:

        def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Pager[T]: ...

        def with_response(self, *args: P.args, **kwargs: P.kwargs) -> ApiResponse[ListObject[T]]:
            """Get the first page with status, headers, request id and attempts."""
            ...


if TYPE_CHECKING:

    class _Editor:
        """Nothing is ever one. Jedi looks at every overload, and completes parameters only through a `Callable`."""


_PLACEHOLDER = re.compile(r"\{(\w+)\}")
# An ID at the end of the path, or one that only a verb follows.
_NAMES_ITS_OBJECT = re.compile(r"/\{\w+\}(?:/[a-z_]+)?$")
# Control characters, and halves of surrogate pairs, which no URL can carry.
_NO_ID = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")


class Declaration:
    """What one signature says about its operation.

    Attributes:
        name: The SDK name, such as ``refunds.create``; known once the class that holds it is made.
        method: The HTTP verb.
        path: The path template.
        params_in: Where keyword parameters travel: ``query``, ``body``, ``query+body`` or ``multipart``.
        wire: Parameters whose name in the API is no Python name.
        echoes: Parameters that the object in the response must have as fields with the same values.
        publishable: Whether a publishable key may make this call.
        function: The declared function.
        is_list: Whether the result is a page of a list.
    """

    is_list: ClassVar[bool] = False
    _how_to_send: ClassVar[str] = (
        "To send a parameter that the SDK does not know, pass options=RequestOptions(extra_body={...}) or"
        " RequestOptions(extra_query={...})."
    )

    def __init__(
        self,
        function: Callable[..., Any],
        method: Method,
        path: str,
        *,
        params_in: ParamsIn,
        wire: Mapping[str, str] | None = None,
        echoes: Sequence[str] = (),
        publishable: bool = False,
    ) -> None:
        self.function = function
        self.method: Method = method
        self.path = path
        self.params_in: ParamsIn = params_in
        self._in_query = params_in in {"query", "query+body"}
        self._in_body = params_in != "query"
        self.wire: Mapping[str, str] = wire or {}
        self.echoes = tuple(echoes)
        self.publishable = publishable
        self.name = function.__name__
        self.__doc__ = function.__doc__
        self.__module__ = function.__module__
        code = function.__code__
        positional = code.co_posonlyargcount
        names = code.co_varnames
        self._path_params = names[1:positional]
        self._keywords = frozenset(names[code.co_argcount : code.co_argcount + code.co_kwonlyargcount])
        if list(self._path_params) != _PLACEHOLDER.findall(path) or code.co_argcount != max(positional, 1):
            raise TypeError(f"{function.__qualname__}: positional-only parameters must match the path {path}")

    def __set_name__(self, owner: type, name: str) -> None:
        section = owner.__module__.removeprefix("wooshpay.api.")
        self.name = f"{section}.{name}"

    @cached_property
    def signature(self) -> inspect.Signature:
        """The parameters as declared, without ``self``."""
        whole = inspect.signature(self.function)
        return whole.replace(parameters=list(whole.parameters.values())[1:])

    @cached_property
    def returns(self) -> Any:
        """The declared result type."""
        # The text is the annotation in our own source.
        return eval(self.function.__annotations__["return"], self.function.__globals__)  # noqa: S307  # see above

    @cached_property
    def returns_named_object(self) -> bool:
        """Return whether the object in the response has the last ID of the path, as in ``/v1/refunds/{id}``."""
        returns = self.returns
        return (
            not self.is_list
            and _NAMES_ITS_OBJECT.search(self.path) is not None
            and attrs.has(returns)
            and any(field.name == "id" for field in attrs.fields(returns))
        )

    @cached_property
    def text(self) -> Docstring:
        """The docstring, taken apart."""
        from wooshpay.core.docstring import read_docstring

        return read_docstring(self.__doc__)

    @property
    def reference(self) -> str | None:
        """The title of the page in WooshPay's reference, from the docstring."""
        return self.text.reference

    @property
    def inferred(self) -> str | None:
        """What about this operation was not read in WooshPay's reference, from the docstring."""
        return self.text.inferred

    def bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call:
        """Return the call for these arguments, or raise a `TypeError` that names the one that does not fit."""
        if not self._keywords.issuperset(kwargs):
            args = self._with_ids(args, kwargs)
        options: RequestOptions | None = kwargs.pop("options", None)
        if options is not None:
            self._check_options(options)
        path = self._fill(args) if args or self._path_params else self.path
        params: JsonObject = kwargs
        for value in kwargs.values():
            if value is UNSET:
                params = {name: value for name, value in kwargs.items() if value is not UNSET}
                break
        if self.wire and not self.wire.keys().isdisjoint(params):
            params = {self.wire.get(name, name): value for name, value in params.items()}
        expected = NOTHING_EXPECTED
        if self.echoes or self.returns_named_object:
            expected = {name: params[name] for name in self.echoes if name in params}
            if self.returns_named_object:
                expected["id"] = args[-1]
        return Call(
            operation=self.name,
            method=self.method,
            template=self.path,
            path=path,
            query=params if self._in_query else {},
            body=params if self._in_body and (params or self.method == "POST") else None,
            expected=expected,
            multipart=self.params_in == "multipart",
            publishable=self.publishable,
            options=options,
        )

    def _with_ids(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
        """Take the IDs out of the keyword arguments, where a framework such as FastAPI passes them."""
        missing = self._path_params[len(args) :]
        if missing and all(name in kwargs for name in missing):
            args = (*args, *(kwargs.pop(name) for name in missing))
        if not self._keywords.issuperset(kwargs):
            self._refuse_names(kwargs)
        return args

    def _fill(self, args: tuple[Any, ...]) -> str:
        expected = self._path_params
        if len(args) != len(expected):
            wanted = ", ".join(expected) or "keyword arguments only"
            raise TypeError(f"{self.name}() takes {len(expected)} positional argument(s) ({wanted}), got {len(args)}")
        values = iter([quote_id(value, name, self.name) for name, value in zip(expected, args, strict=True)])
        return _PLACEHOLDER.sub(lambda _: next(values), self.path)

    def _refuse_names(self, kwargs: Mapping[str, Any]) -> NoReturn:
        for name in kwargs:
            if name in self._keywords:
                continue
            if name in self._path_params:
                wanted = ", ".join(self._path_params)
                raise TypeError(f"{self.name}() got {name} twice, or not all IDs: call {self.name}({wanted}, ...)")
            from difflib import get_close_matches  # only for a mistake

            if (hint := advice(name, self.name)) is not None:
                raise TypeError(f"{self.name}() has no parameter {name!r}. {hint}")
            near = get_close_matches(name, self._keywords, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise TypeError(f"{self.name}() has no parameter {name!r}.{hint} {self._how_to_send}")
        raise AssertionError("called without an unknown name")

    def _check_options(self, options: RequestOptions) -> None:
        check_options(options, self.name)
        if options.extra_body or options.extra_query:
            check_extras(options, {*self._keywords, *self.wire.values()} - {"options"}, self.name)

    def __repr__(self) -> str:
        return f"<{self.name}: {self.method} {self.path}>"


def quote_id(value: object, name: str, operation: str) -> str:
    """Percent-quote one path segment, so that an id never leaves its place in the path."""
    if not isinstance(value, str):
        raise TypeError(f"{operation}(): {name} must be an id as text, got {type(value).__name__}")
    if not value or value in {".", ".."} or _NO_ID.search(value):
        raise ValueError(f"{operation}(): {name} is empty or no possible id; pass an id that WooshPay gave")
    return quote(value, safe="")


class Operation(Declaration, Generic[P, T]):
    """An operation as declared in its section. On a client it becomes a call of that client's world."""

    if TYPE_CHECKING:

        @overload
        def __get__(self, instance: None, owner: Any) -> Self: ...
        @overload
        def __get__(self, instance: Resource[Async], owner: Any) -> AsyncOperation[P, T]: ...
        @overload
        def __get__(self, instance: Resource[Sync], owner: Any) -> SyncOperation[P, T]: ...
        @overload
        def __get__(self, instance: _Editor, owner: Any) -> Callable[P, T]: ...
        def __get__(self, instance: Any, owner: Any) -> Any: ...

    else:

        def __get__(self, instance: Any, owner: Any) -> Any:
            return self if instance is None else instance._caller.operation(self, instance._caller)


class ListOperation(Declaration, Generic[P, T]):
    """A list operation as declared in its section. On a client it gives that world's pager."""

    is_list: ClassVar[bool] = True

    def bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call:
        """Return the call for these arguments, or raise a `TypeError` that names the one that does not fit."""
        return with_position(super().bind(args, kwargs))

    if TYPE_CHECKING:

        @overload
        def __get__(self, instance: None, owner: Any) -> Self: ...
        @overload
        def __get__(self, instance: Resource[Async], owner: Any) -> AsyncListOperation[P, T]: ...
        @overload
        def __get__(self, instance: Resource[Sync], owner: Any) -> SyncListOperation[P, T]: ...
        @overload
        def __get__(self, instance: _Editor, owner: Any) -> Callable[P, T]: ...
        def __get__(self, instance: Any, owner: Any) -> Any: ...

    else:

        def __get__(self, instance: Any, owner: Any) -> Any:
            return self if instance is None else instance._caller.list_operation(self, instance._caller)


def get(path: str, *, publishable: bool = False) -> Callable[[Callable[Concatenate[Any, P], T]], Operation[P, T]]:
    """Declare a GET. Keyword parameters travel in the query string."""

    def declare(function: Callable[Concatenate[Any, P], T]) -> Operation[P, T]:
        return Operation(function, "GET", path, params_in="query", publishable=publishable)

    return declare


def post(
    path: str, *, params_in: ParamsIn = "body", wire: Mapping[str, str] | None = None, echoes: Sequence[str] = ()
) -> Callable[[Callable[Concatenate[Any, P], T]], Operation[P, T]]:
    """Declare a POST. Keyword parameters travel in the JSON body.

    ``wire`` gives names that Python cannot spell. ``echoes`` names parameters that the object in the response has as
    fields too: if one differs, the request is sent once more before the response is accepted.
    """

    def declare(function: Callable[Concatenate[Any, P], T]) -> Operation[P, T]:
        return Operation(function, "POST", path, params_in=params_in, wire=wire, echoes=echoes)

    return declare


def delete(path: str) -> Callable[[Callable[Concatenate[Any, P], T]], Operation[P, T]]:
    """Declare a DELETE. Keyword parameters, where there are any, travel in the JSON body."""

    def declare(function: Callable[Concatenate[Any, P], T]) -> Operation[P, T]:
        return Operation(function, "DELETE", path, params_in="body")

    return declare


def paged(
    path: str, *, params_in: ParamsIn = "query"
) -> Callable[[Callable[Concatenate[Any, P], ListObject[T]]], ListOperation[P, T]]:
    """Declare a GET of a list.

    With ``params_in="query+body"`` the filters travel both ways: the reference documents a JSON body on
    these GETs, programs in use send a query string.
    """

    def declare(function: Callable[Concatenate[Any, P], ListObject[T]]) -> ListOperation[P, T]:
        return ListOperation(function, "GET", path, params_in=params_in)

    return declare


class Undeclared(Operation[P, T]):
    """The way to operations that the SDK does not know: verb and path are arguments."""

    if not TYPE_CHECKING:

        def __get__(self, instance, owner):
            if instance is not None:
                return instance._caller.operation(self, instance._caller)
            # It belongs to the client itself, so here a mock of the client's class finds it.
            specification = getattr(owner, "_specification", None)
            return self if specification is None else specification.operation(self, specification)

    _how_to_send: ClassVar[str] = "Pass the parameters of the operation in body={...} or query={...}."

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(function, "GET", "{method}{path}", params_in="query")
        self.name = function.__name__

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call:
        """Make the call of a verb, a path and parameters."""
        if not self._keywords.issuperset(kwargs):
            self._refuse_names(kwargs)
        if len(args) != 2:
            raise TypeError(f"{self.name}() takes a verb and a path, such as {self.name}('GET', '/v1/balance')")
        method, path = args
        if method not in {"GET", "POST", "DELETE"}:
            raise ValueError(f"{self.name}(): the verb must be GET, POST or DELETE, not {method!r}")
        if not isinstance(path, str) or not _PLAIN_PATH.fullmatch(path) or _DOTS.search(path):
            raise ValueError(
                f"{self.name}(): the path must look like /v1/balance: percent-quoted, without a host, query or dots;"
                " query parameters go into query={...}"
            )
        options: RequestOptions | None = kwargs.get("options")
        if options is not None:
            self._check_options(options)
        for place in ("query", "body"):
            check_params(place, kwargs.get(place) or (), options, (), self.name)
        body: JsonObject | None = kwargs.get("body")
        if body is None and method == "POST":
            body = {}
        return Call(
            operation=self.name,
            method=method,
            template=path,
            path=path,
            query=dict(kwargs.get("query") or {}),
            body=None if body is None else dict(body),
            publishable=True,
            options=options,
        )


_PLAIN_PATH = re.compile(r"(?:/(?:[A-Za-z0-9\-._~!$&'()*+,;=:@]|%[0-9A-Fa-f]{2})+)+")
# Some servers cut parameters after a semicolon off before they resolve dots.
_DOTS = re.compile(r"/(?:\.|%2e){1,2}(?:;[^/]*)?(?:/|$)", re.IGNORECASE)


def undeclared(function: Callable[Concatenate[Any, P], T]) -> Operation[P, T]:
    """Declare the method that reaches everything which has no declaration."""
    return Undeclared(function)
