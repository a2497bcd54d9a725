"""Names for what goes wrong on the wire: which error the user gets, and whether the request may have arrived."""

from __future__ import annotations

import ssl
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp

from wooshpay import errors
from wooshpay.core.redaction import redact
from wooshpay.core.request import Request

# How a cancellation, and a time limit that becomes one, tells that the request never left.
NEVER_CONNECTED: Final = "There was no connection yet."


def failure_of(
    error: BaseException, request: Request, limit: float, session: aiohttp.ClientSession
) -> errors.WooshPayError | None:
    """Return the SDK's error for what ended an attempt, or ``None`` for an exception that must go on as it is.

    Args:
        error: What was raised while the request was sent or its response was read.
        request: The request.
        limit: Seconds that the attempt was given.
        session: The session that sent it.
    """
    if isinstance(error, (aiohttp.ClientError, TimeoutError, OSError)):
        return _named(error, request, limit)
    return _misused(session, error) if isinstance(error, RuntimeError) else None


def connect_limit(limit: float, connect: float) -> float:
    # Connecting must run out before the whole does: only then is it known that nothing was sent. Under load both may
    # run out at once; then only our own connector knows, and an injected session leaves doubt.
    return min(connect, limit * 0.98)


def _named(error: Exception, request: Request, limit: float) -> errors.TransportError:
    """Give a failure of aiohttp its name, and say whether the request may have arrived."""
    host = urlsplit(request.url).hostname or "the host"
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return errors.TimeoutError(
            f"Connecting to {host} took longer than {connect_limit(limit, request.connect_timeout):.3g} s."
            " Check the network, or raise connect_timeout=....",
            failure="not_connected",
        )
    if isinstance(error, (aiohttp.ClientConnectorCertificateError, aiohttp.ServerFingerprintMismatch)):
        return errors.ConnectError(
            f"The TLS certificate of {host} could not be verified ({_reason(error)})."
            " Check base_url, this machine's clock and its CA certificates.",
            failure="refused",
        )
    if isinstance(error, aiohttp.ClientConnectorSSLError):
        return _of_tls(error, host)
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return errors.ConnectError(
            f"The proxy refused to connect to {host} (HTTP {error.status}). Check the proxy and its credentials.",
            failure="refused",
        )
    if isinstance(error, aiohttp.ClientConnectorError):
        what = "The proxy" if isinstance(error, aiohttp.ClientProxyConnectionError) else host
        return errors.ConnectError(
            f"{what} could not be reached ({_reason(error)}). Check the network and base_url.", failure="not_connected"
        )
    if isinstance(error, (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError)):
        return errors.ConnectError(f"The URL of {request.operation} is not valid. Check base_url.", failure="refused")
    if isinstance(error, TimeoutError) and NEVER_CONNECTED in getattr(error.__cause__, "__notes__", ()):
        return errors.TimeoutError(
            f"No connection to {host} was made within {limit:.3g} s."
            " Check the network, or raise attempt_timeout=... or timeout=....",
            failure="not_connected",
        )
    if isinstance(error, TimeoutError):
        return errors.TimeoutError(
            f"No whole answer came within {limit:.3g} s. Raise attempt_timeout=... or timeout=... if that is normal.",
            failure="broken",
        )
    return errors.ProtocolError(
        f"The connection to {host} broke before the whole answer was read ({_reason(error)}).", failure="broken"
    )


def _of_tls(error: aiohttp.ClientConnectorSSLError, host: str) -> errors.ConnectError:
    cause: Any = getattr(error, "os_error", None)
    if isinstance(cause, (ssl.SSLEOFError, ssl.SSLZeroReturnError)):
        return errors.ConnectError(f"{host} ended the TLS handshake. Check the network.", failure="not_connected")
    return errors.ConnectError(
        f"No TLS connection to {host} could be made ({_reason(error)}). Check that base_url names an https host.",
        failure="refused",
    )


def _reason(error: Exception) -> str:
    """Give the innermost cause in a few words, without URLs and secrets."""
    inner: Any = getattr(error, "os_error", None) or error
    text = getattr(inner, "strerror", None) or getattr(inner, "verify_message", None)
    if not text and not isinstance(inner, (aiohttp.InvalidURL, aiohttp.ClientResponseError)):
        text = str(inner)
    return redact(str(text or type(inner).__name__))[:200]


def shown_cause(error: BaseException) -> BaseException | None:
    """Keep a cause only where it shows no secret: aiohttp puts whole URLs into some, and the headers into others."""
    shown = f"{error} {error!r}"
    return error if redact(shown) == shown and not isinstance(error, aiohttp.ClientResponseError) else None


def _misused(session: aiohttp.ClientSession, error: RuntimeError) -> errors.ConfigurationError | None:
    """Explain what aiohttp reports as a RuntimeError of a session that was used wrongly; ``None`` for any other."""
    if session.closed:
        return closed_client()
    if "loop" in str(error) or "Timeout context manager" in str(error):
        return errors.ConfigurationError(
            "The session belongs to another event loop: make client and session in the loop that uses them."
        )
    return None


def closed_client() -> errors.ConfigurationError:
    return errors.ConfigurationError("This client is closed. Make a new one, or close it later.")
