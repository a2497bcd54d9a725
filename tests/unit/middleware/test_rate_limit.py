"""The rate limiter, on a clock that only moves when told to."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Sequence
from typing import TypeAlias

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.effects import FakeClock, ScriptedClient, answer

from wooshpay import ConfigurationError, Effects, Next, Request, RequestOptions, Response, TimeoutError
from wooshpay.api.refunds import Refund
from wooshpay.middleware import RateLimit

Script: TypeAlias = Sequence[Response]


@attrs.define
class Timeline:
    """Virtual time for many tasks: it goes on to the next sleeper when all tasks sleep."""

    now: float = 0.0
    _sleepers: list[tuple[float, int, asyncio.Future[None]]] = attrs.field(
        factory=list[tuple[float, int, asyncio.Future[None]]]
    )
    _order: itertools.count[int] = attrs.field(factory=lambda: itertools.count(0))

    async def sleep(self, seconds: float) -> None:
        woken = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self.now + seconds, next(self._order), woken))
        await woken

    def effects(self) -> Effects:
        return Effects(
            monotonic=lambda: self.now, now=lambda: self.now, sleep=self.sleep, uniform=lambda low, high: low
        )

    async def run(self, tasks: Sequence[asyncio.Task[Refund]]) -> None:
        while not all(task.done() for task in tasks):
            for _ in range(20):
                await asyncio.sleep(0)
            if self._sleepers:
                self.now, _, woken = heapq.heappop(self._sleepers)
                if not woken.done():
                    woken.set_result(None)


class Shop:
    """Many refunds at once through one limiter; writes down when each attempt of each was sent."""

    def __init__(
        self, rate: float, *, burst: int = 1, timeout: float = 10_000.0, latency: float = 0.0, script: Script = ()
    ) -> None:
        self.time = Timeline()
        self.sent: list[tuple[float, str | None]] = []
        self.script = list(script)
        self.latency = latency
        effects = self.time.effects()
        self.client = ScriptedClient(
            self._answer,
            effects=effects,
            attempt_middlewares=[RateLimit(rate, burst=burst, effects=effects), self._travel],
            timeout=timeout,
            attempt_timeout=10_000.0,
        )

    def _answer(self, request: Request) -> Response:
        self.sent.append((self.time.now, request.idempotency_key))
        return self.script.pop(0) if self.script else answer()

    async def _travel(self, request: Request, call_next: Next) -> Response:
        response = await call_next(request)
        if self.latency:
            await self.time.sleep(self.latency)
        return response

    @property
    def moments(self) -> list[float]:
        return [moment for moment, _ in self.sent]

    async def refund(self, *keys: str) -> list[BaseException | Refund]:
        calls = [
            asyncio.ensure_future(
                self.client.refunds.create(payment_intent="pi_1", options=RequestOptions(idempotency_key=key))
            )
            for key in keys
        ]
        await self.time.run(calls)
        return await asyncio.gather(*calls, return_exceptions=True)


def many(count: int) -> list[str]:
    return [f"key_{number}" for number in range(count)]


async def test_attempts_start_evenly_and_in_the_order_in_which_calls_asked() -> None:
    shop = Shop(4)
    await shop.refund(*many(6))
    assert shop.moments == [0.0, 0.25, 0.5, 0.75, 1.0, 1.25]
    assert [key for _, key in shop.sent] == many(6)


async def test_a_pause_saves_up_no_more_than_a_burst() -> None:
    shop = Shop(1, burst=3)
    await shop.refund(*many(5))
    assert shop.moments == [0.0, 0.0, 0.0, 1.0, 2.0]
    shop.time.now = 100.0
    await shop.refund(*many(4))
    assert shop.moments[5:] == [100.0, 100.0, 100.0, 101.0]


async def test_a_retry_waits_for_its_turn_as_well() -> None:
    shop = Shop(1, script=[answer(500), answer(500)])
    await shop.refund("a")
    assert shop.moments == [0.0, 1.0, 2.0]


@pytest.mark.parametrize("status", [429, 503])
async def test_what_one_call_is_asked_to_wait_holds_for_all(status: int) -> None:
    """Otherwise every waiting task would run into the same 429, and use up its attempts."""
    shop = Shop(2, script=[answer(status, headers={"Retry-After": "10"})])
    results = await shop.refund(*many(4))
    assert shop.moments == [0.0, 10.5, 11.0, 11.5, 12.0]
    # The turns that were taken before keep their order; the one that was refused comes after them.
    assert [key for _, key in shop.sent] == ["key_0", "key_1", "key_2", "key_3", "key_0"]
    assert [type(result) for result in results] == [Refund] * 4


async def test_a_call_that_comes_meanwhile_waits_too() -> None:
    shop = Shop(2, script=[answer(429, headers={"Retry-After": "10"})])
    first = asyncio.ensure_future(shop.refund("a"))
    await asyncio.sleep(0)
    await asyncio.gather(first, shop.refund("b"))
    assert shop.moments == [0.0, 10.5, 11.0]


async def test_a_shorter_wish_told_later_does_not_shorten_a_longer_one() -> None:
    script = [answer(429, headers={"Retry-After": "30"}), answer(429, headers={"Retry-After": "1"})]
    shop = Shop(1, burst=2, latency=0.5, script=script)
    await shop.refund(*many(3))
    assert shop.moments[:2] == [0.0, 0.0]
    assert min(shop.moments[2:]) >= 30.5


async def test_a_turn_after_the_deadline_is_refused_at_once_and_left_to_others() -> None:
    shop = Shop(1, timeout=3.5)
    results = await shop.refund(*many(5))
    assert shop.moments == [0.0, 1.0, 2.0, 3.0]
    assert isinstance(results[4], TimeoutError)
    assert results[4].outcome == "not_sent"
    assert "raise the rate or timeout=" in str(results[4])
    assert shop.time.now == 3.0


async def test_a_wish_beyond_the_deadline_ends_the_calls_that_wait() -> None:
    shop = Shop(1, timeout=5.0, script=[answer(429, headers={"Retry-After": "60"})])
    results = await shop.refund("a", "b")
    assert [getattr(result, "outcome", None) for result in results] == ["rejected", "not_sent"]
    assert shop.moments == [0.0]


async def test_one_limiter_holds_for_several_threads() -> None:
    """Synchronous clients have threads; a turn that two took would be a burst that nobody allowed."""
    effects = FakeClock().effects()
    limit = RateLimit(1000, effects=effects)

    def refund() -> int:
        client = ScriptedClient(effects=effects, attempt_middlewares=[limit])
        for _ in range(50):
            asyncio.run(client.refunds.create(payment_intent="pi_1"))
        return len(client.transport.requests)

    assert await asyncio.gather(*(asyncio.to_thread(refund) for _ in range(4))) == [50] * 4
    assert effects.monotonic() - 1000.0 >= 199 / 1000 - 1e-9


@given(
    rate=st.sampled_from([0.5, 1.0, 4.0]),
    burst=st.integers(1, 5),
    count=st.integers(1, 12),
    wishes=st.lists(st.integers(0, 30), max_size=3),
)
def test_no_span_ever_has_more_than_the_rate_and_the_burst(
    rate: float, burst: int, count: int, wishes: list[int]
) -> None:
    shop = Shop(rate, burst=burst, script=[answer(429, headers={"Retry-After": str(wish)}) for wish in wishes])
    asyncio.run(shop.refund(*many(count)))
    for first, start in enumerate(shop.moments):
        for last in range(first, len(shop.moments)):
            assert last - first + 1 <= burst + (shop.moments[last] - start) * rate + 1e-6


@pytest.mark.parametrize(
    "settings", [(0, 1.0, 1), (1, 0.0, 1), (1, 1.0, 0), (-1, 1.0, 1), (float("nan"), 1.0, 1)], ids=str
)
def test_a_limit_that_lets_nothing_through_is_refused(settings: tuple[float, float, int]) -> None:
    rate, per, burst = settings
    with pytest.raises(ConfigurationError, match="above 0"):
        RateLimit(rate, per=per, burst=burst)
