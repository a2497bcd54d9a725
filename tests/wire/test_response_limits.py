"""A response is bounded in size and time, whatever the server sends: memory and the deadline hold.

Without the bounds, 1 MB of gzip becomes 1.3 GB in memory, an endless body ends in a `MemoryError`, and the event loop
stands still meanwhile, so that no time limit holds.
"""

from __future__ import annotations

import asyncio
import gzip
import importlib
import importlib.util
import time
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from support.pace import StillClock
from support.peer import Connection, Peer, Step, reply

import wooshpay
from wooshpay import AsyncWooshPay, Effects, RetryPolicy

KEY = "sk_test_x"
MIB = 1024 * 1024
REFUND = {"id": "re_1", "object": "refund"}


def _deflate(piece: bytes, count: int, wbits: int) -> bytes:
    compressor = zlib.compressobj(9, zlib.DEFLATED, wbits)
    return b"".join([*(compressor.compress(piece) for _ in range(count)), compressor.flush()])


def _brotli(piece: bytes, count: int) -> bytes:
    brotli: Any = importlib.import_module("brotli")
    return bytes(brotli.compress(piece * count))


def _zstd(piece: bytes, count: int) -> bytes:
    zstd: Any = importlib.import_module("backports.zstd")
    return bytes(zstd.compress(piece * count))


# 200 MiB of zeros each, in a few hundred kilobytes or less.
_PIECE, _COUNT = bytes(MIB), 200
BOMBS: dict[str, tuple[str, Callable[[], bytes]]] = {
    "gzip": ("gzip", lambda: _deflate(_PIECE, _COUNT, 31)),
    "gzip, several members": ("gzip", lambda: gzip.compress(_PIECE * 20) * 10),
    "deflate": ("deflate", lambda: _deflate(_PIECE, _COUNT, 15)),
    "deflate without a header": ("deflate", lambda: _deflate(_PIECE, _COUNT, -15)),
    "brotli": ("br", lambda: _brotli(_PIECE, _COUNT)),
    "zstd": ("zstd", lambda: _zstd(_PIECE, _COUNT)),
}
_NEEDS = {"brotli": "brotli", "zstd": "backports.zstd"}


@pytest.fixture
def traced() -> Iterator[Callable[[], float]]:
    """Return a function that tells the peak of memory since the test began, in MiB."""
    tracemalloc.start()
    try:
        tracemalloc.reset_peak()
        yield lambda: tracemalloc.get_traced_memory()[1] / MIB
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("name", BOMBS)
async def test_a_bomb_ends_at_the_limit(name: str, traced: Callable[[], float]) -> None:
    encoding, make = BOMBS[name]
    assert name not in _NEEDS or importlib.util.find_spec(_NEEDS[name]) is not None, "an extra of the tests is missing"
    bomb = make()
    tracemalloc.reset_peak()
    step = reply(200, bomb, {"Content-Encoding": encoding})
    async with Peer(step) as peer, AsyncWooshPay(KEY, base_url=peer.url, max_retries=0) as client:
        with pytest.raises(wooshpay.ProtocolError, match="larger than the client accepts") as caught:
            await client.refunds.create(payment_intent="pi_1")
        assert (caught.value.outcome, caught.value.attempts) == ("unknown", 1)
        assert "max_response_bytes" in caught.value.message
        assert peer.open_connections == 0 or await _closed(peer), "the connection is closed, not read to its end"
    assert traced() < 3 * 32, "the limit is 32 MiB, and the parts are joined once"


async def _closed(peer: Peer) -> bool:
    for _ in range(100):
        await asyncio.sleep(0.01)
        if peer.open_connections == 0:
            return True
    return False


@pytest.mark.parametrize(
    ("status", "size", "readable"),
    [
        (200, 32 * MIB, True),
        (200, 32 * MIB + 1, False),
        (400, MIB, True),
        (400, MIB + 1, False),
    ],
)
async def test_the_limits_are_32_mib_and_1_mib_for_errors(status: int, size: int, readable: bool) -> None:
    wrapping = b'{"id":"re_1","object":"refund","x":""}' if status == 200 else b'{"error":{"message":""}}'
    body = wrapping.replace(b'""', b'"' + b"x" * (size - len(wrapping)) + b'"')
    assert len(body) == size
    async with Peer(reply(status, body)) as peer, AsyncWooshPay(KEY, base_url=peer.url, max_retries=0) as client:
        if status == 200 and readable:
            assert (await client.refunds.create(payment_intent="pi_1")).id == "re_1"
            return
        expected = wooshpay.APIError if readable else wooshpay.ProtocolError
        with pytest.raises(expected) as caught:
            await client.refunds.create(payment_intent="pi_1")
        assert caught.value.outcome == ("rejected" if readable else "unknown")


async def test_the_limits_can_be_set() -> None:
    async with Peer(reply(200, {**REFUND, "x": "y" * 1000})) as peer:
        async with AsyncWooshPay(KEY, base_url=peer.url, max_retries=0, max_response_bytes=500) as client:
            with pytest.raises(wooshpay.ProtocolError):
                await client.refunds.create(payment_intent="pi_1")
    async with Peer(reply(402, {"error": {"message": "y" * 1000}})) as peer:
        async with AsyncWooshPay(KEY, base_url=peer.url, max_retries=0, max_error_bytes=500) as client:
            with pytest.raises(wooshpay.ProtocolError):
                await client.refunds.create(payment_intent="pi_1")
    with pytest.raises(wooshpay.ConfigurationError, match="max_response_bytes"):
        AsyncWooshPay(KEY, max_response_bytes=0)


def _endless(head: bytes, piece: bytes) -> Step:
    async def step(connection: Connection) -> None:
        connection.send(head)
        while not connection.writer.is_closing():
            connection.send(piece)
            await connection.writer.drain()

    return step


_HEAD = b"HTTP/1.1 200 OK\r\n"
ENDLESS: dict[str, Step] = {
    "chunks": _endless(_HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"10000\r\n" + b"x" * 0x10000 + b"\r\n"),
    "tiny chunks": _endless(_HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n" * 4096),
    "a body until the end of the connection": _endless(_HEAD + b"\r\n", b"x" * 0x10000),
    "headers": _endless(_HEAD, b"X-Header: " + b"x" * 1000 + b"\r\n"),
    "one header": _endless(_HEAD + b"X-Header: ", b"x" * 0x10000),
    "trailers": _endless(_HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n", b"X-T: x\r\n" * 100),
    "informational responses": _endless(b"", b"HTTP/1.1 102 Processing\r\n\r\n" * 100),
    "extensions of a chunk": _endless(_HEAD + b"Transfer-Encoding: chunked\r\n\r\n2;x=", b"x" * 0x10000),
}


@pytest.mark.parametrize("kind", ENDLESS)
async def test_what_never_ends_is_ended(kind: str, traced: Callable[[], float]) -> None:
    """By the limit of the size, of the headers, or of the time, whichever comes first."""
    async with Peer(ENDLESS[kind]) as peer:
        async with AsyncWooshPay(KEY, base_url=peer.url, max_retries=0, attempt_timeout=2, timeout=60) as client:
            start = time.monotonic()
            with pytest.raises((wooshpay.ProtocolError, wooshpay.TimeoutError)) as caught:
                await client.refunds.create(payment_intent="pi_1")
            assert caught.value.outcome == "unknown"
            assert time.monotonic() - start < 30, "the deadline of the call holds"
    assert traced() < 4 * 32


async def test_other_tasks_get_their_turn_while_a_large_response_is_decompressed() -> None:
    """Decompressing makes bytes faster than the network brings them: without a pause the loop would stand still."""
    body = b'{"id":"re_1","object":"refund","x":"' + b"x" * (30 * MIB) + b'"}'
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    step = reply(200, gzip.compress(body), {"Content-Encoding": "gzip"})
    async with Peer(step) as peer, AsyncWooshPay(KEY, base_url=peer.url) as client:
        request = asyncio.ensure_future(client.refunds.create(payment_intent="pi_1"))
        await asyncio.sleep(0)
        while not peer.requests:
            await asyncio.sleep(0.001)
        counter = asyncio.ensure_future(count())
        assert (await request).id == "re_1"
        counter.cancel()
    assert turns > 15


# ---- what is lost on the way -----------------------------------------------------------------------------------


def _raw(head: str, body: bytes) -> Step:
    async def step(connection: Connection) -> None:
        connection.send(f"HTTP/1.1 200 OK\r\n{head}\r\n".encode() + body)
        connection.close()

    return step


_BODY = b'{"id":"re_1","object":"refund","amount":500}'
_GZIP = gzip.compress(_BODY)
LOST: dict[str, Step] = {
    "cut, with a length": _raw(f"Content-Length: {len(_BODY)}\r\n", _BODY[:-9]),
    "cut, without a length": _raw("", _BODY[:-9]),
    "cut in a chunk": _raw("Transfer-Encoding: chunked\r\n", b"30\r\n" + _BODY[:20]),
    "cut between chunks": _raw("Transfer-Encoding: chunked\r\n", b"14\r\n" + _BODY[:20] + b"\r\n"),
    "gzip, cut": _raw(f"Content-Encoding: gzip\r\nContent-Length: {len(_GZIP) - 12}\r\n", _GZIP[:-12]),
    "gzip, broken": _raw(
        f"Content-Encoding: gzip\r\nContent-Length: {len(_GZIP)}\r\n", _GZIP[:15] + b"\0" * 8 + _GZIP[23:]
    ),
    "not gzip at all": _raw(f"Content-Encoding: gzip\r\nContent-Length: {len(_BODY)}\r\n", _BODY),
    "empty": _raw("Content-Length: 0\r\n", b""),
}


@pytest.mark.parametrize("kind", LOST)
async def test_a_success_whose_body_was_lost_is_retried_under_its_key(kind: str) -> None:
    """It went through; the second response, under the same key, says how."""
    async with Peer(LOST[kind], reply(200, {"id": "re_1", "object": "refund", "amount": 500})) as peer:
        policy = RetryPolicy(base=0.0)
        async with AsyncWooshPay(KEY, base_url=peer.url, retry_policy=policy) as client:
            answer = await client.refunds.create.with_response(payment_intent="pi_1", amount=500)
        assert (answer.data.id, answer.attempts) == ("re_1", 2)
        assert len({request.headers["idempotency-key"] for request in peer.requests}) == 1


# ---- a limit that rings while the response is in the socket ------------------------------------------------------


def _answers_into_a_blocked_loop(body: bytes, clock: StillClock, seconds: float) -> Step:
    """Answer, and turn on the clock of client and server, so that the limit of the attempt has passed."""

    async def step(connection: Connection) -> None:
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        clock.seconds += seconds  # as after a callback of the user's that computes, or in a process that was suspended

    return step


@pytest.mark.parametrize("injected", [False, True])
@pytest.mark.parametrize("with_middleware", [False, True])
@pytest.mark.parametrize("size", [100, 200_000])
async def test_a_response_that_is_in_the_socket_is_read_although_the_limit_has_passed(
    size: int, injected: bool, with_middleware: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The loop was blocked or the process suspended; the payment went through and its response has arrived."""
    import aiohttp

    body = b'{"id":"re_1","object":"refund","x":"' + b"x" * size + b'"}'

    async def passing(request: Any, call_next: Any) -> Any:
        return await call_next(request)

    clock = StillClock()
    monkeypatch.setattr(asyncio.get_running_loop(), "time", clock)
    session = aiohttp.ClientSession() if injected else None
    async with Peer(_answers_into_a_blocked_loop(body, clock, 50.0)) as peer:
        client = AsyncWooshPay(
            *(KEY,),
            base_url=peer.url,
            max_retries=0,
            attempt_timeout=30,
            timeout=40,
            effects=Effects(monotonic=clock),
            session=session,
            attempt_middlewares=[passing] if with_middleware else [],
        )
        try:
            assert (await client.refunds.create(payment_intent="pi_1")).id == "re_1"
        finally:
            await client.close()
            if session is not None:
                await session.close()


async def test_a_peer_that_keeps_sending_does_not_extend_the_limit_without_end() -> None:
    async with Peer(ENDLESS["tiny chunks"]) as peer:
        client = AsyncWooshPay(KEY, base_url=peer.url, max_retries=0, attempt_timeout=0.2, max_response_bytes=10**9)
        async with client:
            with pytest.raises(wooshpay.TimeoutError) as caught:
                await client.refunds.create(payment_intent="pi_1")
    assert caught.value.outcome == "unknown"
