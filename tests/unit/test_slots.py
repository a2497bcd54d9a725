"""How many requests may be under way: no slot is lost or used twice, whoever gives up."""

from __future__ import annotations

import asyncio
import random

import pytest

from wooshpay.transport.slots import ConnectionSlots


async def test_waiters_get_slots_in_the_order_in_which_they_came() -> None:
    slots = ConnectionSlots(1)
    assert slots.acquire_now()
    assert not slots.acquire_now()
    order: list[int] = []

    async def wait(number: int) -> None:
        await slots.acquire()
        order.append(number)
        slots.release()

    tasks = [asyncio.create_task(wait(number)) for number in range(3)]
    await asyncio.sleep(0)
    slots.release()
    await asyncio.gather(*tasks)
    assert order == [0, 1, 2]
    assert slots.acquire_now()
    assert not slots.acquire_now(), "one slot was there, and one is"


async def test_a_slot_that_comes_together_with_a_cancellation_goes_to_the_next_waiter() -> None:
    """Otherwise the client would have one connection less for every call that is cancelled in that moment."""
    slots = ConnectionSlots(1)
    assert slots.acquire_now()
    first = asyncio.create_task(slots.acquire())
    second = asyncio.create_task(slots.acquire())
    await asyncio.sleep(0)
    slots.release()
    first.cancel()
    await asyncio.wait_for(second, 5)
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_no_slot_is_lost_or_used_twice_whatever_is_cancelled() -> None:
    slots, most, rng = ConnectionSlots(3), 0, random.Random(7)
    under_way = 0

    async def work() -> None:
        nonlocal under_way, most
        if not slots.acquire_now():
            await slots.acquire()
        under_way += 1
        most = max(most, under_way)
        try:
            for _ in range(rng.randrange(4)):
                await asyncio.sleep(0)
        finally:
            under_way -= 1
            slots.release()

    tasks: list[asyncio.Task[None]] = []
    for _ in range(500):
        tasks.append(asyncio.create_task(work()))
        if rng.random() < 0.5:
            rng.choice(tasks).cancel()
        await asyncio.sleep(0)
    await asyncio.gather(*tasks, return_exceptions=True)
    assert most == 3
    assert [slots.acquire_now() for _ in range(4)] == [True, True, True, False]
