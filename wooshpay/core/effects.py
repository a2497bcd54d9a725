"""Time and chance, in one place, so that tests can hold them still."""

from __future__ import annotations

import random
import secrets
from collections.abc import Awaitable, Callable

import attrs

from wooshpay.core.clock import monotonic_time, wall_time


async def _sleep(seconds: float) -> None:
    import asyncio

    await asyncio.sleep(seconds)


def _new_key() -> str:
    return f"auto_{secrets.token_hex(16)}"


@attrs.frozen(kw_only=True)
class Effects:
    """What the core takes from the outside world besides the network.

    Attributes:
        monotonic: Seconds on a clock that never goes back; it must agree with the event loop's clock.
        now: Seconds since 1970.
        sleep: Waits some seconds.
        uniform: A random number between two bounds.
        new_key: Makes an idempotency key.
    """

    monotonic: Callable[[], float] = monotonic_time
    now: Callable[[], float] = wall_time
    sleep: Callable[[float], Awaitable[None]] = _sleep
    uniform: Callable[[float, float], float] = random.uniform
    new_key: Callable[[], str] = _new_key
