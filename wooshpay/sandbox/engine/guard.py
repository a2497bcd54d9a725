"""The one lock of a sandbox: who holds it may look at the objects and change them, and what changed is kept."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Guard:
    """Held in a ``with`` block by everything that reads or changes the sandbox, from any thread, also nested.

    The outermost block is a unit of work. Where the sandbox has a state file, what the unit changed is written to it
    when the block is left and before anybody else gets in; an error of the writing comes out of the block.
    """

    __slots__ = ("_depth", "_lock", "_save")

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._depth = 0
        self._save: Callable[[], None] | None = None

    def on_leave(self, save: Callable[[], None]) -> None:
        """Say what happens at the end of every unit of work."""
        self._save = save

    def __enter__(self) -> None:
        self._lock.acquire()
        self._depth += 1

    def __exit__(self, *_: object) -> None:
        try:
            if self._depth == 1 and self._save is not None:
                self._save()
        finally:
            self._depth -= 1
            self._lock.release()
