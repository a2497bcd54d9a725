"""The clocks, as default values of parameters.

``now: Callable[[], float] = time.time`` would bind the function when the module is imported. Libraries that freeze the
time in tests replace ``time.time`` later and would not be noticed. These functions look it up whenever they are called.
"""

from __future__ import annotations

import time


def wall_time() -> float:
    """Return the seconds since 1970. Setting the machine's clock changes it."""
    return time.time()


def monotonic_time() -> float:
    """Return seconds on a clock that never goes back. Only differences mean something."""
    return time.monotonic()
