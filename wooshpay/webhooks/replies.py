"""The responses to deliveries, and the log lines that go with them."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, TypeAlias

from wooshpay.core.log_fields import log_fields
from wooshpay.errors import ClaimLost, InboxError
from wooshpay.webhooks.observing import note_failure
from wooshpay.webhooks.records import event_fields, shown

if TYPE_CHECKING:
    from wooshpay.api.events import Event

_logger = logging.getLogger("wooshpay.webhooks")


DeliveryOutcome: TypeAlias = Literal[
    "handled",
    "done_before",
    "no_handler",
    "held",
    "taken_over",
    "failed",
    "timed_out",
    "wrong_object",
    "inbox_failed",
    "queued",
    "queue_failed",
    "refused",
    "interrupted",
]
"""The outcome of a delivery, for logs, traces and metrics.

``handled``: the handler finished.
``done_before``: an earlier delivery of the event was handled.
``no_handler``: no handler is registered for events of its type.
``held``: another delivery of the event is being handled.
``taken_over``: the lease ended while the handler ran, and another worker took the event over.
``failed``: the handler raised an exception.
``timed_out``: the handler ran for longer than ``handler_timeout``.
``wrong_object``: the event does not hold the object that events of its type are about.
``inbox_failed``: the inbox failed or did not answer.
``queued``: the delivery is in the queue, for a worker to handle.
``queue_failed``: the delivery could not be put into the queue.
``refused``: the signature, its time, the body or its size is wrong.
``interrupted``: the process or the request ended before the handler did.
"""

# The outcome that a status means, unless another one is passed.
_USUAL: Final[dict[int, DeliveryOutcome]] = {200: "handled", 409: "held", 500: "failed", 503: "inbox_failed"}


class _Response(NamedTuple):
    status: int
    text: str
    event_id: str | None = None


class Reply(_Response):
    """The response to a delivery.

    Attributes:
        status: The HTTP status.
        text: A short sentence for the response body. It holds no secrets; WooshPay does not read it.
        event_id: The event's ID, or ``None`` if the delivery could not be verified.
    """

    _outcome: DeliveryOutcome | None = None

    def __new__(
        cls, status: int, text: str, event_id: str | None = None, *, outcome: DeliveryOutcome | None = None
    ) -> Reply:
        """Make a response.

        Args:
            status: The HTTP status.
            text: A short sentence for the response body.
            event_id: The event's ID.
            outcome: The outcome of the delivery. Default: the usual one for the status.
        """
        reply = super().__new__(cls, status, text, event_id)
        if outcome is not None:
            reply._outcome = outcome
        return reply

    @property
    def outcome(self) -> DeliveryOutcome:
        """The outcome of the delivery. It is not part of the tuple."""
        return self._outcome or _USUAL.get(self.status, "refused")


def done(event: Event) -> Reply:
    """Return the response when the handler finished and the inbox has recorded it."""
    return Reply(200, "Done.", event.id)


def done_before(event: Event) -> Reply:
    """Return the response when an earlier delivery of the event was handled."""
    return Reply(200, "This event was done before.", event.id, outcome="done_before")


def not_handled(event: Event) -> Reply:
    """Return the response when no handler is registered for events of this type."""
    return Reply(200, f"No handler is registered for {shown(event.type)}.", event.id, outcome="no_handler")


def not_about_its_type(event: Event) -> Reply:
    """Return the response when the event does not hold an object of its type, and no other handler takes it."""
    odd = _in_place_of_object(event)
    status = 500 if odd is None else 400
    _logger.error(
        "Event %s of type %s does not hold the object that events of its type are about%s, and no handler is registered"
        " with `other`. WooshPay delivers it again.",
        event.id,
        shown(event.type),
        "" if odd is None else f" ({odd})",
        extra={**event_fields(event), **log_fields(wooshpay_status=status, wooshpay_outcome="wrong_object")},
    )
    if odd is None:
        text = "The event does not hold the object that events of its type are about."
    else:
        text = f"The event cannot be handled: {odd}."
    return Reply(status, text, event.id, outcome="wrong_object")


def _in_place_of_object(event: Event) -> str | None:
    """Say what an event holds in place of an object, or return ``None`` if it holds an object."""
    data = _kind(event.data)
    if data is not None:
        return f"`data` is {data}, not an object"
    found = _kind(getattr(event.data, "object", None))
    return None if found is None else f"`data.object` is {found}, not an object"


def _kind(value: object) -> str | None:
    """Return the name of a kind of JSON value; ``None`` for an object."""
    if value is None:
        return "missing, null or empty"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, (int, float)):
        return "a number"
    if isinstance(value, str):
        return "a string"
    return "a list" if isinstance(value, list) else None


def held(event: Event) -> Reply:
    """Return the response when another delivery of the event is being handled now."""
    return Reply(409, "Another delivery of this event is being worked on.", event.id)


def taken_over(event: Event) -> Reply:
    """Return the response when the lease ended while the handler ran, and another worker took the event over."""
    return Reply(409, "Another worker took this event over.", event.id, outcome="taken_over")


def timed_out(event_id: str, limit: float) -> Reply:
    """Return the response when the handler ran for longer than the receiver's ``handler_timeout``."""
    text = f"The handler did not finish within {limit:g} seconds; deliver this event again."
    return Reply(500, text, event_id, outcome="timed_out")


def unreachable(event: Event, error: InboxError) -> Reply:
    """Return the response when the inbox failed, so that nobody can tell whether the event may be handled."""
    note_failure(error)
    _logger.error(
        "Event %s has to be delivered again: %s",
        event.id,
        error,
        extra={
            **event_fields(event),
            **log_fields(wooshpay_status=503, wooshpay_outcome="inbox_failed", wooshpay_error=type(error).__name__),
        },
    )
    return Reply(503, "The inbox cannot be reached; deliver this event again.", event.id)


def in_transaction() -> Reply:
    """Return the response when a transaction is open around the view, whose COMMIT could fail after the response."""
    _logger.error(
        "A delivery was refused because django_view was called inside a transaction. If that transaction were not"
        " committed, the event would count as done and the work of its handler would be lost. Remove transaction.atomic"
        " around the view, and use functools.wraps in decorators around it, so that ATOMIC_REQUESTS does not apply.",
        extra=log_fields(wooshpay_status=500, wooshpay_outcome="failed"),
    )
    return Reply(500, "The endpoint is inside a database transaction; deliver this event again.")


def failed(event: Event, error: BaseException) -> Reply:
    """Return the response when the handler raised an exception."""
    if isinstance(error, ClaimLost):
        return taken_over(event)
    if isinstance(error, InboxError):
        return unreachable(event, error)
    note_failure(error)
    _logger.error(
        "The handler of event %s of type %s failed; WooshPay delivers it again.",
        event.id,
        shown(event.type),
        exc_info=error,
        extra={
            **event_fields(event),
            **log_fields(wooshpay_status=500, wooshpay_outcome="failed", wooshpay_error=type(error).__name__),
        },
    )
    return Reply(500, "The handler failed; deliver this event again.", event.id)


def queued(event_id: str) -> Reply:
    """Return the response when the delivery is in a queue."""
    return Reply(200, "The event is in the queue.", event_id, outcome="queued")


def not_queued(event_id: str, error: Exception) -> Reply:
    """Return the response when the delivery could not be put into the queue."""
    note_failure(error)
    _logger.error(
        "Event %s could not be put into the queue (%s); WooshPay delivers it again.",
        event_id,
        type(error).__name__,
        exc_info=error,
        extra=log_fields(
            wooshpay_event_id=event_id,
            wooshpay_status=503,
            wooshpay_outcome="queue_failed",
            wooshpay_error=type(error).__name__,
        ),
    )
    text = "The queue cannot be reached; deliver this event again."
    return Reply(503, text, event_id, outcome="queue_failed")
