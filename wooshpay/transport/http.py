"""The only place that knows aiohttp: one request out, one answer in, every failure named."""

from __future__ import annotations

import asyncio
import os
import ssl
import warnings
import weakref
from collections.abc import AsyncGenerator, Callable
from contextlib import nullcontext
from functools import lru_cache, partial
from typing import Any, Final
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
import attrs
from yarl import URL

from wooshpay import errors
from wooshpay.core.confined import Confined
from wooshpay.core.redaction import redact
from wooshpay.core.request import Request, Response
from wooshpay.core.tracebacks import forget_locals
from wooshpay.core.upload import Upload
from wooshpay.transport.alarm import Alarm
from wooshpay.transport.fork import abandon

# aiohttp rounds limits up to whole seconds; a deadline must not be late by one.
_NEVER_ROUND: Final = float("inf")
_NO_LIMIT: Final = nullcontext()
# How a cancellation, and a time limit that becomes one, tells that the request never left.
_NEVER_CONNECTED: Final = "There was no connection yet."


@attrs.define(eq=False)
class _Pool:
    """The connections of one event loop."""

    session: aiohttp.ClientSession
    slots: asyncio.Semaphore | None = None
    alarm: Alarm | None = None
    lifetime: AsyncGenerator[None, None] | None = None

    def leave(self) -> None:
        """Let go of connections whose loop was closed under them: nothing can end them in order any more."""
        if isinstance(self.session.connector, _Connector):
            self.session.connector.process = None
        self.session.detach()


class HttpTransport(Confined):
    """Sends requests with aiohttp, over one session per running event loop.

    A session is closed by `close`, or when its loop shuts down its asynchronous generators, as
    ``asyncio.run`` does. An injected session is never closed.
    """

    def __init__(
        self,
        *,
        max_connections: int,
        proxy: str | None,
        monotonic: Callable[[], float],
        session: aiohttp.ClientSession | None = None,
    ) -> None:
        self._max_connections = max_connections
        self._proxy = proxy
        self._monotonic = monotonic
        self._injected = None if session is None else _Pool(session)
        self._pools: dict[asyncio.AbstractEventLoop, _Pool] = {}
        self._proxies: dict[str, str | None] = {}
        self._closed = False
        _transports.add(self)

    async def send(self, request: Request, /) -> Response:
        """Send one request and read the whole answer.

        Raises:
            TransportError: No whole answer came.
            ConfigurationError: The transport is closed, or its session belongs to another loop.
        """
        pool = self._injected or self._pools.get(asyncio.get_running_loop()) or await self._open()
        if self._closed:
            raise _closed()
        slots = pool.slots
        if slots is None:
            return await self._exchange(pool, request)
        if slots.locked():
            await self._wait_for_slot(slots, request)
        else:
            await slots.acquire()
        try:
            return await self._exchange(pool, request)
        finally:
            slots.release()

    async def _exchange(self, pool: _Pool, request: Request) -> Response:
        left = request.deadline - self._monotonic()
        if left <= 0 or left < request.least_attempt:
            raise errors.TimeoutError(
                "The deadline of the call came too near before the request was sent.", failure="refused"
            )
        limit = min(left, request.attempt_timeout)
        # aiohttp limits connecting, and in a session that is not ours the whole attempt.
        timeout = _timeout(limit if pool.alarm is None else None, _connect_limit(limit, request.connect_timeout))
        url: Any = request.url
        data: Any = request.body
        headers: Any = {**request.headers, "Authorization": request.authorization.reveal()}
        if isinstance(data, Upload):
            if data.length is not None:
                headers["Content-Length"] = str(data.length)
            data = data.chunks()
        answer: Any = None
        failure: errors.WooshPayError
        cause: BaseException | None
        try:
            with _NO_LIMIT if pool.alarm is None else pool.alarm.within(limit):
                answer = await pool.session.request(
                    request.method,
                    URL(url, encoded=True),
                    data=data,
                    headers=headers,
                    timeout=timeout,
                    allow_redirects=False,
                    proxy=self._proxy_for(url),
                )
                body = await answer.read()
        except BaseException as error:
            # Reports of errors keep the variables of all frames, and those of aiohttp hold the whole request.
            answer = data = headers = url = None
            forget_locals(error)
            if isinstance(error, (aiohttp.ClientError, TimeoutError, OSError)):
                failure, cause = _named(error, request, limit), _without_secrets(error)
            else:
                misuse = _misused(pool.session, error) if isinstance(error, RuntimeError) else None
                if misuse is None:
                    raise
                failure, cause = misuse, error
        else:
            return Response(status=answer.status, headers=answer.headers, body=body)
        try:
            # Not while aiohttp's error is handled: it would stay beside ours, with the whole request in it.
            raise failure from cause
        finally:
            del failure, cause

    async def _wait_for_slot(self, slots: asyncio.Semaphore, request: Request) -> None:
        """Wait for one of the other calls to finish: back-pressure, for as long as an attempt has time afterwards."""
        left = request.deadline - request.least_attempt - self._monotonic()
        try:
            async with asyncio.timeout(max(left, 0.0)):
                await slots.acquire()
        except TimeoutError as error:
            raise errors.TimeoutError(
                f"All {self._max_connections} connections stayed busy until the deadline of the call."
                " Raise max_connections=... or make fewer calls at a time.",
                failure="not_connected",
            ) from error

    async def _open(self) -> _Pool:
        if self._closed:
            raise _closed()
        loop = asyncio.get_running_loop()
        for other in list(self._pools):
            if other.is_closed() and (pool := self._pools.pop(other, None)) is not None:
                pool.leave()
        connector = _Connector(limit=0)
        connector.process = os.getpid()
        session = aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar(), trust_env=False)
        pool = _Pool(session, asyncio.Semaphore(self._max_connections), Alarm(loop))
        self._pools[loop] = pool
        pool.lifetime = _close_with_loop(session, weakref.ref(self), loop)
        await anext(pool.lifetime)
        return pool

    def forget(self, loop: asyncio.AbstractEventLoop) -> None:
        """Drop the pool of a loop that has closed its session."""
        self._pools.pop(loop, None)

    async def close(self) -> None:
        """Close the connections of the running loop, and refuse further requests on any."""
        self._closed = True
        pool = self._pools.pop(asyncio.get_running_loop(), None)
        if pool is not None and pool.lifetime is not None:
            await pool.lifetime.aclose()

    def after_fork(self) -> None:
        """In a forked child: let go of the parent's connections without touching them."""
        abandon(list(self._pools.items()))
        self._pools = {}

    def _proxy_for(self, url: str) -> str | None:
        origin = url[: url.index("/", len("https://"))]
        if origin not in self._proxies:
            self._proxies[origin] = self._proxy or proxy_from_environment(origin)
        return self._proxies[origin]


async def _close_with_loop(
    session: aiohttp.ClientSession, transport: weakref.ref[HttpTransport], loop: asyncio.AbstractEventLoop
) -> AsyncGenerator[None, None]:
    """Hold a session until it is closed: by the transport, by the loop's shutdown, or by garbage collection."""
    try:
        yield
    finally:
        owner = transport()
        if owner is not None:
            owner.forget(loop)
        await session.close()


class _Connector(aiohttp.TCPConnector):
    """aiohttp's connector, which never finishes a request that its caller has given up.

    In a forked child it must not clean up: the sockets are the parent's.
    """

    process: int | None = None

    async def connect(self, *args: Any, **kwargs: Any) -> Any:
        """Give a connection that, when let go with a half-written request, ends instead of writing the rest."""
        try:
            connection = await super().connect(*args, **kwargs)
        except asyncio.CancelledError as cancelled:
            cancelled.add_note(_NEVER_CONNECTED)
            raise
        connection.add_callback(partial(_abort_unwritten, connection.transport))
        return connection

    def __del__(self, _warnings: Any = warnings) -> None:
        if self.process == os.getpid():
            super().__del__(_warnings)


def _abort_unwritten(transport: asyncio.Transport | None) -> None:
    if transport is not None and transport.get_write_buffer_size() > 0:
        transport.abort()


def proxy_from_environment(origin: str) -> str | None:
    """Find the proxy that ``HTTPS_PROXY``, ``HTTP_PROXY`` and ``NO_PROXY`` ask for.

    Args:
        origin: Scheme, host and port of the server.

    Returns:
        The proxy's URL, or ``None``. This machine itself is never reached through a proxy.
    """
    from wooshpay.config import is_loopback

    parts = urlsplit(origin)
    host = parts.hostname or ""
    if is_loopback(host) or proxy_bypass(host):
        return None
    return getproxies().get(parts.scheme)


def _connect_limit(limit: float, connect: float) -> float:
    # Connecting must run out before the whole does: only then is it known that nothing was sent. Under load both may
    # run out at once; then only our own connector knows, and an injected session leaves doubt.
    return min(connect, limit * 0.98)


@lru_cache(maxsize=64)
def _timeout(total: float | None, connect: float) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=total, connect=connect, ceil_threshold=_NEVER_ROUND)


def _named(error: Exception, request: Request, limit: float) -> errors.TransportError:
    """Give a failure of aiohttp its name, and say whether the request may have arrived."""
    host = urlsplit(request.url).hostname or "the host"
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return errors.TimeoutError(
            f"Connecting to {host} took longer than {_connect_limit(limit, request.connect_timeout):.3g} s."
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
    if isinstance(error, TimeoutError) and _NEVER_CONNECTED in getattr(error.__cause__, "__notes__", ()):
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


def _without_secrets(error: Exception) -> Exception | None:
    """Keep a cause only where it shows no secret: aiohttp puts whole URLs into some, and the headers into others."""
    shown = f"{error} {error!r}"
    return error if redact(shown) == shown and not isinstance(error, aiohttp.ClientResponseError) else None


def _misused(session: aiohttp.ClientSession, error: RuntimeError) -> errors.ConfigurationError | None:
    """Explain what aiohttp reports as a RuntimeError of a session that was used wrongly; ``None`` for any other."""
    if session.closed:
        return _closed()
    if "loop" in str(error) or "Timeout context manager" in str(error):
        return errors.ConfigurationError(
            "The session belongs to another event loop: make client and session in the loop that uses them."
        )
    return None


def _closed() -> errors.ConfigurationError:
    return errors.ConfigurationError("This client is closed. Make a new one, or close it later.")


_transports: weakref.WeakSet[HttpTransport] = weakref.WeakSet()


def _after_fork() -> None:
    for transport in list(_transports):
        transport.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
