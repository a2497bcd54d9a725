"""The only place that knows aiohttp: one request out, one answer in, every failure named."""

from __future__ import annotations

import asyncio
import os
import weakref
from collections.abc import AsyncGenerator, Callable
from functools import lru_cache
from typing import Any, Final

import aiohttp
import attrs
from yarl import URL

from wooshpay import errors
from wooshpay.core.confined import Confined
from wooshpay.core.loops import in_event_loop, without_event_loop
from wooshpay.core.request import Request, Response
from wooshpay.core.tracebacks import forget_locals
from wooshpay.core.upload import Upload
from wooshpay.transport.bodies import chunks_of, read_body
from wooshpay.transport.exchange import CheckedRequest, Connector, Exchange, check_connections, current_exchange
from wooshpay.transport.failures import (
    AnsweredEarlyError,
    closed_client,
    connect_limit,
    failure_of,
    session_of_another_loop,
    shown_cause,
)
from wooshpay.transport.fork import abandon
from wooshpay.transport.proxies import proxy_from_environment
from wooshpay.transport.slots import ConnectionSlots
from wooshpay.transport.time_limits import TimeLimits

# aiohttp rounds limits up to whole seconds; a deadline must not be late by one.
_NEVER_ROUND: Final = float("inf")


@attrs.define(eq=False)
class _Pool:
    """The connections of one event loop."""

    session: aiohttp.ClientSession
    limits: TimeLimits | None = None
    slots: ConnectionSlots | None = None
    lifetime: AsyncGenerator[None, None] | None = None

    def leave(self) -> None:
        """Let go of connections whose loop was closed under them: nothing can end them in order any more."""
        if isinstance(self.session.connector, Connector):
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
        max_response_bytes: int,
        max_error_bytes: int,
        session: aiohttp.ClientSession | None = None,
    ) -> None:
        self._max_connections = max_connections
        self._proxy = proxy
        self._monotonic = monotonic
        self._max_response_bytes = max_response_bytes
        self._max_error_bytes = max_error_bytes
        self._injected = None if session is None else _Pool(session)
        self._pools: dict[asyncio.AbstractEventLoop, _Pool] = {}
        self._proxies: dict[str, str | None] = {}
        self._closed = False
        _transports.add(self)

    async def send(self, request: Request, /) -> Response:
        """Send one request and read the whole answer.

        Raises:
            TransportError: No complete response arrived.
            ConfigurationError: The transport is closed, its session belongs to another loop, there is no event loop,
                or the proxy that the environment names cannot be used.
        """
        try:
            loop = asyncio.get_running_loop()
            pool = self._injected or self._pools.get(loop) or await self._open()
        except RuntimeError:
            if in_event_loop():
                raise
            raise without_event_loop() from None
        if self._injected is not None and (pool.limits is None or pool.limits.loop is not loop):
            _prepare(pool, loop)
        if self._closed:
            raise closed_client()
        slots = pool.slots
        if slots is None:
            return await self._exchange(pool, request)
        if not slots.acquire_now():
            await self._wait_for_slot(slots, request)
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
        assert pool.limits is not None
        exchange = Exchange(pool.limits, limit, new_connection=request.new_connection)
        timeout = _timeout(connect_limit(limit, request.connect_timeout))
        url: Any = request.url
        headers: Any = {**request.headers, "Authorization": request.authorization.reveal()}
        data: Any = request.body
        if isinstance(data, Upload):
            if data.length is not None:
                headers["Content-Length"] = str(data.length)
            data = chunks_of(data, exchange)
        answer: Any = None
        failure: errors.WooshPayError | None
        cause: BaseException | None
        outer = current_exchange.get()
        current_exchange.set(exchange)
        try:
            with exchange:
                answer = await pool.session.request(
                    request.method,
                    URL(url, encoded=True),
                    data=data,
                    headers=headers,
                    timeout=timeout,
                    allow_redirects=False,
                    # A session that belongs to the user may have other defaults.
                    raise_for_status=False,
                    auto_decompress=True,
                    proxy=self._proxy_for(url),
                )
                largest = self._max_error_bytes if answer.status >= 400 else self._max_response_bytes
                body = await read_body(answer, largest)
                if exchange.answered_early:
                    raise AnsweredEarlyError("The response was complete before the request was.")
        except BaseException as error:
            # Reports of errors keep the variables of all frames, and those of aiohttp hold the whole request.
            answer = data = headers = url = None
            forget_locals(error)
            failure = failure_of(error, request, limit, pool.session, exchange.stage)
            exchange.connection = None  # it holds aiohttp's error, which holds this frame
            if failure is None:
                raise
            cause = shown_cause(error)
        else:
            connection = exchange.connection
            return Response(
                status=answer.status,
                headers=answer.headers,
                body=body,
                close_connection=None if connection is None else connection.discard,
            )
        finally:
            # A token could not be used: what is abandoned is closed in another context.
            current_exchange.set(outer)
        try:
            # Not while aiohttp's error is handled: it would stay beside ours, with the whole request in it.
            raise failure from cause
        finally:
            del failure, cause

    async def _wait_for_slot(self, slots: ConnectionSlots, request: Request) -> None:
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
            raise closed_client()
        loop = asyncio.get_running_loop()
        for other in list(self._pools):
            if other.is_closed() and (pool := self._pools.pop(other, None)) is not None:
                pool.leave()
        session = aiohttp.ClientSession(
            connector=Connector(),
            request_class=CheckedRequest,
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
        )
        pool = _Pool(session, TimeLimits(loop), ConnectionSlots(self._max_connections))
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
        if not in_event_loop():
            return  # under trio, say: there never was a connection
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


def _prepare(pool: _Pool, loop: asyncio.AbstractEventLoop) -> None:
    """Prepare a session that belongs to the user for its first request.

    Raises:
        ConfigurationError: The session belongs to another event loop.
    """
    if getattr(pool.session, "_loop", loop) is not loop:
        raise session_of_another_loop()
    check_connections(pool.session)
    pool.limits = TimeLimits(loop)


@lru_cache(maxsize=64)
def _timeout(connect: float) -> aiohttp.ClientTimeout:
    # The time of the whole attempt is limited by its `Exchange`.
    return aiohttp.ClientTimeout(total=None, connect=connect, ceil_threshold=_NEVER_ROUND)


_transports: weakref.WeakSet[HttpTransport] = weakref.WeakSet()


def _after_fork() -> None:
    for transport in list(_transports):
        transport.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
