"""A response belongs to a request only if it arrived after that request, and is about the same thing.

Each kind of server here sends responses that belong to no request: twice, late, in pieces, or before it got one.
Without the checks of the connection, the next request is not sent and the stray response is returned as its result.
"""

from __future__ import annotations

import asyncio
import json
import logging
import socket
from collections.abc import Sequence
from typing import Any

import aiohttp
import aiohttp.connector
import pytest
from aiohttp.client_proto import ResponseHandler
from support.peer import Connection, Peer, reply

import wooshpay
from benchmarks.desync import Way, investigate, plain_ways, tls_ways
from benchmarks.desync_server import KINDS
from wooshpay import AsyncWooshPay
from wooshpay.transport.connections import HttpConnection

KEY = "sk_test_x"
CALLS = 200
WAYS = {way.name: way for way in (*plain_ways(), *tls_ways())}
# What no check of the connection can notice, as the stray response arrives after the request was handed to the system.
_AFTER_THE_REQUEST = {"in the same instant", "before the request's body"}


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> None:  # pyright: ignore[reportUnusedFunction]
    caplog.set_level(logging.CRITICAL, "wooshpay")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", KINDS)
async def test_no_call_returns_what_was_not_its_response(kind: str, way: str) -> None:
    found = await investigate(kind, CALLS, way=WAYS[way])
    assert found.wrong == []
    assert found.counts.total() == CALLS
    assert found.strays > 0 or kind == "garbage, late", "the server did not do what this test is about"
    assert found.counts["right"] > CALLS / 2


@pytest.mark.parametrize(
    ("kind", "way"),
    [
        (kind, way)
        for kind in KINDS
        if kind not in _AFTER_THE_REQUEST
        for way in WAYS
        # A server that speaks first over TLS does so when its handshake has ended, later than the client's.
        if kind != "before any request" or WAYS[way].tls is None
    ],
)
async def test_the_connection_alone_keeps_stray_responses_out(kind: str, way: str) -> None:
    """Most operations return nothing that could be compared with the request, so this line must hold by itself."""
    found = await investigate(kind, 30, way=WAYS[way], declared=False)
    assert found.wrong == []
    assert found.counts["right"] + found.counts["raised unknown"] == 30


async def test_our_own_connector_checks_tls_connections_too(monkeypatch: pytest.MonkeyPatch) -> None:
    [way] = tls_ways()
    assert way.tls is not None
    module: Any = aiohttp.connector
    monkeypatch.setattr(module, "_SSL_CONTEXT_VERIFIED", way.tls[1])
    for kind in ("late", "split in the head"):
        found = await investigate(kind, 100, way=Way("own session, TLS", injected=False, tls=way.tls))
        assert found.wrong == []
        assert found.counts["right"] > 50


@pytest.mark.parametrize("stray", [b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", b"HTT", b"\x00"])
async def test_a_connection_that_receives_data_while_it_is_idle_is_closed_and_replaced(stray: bytes) -> None:
    sent = asyncio.Event()

    async def answer_and_more(connection: Connection) -> None:
        await reply(200, {"id": "re_1", "object": "refund"})(connection)
        await asyncio.sleep(0.01)
        connection.send(stray)
        sent.set()

    async with Peer(answer_and_more) as peer, AsyncWooshPay(KEY, base_url=peer.url) as client:
        await client.refunds.retrieve("re_1")
        await sent.wait()
        await asyncio.sleep(0.01)
        await client.refunds.retrieve("re_1")
        assert [request.connection for request in peer.requests] == [1, 2]


async def test_bytes_that_the_loop_has_not_read_yet_are_noticed_as_well() -> None:
    """The loop was busy, so the stray response is still in the socket when the next request looks for a connection."""

    opened: list[Connection] = []

    async def answer(connection: Connection) -> None:
        opened.append(connection)
        await reply(200, {"id": "re_1", "object": "refund", "amount": 1})(connection)

    async with Peer(answer) as peer, AsyncWooshPay(KEY, base_url=peer.url) as client:
        await client.refunds.retrieve("re_1")
        opened[0].send(b'HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n{"id":"re_bad"}')
        # Nothing runs between the write of the peer, in this same loop, and the next request.
        refund = await client.refunds.retrieve("re_1")
    assert refund.id == "re_1"
    assert [request.connection for request in peer.requests] == [1, 2]


def _small_socket(address: Any) -> socket.socket:
    """Make a socket that takes little at once, so that a JSON body is still unwritten when it is answered."""
    made = socket.socket(address[0], address[1], address[2])
    made.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    return made


@pytest.mark.parametrize("kind", ["an upload", "an upload, injected session", "a JSON body, injected session"])
async def test_a_response_that_is_complete_before_its_request_is_not_accepted(kind: str) -> None:
    """The server cannot know yet what is asked for, so the response belongs to something else."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)  # nothing of the body fits into the sockets
    heads: list[bytes] = []

    async def answer_at_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 31\r\n\r\n{"id":"file_1","object":"file"}')
        try:
            while await reader.read(2048):
                await asyncio.sleep(0.01)
        except ConnectionError:
            pass
        finally:
            writer.close()

    session = None
    if "injected" in kind:
        session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(socket_factory=_small_socket))
    async with await asyncio.start_server(answer_at_once, sock=listener):
        base_url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        async with AsyncWooshPay(KEY, base_url=base_url, max_retries=0, session=session) as client:
            if "JSON" in kind:
                options = wooshpay.RequestOptions(extra_body={"filler": "x" * 900_000})
                call: Any = client.customers.create(options=options)
            else:
                call = client.files.create(file=b"x" * 8_000_000, purpose="dispute_evidence")
            with pytest.raises(wooshpay.ProtocolError, match="before it had got the whole request") as caught:
                await call
        if session is not None:
            await session.close()
    assert caught.value.outcome == "unknown"
    assert caught.value.idempotency_key is not None
    assert len(heads) == 1


async def test_the_users_own_requests_over_an_injected_session_work_as_before() -> None:
    async with Peer(reply(200, {"id": "re_1", "object": "refund"})) as peer, aiohttp.ClientSession() as session:
        async with AsyncWooshPay(KEY, base_url=peer.url, session=session) as client:
            for _ in range(2):
                await client.refunds.create(payment_intent="pi_1")
                async with session.post(f"{peer.url}/mine", json={"a": 1}) as response:
                    assert json.loads(await response.read())["id"] == "re_1"
                async with session.get(f"{peer.url}/mine") as response:
                    assert response.status == 200
        assert {request.connection for request in peer.requests} == {1}, "the connection is shared and kept"


async def test_a_connection_from_before_the_client_is_not_trusted() -> None:
    """Nobody has watched what arrived on it."""
    async with Peer(reply(200, {"id": "re_1", "object": "refund"})) as peer, aiohttp.ClientSession() as session:
        async with session.get(f"{peer.url}/mine") as response:
            await response.read()
        async with AsyncWooshPay(KEY, base_url=peer.url, session=session) as client:
            await client.refunds.retrieve("re_1")
        assert [request.connection for request in peer.requests] == [1, 2]


async def test_a_server_that_speaks_first_gets_no_request() -> None:
    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example ESMTP\r\n")
        try:
            got.append(await reader.read())
        except ConnectionError:
            got.append(b"")
        finally:
            writer.close()
            over.set()

    got: list[bytes] = []
    over = asyncio.Event()
    async with await asyncio.start_server(greet, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with AsyncWooshPay(KEY, base_url=f"http://127.0.0.1:{port}", max_retries=0) as client:
            # The greeting may arrive a moment after the connection: then the request is answered by it, as garbage.
            with pytest.raises(wooshpay.TransportError) as caught:
                await client.refunds.create(payment_intent="pi_1")
            await asyncio.wait_for(over.wait(), 30)
    assert isinstance(caught.value, wooshpay.ProtocolError)
    assert caught.value.outcome == ("not_sent" if got == [b""] else "unknown")


# ---- the second line: the response is about what the request was about -----------------------------------------


class _Scripted:
    """Answers payment intents with bodies from a list, and notes keys and connections."""

    def __init__(self, *bodies: dict[str, Any]) -> None:
        self._bodies = list(bodies)

    async def __call__(self, connection: Connection) -> None:
        body = self._bodies.pop(0) if len(self._bodies) > 1 else self._bodies[0]
        await reply(200, body)(connection)


PAYMENT = {"id": "pi_1", "object": "payment_intent", "amount": 2000, "currency": "USD"}
OTHER = {**PAYMENT, "id": "pi_2", "amount": 700}


async def _create(
    bodies: Sequence[dict[str, Any]], **settings: Any
) -> tuple[wooshpay.WooshPayError | str, list[int], set[str | None]]:
    async with Peer(_Scripted(*bodies)) as peer, AsyncWooshPay(KEY, base_url=peer.url, **settings) as client:
        try:
            result: Any = (await client.payment_intents.create(amount=2000, currency="usd")).id
        except wooshpay.WooshPayError as error:
            result = error
        keys = {request.headers.get("idempotency-key") for request in peer.requests}
        return result, [request.connection for request in peer.requests], keys


@pytest.mark.parametrize("retries", [0, 2])
async def test_a_response_about_something_else_is_asked_for_again_on_a_new_connection(retries: int) -> None:
    """Whatever max_retries says: without it, the result would be another customer's payment."""
    result, connections, keys = await _create([OTHER, PAYMENT], max_retries=retries)
    assert result == "pi_1"
    assert connections == [1, 2]
    assert len(keys) == 1, "the same key, so nothing is charged twice"


async def test_a_response_that_comes_twice_is_believed() -> None:
    """The gateway may have its reasons, and a payment that went through must not become an exception."""
    result, connections, _ = await _create([OTHER, OTHER])
    assert (result, connections) == ("pi_2", [1, 2])


async def test_two_different_strangers_are_a_protocol_error_with_the_key() -> None:
    result, connections, keys = await _create([OTHER, {**OTHER, "id": "pi_3"}])
    assert isinstance(result, wooshpay.ProtocolError)
    assert (result.outcome, {result.idempotency_key}, result.attempts) == ("unknown", keys, 2)
    assert connections == [1, 2]
    assert "its amount is 700, not 2000" in result.message


async def test_an_unkeyed_post_is_not_sent_twice_to_find_out() -> None:
    async with Peer(_Scripted(OTHER, PAYMENT)) as peer, AsyncWooshPay(KEY, base_url=peer.url) as client:
        options = wooshpay.RequestOptions(idempotency_key=None)
        with pytest.raises(wooshpay.ProtocolError) as caught:
            await client.payment_intents.create(amount=2000, currency="USD", options=options)
        assert len(peer.requests) == 1
    assert caught.value.outcome == "unknown"


async def test_an_object_with_another_id_than_the_path_is_asked_for_again() -> None:
    async with Peer(_Scripted(OTHER, PAYMENT)) as peer, AsyncWooshPay(KEY, base_url=peer.url) as client:
        assert (await client.payment_intents.retrieve("pi_1")).amount == 2000
        assert [request.connection for request in peer.requests] == [1, 2]


@pytest.mark.parametrize(
    "body",
    [
        {**PAYMENT, "currency": "usd"},
        {**PAYMENT, "amount": "2000"},
        {"id": "pi_1", "object": "payment_intent"},
        {**PAYMENT, "amount": None, "currency": None},
        {**PAYMENT, "amount": {"value": 7}},
    ],
)
async def test_another_form_of_the_same_value_is_no_reason_to_ask_again(body: dict[str, Any]) -> None:
    result, connections, _ = await _create([body])
    assert (result, connections) == ("pi_1", [1])


def test_the_parts_of_aiohttp_that_the_checks_rely_on_are_there() -> None:
    """Fails with a new version of aiohttp that moves them, before anything else is noticed."""
    connector = aiohttp.BaseConnector
    assert callable(getattr(connector, "_release", None))
    assert issubclass(HttpConnection, ResponseHandler)
