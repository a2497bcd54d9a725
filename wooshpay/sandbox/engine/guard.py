"""The one lock of a sandbox: who holds it may look at the objects and change them, and what changed is kept."""

from __future__ import annotations

import threading
from typing import Protocol

from wooshpay.sandbox.engine.errors import SandboxError


class Work(Protocol):
    """What a state file needs to hear of units of work."""

    def begin(self) -> None:
        """A unit begins. An error keeps it from beginning."""
        ...

    def save(self) -> None:
        """A unit ends: write what it changed."""
        ...

    def undo(self) -> None:
        """A unit failed in the middle: let everything be as it is in the file."""
        ...


class Guard:
    """Held in a ``with`` block by everything that reads or changes the sandbox, from any thread, also nested.

    The outermost block is a unit of work. Where the sandbox has a state file, what the unit changed is written to it
    when the block is left and before anybody else gets in; an error of the writing comes out of the block. A unit
    that ends with an error that nobody foresaw, one that is no `SandboxError`, is undone. In memory alone nothing is.
    """

    __slots__ = ("_depth", "_lock", "_work")

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._depth = 0
        self._work: Work | None = None

    def tell(self, work: Work) -> None:
        """Let a state file hear of units of work."""
        self._work = work

    def undo(self) -> None:
        """Take back what the unit of work has done so far, where there is a state file."""
        if self._work is not None:
            self._work.undo()

    def __enter__(self) -> None:
        self._lock.acquire()
        if self._work is not None and self._depth == 0:
            try:
                self._work.begin()
            except BaseException:
                self._lock.release()
                raise
        self._depth += 1

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if self._work is not None and self._depth == 1:
                if kind is None or issubclass(kind, SandboxError):
                    self._work.save()
                else:
                    self._work.undo()
        finally:
            self._depth -= 1
            self._lock.release()
