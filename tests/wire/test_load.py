"""Many calls: served in their order over few connections, without a pile of tasks, and nothing stays of those done.

What an hour of them takes in memory and time is measured by ``python -m benchmarks soak``; here it is counted.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import random
import threading
import tracemalloc
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from types import CoroutineType, FrameType, TracebackType

import pytest
from support.peer import Connection, Peer, Step, ThreadedPeer, close, reply, stall

import wooshpay
from wooshpay import AsyncWooshPay, RequestOptions, RetryPolicy, WooshPay

KEY = "sk_test_x"


class Till:
    """Answers each request with its own name after a short while, and knows how many it had at a time."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.served: list[str] = []
        self.now = 0
        self.most = 0
        self._seconds = seconds

    async def __call__(self, connection: Connection) -> None:
        received = connection.received.pop()
        name = received.headers.get("idempotency-key") or received.target.rpartition("/")[2]
        self.served.append(name)
        self.now += 1
        self.most = max(self.most, self.now)
        await asyncio.sleep(self._seconds)
        self.now -= 1
        await reply(200, {"id": name, "object": "refund"})(connection)


async def test_calls_that_wait_for_a_connection_get_it_in_their_order(no_task_left: object) -> None:
    """First come, first served: else one caller could wait forever while others pass."""
    till = Till()
    names = [f"re_{number}" for number in range(300)]
    async with Peer(till) as peer, AsyncWooshPay(KEY, base_url=peer.url, max_connections=1) as client:
        calls = [asyncio.create_task(client.refunds.retrieve(name)) for name in names]
        assert [(await call).id for call in calls] == names
    assert till.served == names


async def test_a_call_that_comes_later_never_overtakes_those_that_wait(no_task_left: object) -> None:
    """Also when a connection comes free in the very moment at which it comes."""
    till = Till()
    chance = random.Random(6)
    async with Peer(till) as peer, AsyncWooshPay(KEY, base_url=peer.url, max_connections=1) as client:
        calls: list[asyncio.Task[wooshpay.types.Refund]] = []
        for number in range(300):
            calls.append(asyncio.create_task(client.refunds.retrieve(f"re_{number}")))
            if sum(not call.done() for call in calls) > 3:
                await asyncio.wait([call for call in calls if not call.done()], return_when=asyncio.FIRST_COMPLETED)
            for _ in range(chance.randrange(3)):
                await asyncio.sleep(0)
        await asyncio.gather(*calls)
    assert till.served == [f"re_{number}" for number in range(300)]


async def test_a_burst_waits_in_line_instead_of_becoming_connections_or_tasks(no_task_left: object) -> None:
    till = Till(0.001)
    names = [f"key-{number}" for number in range(2000)]
    done: list[str] = []
    tasks: list[int] = []
    async with Peer(till) as peer, AsyncWooshPay(KEY, base_url=peer.url, max_connections=16) as client:

        async def create(name: str) -> str:
            refund = await client.refunds.create(payment_intent="pi_1", options=RequestOptions(idempotency_key=name))
            done.append(name)
            if len(done) % 50 == 0:
                # Besides the calls that wait: a task of aiohttp for each request under way, and those of the peer.
                tasks.append(len(asyncio.all_tasks()) - (len(names) - len(done)))
            return refund.id

        assert await asyncio.gather(*map(create, names)) == names
        assert peer.connections == 16
    assert (till.most, sorted(till.served)) == (16, sorted(names))
    assert max(tasks) <= 2 * 16 + 5


@pytest.mark.parametrize("max_connections", [64, 8])
def test_sixty_four_threads_share_one_client_and_each_gets_its_own_answers(max_connections: int) -> None:
    till = Till(0.001)
    with ThreadedPeer(till) as peer:
        with WooshPay(KEY, base_url=peer.url, max_connections=max_connections) as client:
            barrier = threading.Barrier(64)

            def work(thread: int) -> list[str]:
                barrier.wait(30)
                return [
                    client.refunds.create(
                        payment_intent="pi_1", options=RequestOptions(idempotency_key=f"key-{thread}-{turn}")
                    ).id
                    for turn in range(20)
                ]

            with ThreadPoolExecutor(64) as pool:
                answers = list(pool.map(work, range(64)))
            assert peer.connections <= max_connections
            assert sum(thread.name == "wooshpay-loop" for thread in threading.enumerate()) == 1
    assert answers == [[f"key-{thread}-{turn}" for turn in range(20)] for thread in range(64)]
    assert len(till.served) == len(set(till.served)) == 64 * 20
    assert till.most <= max_connections


@pytest.fixture
def quiet_memory(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Memory counted: no collection but those asked for, and no log lines, as pytest keeps them."""
    caplog.set_level(logging.CRITICAL, "wooshpay")
    gc.collect()
    gc.disable()
    tracemalloc.start()
    yield
    tracemalloc.stop()
    gc.enable()


async def _lean(connection: Connection) -> None:
    """Answer and keep nothing, as what the peer keeps would be counted too."""
    connection.received.clear()
    await reply(200, {"id": "re_1", "object": "refund"})(connection)


async def _refusing(connection: Connection) -> None:
    connection.received.clear()
    await reply(402, {"error": {"type": "card_error", "code": "card_declined", "message": "No."}})(connection)


ENDINGS: dict[str, Step] = {"an answer": _lean, "a refusal": _refusing, "a break": close(), "a cancellation": stall()}


async def make_calls(client: AsyncWooshPay, peer: Peer, count: int, *, cancelled: bool) -> None:
    """Make calls, a few at a time, and take whatever comes."""

    async def work() -> None:
        for _ in range(count // 8):
            call = asyncio.create_task(client.refunds.create(payment_intent="pi_1"))
            if cancelled:
                await asyncio.sleep(0.002)
                call.cancel()
            await asyncio.wait([call])
            assert call.cancelled() == cancelled
            assert call.cancelled() or call.exception() is None or isinstance(call.exception(), wooshpay.WooshPayError)
            peer.requests.clear()

    await asyncio.gather(*(work() for _ in range(8)))
    await asyncio.sleep(0.05)


@pytest.mark.parametrize("ending", ENDINGS)
async def test_a_call_that_is_over_leaves_nothing_in_memory(ending: str, quiet_memory: None) -> None:
    """A process that takes payments for weeks must not grow."""
    cancelled = ending == "a cancellation"
    async with Peer(ENDINGS[ending]) as peer:
        async with AsyncWooshPay(KEY, base_url=peer.url, max_connections=4, max_retries=0) as client:
            for _ in range(2):
                await make_calls(client, peer, 80, cancelled=cancelled)
            gc.collect()
            objects, traced = len(gc.get_objects()), tracemalloc.get_traced_memory()[0]
            await make_calls(client, peer, 400, cancelled=cancelled)
            gc.collect()
            # Pools and caches may still take a little: less than half an object, a tenth of a kilobyte for each call.
            assert len(gc.get_objects()) - objects < 200
            assert tracemalloc.get_traced_memory()[0] - traced < 40_000


@pytest.mark.parametrize("ending", ENDINGS)
async def test_a_call_that_is_over_leaves_no_work_for_the_collector(
    ending: str, caplog: pytest.LogCaptureFixture
) -> None:
    """An error that its own traceback keeps alive would keep request, body and frames, until a pause collects them."""
    caplog.set_level(logging.CRITICAL, "wooshpay")
    cancelled = ending == "a cancellation"
    async with Peer(ENDINGS[ending]) as peer:
        policy = RetryPolicy(base=0.0)
        async with AsyncWooshPay(KEY, base_url=peer.url, max_connections=4, retry_policy=policy) as client:
            await make_calls(client, peer, 16, cancelled=cancelled)
            gc.collect()
            gc.disable()
            gc.set_debug(gc.DEBUG_SAVEALL)
            try:
                await make_calls(client, peer, 40, cancelled=cancelled)
                gc.collect()
                kept: set[type[object]] = set(map(type, gc.garbage))
            finally:
                gc.set_debug(0)
                gc.garbage.clear()
                gc.enable()
    ours = {kind for kind in kept if kind.__module__.startswith("wooshpay")}
    assert not ours
    # asyncio's closed transports are cycles, on either side; what is under way in a call must not be.
    assert not [kind for kind in kept if issubclass(kind, (BaseException, FrameType, TracebackType, CoroutineType))]
