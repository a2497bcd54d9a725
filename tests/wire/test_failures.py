"""Every way in which a call can fail over real sockets gives a typed error that says what to do."""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
import traceback
from collections.abc import Iterator
from typing import Any

import pytest
import trustme
from support.pace import slowdown
from support.peer import Peer, Step, after, close, cut, drip, garbage, reply, reset, stall

import wooshpay
from wooshpay import AsyncWooshPay, RetryPolicy

KEY = "sk_test_secretsecretsecret"
NO_WAIT = RetryPolicy(base=0.0)
REFUND = {"id": "re_1", "object": "refund", "amount": 5, "created": 1, "currency": "USD", "status": "succeeded"}


def client_of(peer: Peer | str, **settings: object) -> AsyncWooshPay:
    url = peer if isinstance(peer, str) else peer.url
    return AsyncWooshPay(KEY, base_url=url, **{"retry_policy": NO_WAIT, "timeout": 20.0, **settings})  # type: ignore[arg-type]  # settings vary by test


@pytest.mark.parametrize(
    ("step", "error", "outcome", "words"),
    [
        (close(), wooshpay.ProtocolError, "unknown", "broke"),
        (reset(), wooshpay.ProtocolError, "unknown", "broke"),
        (cut(), wooshpay.ProtocolError, "unknown", "broke"),
        (garbage(), wooshpay.ProtocolError, "unknown", "broke"),
        (reply(200, b"<html>hello"), wooshpay.DecodeError, "unknown", "not JSON"),
        (reply(200, b""), wooshpay.DecodeError, "unknown", "empty body"),
        (reply(502, b"<html><title>Bad Gateway</title>"), wooshpay.ServerError, "unknown", "HTML page"),
        (reply(500, {"error": "boom"}), wooshpay.ServerError, "unknown", "boom"),
        (reply(302, b"", {"Location": "https://evil.example/"}), wooshpay.APIError, "unknown", "redirect"),
        (reply(0, REFUND), wooshpay.ProtocolError, "unknown", "status 000"),
        (reply(99, REFUND), wooshpay.ProtocolError, "unknown", ""),
        (reply(101, REFUND), wooshpay.ProtocolError, "unknown", ""),
        (reply(999, REFUND), wooshpay.ProtocolError, "unknown", "status 999"),
        (reply(200, {"error": {"message": "no amount"}}), wooshpay.APIError, "unknown", "no amount"),
        (reply(400, {"error": {"message": "no amount"}}), wooshpay.InvalidRequestError, "rejected", "no amount"),
        (reply(401, {"message": "who?"}), wooshpay.AuthenticationError, "rejected", "API key"),
        (reply(404, b"nothing here"), wooshpay.NotFoundError, "rejected", "nothing here"),
        (reply(429, {"error": {"message": "slow down"}}), wooshpay.RateLimitError, "rejected", "slow down"),
    ],
)
async def test_a_failed_post_says_what_happened(
    step: Step, error: type[wooshpay.WooshPayError], outcome: str, words: str
) -> None:
    async with Peer(step) as peer, client_of(peer, max_retries=1) as client:
        with pytest.raises(error) as caught:
            await client.refunds.create(payment_intent="pi_1")
    problem = caught.value
    assert problem.outcome == outcome
    assert words in problem.message
    assert problem.operation == "refunds.create"
    assert problem.idempotency_key == peer.keys[0]
    assert KEY not in str(problem) + repr(problem)
    assert len(set(peer.keys)) == 1


async def test_a_redirect_is_not_followed() -> None:
    """Following one would carry the key to a place that the user never named."""
    async with Peer(reply(200, REFUND)) as elsewhere:
        async with Peer(reply(307, b"", {"Location": elsewhere.url})) as peer, client_of(peer) as client:
            with pytest.raises(wooshpay.APIError):
                await client.refunds.retrieve("re_1")
        assert elsewhere.requests == []


async def test_a_dead_host_was_never_reached() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        async with client_of(url, max_retries=1) as client:
            with pytest.raises(wooshpay.ConnectError) as caught:
                await client.refunds.create(payment_intent="pi_1")
    assert caught.value.outcome == "not_sent"
    assert caught.value.attempts == 2
    assert "base_url" in caught.value.message


async def test_a_host_that_has_no_name_was_never_reached() -> None:
    async with client_of("https://no-such-host.invalid", max_retries=0) as client:
        with pytest.raises(wooshpay.ConnectError) as caught:
            await client.refunds.create(payment_intent="pi_1")
    assert caught.value.outcome == "not_sent"
    assert "no-such-host.invalid" in caught.value.message


@pytest.fixture
def deaf() -> Iterator[str]:
    """A host whose connections are never accepted: the backlog is full."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        waiting: list[socket.socket] = []
        for _ in range(3):
            client = socket.socket()
            client.setblocking(False)
            client.connect_ex(address)
            waiting.append(client)
        yield f"http://127.0.0.1:{address[1]}"
        for client in waiting:
            client.close()


async def test_connecting_has_its_own_limit_and_is_known_not_to_have_sent_anything(deaf: str) -> None:
    async with client_of(deaf, max_retries=0, connect_timeout=0.2) as client:
        started = time.monotonic()
        with pytest.raises(wooshpay.TimeoutError) as caught:
            await client.refunds.create(payment_intent="pi_1")
    assert time.monotonic() - started < 2 * slowdown()
    assert caught.value.outcome == "not_sent"
    assert "connect_timeout" in caught.value.message


async def test_even_the_deadline_knows_that_a_connection_was_never_made(deaf: str) -> None:
    """The limit on the whole call must not turn a call that never left into an unknown one."""
    async with client_of(deaf, max_retries=0, connect_timeout=5.0, timeout=0.3) as client:
        with pytest.raises(wooshpay.TimeoutError) as caught:
            await client.refunds.create(payment_intent="pi_1")
    assert caught.value.outcome == "not_sent"


@pytest.mark.parametrize("step", [stall(), drip(0.02)], ids=["silence", "an answer without end"])
async def test_a_stalled_answer_ends_at_the_limit_of_the_attempt(step: Step) -> None:
    async with Peer(step) as peer, client_of(peer, max_retries=0, attempt_timeout=0.3) as client:
        started = time.monotonic()
        with pytest.raises(wooshpay.TimeoutError) as caught:
            await client.refunds.create(payment_intent="pi_1")
        taken = time.monotonic() - started
    assert caught.value.outcome == "unknown"
    assert 0.25 < taken < 2 * slowdown()


async def test_limits_above_five_seconds_are_not_rounded_up() -> None:
    """aiohttp rounds such limits to whole seconds, which would break every deadline by up to a second."""
    from wooshpay.transport.http import _timeout  # pyright: ignore[reportPrivateUsage]

    assert _timeout(5.0).ceil_threshold == float("inf")


def tls_context(authority: trustme.CA, name: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate: Any = authority.issue_cert(name)
    certificate.configure_cert(context)
    return context


async def test_a_bad_certificate_is_refused_and_not_retried() -> None:
    async with Peer(reply(200, REFUND), tls=tls_context(trustme.CA(), "127.0.0.1")) as peer:
        async with client_of(peer, max_retries=2) as client:
            with pytest.raises(wooshpay.ConnectError) as caught:
                await client.refunds.create(payment_intent="pi_1")
        assert peer.requests == []
    assert caught.value.outcome == "not_sent"
    assert caught.value.attempts == 1
    assert "certificate" in caught.value.message


async def test_a_plain_server_behind_https_is_named_as_such() -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with client_of(f"https://127.0.0.1:{port}") as client:
            with pytest.raises(wooshpay.ConnectError) as caught:
                await client.refunds.create(payment_intent="pi_1")
    assert caught.value.outcome == "not_sent"
    assert caught.value.attempts == 1
    assert "https host" in caught.value.message


async def test_a_slow_answer_within_the_limit_is_fine() -> None:
    async with Peer(after(0.2, reply(200, REFUND))) as peer, client_of(peer, attempt_timeout=5.0) as client:
        assert (await client.refunds.retrieve("re_1")).id == "re_1"


async def test_a_failed_get_never_claims_that_money_may_have_moved() -> None:
    async with Peer(close()) as peer, client_of(peer, max_retries=0) as client:
        with pytest.raises(wooshpay.ProtocolError) as caught:
            await client.refunds.retrieve("re_1")
    assert caught.value.outcome == "rejected"


async def test_a_204_is_a_success_without_content() -> None:
    async with Peer(reply(204, b"")) as peer, client_of(peer) as client:
        assert (await client.request("DELETE", "/v1/beneficiaries/bf_1")) == {}


async def test_secrets_in_a_url_stay_out_of_errors_and_their_causes() -> None:
    # Put together here, as a traceback shows the source lines of this test too.
    secret = "".join(["abcdef", "123456"])
    async with Peer(stall()) as peer, client_of(peer, max_retries=0, attempt_timeout=0.2) as client:
        with pytest.raises(wooshpay.TimeoutError) as caught:
            await client.request("GET", "/v1/payment_intents/pi_1", query={"client_secret": f"pi_1_secret_{secret}"})
    assert secret not in "".join(traceback.format_exception(caught.value))
