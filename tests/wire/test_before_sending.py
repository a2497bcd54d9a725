"""Whatever fails before the first byte of a request is written comes out as an error that says: not sent.

The list of exceptions is not about what a library raises today. Resolvers, connectors, TLS and event loops are
replaced by users and by new versions, and none of them may turn a call that never left into one that may have moved
money, or the other way round.
"""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import aiohappyeyeballs
import aiohttp
import pytest
from support.peer import Peer, reply

import wooshpay
from wooshpay import AsyncWooshPay, Next, Request, Response, RetryPolicy

KEY = "sk_test_x"
REFUND = {"id": "re_1", "object": "refund", "amount": 5, "created": 1, "currency": "USD", "status": "succeeded"}


def exceptions() -> list[Exception]:
    """Exceptions as they come from sockets, resolvers, TLS, codecs, event loops and aiohttp, and others besides."""
    numbers = (
        "EMFILE",
        "ENFILE",
        "ENOBUFS",
        "ENOMEM",
        "EADDRNOTAVAIL",
        "ENETUNREACH",
        "EHOSTUNREACH",
        "EACCES",
        "EPERM",
    )
    return [
        *(OSError(getattr(errno, name), name) for name in numbers),
        OSError(),
        ConnectionRefusedError(errno.ECONNREFUSED, "refused"),
        ConnectionResetError(errno.ECONNRESET, "reset"),
        ConnectionResetError(),
        ConnectionAbortedError(),
        BrokenPipeError(),
        BlockingIOError(),
        InterruptedError(),
        FileNotFoundError(errno.ENOENT, "no certificates"),
        TimeoutError(),
        TimeoutError(errno.ETIMEDOUT, "timed out"),
        socket.gaierror(socket.EAI_NONAME, "no such name"),
        socket.gaierror(socket.EAI_AGAIN, "try again"),
        socket.herror(1, "no such host"),
        ssl.SSLError(1, "wrong version"),
        ssl.SSLEOFError(8, "EOF"),
        ssl.SSLZeroReturnError(6, "closed"),
        ssl.SSLCertVerificationError(1, "self-signed"),
        ssl.CertificateError("wrong host"),
        UnicodeError("label empty or too long"),
        UnicodeEncodeError("latin-1", "€", 0, 1, "ordinal not in range"),
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"),
        ValueError("not an address"),
        OverflowError("port must be 0-65535"),
        TypeError("an integer is required"),
        KeyError("host"),
        IndexError("list index out of range"),
        AttributeError("no attribute"),
        AssertionError(),
        LookupError("unknown encoding: idna"),
        ImportError("no module"),
        NotImplementedError(),
        MemoryError(),
        EOFError(),
        RecursionError("too deep"),
        RuntimeError("can't start new thread"),
        RuntimeError("cannot schedule new futures after shutdown"),
        RuntimeError("coroutine raised StopIteration"),
        RuntimeError("whatever"),
        asyncio.InvalidStateError(),
        asyncio.IncompleteReadError(b"", 1),
        aiohttp.ClientError("whatever"),
        aiohttp.ClientConnectionError("Connector is closed."),
        aiohttp.ClientOSError(errno.ECONNRESET, "reset"),
        aiohttp.ServerDisconnectedError(),
        aiohttp.ServerTimeoutError(),
        aiohttp.ClientPayloadError(),
        aiohttp.InvalidURL("https://x"),
        Exception("whatever"),
    ]


async def call(client: AsyncWooshPay) -> wooshpay.WooshPayError:
    with pytest.raises(wooshpay.WooshPayError) as caught:
        await client.refunds.create(payment_intent="pi_1")
    return caught.value


async def outcome_of(client: AsyncWooshPay) -> Any:
    try:
        return await client.refunds.create(payment_intent="pi_1")
    except Exception as error:
        return error


def raising(error: Exception) -> Callable[..., Awaitable[Any]]:
    async def fail(*_: object, **__: object) -> Any:
        raise error

    return fail


PLACES = {
    "looking up the host": (aiohttp.ThreadedResolver, "resolve"),
    "opening the socket": (aiohappyeyeballs, "start_connection"),
    "the TLS handshake": (asyncio.SelectorEventLoop, "create_connection"),
    "making the connection": (aiohttp.TCPConnector, "_create_connection"),
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("injected", [False, True], ids=["own session", "injected session"])
async def test_what_fails_while_connecting_was_not_sent(
    place: str, injected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not a raw exception, and never with the note that the call may have been carried out."""
    if place == "the TLS handshake":
        monkeypatch.setattr(PLACES["opening the socket"][0], "start_connection", raising_nothing)
    host = "https://localhost:1" if place == "looking up the host" else "https://127.0.0.1:1"
    wrong: list[str] = []
    session = aiohttp.ClientSession() if injected else None
    async with AsyncWooshPay(KEY, base_url=host, max_retries=0, session=session) as client:
        for error in exceptions():
            monkeypatch.setattr(*PLACES[place], raising(error))
            problem = await outcome_of(client)
            right = isinstance(problem, (wooshpay.ConnectError, wooshpay.TimeoutError)) and problem.idempotency_key
            if not right or problem.outcome != "not_sent" or getattr(problem, "__notes__", []):
                wrong.append(f"{error!r} came out as {problem!r}")
    if session is not None:
        await session.close()
    assert wrong == []


async def raising_nothing(*_: object, **__: object) -> None:
    return None


@pytest.mark.parametrize("injected", [False, True], ids=["own session", "injected session"])
async def test_the_same_exceptions_after_the_request_was_written_leave_doubt(
    injected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The class of an exception says nothing about when it came: only the place does."""
    real: Any = aiohttp.streams.DataQueue.read  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    error = Exception()

    async def read(queue: Any) -> Any:
        await real(queue)
        raise error

    monkeypatch.setattr(aiohttp.streams.DataQueue, "read", read)
    wrong: list[str] = []
    session = aiohttp.ClientSession() if injected else None
    async with Peer(reply(200, REFUND)) as peer:
        async with AsyncWooshPay(KEY, base_url=peer.url, max_retries=0, session=session) as client:
            for error in exceptions():
                problem = await outcome_of(client)
                if not isinstance(problem, wooshpay.TransportError) or problem.outcome != "unknown":
                    wrong.append(f"{error!r} came out as {problem!r}")
        if session is not None:
            await session.close()
    assert len(peer.requests) == len(exceptions())
    assert wrong == []


@pytest.mark.parametrize("proxied", [False, True], ids=["direct", "through a proxy"])
async def test_a_name_without_an_address_is_not_an_internal_error(
    proxied: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An empty result of the resolver ends in aiohttp as a StopIteration, or as an AssertionError."""

    async def nothing(*_: object, **__: object) -> list[Any]:
        return []

    monkeypatch.setattr(aiohttp.ThreadedResolver, "resolve", nothing)
    proxy = "http://proxy.example:3128" if proxied else None
    async with AsyncWooshPay(KEY, base_url="https://gateway.example", max_retries=0, proxy=proxy) as client:
        problem = await call(client)
    assert isinstance(problem, wooshpay.ConnectError)
    assert problem.outcome == "not_sent"
    assert "knows no address" in problem.message


async def test_addresses_of_the_wrong_family_are_no_internal_error(monkeypatch: pytest.MonkeyPatch) -> None:
    async def other(*_: object, **__: object) -> list[Any]:
        return [{"hostname": "x", "host": "::1", "port": 1, "family": socket.AF_INET6, "proto": 0, "flags": 0}]

    monkeypatch.setattr(aiohttp.ThreadedResolver, "resolve", other)
    session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(family=socket.AF_INET))
    async with session, AsyncWooshPay(KEY, base_url="https://x.example", max_retries=0, session=session) as client:
        problem = await call(client)
    assert problem.outcome == "not_sent"
    assert "knows no address" in problem.message


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.EMFILE, "Too many open files"), "ulimit -n"),
        (RuntimeError("can't start new thread"), "ulimit -u"),
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), "base_url"),
    ],
    ids=["descriptors", "threads", "no such name"],
)
async def test_the_error_says_what_to_do(error: Exception, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aiohttp.ThreadedResolver, "resolve", raising(error))
    async with AsyncWooshPay(KEY, base_url="https://gateway.example", max_retries=1, retry_policy=NO_WAIT) as client:
        problem = await call(client)
    assert words in problem.message
    assert problem.attempts == 2, "such shortages pass"


NO_WAIT = RetryPolicy(base=0.0)


@pytest.mark.parametrize("headers", [{"X-A": "a\r\nX-B: b"}, {"X-A\r\n": "a"}], ids=["in the value", "in the name"])
async def test_a_header_that_a_middleware_made_and_that_cannot_be_written_was_not_sent(headers: dict[str, str]) -> None:
    async def spoil(request: Request, call_next: Next) -> Response:
        import attrs

        return await call_next(attrs.evolve(request, headers={**request.headers, **headers}))

    async with Peer(reply(200, REFUND)) as peer:
        async with AsyncWooshPay(KEY, base_url=peer.url, max_retries=0, attempt_middlewares=[spoil]) as client:
            problem = await call(client)
    assert problem.outcome == "not_sent"
    assert peer.requests == []


@pytest.mark.parametrize("url", ["https://a..b.example/v1/x", "https://xn--ä.example/v1/x", "https://x:99999/v1/x"])
async def test_a_url_that_a_middleware_made_and_that_cannot_work_was_not_sent(url: str) -> None:
    async def spoil(request: Request, call_next: Next) -> Response:
        import attrs

        return await call_next(attrs.evolve(request, url=url))

    client = AsyncWooshPay(KEY, base_url="https://gateway.example", max_retries=0, attempt_middlewares=[spoil])
    async with client:
        problem = await call(client)
    assert problem.outcome == "not_sent"


# ---- without an event loop of asyncio ----


def drive(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine as trio does: by hand, with no event loop of asyncio."""
    try:
        coroutine.send(None)
    except StopIteration as ended:
        return ended.value
    finally:
        coroutine.close()
    raise AssertionError("it waits for something that will never come")


async def passing(request: Request, call_next: Next) -> Response:
    return await call_next(request)


@pytest.mark.parametrize(
    "settings",
    [{}, {"call_middlewares": [passing]}, {"attempt_middlewares": [passing]}],
    ids=["plain", "with a call middleware", "with an attempt middleware"],
)
def test_a_call_without_asyncio_says_what_it_needs(settings: dict[str, Any]) -> None:
    """Under trio the raw RuntimeError came with the note that the call may have been carried out."""
    client = AsyncWooshPay(KEY, **settings)

    async def use() -> None:
        async with client:
            await client.refunds.create(payment_intent="pi_1")

    with pytest.raises(wooshpay.ConfigurationError, match="trio") as caught:
        drive(use())
    assert caught.value.outcome == "not_sent"
    assert getattr(caught.value, "__notes__", []) == []


def test_an_injected_session_without_asyncio_says_what_it_needs() -> None:
    async def open_session() -> aiohttp.ClientSession:
        return aiohttp.ClientSession()

    with asyncio.Runner() as runner:
        session = runner.run(open_session())
        client = AsyncWooshPay(KEY, base_url="http://127.0.0.1:9", session=session)
        with pytest.raises(wooshpay.ConfigurationError, match="trio") as caught:
            drive(client.refunds.create(payment_intent="pi_1"))
        runner.run(session.close())
    assert caught.value.outcome == "not_sent"
