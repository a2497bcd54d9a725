"""No call outlives its deadline, wherever its server stalls, and none is sent when it could not be finished."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any, Literal, TypeAlias

import attrs
import pytest
from support.pace import StillClock, slowdown
from support.peer import Peer, Step, ThreadedPeer, drip, hold, reply, stall

import wooshpay
from wooshpay import AsyncWooshPay, Effects, RequestOptions, RetryPolicy, WooshPay, WooshPayError
from wooshpay.errors import Outcome

World: TypeAlias = Literal["async", "sync"]

KEY = "sk_test_x"
REFUND = {"id": "re_1", "object": "refund", "amount": 5, "created": 1, "currency": "USD", "status": "succeeded"}
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n"

# Seconds. What a call may be late by; what it may last; how many are made at the same time.
LATE = 0.25
TIMEOUT = 0.7
CALLS = 64


@attrs.frozen
class Ending:
    """How one call ended: how long after its beginning, and with what."""

    seconds: float
    error: WooshPayError


def together(world: World, count: int, **settings: Any) -> list[Ending]:
    """Make calls that fail, all at the same time on one client."""
    if world == "async":
        return asyncio.run(_awaited(count, settings))
    with WooshPay(KEY, **settings) as client, ThreadPoolExecutor(count) as threads:
        ready = threading.Barrier(count)

        def call(_: int) -> Ending:
            ready.wait()
            return _ending_of(client)

        return list(threads.map(call, range(count)))


def _ending_of(client: WooshPay) -> Ending:
    started = time.monotonic()
    with pytest.raises(WooshPayError) as caught:
        client.refunds.create(payment_intent="pi_1")
    return Ending(time.monotonic() - started, caught.value)


async def _awaited(count: int, settings: Any) -> list[Ending]:
    async with AsyncWooshPay(KEY, **settings) as client:
        return await asyncio.gather(*(_ending(client) for _ in range(count)))


async def _ending(client: AsyncWooshPay) -> Ending:
    started = time.monotonic()
    with pytest.raises(WooshPayError) as caught:
        await client.refunds.create(payment_intent="pi_1")
    return Ending(time.monotonic() - started, caught.value)


def of(outcome: Outcome, endings: Sequence[Ending]) -> list[Ending]:
    return [ending for ending in endings if ending.error.outcome == outcome]


def in_time(attempt: Callable[[float], Sequence[Ending]]) -> Sequence[Ending]:
    """Make calls until all of them end in time, thrice at most.

    A machine that is busy with other things may wake a sleeper late once. A deadline that does not hold is late always.

    Args:
        attempt: Makes the calls. It gets the factor by which all its times are to be longer, as the machine is busy.

    Returns:
        How the calls ended; their times are divided by the factor.
    """
    late: list[float] = []
    for _ in range(3):
        factor = slowdown()
        endings = [attrs.evolve(ending, seconds=ending.seconds / factor) for ending in attempt(factor)]
        late.append(max(ending.seconds for ending in endings) - TIMEOUT)
        if late[-1] <= LATE:
            return endings
    pytest.fail(f"calls outlived their deadline by {min(late):.3f} s at best, not by {LATE} s at most: {late}")


@pytest.fixture
def silent() -> Iterator[str]:
    """A host that takes connections and never looks at them."""
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as listener:
        yield f"127.0.0.1:{listener.getsockname()[1]}"


@pytest.fixture
def deaf() -> Iterator[str]:
    """A host that does not even take connections: its backlog is full."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(3):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        yield f"127.0.0.1:{listener.getsockname()[1]}"


@pytest.mark.parametrize("world", ["async", "sync"])
@pytest.mark.parametrize(
    "step",
    [
        stall(),
        stall(HEAD[:20]),
        stall(HEAD),
        stall(HEAD + b'{"id": "re_1", "obj'),
        drip(0.05),
    ],
    ids=["the request", "half a head", "the head", "half a body", "a byte now and then"],
)
def test_no_call_outlives_its_deadline_when_the_server_stalls_after(step: Step, world: World) -> None:
    with ThreadedPeer(step) as peer:
        endings = in_time(lambda factor: together(world, CALLS, base_url=peer.url, timeout=factor * TIMEOUT))
    assert {type(ending.error) for ending in endings} == {wooshpay.TimeoutError}
    in_doubt = of("unknown", endings)
    assert len(in_doubt) > CALLS / 2, "only on a busy machine some come too late to be sent at all"
    assert len(in_doubt) + len(of("not_sent", endings)) == CALLS
    assert min(ending.seconds for ending in in_doubt) > 0.9 * TIMEOUT, "nor is one given up before"


@pytest.mark.parametrize("world", ["async", "sync"])
@pytest.mark.parametrize(
    ("host", "scheme", "outcome"),
    [("silent", "http", "unknown"), ("silent", "https", "not_sent"), ("deaf", "http", "not_sent")],
    ids=["accepting", "the TLS handshake", "connecting"],
)
def test_no_call_outlives_its_deadline_when_the_server_stalls_at(
    host: str, scheme: str, outcome: Outcome, world: World, request: pytest.FixtureRequest
) -> None:
    url = f"{scheme}://{request.getfixturevalue(host)}"
    endings = in_time(lambda factor: together(world, CALLS, base_url=url, timeout=factor * TIMEOUT, max_retries=0))
    assert {type(ending.error) for ending in endings} == {wooshpay.TimeoutError}
    if outcome == "not_sent":
        assert len(of("not_sent", endings)) == CALLS
    else:
        assert len(of("unknown", endings)) > CALLS / 2


def test_no_upload_outlives_its_deadline_when_the_server_stops_reading(silent: str) -> None:
    def upload(factor: float) -> Sequence[Ending]:
        with WooshPay(KEY, base_url=f"http://{silent}", timeout=factor * TIMEOUT) as client:
            started = time.monotonic()
            with pytest.raises(wooshpay.TimeoutError) as caught:
                client.files.create(file=b"0" * 30_000_000, purpose="dispute_evidence")
            return [Ending(time.monotonic() - started, caught.value)]

    [ending] = in_time(upload)
    assert ending.error.outcome == "unknown"


@pytest.mark.parametrize("world", ["async", "sync"])
def test_waiting_for_a_connection_counts(world: World) -> None:
    with ThreadedPeer(stall()) as peer:
        endings = in_time(lambda factor: together_while_busy(world, peer, factor))
    assert {(type(ending.error), ending.error.outcome) for ending in endings} == {(wooshpay.TimeoutError, "not_sent")}
    assert {request.json()["payment_intent"] for request in peer.requests} == {"pi_busy"}, "nor was anything sent"


def together_while_busy(world: World, peer: ThreadedPeer, factor: float) -> list[Ending]:
    """Make calls while all eight connections of their client are held by others, which have more time."""
    settings: Any = {"base_url": peer.url, "max_connections": 8, "timeout": factor * TIMEOUT, "max_retries": 0}
    options = RequestOptions(timeout=factor * 2.5 * TIMEOUT)
    sent = len(peer.requests)
    if world == "async":

        async def main() -> list[Ending]:
            async with AsyncWooshPay(KEY, **settings) as client:
                holders = [client.refunds.create(payment_intent="pi_busy", options=options) for _ in range(8)]
                holding = asyncio.gather(*holders, return_exceptions=True)
                while len(peer.requests) < sent + 8:
                    await asyncio.sleep(0.01)
                endings = await asyncio.gather(*(_ending(client) for _ in range(CALLS)))
                await holding
            return endings

        return asyncio.run(main())
    with WooshPay(KEY, **settings) as client, ThreadPoolExecutor(CALLS + 8) as threads:
        for _ in range(8):
            threads.submit(client.refunds.create, payment_intent="pi_busy", options=options)
        while len(peer.requests) < sent + 8:
            time.sleep(0.01)
        return list(threads.map(_ending_of, [client] * CALLS))


@pytest.mark.parametrize("world", ["async", "sync"])
@pytest.mark.parametrize(
    "step", [stall(), reply(503), reply(429, {}, {"Retry-After": "0.1"})], ids=["silence", "503", "429"]
)
def test_all_attempts_and_the_waiting_between_them_share_one_deadline(step: Step, world: World) -> None:
    with ThreadedPeer(step) as peer:

        def attempt(factor: float) -> Sequence[Ending]:
            times = {"timeout": factor * TIMEOUT, "attempt_timeout": factor * 0.3}
            policy = RetryPolicy(base=factor * 0.1, factor=1.0)
            return together(world, 16, base_url=peer.url, retry_policy=policy, max_retries=1000, **times)

        endings = in_time(attempt)
    assert all("deadline" in ending.error.message for ending in endings)
    assert max(ending.error.attempts for ending in endings) > 1


@pytest.mark.parametrize("world", ["async", "sync"])
def test_no_attempt_starts_that_cannot_finish(world: World) -> None:
    """Two attempts of 0.3 s fit into 0.7 s. What a third would leave behind is doubt, not an answer."""
    with ThreadedPeer(stall()) as peer:

        def attempt(factor: float) -> Sequence[Ending]:
            times = {"timeout": factor * TIMEOUT, "attempt_timeout": factor * 0.3}
            policy = RetryPolicy(base=0.0)
            return together(world, 16, base_url=peer.url, retry_policy=policy, max_retries=9, **times)

        endings = in_time(attempt)
        assert max(peer.keys.count(key) for key in peer.keys) <= 2
    assert max(ending.error.attempts for ending in endings) <= 2


async def test_a_connection_that_comes_free_too_late_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sent in the last instant, a charge could only end in doubt. Not sent, it is no charge, and the error says so."""
    clock, answer = StillClock(), asyncio.Event()
    monkeypatch.setattr(asyncio.get_running_loop(), "time", clock)
    async with Peer(hold(answer, reply(200, REFUND)), reply(200, REFUND)) as peer:
        effects = Effects(monotonic=clock)
        async with AsyncWooshPay(KEY, base_url=peer.url, max_connections=1, effects=effects) as client:
            first = asyncio.create_task(client.refunds.create(payment_intent="pi_1"))
            while not peer.requests:
                await asyncio.sleep(0)
            second = asyncio.create_task(client.with_options(timeout=1.5).refunds.create(payment_intent="pi_2"))
            await asyncio.sleep(0)
            clock.seconds += 1.4
            answer.set()
            with pytest.raises(wooshpay.TimeoutError, match="max_connections") as caught:
                await second
            assert caught.value.outcome == "not_sent"
            await first
        assert [request.json()["payment_intent"] for request in peer.requests] == ["pi_1"]


@pytest.mark.parametrize("world", ["async", "sync"])
@pytest.mark.parametrize(
    "headers",
    [{"Retry-After": "120"}, {"Retry-After": "Fri, 31 Dec 2100 23:59:59 GMT"}, {"Retry-After-Ms": "120000"}],
    ids=["seconds", "date", "milliseconds"],
)
def test_a_retry_after_beyond_the_deadline_raises_at_once_and_says_so(headers: dict[str, str], world: World) -> None:
    with ThreadedPeer(reply(429, {}, headers)) as peer:
        [ending] = together(world, 1, base_url=peer.url, timeout=60.0)
        assert len(peer.requests) == 1
    assert ending.seconds < 10, "it waited for a deadline that could not help"
    assert isinstance(ending.error, wooshpay.RateLimitError)
    assert (ending.error.outcome, ending.error.attempts) == ("rejected", 1)
    assert ending.error.retry_after is not None
    assert ending.error.retry_after >= 119
    assert "WooshPay asks to wait" in ending.error.message
    assert "timeout=" in ending.error.message
