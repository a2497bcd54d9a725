"""Logs and traces of deliveries: one record at level INFO for each, and one span if the receiver has ``telemetry``.

A delivery is observed from its receipt to the end of its handler, also when the sender hangs up in between.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine
from contextvars import ContextVar, Token
from functools import partial, wraps
from types import TracebackType
from typing import TYPE_CHECKING, Any, Concatenate, Final, ParamSpec, Protocol, TypeVar

from wooshpay.core.clock import monotonic_time
from wooshpay.core.log_failures import writing_cannot_fail
from wooshpay.core.log_fields import log_fields
from wooshpay.core.objects import to_datetime
from wooshpay.webhooks.records import event_fields, shown

if TYPE_CHECKING:
    from typing import Self

    from wooshpay.api.events import Event
    from wooshpay.middleware.deliveries import DeliverySpan
    from wooshpay.middleware.telemetry import Telemetry
    from wooshpay.webhooks.replies import Reply


class ObservedReceiver(Protocol):
    """A receiver whose deliveries can be observed."""

    telemetry: Telemetry | None
    """Reports the deliveries to OpenTelemetry."""


P = ParamSpec("P")
S = TypeVar("S", bound=ObservedReceiver)
T = TypeVar("T")

_logger = logging.getLogger("wooshpay.webhooks")
_current: Final[ContextVar[ObservedDelivery | None]] = ContextVar("wooshpay_webhook_delivery", default=None)


class ObservedDelivery:
    """A delivery that is observed.

    Args:
        span: The span; ``None`` without telemetry.
        clock: Returns monotonic seconds.
    """

    def __init__(self, span: DeliverySpan | None, clock: Callable[[], float] = monotonic_time) -> None:
        self._span = span
        self._clock = clock
        self._began = clock()
        self._event: Event | None = None
        self._age: float | None = None
        self._error: str | None = None
        # Emptied by whatever ends the delivery first: its request, or the task that goes on after the sender hung up.
        self._open = [True]
        self._followed = False
        self._answered = True
        self._token: Token[ObservedDelivery | None] | None = None

    def __enter__(self) -> Self:
        """Make this the delivery, and its span the span, of the current context."""
        self._token = _current.set(self)
        if self._span is not None:
            self._span.enter()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Leave the context. A handler that goes on without the request is still observed."""
        try:
            if error is not None and self._followed:
                self._answered = False
            elif error is not None:
                self._interrupt(error)
        finally:
            if self._span is not None:
                self._span.leave()
            if self._token is not None:
                _current.reset(self._token)

    def about(self, event: Event, now: float) -> None:
        """Note which event was delivered, and the time in seconds since 1970."""
        self._event = event
        created = to_datetime(event.created)
        if created is not None and created.timestamp() > 0:
            # The clocks of two machines differ a little, so that an event may seem to come from the future.
            self._age = max(now - created.timestamp(), 0.0)
        if self._span is not None:
            self._span.about(shown(event.type), shown(event.id), self._age)

    def refuse(self, error: Exception) -> None:
        """Note why the delivery is refused."""
        self._error = type(error).__name__

    def fail(self, error: BaseException) -> None:
        """Note the exception of the handler or of the inbox."""
        self._error = type(error).__name__
        if self._span is not None:
            self._span.record(error)

    def end(self, reply: Reply) -> None:
        """Note the response."""
        self._end(reply.outcome, reply.status if self._answered else None)

    def follow(self, work: Callable[[T], Coroutine[Any, Any, Reply]]) -> Callable[[T], Coroutine[Any, Any, Reply]]:
        """Observe work that goes on when the request is cancelled, until it ends."""
        self._followed = True
        return partial(self._follow, work)

    async def _follow(self, work: Callable[[T], Coroutine[Any, Any, Reply]], argument: T) -> Reply:
        try:
            reply = await work(argument)
        except BaseException as error:
            self._interrupt(error)
            raise
        self.end(reply)
        return reply

    def _interrupt(self, error: BaseException) -> None:
        self._error = type(error).__name__
        self._end("interrupted", None)

    def _end(self, outcome: str, status: int | None) -> None:
        try:
            self._open.pop()
        except IndexError:
            return
        seconds = self._clock() - self._began
        if self._span is not None:
            self._span.end(outcome, status, self._error, seconds)
        self._write(outcome, status, seconds)

    @writing_cannot_fail
    def _write(self, outcome: str, status: int | None, seconds: float) -> None:
        if not _logger.isEnabledFor(logging.INFO):
            return
        event = self._event
        _logger.info(
            "%s: %s, %s in %.3f s",
            "A delivery" if event is None else f"Delivery of {shown(event.type)} {event.id}",
            outcome,
            "no response" if status is None else f"HTTP {status}",
            seconds,
            extra={
                **({} if event is None else event_fields(event)),
                **log_fields(
                    wooshpay_outcome=outcome,
                    wooshpay_status=status,
                    wooshpay_seconds=seconds,
                    wooshpay_error=self._error,
                    wooshpay_event_age=self._age,
                ),
            },
        )


def observed(
    receive: Callable[Concatenate[S, P], Coroutine[Any, Any, Reply]],
) -> Callable[Concatenate[S, P], Coroutine[Any, Any, Reply]]:
    """Observe each call of an async method that receives deliveries, if a log or a trace needs it."""

    @wraps(receive)
    async def observing(receiver: S, /, *args: P.args, **kwargs: P.kwargs) -> Reply:
        delivery = _begin(receiver)
        work = receive(receiver, *args, **kwargs)
        del args, kwargs  # a report of the handler's error would keep them
        if delivery is None:
            return await work
        with delivery:
            reply = await work
            delivery.end(reply)
            return reply

    return observing


def observed_now(receive: Callable[Concatenate[S, P], Reply]) -> Callable[Concatenate[S, P], Reply]:
    """Observe each call of a plain method that receives deliveries, if a log or a trace needs it."""

    @wraps(receive)
    def observing(receiver: S, /, *args: P.args, **kwargs: P.kwargs) -> Reply:
        delivery = _begin(receiver)
        # Taken out of the list to be called, so that no variable of this frame keeps the arguments.
        work = [partial(receive, receiver, *args, **kwargs)]
        del args, kwargs
        if delivery is None:
            return work.pop()()
        with delivery:
            reply = work.pop()()
            delivery.end(reply)
            return reply

    return observing


def _begin(receiver: ObservedReceiver) -> ObservedDelivery | None:
    telemetry = receiver.telemetry
    if telemetry is None and not _logger.isEnabledFor(logging.INFO):
        return None
    return ObservedDelivery(None if telemetry is None else telemetry.delivery())


def followed(work: Callable[[T], Coroutine[Any, Any, Reply]]) -> Callable[[T], Coroutine[Any, Any, Reply]]:
    """Have the delivery of the current context observed until this work ends, even if its request is cancelled."""
    delivery = _current.get()
    return work if delivery is None else delivery.follow(work)


def note_failure(error: BaseException) -> None:
    """Note the exception of the handler, or of the inbox, on the delivery of the current context."""
    delivery = _current.get()
    if delivery is not None:
        delivery.fail(error)


def note_event(event: Event, now: float) -> None:
    """Note on the delivery of the current context which event it brought, at a time in seconds since 1970."""
    delivery = _current.get()
    if delivery is not None:
        delivery.about(event, now)


def note_refusal(error: Exception) -> None:
    """Note on the delivery of the current context why it is refused."""
    delivery = _current.get()
    if delivery is not None:
        delivery.refuse(error)
