"""Proxies: which one is used, what it may be, and what an error says when it does not work."""

from __future__ import annotations

import asyncio
import base64
import socket
import ssl
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import attrs
import pytest
import trustme
from support.leaks import shown_by
from support.peer import Peer, reply

import wooshpay
from wooshpay import AsyncWooshPay, RetryPolicy
from wooshpay.transport.proxies import proxy_from_environment

KEY = "sk_test_x"
HOST = "https://gateway.example"
# Put together here, as tracebacks show the source lines of this test too.
PASSWORD = "".join(["hunter", "2"])

Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], None]


@attrs.define
class ProxyPeer:
    """A proxy that answers every CONNECT with the same bytes, and what it was asked."""

    url: str
    heads: list[bytes] = attrs.field(factory=list[bytes])

    def with_password(self) -> str:
        return self.url.replace("http://", f"http://me:{PASSWORD}@")


@asynccontextmanager
async def proxy_that_answers(answer: bytes) -> AsyncGenerator[ProxyPeer]:
    peer = ProxyPeer("")

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            peer.heads.append(await reader.readuntil(b"\r\n\r\n"))
        except asyncio.IncompleteReadError as short:
            peer.heads.append(short.partial)
        writer.write(answer)
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        peer.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield peer


def client_of(**settings: object) -> AsyncWooshPay:
    defaults = {"base_url": HOST, "retry_policy": RetryPolicy(base=0.0), "max_retries": 1}
    return AsyncWooshPay(KEY, **{**defaults, **settings})  # type: ignore[arg-type]  # settings vary by test


async def error_of(**settings: object) -> wooshpay.WooshPayError:
    async with client_of(**settings) as client:
        with pytest.raises(wooshpay.WooshPayError) as caught:
            await client.refunds.create(payment_intent="pi_1")
    assert getattr(caught.value, "__notes__", []) == []
    return caught.value


# ---- which one ----


@pytest.mark.parametrize(
    ("environ", "used"),
    [
        ({}, None),
        ({"HTTPS_PROXY": "http://one:1"}, "http://one:1"),
        ({"https_proxy": "http://one:1"}, "http://one:1"),
        ({"https_proxy": "http://one:1", "HTTPS_PROXY": "http://two:2"}, "http://one:1"),
        ({"HTTPS_PROXY": "one:1"}, "http://one:1"),
        ({"HTTP_PROXY": "http://one:1"}, None),
        ({"ALL_PROXY": "http://one:1"}, "http://one:1"),
        ({"all_proxy": "http://one:1"}, "http://one:1"),
        ({"ALL_PROXY": "socks5://one:1", "HTTPS_PROXY": "http://two:2"}, "http://two:2"),
        ({"HTTPS_PROXY": ""}, None),
        ({"HTTPS_PROXY": "http://one:1", "NO_PROXY": "gateway.example"}, None),
        ({"HTTPS_PROXY": "http://one:1", "no_proxy": "other.example, .example"}, None),
        ({"HTTPS_PROXY": "http://one:1", "NO_PROXY": "gateway.example:443"}, None),
        ({"HTTPS_PROXY": "http://one:1", "NO_PROXY": "gateway.example:8443"}, "http://one:1"),
        ({"HTTPS_PROXY": "http://one:1", "NO_PROXY": "*"}, None),
        ({"ALL_PROXY": "socks5://one:1", "NO_PROXY": "gateway.example"}, None),
    ],
)
def test_the_environment_chooses_the_proxy(
    environ: dict[str, str], used: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The variables mean what they mean to curl and requests, so that a machine needs no settings for the SDK alone."""
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    assert proxy_from_environment(HOST) == used


@pytest.mark.parametrize("origin", ["http://127.0.0.1:8000", "http://localhost", "https://[::1]:1"])
def test_this_machine_is_never_reached_through_a_proxy(origin: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "socks5://one:1")
    assert proxy_from_environment(origin) is None


@pytest.mark.parametrize(
    "origin", ["http://sandbox:4242", "http://10.0.0.7", "http://[fd00::1]:1", "http://a.internal"]
)
def test_plain_http_to_a_private_network_never_goes_through_a_proxy(
    origin: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The company's proxy would read the key, and it cannot resolve the name of a container anyway."""
    for name in ("HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://proxy.example:3128")
    assert proxy_from_environment(origin) is None
    https = origin.replace("http:", "https:")
    assert proxy_from_environment(https) == "http://proxy.example:3128", "encrypted, the proxy sees no key"


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"])
@pytest.mark.parametrize(
    "proxy", ["garbage", "socks5://me:hunter2@one:1", "http://me:hunter2@one:99999", "http://a..b:1"]
)
async def test_a_variable_that_cannot_work_is_named(name: str, proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise the error blames the base URL, or says that money may have moved, and nobody looks at the variable."""
    monkeypatch.setenv(name, proxy)
    error = await error_of()
    assert isinstance(error, wooshpay.ConfigurationError)
    assert f"in {name} " in error.message
    assert "base_url" not in error.message
    assert (error.outcome, error.attempts) == ("not_sent", 1)
    assert not any("hunter2" in str(text) for text in shown_by(error))


async def test_the_setting_of_the_client_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "socks5://one:1")
    async with proxy_that_answers(b"HTTP/1.1 403 Forbidden\r\n\r\n") as peer:
        await error_of(proxy=peer.url)
    assert len(peer.heads) == 1


async def test_a_proxy_without_a_scheme_is_spoken_to_in_http(monkeypatch: pytest.MonkeyPatch) -> None:
    async with proxy_that_answers(b"HTTP/1.1 403 Forbidden\r\n\r\n") as peer:
        monkeypatch.setenv("HTTPS_PROXY", peer.with_password().removeprefix("http://"))
        await error_of()
    assert peer.heads[0].startswith(b"CONNECT gateway.example:443 HTTP/1.1\r\n")
    assert base64.b64encode(f"me:{PASSWORD}".encode()) in peer.heads[0]


# ---- what happens when it does not work ----


@pytest.mark.parametrize("status", [502, 503, 504])
async def test_a_proxy_that_cannot_reach_the_host_now_is_asked_again(status: int) -> None:
    """These pass, as they do when the host itself answers with them, and nothing was sent."""
    async with proxy_that_answers(f"HTTP/1.1 {status} Whatever\r\n\r\n".encode()) as peer:
        error = await error_of(proxy=peer.url, max_retries=2)
    assert isinstance(error, wooshpay.ConnectError)
    assert (error.outcome, error.attempts, len(peer.heads)) == ("not_sent", 3, 3)
    assert str(status) in error.message


@pytest.mark.parametrize("status", [400, 401, 403, 404, 407, 429, 500, 501, 505])
async def test_a_proxy_that_refuses_is_not_asked_again(status: int) -> None:
    async with proxy_that_answers(f"HTTP/1.1 {status} Whatever\r\n\r\n".encode()) as peer:
        error = await error_of(proxy=peer.url, max_retries=2)
    assert isinstance(error, wooshpay.ConnectError)
    assert (error.outcome, error.attempts, len(peer.heads)) == ("not_sent", 1, 1)
    assert str(status) in error.message


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\x00\x01 no http at all\r\n\r\n",
        b"HTTP/1.1 200 Connection established\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\nGarbage",
    ],
    ids=["closes", "speaks no HTTP", "closes the tunnel", "answers for the host, but not in TLS"],
)
async def test_whatever_a_proxy_does_before_there_is_a_tunnel_nothing_was_sent(answer: bytes) -> None:
    """The CONNECT is a request too, but not the payment: an error must not say that it may have been carried out."""
    async with proxy_that_answers(answer) as peer:
        error = await error_of(proxy=peer.url)
    assert isinstance(error, wooshpay.ConnectError)
    assert error.outcome == "not_sent"
    assert all(b"payment_intent" not in head for head in peer.heads)


async def test_a_proxy_that_is_not_there_is_blamed_itself() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        error = await error_of(proxy=f"http://127.0.0.1:{unused.getsockname()[1]}")
    assert isinstance(error, wooshpay.ConnectError)
    assert error.outcome == "not_sent"
    assert "proxy" in error.message
    assert "base_url" not in error.message


async def test_a_proxy_without_a_name_is_blamed_itself() -> None:
    error = await error_of(proxy="http://no-such-proxy.invalid:3128")
    assert isinstance(error, wooshpay.ConnectError)
    assert error.outcome == "not_sent"
    assert "no-such-proxy.invalid" in error.message
    assert "base_url" not in error.message


@pytest.mark.parametrize(
    "answer",
    [
        None,
        b"",
        b"garbage\r\n\r\n",
        b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n",
        b"HTTP/1.1 502 Bad Gateway\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\nGarbage",
    ],
    ids=["unreachable", "closed", "no HTTP", "407", "502", "tunnel closed", "no TLS"],
)
async def test_the_password_of_a_proxy_is_nowhere_in_an_error(answer: bytes | None) -> None:
    """aiohttp keeps it in the key of the connection, which stands in the repr of most of its errors."""
    if answer is None:
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            error = await error_of(proxy=f"http://me:{PASSWORD}@127.0.0.1:{unused.getsockname()[1]}")
    else:
        async with proxy_that_answers(answer) as peer:
            error = await error_of(proxy=peer.with_password())
    encoded = base64.b64encode(f"me:{PASSWORD}".encode()).decode()
    shown = [text.decode("latin-1") if isinstance(text, bytes) else text for text in shown_by(error)]
    assert len(shown) > 5
    assert not [text for text in shown if PASSWORD in text or encoded in text]


# ---- proxies that speak TLS themselves ----


def server_context(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate: Any = authority.issue_cert("127.0.0.1", "localhost")
    certificate.configure_cert(context)
    return context


async def test_a_plain_proxy_behind_https_is_blamed_itself() -> None:
    """People write ``https://`` since it is for https; the proxy itself mostly speaks plain HTTP."""

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as server:
        error = await error_of(proxy=f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    assert isinstance(error, wooshpay.ConnectError)
    assert error.outcome == "not_sent"
    assert "proxy" in error.message
    assert "http://" in error.message
    assert "base_url" not in error.message


async def test_a_proxy_whose_certificate_is_not_trusted_is_blamed_itself() -> None:
    async def never(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with await asyncio.start_server(never, "127.0.0.1", 0, ssl=server_context(trustme.CA())) as server:
        error = await error_of(proxy=f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    assert isinstance(error, wooshpay.ConnectError)
    assert (error.outcome, error.attempts) == ("not_sent", 1)
    assert "certificate of the proxy 127.0.0.1" in error.message
    assert "base_url" not in error.message


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_calls_go_through_a_proxy_that_works(scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """TLS to the host runs inside the tunnel, and for https inside the TLS to the proxy."""
    authority: Any = trustme.CA()
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    monkeypatch.setattr(aiohttp.connector, "_SSL_CONTEXT_VERIFIED", trusting)
    heads: list[bytes] = []

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                writer.write(data)
        except ConnectionError:
            pass
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        port = int(host.url.rpartition(":")[2])
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await asyncio.gather(pump(reader, inner_writer), pump(inner_reader, writer))

    refund = {"id": "re_1", "object": "refund"}
    async with Peer(reply(200, refund), tls=server_context(authority)) as host:
        tls = server_context(authority) if scheme == "https" else None
        async with await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls) as server:
            proxy = f"{scheme}://me:{PASSWORD}@127.0.0.1:{server.sockets[0].getsockname()[1]}"
            async with client_of(base_url=host.url, proxy=proxy, max_retries=0) as client:
                for _ in range(2):
                    assert (await client.refunds.create(payment_intent="pi_1")).id == "re_1"
    assert len(heads) == 1, "the tunnel is kept and used again"
    assert b"Proxy-Authorization: Basic " in heads[0]
    assert all("proxy-authorization" not in request.headers for request in host.requests)
