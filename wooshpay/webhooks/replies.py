"""The responses to deliveries, and the log lines that go with them."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final, NamedTuple

from wooshpay.errors import ClaimLost, InboxError

if TYPE_CHECKING:
    from wooshpay.api.events import Event

_LONGEST_SHOWN: Final = 100

_logger = logging.getLogger("wooshpay.webhooks")


class Reply(NamedTuple):
    """The response to a delivery.

    Attributes:
        status: The HTTP status.
        text: A short sentence for the response body. It holds no secrets; WooshPay does not read it.
        event_id: The event's ID, or ``None`` if the delivery could not be verified.
    """

    status: int
    text: str
    event_id: str | None = None


def shown(text: str) -> str:
    """Return a text that is safe to log: short, and without control characters or lone surrogates."""
    safe = text if text.isprintable() else ascii(text)[1:-1]
    return safe if len(safe) <= _LONGEST_SHOWN else f"{safe[:_LONGEST_SHOWN]}..."


def done(event: Event) -> Reply:
    """Return the response when the handler finished and the inbox has recorded it."""
    return Reply(200, "Done.", event.id)


def done_before(event: Event) -> Reply:
    """Return the response when an earlier delivery of the event was handled."""
    return Reply(200, "This event was done before.", event.id)


def not_handled(event: Event) -> Reply:
    """Return the response when no handler is registered for events of this type."""
    return Reply(200, f"No handler is registered for {shown(event.type)}.", event.id)


def not_about_its_type(event: Event) -> Reply:
    """Return the response when the event does not hold an object of its type, and no other handler takes it."""
    _logger.error(
        "Event %s of type %s does not hold the object that events of its type are about, and no handler is registered"
        " with `other`. WooshPay delivers it again.",
        event.id,
        shown(event.type),
    )
    return Reply(500, "The event does not hold the object that events of its type are about.", event.id)


def held(event: Event) -> Reply:
    """Return the response when another delivery of the event is being handled now."""
    return Reply(409, "Another delivery of this event is being worked on.", event.id)


def taken_over(event: Event) -> Reply:
    """Return the response when the lease ended while the handler ran, and another worker took the event over."""
    return Reply(409, "Another worker took this event over.", event.id)


def timed_out(event_id: str, limit: float) -> Reply:
    """Return the response when the handler ran for longer than the receiver's ``handler_timeout``."""
    return Reply(500, f"The handler did not finish within {limit:g} seconds; deliver this event again.", event_id)


def unreachable(event: Event, error: InboxError) -> Reply:
    """Return the response when the inbox failed, so that nobody can tell whether the event may be handled."""
    _logger.error("Event %s has to be delivered again: %s", event.id, error)
    return Reply(503, "The inbox cannot be reached; deliver this event again.", event.id)


def in_transaction() -> Reply:
    """Return the response when a transaction is open around the view, whose COMMIT could fail after the response."""
    _logger.error(
        "A delivery was refused because django_view was called inside a transaction. If that transaction were not"
        " committed, the event would count as done and the work of its handler would be lost. Remove transaction.atomic"
        " around the view, and use functools.wraps in decorators around it, so that ATOMIC_REQUESTS does not apply."
    )
    return Reply(500, "The endpoint is inside a database transaction; deliver this event again.")


def failed(event: Event, error: BaseException) -> Reply:
    """Return the response when the handler raised an exception."""
    if isinstance(error, ClaimLost):
        return taken_over(event)
    if isinstance(error, InboxError):
        return unreachable(event, error)
    _logger.error(
        "The handler of event %s of type %s failed; WooshPay delivers it again.",
        event.id,
        shown(event.type),
        exc_info=error,
    )
    return Reply(500, "The handler failed; deliver this event again.", event.id)
