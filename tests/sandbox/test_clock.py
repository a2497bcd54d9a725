"""The sandbox's clock: real time that can be moved, and alarms that ring in order."""

from __future__ import annotations

import asyncio

import pytest
from sandbox.rig import Api, payment

from wooshpay.sandbox import Sandbox
from wooshpay.sandbox.engine.clock import Alarm, Clock

START = 1_800_000_000_123


class Watch:
    """A real time that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> int:
        return self.now


def test_real_time_passes() -> None:
    watch = Watch()
    clock = Clock(watch)
    assert clock.now == START
    watch.now += 5
    assert clock.now == START + 5


def test_advance() -> None:
    clock = Clock(Watch())
    assert clock.advance(days=1, hours=1, minutes=1, seconds=1, milliseconds=1) == START + 90_061_001
    with pytest.raises(ValueError, match="forward"):
        clock.advance(hours=-1)


def test_never_goes_back() -> None:
    watch = Watch()
    clock = Clock(watch)
    assert clock.now == START
    watch.now -= 10_000
    assert clock.now == START


def test_freeze() -> None:
    watch = Watch()
    clock = Clock(watch)
    clock.freeze()
    watch.now += 60_000
    assert clock.now == START
    clock.advance(seconds=1)
    assert clock.now == START + 1000
    assert clock.seconds_until(START + 2000) is None
    clock.resume()
    assert clock.now == START + 1000
    watch.now += 500
    assert clock.now == START + 1500
    assert clock.seconds_until(START + 2000) == 0.5


def test_alarms_ring_in_order_each_at_its_own_time() -> None:
    clock = Clock(Watch())
    rung: list[tuple[str, int]] = []

    def ring(alarm: Alarm) -> None:
        rung.append((alarm.name, clock.now - START))
        if alarm.name == "a":
            clock.set_alarm(alarm.due + 5, "set by a", "x")

    clock.on_alarm(ring)
    clock.set_alarm(START + 30, "c", "x")
    clock.set_alarm(START + 10, "a", "x")
    clock.set_alarm(START + 20, "b", "x")
    clock.set_alarm(START + 20, "b too", "x")
    clock.set_alarm(START + 5000, "later", "x")
    clock.advance(seconds=1)
    assert rung == [("a", 10), ("set by a", 15), ("b", 20), ("b too", 20), ("c", 30)]
    assert clock.now == START + 1000
    assert clock.seconds_to_next() == 4.0


def test_an_alarm_of_the_past_rings_at_once_and_not_in_the_past() -> None:
    clock = Clock(Watch())
    rung: list[int] = []
    clock.on_alarm(lambda alarm: rung.append(clock.now))
    assert clock.now == START
    clock.set_alarm(START - 1000, "late", "x")
    clock.run_due()
    assert rung == [START]


async def test_alarms_ring_as_real_time_passes(api: Api, sandbox: Sandbox) -> None:
    intent = await api.make("/v1/payment_intents", payment("4000000000000077"))
    sandbox.clock.advance(milliseconds=59_800)
    assert sandbox.store.get(intent["id"])["status"] == "processing"
    await asyncio.sleep(0.3)
    assert sandbox.store.get(intent["id"])["status"] == "succeeded"


async def test_the_clock_dates_what_is_made() -> None:
    watch = Watch()
    async with Sandbox(now=watch) as sandbox:
        assert sandbox.clock.now == START
