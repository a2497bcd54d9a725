"""One request and its response, on one connection: how it gets the connection, and how far it has come.

Our own connector hands out checked connections only. A session that belongs to the user is made to do the same.
"""

from __future__ import annotations

import os
import warnings
import weakref
from contextvars import ContextVar
from functools import partial
from typing import Any, Final, Literal

import aiohttp
from aiohttp.abc import AbstractStreamWriter
from aiohttp.client_proto import ResponseHandler
from aiohttp.payload import BytesPayload
from multidict import CIMultiDict
from yarl import URL

from wooshpay.transport.connections import HttpConnection, StrayDataError
from wooshpay.transport.time_limits import TimeLimit, TimeLimits

# Bytes of a body. Such a request leaves at once, so that no response can overtake it.
_SMALL: Final = 16 * 1024


class Exchange(TimeLimit):
    """One request and its response: how far they have come, and how long they may take.

    Attributes:
        new_connection: Whether the request must not go out on a connection that was used before.
        connecting: Whether aiohttp has begun to look for a connection.
        connection: The connection, once there is one.
        writing: Whether a byte of the request may have been written.
        written: Whether the whole request was handed to the socket.
    """

    __slots__ = ("_seen", "connecting", "connection", "new_connection", "writing", "written")

    def __init__(self, limits: TimeLimits, seconds: float, *, new_connection: bool) -> None:
        super().__init__(limits, seconds)
        self.new_connection = new_connection
        self.connection: HttpConnection | None = None
        self.connecting = self.writing = self.written = False
        self._seen = 0

    def has_input(self) -> bool:
        """Return whether bytes of the response wait in the socket, or were read in this turn of the loop."""
        connection = self.connection
        if connection is None or not self.writing:
            return False
        seen, self._seen = self._seen, connection.received
        return connection.received != seen or (connection.is_connected() and connection.readable())

    def take(self, connection: HttpConnection, *, has_more: bool) -> None:
        """Use a connection that is clean. If more happens before the request is written, that begins the writing."""
        connection.reused = True
        connection.early = connection.large = False
        connection.response_due = not has_more
        self.connection = connection
        self._seen = connection.received
        self.writing = self.written = not has_more

    def note_writing(self, connection: HttpConnection) -> None:
        """Note that the next bytes on the connection are the response."""
        connection.response_due = self.writing = True

    async def begin_writing(self) -> None:
        """Check the connection at the last moment before the request is written.

        Raises:
            StrayDataError: Something arrived on it in the meantime; nothing was written.
        """
        connection = self.connection
        if connection is None:
            raise RuntimeError("There is no connection to write to.")
        if not connection.is_clean() and not await connection.becomes_clean():
            raise StrayDataError("Data arrived before the request was written.")
        self.note_writing(connection)

    @property
    def stage(self) -> Literal["connecting", "sent"] | None:
        """Return how far the request has come; ``None`` before a connection is looked for."""
        if self.writing:
            return "sent"
        return "connecting" if self.connecting else None

    @property
    def failed(self) -> bool:
        """Return whether the connection failed after bytes of the request may have been written."""
        return self.writing and self.connection is not None and self.connection.failed

    @property
    def answered_early(self) -> bool:
        """Return whether the response was complete before the request was."""
        connection = self.connection
        if connection is None:
            return False
        # aiohttp keeps the connection until its writer has ended, so that a large body can still be on its way.
        return not self.written or connection.early or (connection.response_due and connection.has_unsent())


current_exchange: ContextVar[Exchange | None] = ContextVar("wooshpay_exchange", default=None)


class CheckedRequest(aiohttp.ClientRequest):
    """aiohttp's request, which checks its connection at the last moment before its body is written.

    A request without a body is written at once when it gets its connection, which was checked just then.
    """

    async def write_bytes(
        self, writer: AbstractStreamWriter, conn: aiohttp.connector.Connection, content_length: int | None = None
    ) -> None:
        """Check the connection, then write headers and body."""
        exchange = current_exchange.get()
        connection = conn.protocol
        if not isinstance(connection, HttpConnection):
            await super().write_bytes(writer, conn, content_length)
            return
        if exchange is None or exchange.connection is not connection:
            connection.response_due = True  # a request of the user's own
            await super().write_bytes(writer, conn, content_length)
            return
        if connection.is_clean():
            exchange.note_writing(connection)
        else:
            try:
                await exchange.begin_writing()
            except StrayDataError as error:
                connection.set_exception(error)
                return
        # Bytes are handed to the socket before the writer waits for anything, unless it waits for 100 Continue first.
        body, waits = self.body, self._continue is not None
        exchange.written = isinstance(body, BytesPayload) and not waits
        connection.large = not isinstance(body, BytesPayload) or (body.size or 0) > _SMALL
        await super().write_bytes(writer, conn, content_length)
        if waits:
            exchange.written = True

    async def _on_headers_request_sent(self, method: str, url: URL, headers: CIMultiDict[str]) -> None:
        """Wait for the traces of a session, then check the connection again if no body follows that does."""
        await super()._on_headers_request_sent(method, url, headers)
        exchange = current_exchange.get()
        if exchange is not None and exchange.connection is not None and not self.body and self._continue is None:
            await exchange.begin_writing()
            exchange.written = True


class Connector(aiohttp.TCPConnector):
    """aiohttp's connector, with connections that are checked.

    In a forked child it must not clean up: the sockets are the parent's.

    Attributes:
        process: The process that may clean up.
    """

    process: int | None = None

    def __init__(self) -> None:
        super().__init__(limit=0)  # pyright: ignore[reportUnknownMemberType]  # a bare tuple in aiohttp's types
        self.process = os.getpid()
        self._factory: Any = partial(HttpConnection, loop=self._loop)

    async def connect(self, req: aiohttp.ClientRequest, *args: Any, **kwargs: Any) -> Any:
        """Return a connection on which nothing is unread."""
        return await _connect(super().connect, req, *args, **kwargs)

    def _release(self, key: Any, protocol: Any, *, should_close: bool = False) -> None:
        super()._release(key, protocol, should_close=_must_close(protocol) or should_close)

    def __del__(self, _warnings: Any = warnings) -> None:
        if self.process == os.getpid():
            super().__del__(_warnings)


def check_connections(session: aiohttp.ClientSession) -> None:
    """Make a session that belongs to the user check its connections like our own.

    The connections that it opens from now on are instances of `HttpConnection`. Requests of the user's own over the
    same session use them too.
    """
    target: Any = session.connector
    factory = getattr(target, "_factory", None)
    if factory is None or (isinstance(factory, partial) and factory.func is HttpConnection):
        return
    target._factory = partial(HttpConnection, loop=target._loop)
    requests: Any = session
    requests._request_class = type("CheckedRequest", (CheckedRequest, requests._request_class), {})
    # The attributes must not keep the connector alive, as it warns when it is dropped without being closed.
    shared: Any = weakref.ref(target)
    kind: Any = target.__class__

    async def connect(*args: Any, **kwargs: Any) -> Any:
        found = shared()
        return await _connect(partial(kind.connect, found), *args, **kwargs)

    def release(key: Any, protocol: Any, *, should_close: bool = False) -> None:
        found = shared()
        if found is not None:
            kind._release(found, key, protocol, should_close=_must_close(protocol) or should_close)

    target.connect = connect
    target._release = release


async def _connect(connect: Any, request: aiohttp.ClientRequest, *args: Any, **kwargs: Any) -> Any:
    """Return a connection on which nothing is unread; close those on which something is."""
    exchange = current_exchange.get()
    if exchange is not None:
        if exchange.writing and exchange.failed and request.method != "GET":
            # aiohttp sends a DELETE again by itself. Only the retry loop may do that: it remembers that the first one
            # may have been carried out.
            raise aiohttp.ServerDisconnectedError
        if exchange.connection is not None and not exchange.failed and not exchange.is_current():
            exchange = None  # a request of the user's own, from a task that a middleware of the session started
    if exchange is not None:
        exchange.connecting = True
        exchange.connection = None
        exchange.writing = False
    while True:
        found: Any = await connect(request, *args, **kwargs)
        connection: ResponseHandler | None = found.protocol
        if not isinstance(connection, HttpConnection):
            if exchange is None or connection is None:
                return found
            found.close()  # a session's connection from before it was checked
            continue
        if exchange is not None and exchange.new_connection and connection.reused:
            found.close()
            continue
        try:
            clean = connection.is_clean() or await connection.becomes_clean()
        except BaseException:
            found.close()
            raise
        if clean:
            break
        found.close()
        if not connection.reused:
            raise StrayDataError("The server sent data before it got a request.")
    if exchange is not None:
        waits: Any = request  # for its body, or for traces of the session
        exchange.take(connection, has_more=bool(request.body or waits._traces))
    else:
        connection.reused = True
        connection.response_due = True
    return found


def _must_close(connection: object) -> bool:
    return isinstance(connection, HttpConnection) and connection.end_response()
