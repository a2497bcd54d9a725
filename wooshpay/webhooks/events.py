"""From the body of a delivery to a typed event."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeGuard

from wooshpay.core.tracebacks import discreet
from wooshpay.errors import PayloadError
from wooshpay.webhooks.signature import Body, Headers, Secrets, check, raw_body

if TYPE_CHECKING:
    from wooshpay.api.events import Event
    from wooshpay.core.json import JsonObject


@discreet
def construct(
    body: Body,
    headers: Headers,
    secrets: Secrets,
    *,
    tolerance: float | None = None,
    now: float | None = None,
) -> Event:
    """Check that WooshPay signed a delivery, then read the event in it.

    WooshPay delivers an event up to 18 times until it is answered with 2xx: keep the ids of events that were
    handled, and let none of them take effect twice.

    Args:
        body: The raw body, before any JSON parsing.
        headers: The request's headers, in any form a framework has them, or the value of the
            ``Wooshpay-Signature`` header itself; see `verify`.
        secrets: The endpoint's secret (``whsec_...``), or several; one match is enough.
        tolerance: Seconds by which the signature's time may differ from now, to either side; 0 means none at all.
            When left out, the past is not limited and the future to 5 minutes.
        now: The present time in seconds since 1970; the clock's when left out.

    Returns:
        The event; ``event.data.object`` is the object that it tells about.

    Raises:
        SignatureError: The signature is missing, malformed, or does not match.
        TimestampError: The signature matches, but its time is outside the tolerance.
        PayloadError: The body is not raw bytes, or no event.
        ConfigurationError: There is no secret, or it or the tolerance cannot work.
    """
    raw = raw_body(body)
    check(raw, headers, secrets, tolerance, now)
    return read_event(raw)


@discreet
def parse_unverified(body: Body) -> Event:
    """Read the event in a body without looking at its signature.

    For bodies that were verified before, such as those from a queue of your own. Anybody can send an unsigned
    body: never act on one that came from outside.

    Args:
        body: The raw body.

    Returns:
        The event.

    Raises:
        PayloadError: The body is not raw bytes, or no event.
    """
    return read_event(raw_body(body))


def read_event(body: bytes) -> Event:
    """Read the event in a body whose signature was checked.

    Raises:
        PayloadError: It does not hold an event.
    """
    loads, loads_shallow, is_object, make = _reading()
    # The parser's own error holds the whole body, so it must not be chained to ours.
    try:
        data: Any = loads(body)
    except (ValueError, RecursionError):
        data = _NOT_JSON
    if not is_object(data):
        kind = "not JSON" if data is _NOT_JSON else "JSON but not an object"
        raise PayloadError(f"The body is {kind}, so it is not an event of WooshPay.")
    for name in ("id", "type"):
        value = data.get(name)
        if not isinstance(value, str) or not value:
            raise PayloadError(f"The body is an object without a `{name}`, so it is not an event of WooshPay.")
    for load in (None, loads_shallow):
        try:
            return make(data if load is None else load(body))
        except (ValueError, RecursionError):
            continue
    raise PayloadError("The event is nested too deeply to be read.")


def check_id(event: Event) -> None:
    """Refuse an ID that an inbox could not store, or that would spoil a log.

    Raises:
        PayloadError: The ID is too long, or holds control characters or lone surrogates.
    """
    if len(event.id) > _LONGEST_ID or not event.id.isprintable():
        raise PayloadError(
            f"The event's `id` is longer than {_LONGEST_ID} characters or holds characters that cannot be printed."
            " WooshPay's IDs are short words such as evt_123, and an inbox cannot store this one."
        )


_NOT_JSON = object()

# PostgreSQL cannot index texts of more than about 2700 bytes, and a character may take four.
_LONGEST_ID: Final = 500


class _Reading(NamedTuple):
    """What makes events of bodies."""

    loads: Callable[[bytes], Any]
    loads_shallow: Callable[[bytes], Any]
    is_object: Callable[[object], TypeGuard[JsonObject]]
    make: Callable[[Any], Event]


@cache
def _reading() -> _Reading:
    # Imported with the first event, since verifying needs the standard library alone.
    from wooshpay.api.events import Event
    from wooshpay.core.codec import reader
    from wooshpay.core.json import is_object, loads, loads_shallow

    return _Reading(loads, loads_shallow, is_object, reader(Event))
