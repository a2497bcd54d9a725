"""Waiting until an object comes to rest: its retrieve operation, asked again and again with growing gaps.

A section declares its ``wait`` under the decorator `waiting`, beside the ``retrieve`` that it asks and a function that
says which states are final. It is no operation of the API, so nothing that lists those shows it.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Coroutine
from functools import cached_property
from typing import TYPE_CHECKING, Any, Concatenate, Final, Generic, Literal, ParamSpec, TypeVar, overload

import attrs

from wooshpay.config import RequestOptions, check_seconds
from wooshpay.core.declaration import Async, Declaration, Operation, Resource, Sync
from wooshpay.core.names import advice
from wooshpay.core.unset import UNSET
from wooshpay.errors import (
    ConfigurationError,
    DecodeError,
    RateLimitError,
    ServerError,
    TransportError,
    WooshPayError,
)

if TYPE_CHECKING:
    from typing import Self

    from wooshpay.config import Config
    from wooshpay.core.request import Call

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")
O_co = TypeVar("O_co", bound=str, covariant=True)
T_co = TypeVar("T_co", covariant=True)

TimedOut = Literal["timed_out"]

# Seconds. A poll with less could hardly bring an answer, so the last one may take this long beyond the deadline.
LEAST_POLL: Final = 5.0
_GROWTH: Final = 1.5
_PACE: Final = ("timeout", "first_gap", "longest_gap")
# Answers that speak of the moment, not of the object.
_PASSING: Final = frozenset({408, 425})


@attrs.frozen(kw_only=True)
class WaitResult(Generic[T_co, O_co]):
    """What waiting came to.

    Attributes:
        object: The object as WooshPay gave it last.
        outcome: Where it came to rest, such as ``succeeded`` or ``failed``; ``timed_out`` where it has not yet.
        polls: How many times WooshPay was asked.
        waited: Seconds that the waiting took.
        error: Why the last question brought no answer, where time ran out on one that did not.
    """

    object: T_co
    outcome: O_co | TimedOut
    polls: int
    waited: float
    error: WooshPayError | None = None

    @property
    def timed_out(self) -> bool:
        """Whether the time ended before the object came to rest; it may still do so later."""
        return self.outcome == "timed_out"


@attrs.frozen(kw_only=True)
class Pace:
    """How long to wait, and how often to ask.

    Attributes:
        timeout: Seconds to wait in all.
        first_gap: Seconds between the first two questions, at most.
        longest_gap: Seconds that no gap exceeds.
    """

    timeout: float
    first_gap: float
    longest_gap: float

    def __attrs_post_init__(self) -> None:
        for name in _PACE:
            check_seconds(name, getattr(self, name))
        if self.first_gap > self.longest_gap:
            raise ConfigurationError(
                f"first_gap ({self.first_gap:g} s) must not be longer than longest_gap ({self.longest_gap:g} s)."
            )

    def gap(self, polls: int, uniform: Callable[[float, float], float]) -> float:
        """Decide how long to wait after so many questions: half of it is left to chance, so that waiters spread."""
        try:
            longest = min(self.longest_gap, self.first_gap * _GROWTH ** (polls - 1))
        except OverflowError:
            longest = self.longest_gap
        return uniform(longest / 2, longest)


@attrs.frozen(kw_only=True, eq=False)
class Wait:
    """One waiting, as the declaration and the arguments give it.

    Attributes:
        call: The question.
        returns: The type of its answer.
        settled: Says where an object came to rest; ``None`` while it has not.
        pace: How long to wait, and how often to ask.
    """

    call: Call
    returns: Any
    settled: Callable[[Any], str | None]
    pace: Pace


async def carry_out(wait: Wait, ask: Callable[[Call], Awaitable[Any]], config: Config) -> WaitResult[Any, Any]:
    """Ask until the object has come to rest or the time is over.

    An answer that was lost on the way, a fault of WooshPay's and a rate limit do not end the waiting.

    Args:
        wait: What to ask, and what to wait for.
        ask: Makes one call.
        config: The client's settings.

    Raises:
        WooshPayError: WooshPay refuses the question, or gave no answer at all before the time was over.
    """
    effects = config.effects
    began = effects.monotonic()
    end = began + wait.pace.timeout
    found: Any = None
    answered = False
    polls = 0
    while True:
        polls += 1
        error: WooshPayError | None = None
        try:
            found = await ask(_within(wait.call, max(end - effects.monotonic(), LEAST_POLL), config.timeout))
            answered = True
        except WooshPayError as failed:
            if not _is_passing(failed, strict=config.strict):
                raise
            error = failed
        outcome = wait.settled(found) if error is None else None
        now = effects.monotonic()
        if outcome is not None or now >= end:
            if error is not None and not answered:
                raise error
            return WaitResult(
                object=found, outcome=outcome or "timed_out", polls=polls, waited=now - began, error=error
            )
        asked_to = getattr(error, "retry_after", None) or 0.0
        gap = max(wait.pace.gap(polls, effects.uniform), asked_to)
        await effects.sleep(min(gap, end - now))


def _is_passing(error: WooshPayError, *, strict: bool) -> bool:
    """Whether the same question may have an answer a little later."""
    if isinstance(error, TransportError):
        return error.failure != "refused"
    if isinstance(error, DecodeError):
        # A page of a gateway's under a good status. Under strict=True the answer itself is at fault.
        return not strict
    return isinstance(error, (RateLimitError, ServerError)) or getattr(error, "status", None) in _PASSING


def _within(call: Call, seconds: float, usual: float) -> Call:
    """The same call, held to so many seconds where it might take longer."""
    options = call.options or RequestOptions()
    limit = usual if options.timeout is UNSET else options.timeout
    return attrs.evolve(call, options=attrs.evolve(options, timeout=min(seconds, limit)))


class Waiting(Generic[P, R]):
    """A ``wait`` as declared in its section. On a client it becomes one of that client's world."""

    def __init__(
        self, function: Callable[..., Any], retrieve: Declaration, settled: Callable[[Any], str | None]
    ) -> None:
        self.function = function
        self.retrieve = retrieve
        self.settled = settled
        self.name = function.__name__
        self.__doc__ = function.__doc__
        self.__module__ = function.__module__
        defaults = function.__kwdefaults__ or {}
        self._pace: dict[str, float] = {name: defaults[name] for name in _PACE}

    def __set_name__(self, owner: type, name: str) -> None:
        section = owner.__module__.removeprefix("wooshpay.api.")
        self.name = f"{section}.{name}"

    @cached_property
    def signature(self) -> inspect.Signature:
        """The parameters as declared, without ``self``."""
        whole = inspect.signature(self.function)
        return whole.replace(parameters=list(whole.parameters.values())[1:])

    def bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Wait:
        """Make the waiting of these arguments, or say with a `TypeError` which of them does not fit."""
        known = self.signature.parameters
        for name in kwargs:
            if name not in known:
                if (hint := advice(name, self.name)) is not None:
                    raise TypeError(f"{self.name}() has no parameter {name!r}. {hint}")
                from difflib import get_close_matches  # only for a mistake

                near = get_close_matches(name, known, n=1)
                hint = f" Did you mean {near[0]!r}?" if near else ""
                raise TypeError(f"{self.name}() has no parameter {name!r}.{hint}")
        pace = Pace(**{name: kwargs.pop(name, default) for name, default in self._pace.items()})
        call = self.retrieve.bind(args, kwargs)
        return Wait(call=call, returns=self.retrieve.returns, settled=self.settled, pace=pace)

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
            return self if instance is None else instance._caller.waiting(self, instance._caller)

    def __repr__(self) -> str:
        return f"<{self.name}>"


def waiting(
    retrieve: Operation[..., T], settled: Callable[[T], str | None]
) -> Callable[[Callable[Concatenate[Any, P], R]], Waiting[P, R]]:
    """Declare a ``wait``. Its signature has the parameters of ``retrieve``, and ``timeout``, ``first_gap`` and
    ``longest_gap`` with their defaults; its result is a `WaitResult` of the object and the outcomes.

    Args:
        retrieve: The operation to ask.
        settled: Says where an object came to rest; ``None`` while it has not.
    """

    def declare(function: Callable[Concatenate[Any, P], R]) -> Waiting[P, R]:
        return Waiting(function, retrieve, settled)

    return declare
