"""The signature on a delivery: made, found among the headers, and checked.

The header is ``t=<time>,v1=<hex>``. The signed message is the text of ``t``, a full stop and the raw body; the
signature is its HMAC-SHA256 under the endpoint's secret, used whole, ``whsec_`` included.

Only the standard library is imported here: a small function that forwards webhooks starts fast.
"""

from __future__ import annotations

import hmac
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple, NoReturn, TypeAlias

from wooshpay.core.tracebacks import discreet
from wooshpay.errors import ConfigurationError, PayloadError, SignatureError, TimestampError

HEADER: Final = "Wooshpay-Signature"

Body: TypeAlias = bytes | bytearray | memoryview
"""The raw body of a delivery."""

HeaderName: TypeAlias = str | bytes
Headers: TypeAlias = str | Mapping[str, Any] | Iterable[tuple[HeaderName, HeaderName]] | None
"""The header value itself, or whatever a framework calls its headers."""

Secrets: TypeAlias = str | Sequence[str]
"""An endpoint's secret, or several of them while one replaces the other."""

# The guide names the first; programs in use have seen the second. A WSGI environ spells them its own way.
_PLACES: Final[dict[object, int]] = {
    "wooshpay-signature": 0,
    "http_wooshpay_signature": 0,
    b"wooshpay-signature": 0,
    "signature": 1,
    "http_signature": 1,
    b"signature": 1,
}

# A real header has under 100 characters, and a few times that while secrets are being replaced.
_LONGEST_HEADER: Final = 4096
_MOST_DIGITS: Final = 16
_HEX_LENGTH: Final = 64

# As seconds this is the year 5138, as milliseconds March 1973.
_MILLISECONDS_FROM: Final = 100_000_000_000

# Clocks differ; a delivery from further ahead is no honest one.
_FUTURE_LIMIT: Final = 300.0

_RAW_BODY: Final = (
    "Pass the raw body as it was received: in aiohttp `await request.read()`, in Starlette and FastAPI"
    " `await request.body()`, in Flask `request.get_data()`, in Django `request.body`."
)


class Verified(NamedTuple):
    """What a right signature says.

    Attributes:
        secret_index: Which of the secrets matched, counted from 0; the first one where several did.
        t: The time as the header has it.
        timestamp: The same time in seconds since 1970.
    """

    secret_index: int
    t: str
    timestamp: float


@discreet
def verify(
    body: Body,
    headers: Headers,
    secrets: Secrets,
    *,
    tolerance: float | None = None,
    now: float | None = None,
) -> Verified:
    """Check that WooshPay signed a delivery.

    A delivery that is tried again keeps its first time for up to 72 hours. So its age is not limited unless you
    ask for it: keep the ids of events that were handled, and nothing takes effect twice.

    Args:
        body: The raw body, before any JSON parsing.
        headers: The request's headers, in any form a framework has them: a mapping, pairs, the raw header list of
            ASGI, the environ of WSGI. Or the value of the ``Wooshpay-Signature`` header itself.
        secrets: The endpoint's secret (``whsec_...``), or several; one match is enough.
        tolerance: Seconds by which the signature's time may differ from now, to either side; 0 means none at all.
            When left out, the past is not limited and the future to 5 minutes.
        now: The present time in seconds since 1970; the clock's when left out.

    Returns:
        Which secret matched, and the signature's time.

    Raises:
        SignatureError: The signature is missing, malformed, or does not match.
        TimestampError: The signature matches, but its time is outside the tolerance.
        PayloadError: The body is not raw bytes.
        ConfigurationError: There is no secret, or it or the tolerance cannot work.
    """
    return check(raw_body(body), headers, secrets, tolerance, now)


def check(
    raw: bytes,
    headers: Headers,
    secrets: Secrets,
    tolerance: float | None,
    now: float | None,
    oldest: float | None = None,
) -> Verified:
    """Do what `verify` does, for callers that keep secrets out of tracebacks themselves.

    Args:
        raw: The raw body.
        headers: As for `verify`.
        secrets: As for `verify`.
        tolerance: As for `verify`.
        now: As for `verify`.
        oldest: Seconds by which the signature's time may lie in the past, whatever the tolerance is: the retention of
            the inbox. ``None`` means that there is no inbox.
    """
    keys = _keys(secrets)
    check_tolerance(tolerance)
    t, candidates = _parse(find_signature(headers))

    # Everything is compared with everything: how long it takes tells nothing about what matched.
    message = t.encode() + b"." + raw
    found = -1
    for index in range(len(keys) - 1, -1, -1):
        expected = hmac.digest(keys[index], message, "sha256")
        for candidate in candidates:
            if hmac.compare_digest(expected, candidate):
                found = index
    if found < 0:
        _refuse_signature(raw)

    number = int(t)
    timestamp = number / 1000 if number >= _MILLISECONDS_FROM else float(number)
    _check_time(timestamp, time.time() if now is None else now, tolerance, oldest)
    return Verified(found, t, timestamp)


@discreet
def sign(body: Body, secret: str, *, t: int | None = None) -> str:
    """Make the value of the signature header, as WooshPay would.

    Args:
        body: The raw body.
        secret: The endpoint's secret.
        t: The time, in milliseconds or seconds since 1970. Default: now, in milliseconds.

    Returns:
        The header value, such as ``t=1492774577123,v1=6fdf...``.

    Raises:
        PayloadError: The body is not raw bytes.
        ConfigurationError: The secret or the time cannot work.
    """
    if t is None:
        t = time.time_ns() // 1_000_000
    if isinstance(t, bool) or not isinstance(t, int) or not 0 <= t < 10**_MOST_DIGITS:  # pyright: ignore[reportUnnecessaryIsInstance]  # callers are not all typed
        raise ConfigurationError("t must be a whole number of milliseconds or seconds since 1970.")
    message = b"%d.%b" % (t, raw_body(body))
    return f"t={t},v1={hmac.digest(_key(secret), message, 'sha256').hex()}"


@discreet
def check_secrets(secrets: Secrets) -> None:
    """Refuse secrets that cannot work, before there is a delivery.

    Raises:
        ConfigurationError: There is no secret, or it cannot be one.
    """
    _keys(secrets)


def raw_body(body: Body) -> bytes:
    """Give the body as bytes.

    Raises:
        PayloadError: It is anything but bytes; the sentence says how to get them.
    """
    if isinstance(body, bytes):
        return body
    if isinstance(body, (bytearray, memoryview)):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers are not all typed
        return bytes(body)
    raise PayloadError(
        f"The body must be the raw bytes of the request, not {type(body).__name__}: text, or JSON that was parsed and"
        f" serialized again, is not what was signed. {_RAW_BODY}"
    )


def _keys(secrets: Any) -> list[bytes]:
    if isinstance(secrets, str):
        return [_key(secrets)]
    if isinstance(secrets, (bytes, bytearray)) or not hasattr(secrets, "__iter__"):
        raise ConfigurationError(
            f"The webhook secret must be text or a list of texts, not {type(secrets).__name__}."
            " It is in the WooshPay dashboard, and `secret` of the webhook endpoint."
        )
    keys = [_key(secret) for secret in secrets]
    if not keys:
        raise ConfigurationError(
            "There is no webhook secret, so no delivery can be verified: pass the `secret` of the webhook endpoint."
        )
    return keys


def _key(secret: object) -> bytes:
    if not isinstance(secret, str):
        raise ConfigurationError(f"A webhook secret must be text, not {type(secret).__name__}.")
    if not secret:
        raise ConfigurationError("The webhook secret is empty: pass the `secret` of the webhook endpoint.")
    if secret != secret.strip():
        raise ConfigurationError("The webhook secret has spaces or a line break around it: copy it again without them.")
    if secret.startswith(("sk_", "pk_")):
        raise ConfigurationError(
            "This is an API key, not a webhook secret: pass the `secret` of the webhook endpoint (whsec_...)."
        )
    try:
        return secret.encode()
    except UnicodeEncodeError:
        pass
    raise ConfigurationError("The webhook secret holds characters that no text can have: copy it again.")


def check_tolerance(tolerance: float | None) -> None:
    """Refuse a tolerance that is not a number of seconds.

    Raises:
        ConfigurationError: It is not.
    """
    if tolerance is None:
        return
    if isinstance(tolerance, bool) or not isinstance(tolerance, (int, float)) or not tolerance >= 0:  # pyright: ignore[reportUnnecessaryIsInstance]  # callers are not all typed
        raise ConfigurationError(f"tolerance must be a number of seconds, 0 or more, not {tolerance!r}.")


def find_signature(headers: Headers) -> str:
    """Return the value of the signature header; an empty text if it is missing.

    WooshPay sends it under two names. ``Wooshpay-Signature`` decides if it is there, even if it is wrong and
    ``Signature`` is right: other software puts signatures of its own into ``Signature``, and a delivery that somebody
    changed on its way is delivered again.

    Raises:
        SignatureError: The header came more than once.
        ConfigurationError: These are not headers.
    """
    if isinstance(headers, str):
        return headers
    places = _places(headers)
    for values in places:
        if len(values) > 1:
            raise SignatureError(
                "The signature header came more than once. WooshPay sends it once: the delivery was changed on its way."
            )
        if values and (text := _text(values[0])).strip():
            return text
    return ""


def _places(headers: Any) -> tuple[list[object], list[object]]:
    """The values of each header that may hold the signature, the right one first."""
    places: tuple[list[object], list[object]] = ([], [])
    if headers is None:
        return places
    items = getattr(headers, "items", None)
    try:
        for name, value in headers if items is None else items():
            place = _PLACES.get(name.lower()) if isinstance(name, (str, bytes)) else None
            if place is not None:
                places[place].extend(value if value.__class__ is list else (value,))
        return places
    except (TypeError, ValueError):
        pass
    raise _not_headers()


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bytes):
        return value.decode("latin-1")
    if isinstance(value, str):
        return value
    raise _not_headers()


def _not_headers() -> ConfigurationError:
    return ConfigurationError(
        "headers must be the request's headers, as a mapping or as pairs of name and value, or the value of the"
        f" {HEADER} header."
    )


def _parse(header: str) -> tuple[str, list[bytes]]:
    """The time and the signatures that a header value holds."""
    if not header or header.isspace():
        raise SignatureError(
            f"There is no {HEADER} header: the request does not come from WooshPay, or a proxy took the header away."
        )
    if len(header) > _LONGEST_HEADER:
        raise SignatureError(f"The {HEADER} header is longer than {_LONGEST_HEADER} characters: WooshPay sends less.")
    times: list[str] = []
    signatures: list[bytes] = []
    for part in header.split(","):
        name, _, value = part.strip(" \t").partition("=")
        if name == "t":
            times.append(value)
        elif name == "v1" and len(value) == _HEX_LENGTH and value.isalnum():
            try:
                signatures.append(bytes.fromhex(value))
            except ValueError:
                pass
    if len(times) > 1:
        raise SignatureError(f"The {HEADER} header has several times `t`, so none can be trusted.")
    if not times or len(times[0]) > _MOST_DIGITS or not _is_number(times[0]):
        raise SignatureError(f"The {HEADER} header has no time `t=<digits>`. {_FORM}")
    if not signatures:
        raise SignatureError(f"The {HEADER} header has no signature `v1=<64 hex digits>`. {_FORM}")
    return times[0], signatures


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal()


_FORM: Final = "Its form is t=<time>,v1=<signature>: pass it on unchanged."


def _refuse_signature(raw: bytes) -> NoReturn:
    if not raw:
        raise SignatureError(
            "The signature does not match, and the body is empty: it was probably read before, and can be read"
            f" only once. {_RAW_BODY}"
        )
    raise SignatureError(
        "The signature does not match: the secret is that of another endpoint or mode, or the body is not what was"
        f" received. {_RAW_BODY}"
    )


def _check_time(timestamp: float, now: float, tolerance: float | None, oldest: float | None) -> None:
    ahead = timestamp - now
    if ahead > (_FUTURE_LIMIT if tolerance is None else tolerance):
        raise TimestampError(
            f"The signature is right, but made {ahead:.0f} seconds in the future: set this machine's clock,"
            " or allow more with tolerance=."
        )
    if tolerance is not None and -ahead > tolerance:
        raise TimestampError(
            f"The signature is right, but {-ahead:.0f} seconds old, and the tolerance is {tolerance:g}. A delivery"
            " that WooshPay tries again keeps its first time for up to 72 hours: leave tolerance out to accept it."
        )
    if oldest is not None and -ahead > oldest:
        raise TimestampError(
            f"The signature is right, but {-ahead:.0f} seconds old, and the inbox remembers events for {oldest:g}"
            " seconds only: it cannot tell whether this one was handled, and somebody may have captured the delivery"
            " and sent it again. To accept deliveries that are so old, give the inbox a longer retention."
        )
