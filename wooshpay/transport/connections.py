"""Connections on which only what arrives after a request can be its response.

aiohttp parses whatever arrives on a connection, also while it waits in the pool, and hands what it finds to the next
request. So a server that responds twice, or late, would answer a request that was never sent. Here a connection knows
whether a response is due: bytes that arrive at any other time close it, and a connection from the pool is used only
when nothing unread is on it.

This module and `exchange` use some of aiohttp's internals (`BaseConnector._factory` and `_release`,
`ResponseHandler._parser`), as its public interface has no place for these checks. The tests of stray responses fail
when one of them changes.
"""

from __future__ import annotations

import asyncio
import logging
import select
import socket
import sys
from collections.abc import Callable
from typing import Any, Final

import aiohttp
from aiohttp import http_parser
from aiohttp.client_proto import ResponseHandler
from aiohttp.streams import StreamReader

_logger = logging.getLogger("wooshpay")

# How often the loop may read before bytes on a TLS connection count as unread: they can be session tickets, which the
# TLS layer consumes.
_MOST_TLS_READS: Final = 4

_parsers: Any = http_parser
_PARSER_IN_PYTHON: Final = _parsers.HttpResponseParser is _parsers.HttpResponseParserPy

# Windows reads in advance: what has arrived is no longer in the socket, and the loop hands it over in its next turns.
_READS_AHEAD: tuple[type[asyncio.AbstractEventLoop], ...] = tuple(
    filter(None, [getattr(asyncio, "ProactorEventLoop", None)])
)
_TURNS: Final = 2

# A gateway that gave up, or got something that it did not understand, may still send on what comes from behind it.
_GAVE_UP: Final = frozenset({408, 502, 504})
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
        under = self._under_tls
        if (
            transport.get_write_buffer_size() > 0
            or (under is not None and under.get_write_buffer_size() > 0)
            or (self.large and self._has_unacknowledged())
        ):
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
        if self._reads_ahead or transport is None or transport.is_closing():
            return False
        if self._poll.poll(0) if self._poll is not None else self.readable():
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
