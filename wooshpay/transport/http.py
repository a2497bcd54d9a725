"""The only place that knows aiohttp: one request out, one answer in, every failure named."""

from __future__ import annotations

import asyncio
import os
import warnings
import weakref
from collections.abc import AsyncGenerator, Callable
from contextlib import nullcontext
from functools import lru_cache, partial
from typing import Any, Final

import aiohttp
import attrs
from yarl import URL

from wooshpay import errors
from wooshpay.core.loops import in_event_loop, without_event_loop
from wooshpay.core.request import Request, Response
from wooshpay.core.tracebacks import forget_locals
from wooshpay.core.upload import Upload
from wooshpay.transport.alarm import Alarm
from wooshpay.transport.failures import NEVER_CONNECTED, closed_client, connect_limit, failure_of, shown_cause
from wooshpay.transport.fork import abandon
from wooshpay.transport.proxies import proxy_from_environment

# aiohttp rounds limits up to whole seconds; a deadline must not be late by one.
_NEVER_ROUND: Final = float("inf")
_NO_LIMIT: Final = nullcontext()


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


class HttpTransport:
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
            ConfigurationError: The transport is closed, its session belongs to another loop, there is no event loop,
                or the proxy that the environment names cannot be used.
        """
        try:
            pool = self._injected or self._pools.get(asyncio.get_running_loop()) or await self._open()
        except RuntimeError:
            if in_event_loop():
                raise
            raise without_event_loop() from None
        if self._closed:
            raise closed_client()
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
        timeout = _timeout(limit if pool.alarm is None else None, connect_limit(limit, request.connect_timeout))
        url: Any = request.url
        data: Any = request.body
        headers: Any = {**request.headers, "Authorization": request.authorization.reveal()}
        if isinstance(data, Upload):
            if data.length is not None:
                headers["Content-Length"] = str(data.length)
            data = data.chunks()
        answer: Any = None
        failure: errors.WooshPayError | None
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
            failure = failure_of(error, request, limit, pool.session)
            if failure is None:
                raise
            cause = shown_cause(error)
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
            raise closed_client()
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
            cancelled.add_note(NEVER_CONNECTED)
            raise
        connection.add_callback(partial(_abort_unwritten, connection.transport))
        return connection

    def __del__(self, _warnings: Any = warnings) -> None:
        if self.process == os.getpid():
            super().__del__(_warnings)


def _abort_unwritten(transport: asyncio.Transport | None) -> None:
    if transport is not None and transport.get_write_buffer_size() > 0:
        transport.abort()


@lru_cache(maxsize=64)
def _timeout(total: float | None, connect: float) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=total, connect=connect, ceil_threshold=_NEVER_ROUND)


_transports: weakref.WeakSet[HttpTransport] = weakref.WeakSet()


def _after_fork() -> None:
    for transport in list(_transports):
        transport.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
