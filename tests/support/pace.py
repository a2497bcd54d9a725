"""Time in tests of real sockets and threads: on a busy machine, everything takes longer."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

_SAMPLE: Final = 0.02


def slowdown() -> float:
    """Return how many times longer this process takes for its work now than on a machine of its own: 1 on a quiet one.

    A test that limits how long something takes multiplies its times by this. On a quiet machine it stays as strict as
    it is, and on one that gives this process a tenth of a processor, a second of work may take ten.
    """
    began, used = time.monotonic(), time.thread_time()
    while time.thread_time() - used < _SAMPLE:
        pass
    return max(1.0, (time.monotonic() - began) / _SAMPLE)


def wait_for(condition: Callable[[], object], seconds: float = 15.0) -> None:
    """Wait until a condition holds.

    Args:
        condition: Is asked every hundredth of a second.
        seconds: How long that may take on a quiet machine.
    """
    end = time.monotonic() + seconds * slowdown()
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.01)


class StillClock:
    """A clock for an event loop and a client. However long the machine takes, it moves only when a test turns it."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds
