"""Turns exceptions of aiohttp into the SDK's errors, and decides whether the request may have arrived."""

from __future__ import annotations

import errno
import re
import ssl
from collections.abc import Iterator
from types import CodeType
from typing import Any, Final, Literal, TypeAlias
from urllib.parse import urlsplit

import aiohttp

from wooshpay import errors
from wooshpay.core.loops import in_event_loop, without_event_loop
from wooshpay.core.redaction import one_line, redact
from wooshpay.core.request import Request
from wooshpay.core.upload import UploadFailed
from wooshpay.transport.bodies import ResponseTooLargeError
from wooshpay.transport.connections import StrayDataError

Stage: TypeAlias = Literal["preparing", "connecting", "sent", "unclear"]
"""How far a request had come when an exception ended it. ``sent`` means that bytes of it may have been written."""

# A proxy answers with these when it cannot reach the host now.
_PASSING: Final = frozenset({502, 503, 504})
_CHECK_PROXY: Final = "Check the proxy (proxy=... or HTTPS_PROXY) and the network."
# aiohttp shows the user and the password of a proxy in URLs and in the keys of its connections.
_MAY_SHOW_PASSWORD: Final = re.compile(r"://[^/\s'\"]*@|ConnectionKey\(")
_OF_TRANSPORT: Final = frozenset({"aiohttp", "asyncio", "idna", "multidict", "wooshpay", "yarl"})
_EMPTY_RESULT: Final = frozenset({"_create_direct_connection", "next_addrs"})


class AnsweredEarlyError(aiohttp.ClientPayloadError):
    """A response was complete before its request was completely written, so it may belong to another request."""


def failure_of(
    error: BaseException,
    request: Request,
    limit: float,
    session: aiohttp.ClientSession,
    known: Literal["connecting", "sent"] | None,
) -> errors.WooshPayError | None:
    """Return the SDK's error for what ended an attempt, or ``None`` for an exception that must go on as it is.

    Args:
        error: What was raised while the request was sent or its response was read.
        request: The request.
        limit: Seconds that the attempt was given.
        session: The session that sent it.
        known: How far the exchange had come. Where that is not known, the traceback decides.
    """
    if not isinstance(error, Exception) or isinstance(error, errors.WooshPayError):
        return None
    stage = stage_of(error)
    if known is not None and stage != "preparing":
        stage = known
    if isinstance(error, RuntimeError) and stage != "sent":
        misuse = _misused(session, error)
        if misuse is not None:
            return misuse
    failed = _first(error, UploadFailed)
    if failed is not None:
        return _of_upload(failed, request)
    if stage == "unclear" and _must_be_connecting(error):
        stage = "connecting"
    if stage in {"preparing", "connecting"}:
        return _of_connecting(error, request, limit, stage)
    if stage == "sent" or isinstance(error, (aiohttp.ClientError, TimeoutError, OSError)):
        return _of_answer(error, request, limit)
    return None


def connect_limit(limit: float, connect: float) -> float:
    """Return the seconds for connecting, of an attempt that may take ``limit`` seconds."""
    # Connecting must run out before the whole does, so that the error can name connect_timeout.
    return min(connect, limit * 0.98)


# ---- how far it had come ----


def stage_of(error: BaseException) -> Stage:
    """Return how far the request had come, according to the traceback.

    The class of an exception does not say it: a reset, a `ValueError` and a failed TLS handshake look the same before
    and after. This costs nothing while calls succeed, and it works for an injected session too.
    """
    found: BaseException | None = error
    while found is not None:
        codes = list(_codes(found))
        for place, (module, code) in enumerate(codes):
            if module.partition(".")[0] not in _OF_TRANSPORT:
                return "unclear"  # code of the user's, such as a middleware of an injected session
            stage = _stage_at(module, code, found, codes[place + 1 :])
            if stage is not None:
                return stage
        found = found.__cause__
    return "unclear"


def _must_be_connecting(error: Exception) -> bool:
    """Return whether aiohttp raises such an exception only before it writes."""
    kinds = (
        *(aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.ServerFingerprintMismatch),
        *(aiohttp.ClientHttpProxyError, aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError),
    )
    return isinstance(error, kinds)


def _stage_at(
    module: str, code: CodeType, error: BaseException, inner: list[tuple[str, CodeType]]
) -> Literal["preparing", "connecting", "sent"] | None:
    if code.co_name == "connect" and module in {"aiohttp.connector", "wooshpay.transport.exchange"}:
        return "connecting"
    if code.co_qualname == "ClientRequest.send":
        # The head is written into a buffer first; what cannot be written there never leaves.
        unwritten = isinstance(error, ValueError) and any(step.co_name == "write_headers" for _, step in inner)
        return "preparing" if unwritten else "sent"
    if code.co_qualname.startswith("ClientResponse.") or module in {"aiohttp.client_proto", "aiohttp.streams"}:
        return "sent"
    if module in {"aiohttp.client_reqrep", "wooshpay.transport.proxies"} or module.startswith(("idna", "yarl")):
        return "preparing"
    if code.co_name in {"_build_url", "_prepare_headers"}:
        return "preparing"
    # Before it connects, aiohttp refuses combinations of arguments; afterwards it raises no ValueError itself.
    if code.co_qualname == "ClientSession._request" and not inner and isinstance(error, ValueError):
        return "preparing"
    return None


def _codes(error: BaseException) -> Iterator[tuple[str, CodeType]]:
    step = error.__traceback__
    while step is not None:
        yield step.tb_frame.f_globals.get("__name__", ""), step.tb_frame.f_code
        step = step.tb_next


def _first(error: BaseException, kind: type[UploadFailed]) -> UploadFailed | None:
    found: BaseException | None = error
    while found is not None and not isinstance(found, kind):
        found = found.__cause__
    return found


# ---- before anything was written ----


def _of_connecting(error: Exception, request: Request, limit: float, stage: Stage) -> errors.TransportError:
    host = _host_of(request)
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return errors.TimeoutError(
            f"Connecting to {host} took longer than {connect_limit(limit, request.connect_timeout):.3g} s."
            " Check the network, or raise connect_timeout=....",
            failure="not_connected",
        )
    if isinstance(error, TimeoutError):
        return errors.TimeoutError(
            f"No connection to {host} was made within {limit:.3g} s."
            " Check the network, or raise attempt_timeout=... or timeout=....",
            failure="not_connected",
        )
    if isinstance(error, StrayDataError):
        return errors.ProtocolError(
            f"{host} sent data before it got a request. Check that base_url names an HTTP server.",
            failure="not_connected",
        )
    shortage = _shortage(error, host)
    if shortage is not None:
        return errors.ConnectError(shortage, failure="not_connected")
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return _of_proxy(error, host)
    # The connection to a proxy is looked up and made like any other, so only its host tells that it is one.
    there = getattr(error, "host", host)
    proxied = there != host or isinstance(error, aiohttp.ClientProxyConnectionError)
    name = f"the proxy {there}" if proxied else host
    if isinstance(error, (aiohttp.ClientConnectorCertificateError, aiohttp.ServerFingerprintMismatch)):
        setting = "the proxy (proxy=... or HTTPS_PROXY)" if proxied else "base_url"
        return errors.ConnectError(
            f"The TLS certificate of {name} could not be verified ({_reason(error)})."
            f" Check {setting}, this machine's clock and its CA certificates.",
            failure="refused",
        )
    if isinstance(error, aiohttp.ClientConnectorSSLError):
        return _of_tls(error, name, proxied=proxied)
    if isinstance(error, aiohttp.ClientConnectorError):
        what, check = (f"The proxy {there}", _CHECK_PROXY) if proxied else (host, "Check the network and base_url.")
        return errors.ConnectError(f"{what} could not be reached ({_reason(error)}). {check}", failure="not_connected")
    if isinstance(error, aiohttp.ClientResponseError):
        return errors.ConnectError(f"The response of the proxy is not HTTP. {_CHECK_PROXY}", failure="refused")
    if isinstance(error, (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError, UnicodeError)):
        return errors.ConnectError(f"The URL of {request.operation} is not valid. Check base_url.", failure="refused")
    if _resolved_to_nothing(error):
        return errors.ConnectError(
            f"The name server knows no address of {host}. Check base_url and the DNS of this machine.",
            failure="not_connected",
        )
    if stage == "connecting":
        return errors.ConnectError(
            f"The connection to {host} broke before the request was written ({_reason(error)})."
            " Check the network and, if there is one, the proxy.",
            failure="not_connected",
        )
    return errors.ConnectError(
        f"The request of {request.operation} could not be written ({_reason(error)})."
        " Check the headers and what your middlewares change.",
        failure="refused",
    )


def _shortage(error: Exception, host: str) -> str | None:
    """Return what to do when the process has run out of something, or ``None`` if it has not."""
    number = getattr(getattr(error, "os_error", error), "errno", None)
    if number in {errno.EMFILE, errno.ENFILE}:
        return (
            f"No connection to {host} could be opened, as this process has too many open files ({_reason(error)})."
            " Close those that are no longer needed, lower max_connections=..., or raise the limit (ulimit -n)."
        )
    if isinstance(error, RuntimeError) and "thread" in str(error):
        return (
            f"{host} could not be looked up, as no thread could be started for it ({error}). End threads that are no"
            " longer needed, or raise the limit (ulimit -u, or the pids limit of the container)."
        )
    return None


def _resolved_to_nothing(error: Exception) -> bool:
    """Return whether the lookup of a name had an empty result, on which aiohttp fails with an unrelated exception."""
    found: BaseException | None = error
    while found is not None:
        codes = list(_codes(found))
        if codes and codes[-1][0] == "aiohttp.connector" and codes[-1][1].co_name in _EMPTY_RESULT:
            return True
        found = found.__cause__
    return False


def _of_proxy(error: aiohttp.ClientHttpProxyError, host: str) -> errors.ConnectError:
    if error.status in _PASSING:
        return errors.ConnectError(
            f"The proxy cannot connect to {host} now (HTTP {error.status}). If this goes on, check base_url and the"
            " proxy (proxy=... or HTTPS_PROXY).",
            failure="not_connected",
        )
    return errors.ConnectError(
        f"The proxy refused to connect to {host} (HTTP {error.status})."
        " Check the proxy and its credentials (proxy=... or HTTPS_PROXY).",
        failure="refused",
    )


def _of_tls(error: aiohttp.ClientConnectorSSLError, name: str, *, proxied: bool) -> errors.ConnectError:
    cause: Any = getattr(error, "os_error", None)
    if isinstance(cause, (ssl.SSLEOFError, ssl.SSLZeroReturnError)):
        return errors.ConnectError(
            f"The TLS handshake was ended by {name}. Check the network.", failure="not_connected"
        )
    check = (
        "If the proxy speaks plain HTTP, as most do, its URL must begin with http:// (proxy=... or HTTPS_PROXY)."
        if proxied
        else "Check that base_url names an https host."
    )
    return errors.ConnectError(
        f"No TLS connection to {name} could be made ({_reason(error)}). {check}", failure="refused"
    )


def _of_upload(failed: UploadFailed, request: Request) -> errors.WooshPayError:
    """Return the error for a problem with the user's file. The call is not retried: it would send a different file."""
    if not failed.begun:
        return errors.ConfigurationError(failed.message)
    return errors.TransportError(
        f"{failed.message} The connection to {_host_of(request)} was closed in the middle of the request.",
        failure="refused",
        outcome="unknown",
    )


# ---- afterwards ----


def _of_answer(error: Exception, request: Request, limit: float) -> errors.TransportError:
    if isinstance(error, TimeoutError):
        return errors.TimeoutError(
            f"No complete response arrived within {limit:.3g} s. If that is normal, raise attempt_timeout=... or"
            " timeout=....",
            failure="broken",
        )
    if isinstance(error, AnsweredEarlyError):
        return errors.ProtocolError(
            f"{_host_of(request)} sent a complete response before it had got the whole request, so the response may"
            " belong to another request.",
            failure="broken",
        )
    if isinstance(error, ResponseTooLargeError):
        return errors.ProtocolError(
            f"The response of {_host_of(request)} is larger than the client accepts, so it was not read to its end."
            " If such a response is expected, raise max_response_bytes=... (or max_error_bytes=... for errors).",
            failure="broken",
        )
    return errors.ProtocolError(
        f"The connection to {_host_of(request)} broke before the whole response was read ({_reason(error)}).",
        failure="broken",
    )


# ---- in words ----


def _host_of(request: Request) -> str:
    try:
        return urlsplit(request.url).hostname or "the host"
    except ValueError:
        return "the host"  # a middleware may have changed the URL to anything


def _reason(error: Exception) -> str:
    """Return the innermost cause in a few words, without URLs and secrets."""
    inner: Any = getattr(error, "os_error", None) or error
    text = getattr(inner, "strerror", None) or getattr(inner, "verify_message", None)
    # The words of a ValueError repeat what was wrong, which may be a header or a password.
    if not text and not isinstance(inner, (ValueError, aiohttp.ClientResponseError)):
        text = str(inner)
    if text and _MAY_SHOW_PASSWORD.search(text):
        text = None
    return one_line(redact(str(text or type(inner).__name__)), 200)


def shown_cause(error: BaseException) -> BaseException | None:
    """Return the cause to show with the SDK's error, or ``None`` where it would show a secret.

    aiohttp puts whole URLs into some of its errors, the headers into others, and the password of a proxy into most.
    If such an error wraps one of the operating system or of the user's file, the wrapped error is shown.
    """
    failed = _first(error, UploadFailed)
    if failed is not None:
        return failed.__cause__
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        error = error.certificate_error
    elif isinstance(error, aiohttp.ClientConnectorError):
        error = error.os_error
    if isinstance(error, (aiohttp.InvalidURL, aiohttp.ClientResponseError, UnicodeError)):
        return None
    shown = f"{error} {error!r}"
    return error if redact(shown) == shown and not _MAY_SHOW_PASSWORD.search(shown) else None


# ---- clients that are used in a wrong way ----


def _misused(session: aiohttp.ClientSession, error: RuntimeError) -> errors.ConfigurationError | None:
    """Explain what aiohttp reports as a RuntimeError of a session that was used wrongly; ``None`` for any other."""
    if not in_event_loop():
        return without_event_loop()
    if session.closed:
        return closed_client()
    if "loop" in str(error) or "Timeout context manager" in str(error):
        return session_of_another_loop()
    return None


def session_of_another_loop() -> errors.ConfigurationError:
    """Return the error for an injected session that is used in a loop in which it was not made."""
    return errors.ConfigurationError(
        "The session belongs to another event loop: make client and session in the loop that uses them."
    )


def closed_client() -> errors.ConfigurationError:
    """Return the error of a call with a client that is closed."""
    return errors.ConfigurationError("This client is closed. Make a new one, or close it later.")
