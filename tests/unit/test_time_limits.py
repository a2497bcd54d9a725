"""Time limits of many attempts on one timer: each ends its own task, in time, and nobody else's."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from wooshpay.transport.time_limits import TimeLimit, TimeLimits


class CountedTimers:
    """A loop as the limits see it: how many timers it was asked for."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.loop = asyncio.get_running_loop()
        self.count = 0
        self._set = self.loop.call_at
        monkeypatch.setattr(self.loop, "call_at", self._counted)

    def _counted(self, when: float, callback: Callable[..., Any], *args: Any) -> asyncio.TimerHandle:
        self.count += 1
        return self._set(when, callback, *args)


async def test_any_number_of_blocks_that_end_in_time_need_one_timer(monkeypatch: pytest.MonkeyPatch) -> None:
    """A timer for each call costs more than all else that the transport does for it."""
    timers = CountedTimers(monkeypatch)
    limits = TimeLimits(timers.loop)

    async def work() -> None:
        for _ in range(10):
            with TimeLimit(limits, 60):
                await asyncio.sleep(0)

    await asyncio.gather(*(work() for _ in range(10)))
    assert timers.count == 1


async def test_a_block_that_takes_too_long_ends_with_a_timeout_caused_by_its_cancellation() -> None:
    limits = TimeLimits(asyncio.get_running_loop())
    with pytest.raises(TimeoutError) as caught:
        with TimeLimit(limits, 0.01):
            await asyncio.sleep(60)
    assert isinstance(caught.value.__cause__, asyncio.CancelledError)
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0, "the task would be taken for a cancelled one"


async def test_each_block_keeps_its_own_limit_whatever_the_order() -> None:
    """The timer stands at the earliest limit, also when that one comes last, and goes on to the next."""
    limits = TimeLimits(asyncio.get_running_loop())
    ended: list[str] = []

    async def work(name: str, limit: float, seconds: float) -> None:
        try:
            with TimeLimit(limits, limit):
                await asyncio.sleep(seconds)
        except TimeoutError:
            ended.append(name)

    await asyncio.gather(work("long", 0.1, 60), work("short", 0.02, 60), work("longer", 0.2, 60), work("ok", 60, 0.3))
    assert ended == ["short", "long", "longer"]


async def test_a_cancellation_from_outside_goes_on_even_when_the_time_is_over_too() -> None:
    """Otherwise a caller who gave up would get a timeout, and the call might be tried again."""
    limits = TimeLimits(asyncio.get_running_loop())

    async def work() -> None:
        with TimeLimit(limits, 0.0):
            await asyncio.sleep(60)

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    asyncio.get_running_loop().call_later(0.0, task.cancel)
    await asyncio.wait([task])
    assert task.cancelled()


async def test_the_error_of_a_block_is_not_replaced() -> None:
    limits = TimeLimits(asyncio.get_running_loop())
    with pytest.raises(ZeroDivisionError):
        with TimeLimit(limits, 60):
            raise ZeroDivisionError


def test_a_limit_outside_of_a_task_is_refused() -> None:
    loop = asyncio.new_event_loop()
    try:
        with pytest.raises(RuntimeError):
            with TimeLimit(TimeLimits(loop), 1):
                pass
    finally:
        loop.close()


class _Stream(TimeLimit):
    """A limit on something that keeps having input."""

    __slots__ = ("asked", "left")

    def __init__(self, limits: TimeLimits, seconds: float, left: int) -> None:
        super().__init__(limits, seconds)
        self.asked = 0
        self.left = left

    def has_input(self) -> bool:
        self.asked += 1
        self.left -= 1
        return self.left >= 0


async def test_what_has_arrived_is_read_before_the_limit_cancels() -> None:
    """The loop was blocked: what the block waits for is there, and needs a few turns of the loop to be read."""
    limit = _Stream(TimeLimits(asyncio.get_running_loop()), 0.0, left=3)

    async def read_on() -> None:
        with limit:
            while True:
                await asyncio.sleep(0)

    with pytest.raises(TimeoutError):
        await read_on()
    assert limit.asked == 4


async def test_input_without_end_extends_a_limit_for_a_second_at_most() -> None:
    loop = asyncio.get_running_loop()
    limit = _Stream(TimeLimits(loop), 0.0, left=10**9)
    start = loop.time()
    with pytest.raises(TimeoutError):
        with limit:
            await asyncio.sleep(60)
    assert 0.9 < loop.time() - start < 30
