"""Connections on which only what arrives after a request can be its response.

aiohttp parses whatever arrives on a connection, also while it waits in the pool, and hands what it finds to the next
request. So a server that responds twice, or late, would answer a request that was never sent. Here a connection knows
whether a response is due: bytes that arrive at any other time close it, and a connection from the pool is used only
when nothing unread is on it.

This module uses some of aiohttp's internals (`BaseConnector._factory` and `_release`, `ResponseHandler._parser`), as
its public interface has no place for these checks. The tests of stray responses fail when one of them changes.
"""

from __future__ import annotations

import asyncio
import logging
import os
import select
import socket
import sys
import warnings
import weakref
from collections.abc import Callable, Coroutine
from contextvars import ContextVar
from functools import partial
from typing import Any, Final, Literal

import aiohttp
from aiohttp.abc import AbstractStreamWriter
from aiohttp.client_proto import ResponseHandler
from aiohttp.payload import BytesPayload
from aiohttp.streams import StreamReader
from multidict import CIMultiDict
from yarl import URL

from wooshpay.transport.time_limits import TimeLimit, TimeLimits

_logger = logging.getLogger("wooshpay")

# How often the loop may read before bytes on a TLS connection count as unread: they can be session tickets, which the
# TLS layer consumes.
_MOST_TLS_READS: Final = 4

_PARSER_IN_PYTHON: Final = aiohttp.http_parser.HttpResponseParser is aiohttp.http_parser.HttpResponseParserPy

# Windows reads in advance: what has arrived is no longer in the socket, and the loop hands it over in its next turns.
_READS_AHEAD: tuple[type[asyncio.AbstractEventLoop], ...] = tuple(
    filter(None, [getattr(asyncio, "ProactorEventLoop", None)])
)
_TURNS: Final = 2

# A gateway that gave up, or got something that it did not understand, may still send on what comes from behind it.
_GAVE_UP: Final = frozenset({408, 502, 504})
# Bytes of a body. Such a request leaves at once, so that no response can overtake it.
_SMALL: Final = 16 * 1024
_TCP: Final = frozenset({socket.AF_INET, socket.AF_INET6})
_NOTHING: Final = bytes(4)


def _queue() -> Callable[[int], bytes] | None:
    """Return what asks a socket for its bytes that were not acknowledged, where the system tells."""
    if sys.platform != "linux":
        return None
    import fcntl
    import termios

    return lambda fd: fcntl.ioctl(fd, termios.TIOCOUTQ, _NOTHING)


_QUEUE: Final = _queue()


class StrayDataError(aiohttp.ClientConnectionError):
    """Data arrived on a connection before the request was written to it."""


class HttpConnection(ResponseHandler):
    """One connection, which accepts bytes only while a response is due.

    Attributes:
        response_due: Whether the request was written and its response is not complete.
        reused: Whether an exchange has taken this connection before.
        early: Whether the last response was complete while bytes of its request were still waiting to be written.
        large: Whether the request is so large that a response can come before all of it was received.
        failed: Whether the last exchange ended with an error of the connection.
        received: How many times bytes arrived.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        # Until the first request, aiohttp itself uses the connection, for the tunnel through a proxy.
        self.response_due = True
        self.reused = False
        self.early = False
        self.large = False
        self.failed = False
        self.received = 0
        self._parsing = False
        self._reads_ahead = isinstance(loop, _READS_AHEAD)
        self._encrypted = False
        self._under_tls: asyncio.WriteTransport | None = None
        self._poll: select.poll | None = None
        self._fd: int | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember the socket, to ask it for unread bytes later."""
        super().connection_made(transport)
        self._encrypted = transport.get_extra_info("ssl_object") is not None
        # Encrypted bytes wait there, and the TLS layer does not count them.
        self._under_tls = getattr(getattr(transport, "_ssl_protocol", None), "_transport", None)
        found = transport.get_extra_info("socket")
        if found is None:
            return
        if found.family in _TCP:
            self._fd = found.fileno()
        if hasattr(select, "poll"):
            self._poll = select.poll()
            self._poll.register(found.fileno(), select.POLLIN)

    def data_received(self, data: bytes) -> None:
        """Parse what belongs to a response. Close the connection when none is due."""
        self.received += 1
        if data and not self.response_due:
            self._refuse(f"{len(data)} bytes")
            return
        due = self.response_due
        self._parsing = True
        super().data_received(data)
        self._parsing = False
        # A response can also end without new bytes, when aiohttp goes on with what it has held back.
        if due and not self.response_due and self._has_unread():
            self._refuse("the beginning of another response")

    def feed_data(self, data: tuple[Any, StreamReader], size: int = 0) -> None:
        """Take the head of a response. After some of them the connection is not used again."""
        if data[0].code in _GAVE_UP:
            self.force_close()
        super().feed_data(data, size)

    def close(self) -> None:
        """Close the connection. A request that is only half written is dropped, not completed in the background."""
        transport = self.transport
        if transport is not None and not transport.is_closing() and self.has_unsent():
            transport.abort()
        super().close()

    def end_response(self) -> bool:
        """Note that the exchange is over, and return whether the connection must be closed instead of reused."""
        self.response_due = False
        self.failed = self._exception is not None
        transport = self.transport
        if transport is None or transport.is_closing():
            return True
        if self.has_unsent() or (self.large and self._has_unacknowledged()):
            self.early = True
            return True
        if self._payload is not None and not self._payload.is_eof():
            return True
        # In the middle of parsing, `data_received` looks at the rest.
        return not self._parsing and self._has_unread()

    def has_unsent(self) -> bool:
        """Return whether bytes that were handed to the connection still wait for room in the socket."""
        transport, under = self.transport, self._under_tls
        if transport is None:
            return False
        return transport.get_write_buffer_size() > 0 or (under is not None and under.get_write_buffer_size() > 0)

    def discard(self) -> None:
        """Close the connection at once. An exchange that uses it meanwhile ends with an error."""
        self.force_close()
        if self.transport is not None:
            self.transport.abort()

    def readable(self) -> bool:
        """Return whether the socket has something to read: bytes, or that the peer has closed it."""
        if self._poll is not None:
            return bool(self._poll.poll(0))
        found = None if self.transport is None else self.transport.get_extra_info("socket")
        return found is not None and bool(select.select([found.fileno()], [], [], 0)[0])

    def is_clean(self) -> bool:
        """Return whether the connection is known to be open, and to have nothing that nobody has read."""
        transport = self.transport
        if self._reads_ahead or transport is None or transport.is_closing() or self.readable():
            return False
        # A connection that was used before is closed by whatever arrives on it: nothing can have been kept.
        return self.reused or not self.should_close

    async def becomes_clean(self) -> bool:
        """Return whether the connection is clean once the loop and the TLS layer have read what they have to."""
        for _ in range(_TURNS if self._reads_ahead else 0):
            await asyncio.sleep(0)
        for _ in range(_MOST_TLS_READS):
            if not self.is_connected() or self.should_close:
                return False
            if not self.readable():
                return True
            if not self._encrypted:
                return False
            await asyncio.sleep(0)
        return False

    def _has_unacknowledged(self) -> bool:
        """Return whether the peer has not received the whole request yet, although it is all in the socket.

        The segment that brings a response acknowledges what the peer had received by then. Only Linux tells.
        """
        if self._fd is None or _QUEUE is None:
            return False
        try:
            return _QUEUE(self._fd) != _NOTHING
        except OSError:
            return False

    def _has_unread(self) -> bool:
        """Return whether the parser has begun another message. The next request makes a parser of its own."""
        if self._buffer or self._tail:
            return True
        parser: Any = self._parser
        self._parser = None
        if parser is None:
            return False
        # aiohttp's parser in C tells only at the end of the data; the one in Python keeps the lines.
        if _PARSER_IN_PYTHON and (parser._tail or parser._lines):
            return True
        try:
            return parser.feed_eof() is not None
        except Exception:
            return True

    def _refuse(self, what: str) -> None:
        _logger.warning("Closed a connection on which %s arrived although no response was due.", what)
        self.discard()


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

    def connect(self, req: aiohttp.ClientRequest, *args: Any, **kwargs: Any) -> Coroutine[Any, Any, Any]:
        """Return a connection on which nothing is unread."""
        return _connect(super().connect, req, *args, **kwargs)

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
        if exchange.failed and request.method != "GET":
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
