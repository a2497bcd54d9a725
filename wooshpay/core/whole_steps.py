"""Steps that the exception of a signal handler must not divide, such as counting a result and writing it down.

A signal handler that raises an exception does so at whatever line the main thread is. If it calls `interrupt` instead,
the exception is raised after the step that is being done. Python's own handler for Ctrl-C does not do that.
"""

from __future__ import annotations

import threading
from types import TracebackType


class _Steps:
    """The steps that the main thread is doing, one inside the other, and the exception that waits for their end."""

    def __init__(self) -> None:
        self.depth = 0
        self.waiting: BaseException | None = None


class WholeStep:
    """Postpone exceptions of `interrupt` to the end of this block.

    In other threads than the main thread, where no signal handler runs, it does nothing.
    """

    def __init__(self) -> None:
        self._counts = threading.current_thread() is threading.main_thread()

    def __enter__(self) -> None:
        if self._counts:
            _steps.depth += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if not self._counts:
            return
        _steps.depth -= 1
        waiting = _steps.waiting
        if waiting is not None and not _steps.depth:
            _steps.waiting = None
            raise waiting


def interrupt(exception: BaseException) -> None:
    """Raise an exception, after the step that is being done; for signal handlers.

    A second one is raised at once, since the step may be waiting for something that never comes.
    """
    if _steps.depth and _steps.waiting is None:
        _steps.waiting = exception
        return
    _steps.waiting = None
    raise exception


_steps = _Steps()
