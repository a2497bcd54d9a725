"""Operations on one client: what `client.refunds.create` is at run time.

An operation that is awaited is a coroutine function for `inspect.iscoroutinefunction`, and therefore for
`unittest.mock`, FastAPI, tenacity and asgiref. A list operation, which returns a pager, and all operations of the sync
client are plain functions. This takes no time in a call, because it is a property of the class.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

from wooshpay.core.confined import Confined
from wooshpay.core.tracebacks import forget_locals

if TYPE_CHECKING:
    import inspect
    from typing import Self

    from wooshpay.core.declaration import Caller, Declaration
    from wooshpay.core.waiting import Waiting


def _declared_doc(bound: Bound[Any]) -> str | None:
    doc: str | None = bound._declaration.__doc__  # pyright: ignore[reportPrivateUsage]  # a property of it, see below
    return doc


# Each class below needs it, because a class without a docstring has None in its place.
_DOC: Any = property(_declared_doc)
_DOC_WITH_RESPONSE: Any = property(
    lambda _: "Make the same call, and return its result with status, headers, request ID, attempts and key."
)

D = TypeVar("D", bound="Declaration | Waiting[..., Any]")


class Bound(Confined, Generic[D]):
    """A declaration on one resource. `help` and frameworks see a method with the declared signature."""

    __doc__ = _DOC

    # The bodies of these classes must not annotate names: their annotations are those of each operation.

    def __init__(self, declaration: D, caller: Caller) -> None:
        self._declaration = declaration
        self._caller = caller

    def __get__(self, instance: object, owner: object = None) -> Self:
        # Because this is a descriptor, help() regards it as a routine and shows the signature.
        return self

    @property
    def __signature__(self) -> inspect.Signature:
        from wooshpay.core.introspection import shown_signature

        return shown_signature(self._declaration.signature)

    @property
    def __annotations__(self) -> dict[str, Any]:  # type: ignore[override]  # pyright: ignore[reportIncompatibleVariableOverride]
        return self._declaration.function.__annotations__

    @property
    def __globals__(self) -> dict[str, Any]:
        # This is where frameworks evaluate the annotations.
        from wooshpay.core.introspection import namespace

        return namespace(self._declaration.function.__globals__, self._declaration.signature)

    @property
    def __name__(self) -> str:
        return self._declaration.function.__name__

    def __getattr__(self, name: str) -> Any:
        if name == "__qualname__":  # a class body cannot define it as a property
            return self._declaration.function.__qualname__
        raise AttributeError(f"{self!r} has no attribute {name!r}")

    def __repr__(self) -> str:
        return f"{self._declaration!r}"


async def _awaited(*args: object, **kwargs: object) -> None:
    """Provide the code object of awaited operations. This is never called."""


class CoroutineFunction:
    """Makes `inspect.iscoroutinefunction` return true, also in Python 3.11, which has no way to mark an object as one.

    An object with these attributes counts as a function, and the flags of its code are checked. A real coroutine
    function would report wrong arguments only when it is awaited, far from the mistake.
    """

    __slots__ = ()

    __code__ = _awaited.__code__
    __defaults__ = None
    __kwdefaults__ = None


class BoundOperation(Bound["Declaration"]):
    """An operation or a list operation of the sync client."""

    __doc__ = _DOC

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        declaration = self._declaration
        try:
            call = declaration.bind(args, kwargs)
        except Exception as error:
            forget_locals(error)
            raise
        finally:
            # Error reports keep the variables of all frames, so remove the parameters of the call from this one.
            del args, kwargs
        if declaration.is_list:
            return self._caller.page(call, declaration.returns)
        return self._caller.call(call, declaration.returns)

    @property
    def with_response(self) -> WithResponse:
        """The same call, which returns its result with status, headers, request ID, attempts and key."""
        return WithResponse(self._declaration, self._caller)


class WithResponse(Bound["Declaration"]):
    """An operation of the sync client that returns its result together with the response."""

    __doc__ = _DOC_WITH_RESPONSE

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        declaration = self._declaration
        try:
            call = declaration.bind(args, kwargs)
        except Exception as error:
            forget_locals(error)
            raise
        finally:
            del args, kwargs
        return self._caller.call_with_response(call, declaration.returns)

    @property
    def __name__(self) -> str:
        return "with_response"


class AsyncWithResponse(CoroutineFunction, WithResponse):
    """An operation of the async client that returns its result together with the response."""

    __doc__ = _DOC_WITH_RESPONSE


class AsyncBoundOperation(CoroutineFunction, BoundOperation):
    """An operation of the async client."""

    __doc__ = _DOC

    @property
    def with_response(self) -> WithResponse:
        """The same call, which returns its result with status, headers, request ID, attempts and key."""
        return AsyncWithResponse(self._declaration, self._caller)


class AsyncBoundList(BoundOperation):
    """A list operation of the async client. It returns a pager at once, so it is not a coroutine function."""

    __doc__ = _DOC

    @property
    def with_response(self) -> WithResponse:
        """The first page with status, headers, request ID and attempts."""
        return AsyncWithResponse(self._declaration, self._caller)


class BoundWaiting(Bound["Waiting[..., Any]"]):
    """A ``wait`` of the sync client."""

    __doc__ = _DOC

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        return self._caller.wait(self._declaration.bind(args, kwargs))


class AsyncBoundWaiting(CoroutineFunction, BoundWaiting):
    """A ``wait`` of the async client."""

    __doc__ = _DOC
