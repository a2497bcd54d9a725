"""The rate limiter, on a clock that only moves when told to."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import sys
import threading
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Any, TypeAlias

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
        self,
        rate: float,
        *,
        burst: int = 1,
        timeout: float = 10_000.0,
        latency: float = 0.0,
        script: Script = (),
        longest_retry_after: float = 300.0,
    ) -> None:
        self.time = Timeline()
        self.sent: list[tuple[float, str | None]] = []
        self.script = list(script)
        self.latency = latency
        effects = self.time.effects()
        self.client = ScriptedClient(
            self._answer,
            effects=effects,
            attempt_middlewares=[
                RateLimit(rate, burst=burst, longest_retry_after=longest_retry_after, effects=effects),
                self._travel,
            ],
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


# ---- one odd wish ----


@pytest.mark.parametrize("wish", ["1e300", "99999999", "Fri, 31 Dec 9999 23:59:59 GMT"])
async def test_one_odd_wish_does_not_stop_the_client_for_good(wish: str) -> None:
    """A server or a gateway with a wrong clock must not keep all payments of a process from ever being sent again."""
    shop = Shop(1, script=[answer(429, headers={"Retry-After": wish})])
    results = await shop.refund("a", "b")
    assert shop.moments == [0.0, 301.0, 302.0]
    assert [type(result) for result in results] == [Refund] * 2


async def test_the_longest_wish_that_counts_can_be_chosen() -> None:
    shop = Shop(1, script=[answer(429, headers={"Retry-After": "50"})], longest_retry_after=20.0)
    await shop.refund("a", "b")
    assert shop.moments == [0.0, 21.0, 50.0]


@pytest.mark.parametrize("longest", [0.0, -1.0, float("inf"), float("nan")])
def test_a_longest_wish_that_is_no_limit_is_refused(longest: float) -> None:
    with pytest.raises(ConfigurationError, match="longest_retry_after"):
        RateLimit(1, longest_retry_after=longest)


# ---- who gives up ----


async def test_calls_that_were_cancelled_while_they_waited_give_their_turns_back() -> None:
    """Otherwise a burst of calls that nobody waits for any more holds up the next one, which is a customer's."""
    shop = Shop(1)
    first = asyncio.ensure_future(shop.client.refunds.create(payment_intent="pi_1"))
    waiting = [asyncio.ensure_future(shop.client.refunds.create(payment_intent="pi_1")) for _ in range(100)]
    await asyncio.sleep(0)
    await first
    for call in waiting:
        call.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    await shop.refund("a", "b")
    assert shop.moments == [0.0, 1.0, 2.0]


async def test_a_turn_that_was_given_back_too_late_is_not_saved_up() -> None:
    """Two that take turns of the past would start at once, which is more than the rate."""
    shop = Shop(1)
    calls = [asyncio.ensure_future(shop.client.refunds.create(payment_intent="pi_1")) for _ in range(4)]
    await asyncio.sleep(0)
    await calls[0]
    for call in calls[1:]:
        call.cancel()
    await asyncio.gather(*calls[1:], return_exceptions=True)
    shop.time.now = 2.5
    await shop.refund("a", "b", "c")
    assert shop.moments == [0.0, 3.0, 4.0, 5.0]


async def test_those_that_wait_behind_one_that_was_cancelled_keep_their_turns() -> None:
    shop = Shop(1)
    calls = [asyncio.ensure_future(shop.client.refunds.create(payment_intent="pi_1")) for _ in range(4)]
    await asyncio.sleep(0)
    calls[1].cancel()
    await shop.time.run(calls)
    assert shop.moments == [0.0, 2.0, 3.0]


async def test_a_call_that_the_wish_of_another_ended_gives_its_turn_back() -> None:
    """Its deadline came before its new turn; the turn is for whoever has more time."""
    shop = Shop(1, timeout=5.0, script=[answer(429, headers={"Retry-After": "60"})])
    await shop.refund("a", "b", "c")
    shop.client = shop.client.with_options(timeout=1000.0)
    await shop.refund("d")
    assert shop.moments == [0.0, 61.0]


@given(
    burst=st.integers(1, 4), count=st.integers(2, 12), cancelled=st.sets(st.integers(0, 11)), pause=st.floats(0.0, 5.0)
)
def test_turns_that_are_given_back_never_add_up_to_more_than_the_rate(
    burst: int, count: int, cancelled: set[int], pause: float
) -> None:
    shop = Shop(1, burst=burst)

    async def play() -> None:
        calls = [asyncio.ensure_future(shop.client.refunds.create(payment_intent="pi_1")) for _ in range(count)]

        async def give_up() -> None:
            await shop.time.sleep(pause)
            for place in cancelled & set(range(count)):
                calls[place].cancel()

        async def come_later() -> Refund:
            await shop.time.sleep(pause)
            return await shop.client.refunds.create(payment_intent="pi_1")

        more = [asyncio.ensure_future(come_later()) for _ in range(count)]
        giving_up = asyncio.ensure_future(give_up())
        await shop.time.run([*calls, *more])
        await asyncio.gather(giving_up, *calls, *more, return_exceptions=True)

    asyncio.run(play())
    for first, start in enumerate(shop.moments):
        for last in range(first, len(shop.moments)):
            assert last - first + 1 <= burst + (shop.moments[last] - start) + 1e-6


# ---- handlers ----


def test_a_handler_may_wait_for_a_call_of_another_thread_at_any_line() -> None:
    """A lock would be held by the interrupted code for as long as the handler waits for the other thread: forever."""
    effects = FakeClock().effects()
    script = [answer(429, headers={"Retry-After": "1"}), answer()]
    place = 0
    while True:
        place += 1
        limit = RateLimit(1000, effects=effects)
        left = place
        finished: list[bool] = []

        def call_elsewhere(limit: RateLimit = limit, finished: list[bool] = finished) -> None:
            other = ScriptedClient(*script, effects=effects, attempt_middlewares=[limit])
            thread = threading.Thread(target=lambda: asyncio.run(other.refunds.create(payment_intent="pi_2")))
            thread.start()
            thread.join(20)
            finished.append(not thread.is_alive())

        def trace(frame: FrameType, event: str, _: object, act: Callable[[], None] = call_elsewhere) -> Any:
            nonlocal left
            if event == "line" and frame.f_globals.get("__name__") == "wooshpay.middleware.rate_limit":
                left -= 1
                if left == 0:
                    act()
            return trace

        client = ScriptedClient(*script, effects=effects, attempt_middlewares=[limit])
        sys.settrace(trace)
        try:
            asyncio.run(client.refunds.create(payment_intent="pi_1"))
        finally:
            sys.settrace(None)
        if left > 0:
            break
        assert finished == [True]
    assert place > 20


@pytest.mark.parametrize(
    "settings", [(0, 1.0, 1), (1, 0.0, 1), (1, 1.0, 0), (-1, 1.0, 1), (float("nan"), 1.0, 1)], ids=str
)
def test_a_limit_that_lets_nothing_through_is_refused(settings: tuple[float, float, int]) -> None:
    rate, per, burst = settings
    with pytest.raises(ConfigurationError, match="above 0"):
        RateLimit(rate, per=per, burst=burst)
