"""The clocks of one machine, as an inbox needs them that several of its processes share.

Somebody may set the wall clock while a worker holds an event. If it is set forward, another worker would take the event
over although the first one is still running. If it is set backward, the event of a worker that died would stay claimed.
The time since the machine started cannot be set. It compares only until the machine is started again; Linux gives each
of these periods an ID.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

from wooshpay.core.clock import wall_time

_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")


class Moment(NamedTuple):
    """One moment on both clocks.

    Attributes:
        now: Seconds since 1970, as far as the wall clock is right.
        boot: The ID of the period since the machine was started; ``None`` where there is none.
        uptime: Seconds since the machine started, including the time in which it was suspended; 0 without `boot`.
    """

    now: float
    boot: str | None = None
    uptime: float = 0.0


def machine_moment() -> Moment:
    """Read both clocks. Only Linux has an ID of the boot, so elsewhere the wall clock is all there is."""
    boot = boot_id()
    return Moment(wall_time(), boot, time.clock_gettime(time.CLOCK_BOOTTIME) if boot else 0.0)


def moments_of(now: Callable[[], float]) -> Callable[[], Moment]:
    """Make a clock that knows only the given wall time."""
    return lambda: Moment(now())


@functools.cache
def boot_id() -> str | None:
    """Return the ID that Linux gave the period since the machine was started."""
    if not hasattr(time, "CLOCK_BOOTTIME"):
        return None
    try:
        return _BOOT_ID.read_text().strip() or None
    except OSError:
        return None
