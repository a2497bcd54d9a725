"""Turns the signals that would end the process at once into an exception, so that what is under way can be told."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType
from typing import Final

from wooshpay.core.whole_steps import interrupt

# Beside Ctrl-C, what ends programs: a supervisor that stops them, and a terminal that closes.
_ENDING: Final = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))


class Ended(KeyboardInterrupt):
    """A signal asks the process to end.

    Attributes:
        number: Which signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


@contextmanager
def ending_signals(*, caught: bool, tell: Callable[[], object] | None = None) -> Generator[None]:
    """Raise `Ended` for signals that would end the process at once, without a message about the call that is
    under way. It is not raised in the middle of a `WholeStep`.

    A signal that is ignored, as after ``nohup``, stays ignored.

    Args:
        caught: Whether to do so: not for calls that change nothing.
        tell: Called before, within the signal handler.
    """

    def end(number: int, frame: FrameType | None) -> None:
        if tell is not None:
            tell()
        interrupt(Ended(number))

    if not caught or threading.current_thread() is not threading.main_thread():
        yield
        return
    replaced = [number for number in _ENDING if signal.getsignal(number) is signal.SIG_DFL]
    for number in replaced:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number in replaced:
            signal.signal(number, signal.SIG_DFL)
