"""Bodies: uploads that note when they were sent completely, and responses that are read up to a limit."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Final

import aiohttp

from wooshpay.core.upload import Upload
from wooshpay.transport.exchange import Exchange

# Bytes of a response after which other tasks of the loop get a turn.
_TURN: Final = 1024 * 1024


class ResponseTooLargeError(aiohttp.ClientPayloadError):
    """A response is larger than the client accepts."""


async def chunks_of(upload: Upload, exchange: Exchange) -> AsyncIterator[bytes]:
    """Go through an upload, and note on the exchange when all of it was handed to the socket."""
    left = upload.length
    async for chunk in upload.chunks():
        if left is not None:
            left -= len(chunk)
            # The server can answer as soon as the last byte was handed to the socket.
            exchange.written = left <= 0
        yield chunk
    exchange.written = True


async def read_body(response: aiohttp.ClientResponse, largest: int) -> bytes:
    """Read the decompressed body of a response, up to a maximum size.

    Args:
        response: The response, whose headers have arrived.
        largest: Bytes; a larger body is not read to its end.

    Raises:
        ResponseTooLargeError: The body is larger. The connection was closed.
    """
    content = response.content
    try:
        body = await content.readany()
        if not content.at_eof():
            if (response.content_length or 0) > largest:
                raise ResponseTooLargeError(f"The response has {response.content_length} bytes.")
            body = await _read_on(content, body, largest)
        if len(body) > largest:
            raise ResponseTooLargeError(f"The response has more than {largest} bytes.")
    except BaseException:
        response.close()
        raise
    return body


async def _read_on(content: aiohttp.StreamReader, begun: bytes, largest: int) -> bytes:
    chunks = [begun]
    size, turn = len(begun), _TURN
    while size <= largest and not content.at_eof():
        chunk = await content.readany()
        chunks.append(chunk)
        size += len(chunk)
        # Decompression produces bytes faster than the network delivers them, so this loop may never wait.
        if size > turn:
            turn = size + _TURN
            await asyncio.sleep(0)
    return b"".join(chunks)
