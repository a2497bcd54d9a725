"""From the body of a delivery to a typed event."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wooshpay.core.tracebacks import discreet
from wooshpay.errors import PayloadError
from wooshpay.webhooks.signature import Body, Headers, Secrets, raw_body, verify

if TYPE_CHECKING:
    from wooshpay.api.events import Event


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
    verify(raw, headers, secrets, tolerance=tolerance, now=now)
    return parse_unverified(raw)


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
    from wooshpay.api.events import Event
    from wooshpay.core.json import is_object, loads_shallow

    body = raw_body(body)
    data = _parse(body)
    if data is _NOT_JSON:
        raise PayloadError("The body is not JSON, so it is no event of WooshPay.")
    if not is_object(data):
        raise PayloadError("The body is JSON but not an object, so it is no event of WooshPay.")
    for name in ("id", "type"):
        value = data.get(name)
        if not isinstance(value, str) or not value:
            raise PayloadError(f"The body is an object without a `{name}`, so it is no event of WooshPay.")
    try:
        return Event.from_dict(data)
    except RecursionError:
        return Event.from_dict(loads_shallow(body))


_NOT_JSON = object()


def _parse(raw: bytes) -> Any:
    from wooshpay.core.json import loads

    # The parser's own error holds the whole body, so it must not be chained to ours.
    try:
        return loads(raw)
    except (ValueError, RecursionError):
        return _NOT_JSON
