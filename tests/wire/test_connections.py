"""What a connection may be used for: no request is sent again unseen, and none is done before it was sent whole."""

from __future__ import annotations

import asyncio
import contextvars
import gzip
import socket
import ssl
from typing import Any

import aiohttp
import pytest
import trustme
from support.peer import Connection, Peer, close, reply

import wooshpay
from wooshpay import AsyncWooshPay
from wooshpay.transport import connections

KEY = "sk_test_x"


def _tls() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    authority: Any = trustme.CA()
    serving, trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("127.0.0.1").configure_cert(serving)
    authority.configure_trust(trusting)
    return serving, trusting


def _small_buffers(address: Any) -> socket.socket:
    made = socket.socket(*address[:3])
    for option in (socket.SO_SNDBUF, socket.SO_RCVBUF):
        made.setsockopt(socket.SOL_SOCKET, option, 8192)
    return made


GONE = reply(404, {"error": {"type": "invalid_request_error", "message": "No such webhook endpoint"}})


@pytest.mark.parametrize("injected", [False, True])
async def test_a_delete_on_a_connection_that_broke_is_not_sent_again_unseen(injected: bool) -> None:
    """aiohttp repeats a DELETE by itself. The 404 of the second one would say that nothing was deleted."""
    async with Peer(close(), GONE) as peer, aiohttp.ClientSession() as session:
        async with AsyncWooshPay(KEY, base_url=peer.url, session=session if injected else None) as client:
            with pytest.raises(wooshpay.NotFoundError) as caught:
                await client.webhook_endpoints.delete("we_1")
        assert len(peer.requests) == 2
    assert (caught.value.outcome, caught.value.attempts) == ("unknown", 2)


@pytest.mark.parametrize("injected", [False, True])
async def test_a_delete_without_retries_is_sent_once(injected: bool) -> None:
    async with Peer(close(), GONE) as peer, aiohttp.ClientSession() as session:
        settings: Any = {"session": session} if injected else {}
        async with AsyncWooshPay(KEY, base_url=peer.url, max_retries=0, **settings) as client:
            with pytest.raises(wooshpay.ProtocolError) as caught:
                await client.webhook_endpoints.delete("we_1")
        assert len(peer.requests) == 1
    assert caught.value.outcome == "unknown"


@pytest.mark.parametrize("encrypted", [False, True])
async def test_a_response_before_the_end_of_a_large_request_is_not_believed(encrypted: bool) -> None:
    """The rest of the body was still waiting for room in the socket when the response was complete."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        body = b'{"id":"cus_1","object":"customer"}'
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        await done.wait()
        writer.transport.abort()

    done = asyncio.Event()
    serving, trusting = _tls()
    listener = _small_buffers((socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", 0)))
    listener.bind(("127.0.0.1", 0))
    connector = aiohttp.TCPConnector(ssl=trusting, socket_factory=_small_buffers)
    async with await asyncio.start_server(answer, sock=listener, limit=1024, ssl=serving if encrypted else None):
        url = f"{'https' if encrypted else 'http'}://127.0.0.1:{listener.getsockname()[1]}"
        async with (
            aiohttp.ClientSession(connector=connector) as session,
            AsyncWooshPay(KEY, base_url=url, max_retries=0, session=session) as client,
        ):
            with pytest.raises(wooshpay.ProtocolError) as caught:
                await client.customers.create(metadata={str(n): "x" * 1000 for n in range(900)})
        done.set()
    assert caught.value.outcome == "unknown"
    assert "before it had got the whole request" in caught.value.message


@pytest.mark.parametrize("setting", [{"raise_for_status": True}, {"auto_decompress": False}])
async def test_settings_of_an_injected_session_do_not_change_what_a_response_means(setting: Any) -> None:
    declined = reply(402, {"error": {"type": "card_error", "message": "declined"}})
    packed = gzip.compress(b'{"id":"re_1","object":"refund"}')
    async with Peer(declined, reply(200, packed, {"Content-Encoding": "gzip"})) as peer:
        async with (
            aiohttp.ClientSession(**setting) as session,
            AsyncWooshPay(KEY, base_url=peer.url, session=session) as client,
        ):
            with pytest.raises(wooshpay.CardError):
                await client.refunds.create(payment_intent="pi_1")
            assert (await client.refunds.retrieve("re_1")).id == "re_1"
        assert len(peer.requests) == 2


@pytest.mark.parametrize("status", [408, 502, 504])
@pytest.mark.parametrize("injected", [False, True])
async def test_a_retry_does_not_use_the_connection_on_which_a_gateway_gave_up(status: int, injected: bool) -> None:
    """The late response of what is behind the gateway would be taken for the response to the retry."""
    gave_up = reply(status, {"error": {"type": "api_error", "message": "gateway"}})
    async with Peer(gave_up, reply(200, {"id": "re_1"})) as peer, aiohttp.ClientSession() as session:
        settings: Any = {"session": session} if injected else {}
        async with AsyncWooshPay(KEY, base_url=peer.url, **settings) as client:
            assert (await client.refunds.create(payment_intent="pi_1")).id == "re_1"
        assert [request.connection for request in peer.requests] == [1, 2]


async def test_a_response_before_100_continue_is_not_believed() -> None:
    """The body was never sent, so the response cannot be about it."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n{"id":"re_1"}')
        await reader.read()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with AsyncWooshPay(KEY, base_url=url, max_retries=0, headers={"Expect": "100-continue"}) as client:
            with pytest.raises(wooshpay.ProtocolError) as caught:
                await client.refunds.create(payment_intent="pi_1")
    assert caught.value.outcome == "unknown"


async def test_100_continue_is_waited_for() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        received.append(await reader.readuntil(b"}"))
        writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n{"id":"re_1"}')
        await reader.read()
        writer.close()

    received: list[bytes] = []
    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with AsyncWooshPay(KEY, base_url=url, max_retries=0, headers={"Expect": "100-continue"}) as client:
            assert (await client.refunds.create(payment_intent="pi_1")).id == "re_1"
    assert received == [b'{"payment_intent":"pi_1"}']


async def test_what_arrives_while_a_trace_of_the_session_waits_is_no_response() -> None:
    """The connection was checked before the trace began to wait; nothing is written until it has ended."""
    opened: list[Connection] = []
    stray = b'HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n{"id":"re_bad"}'

    async def answer(connection: Connection) -> None:
        opened.append(connection)
        await reply(200, {"id": "re_1"})(connection)

    async def wait(*_: object) -> None:
        if len(opened) == 1:
            opened[0].send(stray)
            await asyncio.sleep(0.05)

    trace = aiohttp.TraceConfig()
    trace.on_request_headers_sent.append(wait)
    async with Peer(answer) as peer, aiohttp.ClientSession(trace_configs=[trace]) as session:
        async with AsyncWooshPay(KEY, base_url=peer.url, session=session) as client:
            for _ in range(2):
                assert await client.request("GET", "/v1/refunds/re_1") == {"id": "re_1"}
        assert [request.connection for request in peer.requests] == [1, 2]


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
async def test_a_request_that_a_middleware_of_the_session_starts_beside_ours_changes_nothing(method: Any) -> None:
    """It runs in the context of our request, but is not our request."""

    async def beside(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        if request.url.path == "/beside":
            return await handler(request)
        task = asyncio.create_task(fetch())
        try:
            return await handler(request)
        finally:
            await task

    async def fetch() -> None:
        async with session.post(f"{peer.url}/beside", data=b"{}") as response:
            await response.read()

    async with Peer(reply(200, {"id": "re_1"})) as peer, aiohttp.ClientSession(middlewares=[beside]) as session:
        async with AsyncWooshPay(KEY, base_url=peer.url, session=session, max_retries=0) as client:
            for _ in range(3):
                assert await client.request(method, "/v1/refunds") == {"id": "re_1"}
        assert len(peer.requests) == 6


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_what_the_loop_has_read_in_advance_is_noticed(method: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """On Windows, bytes leave the socket before the connection gets them, so that the socket looks empty."""
    monkeypatch.setattr(connections, "_READS_AHEAD", (asyncio.AbstractEventLoop,))
    stray = b'HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n{"id":"re_bad"}'
    loop = asyncio.get_running_loop()
    async with Peer(reply(200, {"id": "re_1"})) as peer, aiohttp.ClientSession() as session:
        async with AsyncWooshPay(KEY, base_url=peer.url, session=session) as client:
            await client.request(method, "/v1/refunds/re_1")
            connector: Any = session.connector
            [(connection, _)] = next(iter(connector._conns.values()))
            # The first turn of the loop finds that the operation is complete, and calls the connection in that turn.
            loop.call_soon(loop.call_soon, connection.data_received, stray)
            assert await client.request(method, "/v1/refunds/re_1") == {"id": "re_1"}
        assert [request.connection for request in peer.requests] == [1, 2]


async def test_a_call_that_is_abandoned_can_be_closed_from_anywhere() -> None:
    """Garbage collection closes what a loop left behind, in a context of its own: that must not raise."""
    async with Peer() as peer, AsyncWooshPay(KEY, base_url=peer.url) as client:
        await client.refunds.retrieve("re_1")
        call = client.refunds.retrieve("re_1")
        contextvars.copy_context().run(call.send, None)
        call.close()


async def test_a_broken_response_is_reported_in_one_line() -> None:
    """aiohttp's words for it have several lines."""
    broken = reply(200, b"no gzip", {"Content-Encoding": "gzip"})
    async with Peer(broken) as peer, AsyncWooshPay(KEY, base_url=peer.url, max_retries=0) as client:
        with pytest.raises(wooshpay.ProtocolError) as caught:
            await client.refunds.create(payment_intent="pi_1")
    assert "\n" not in caught.value.message
