"""What a forked child does with the parent's sockets and loops: nothing, forever."""

from __future__ import annotations

import ctypes
from typing import Final

_abandoned: Final[list[object]] = []
ctypes.pythonapi.Py_IncRef(ctypes.py_object(_abandoned))


def abandon(thing: object) -> None:
    """Keep an object of the parent process from ever being finalised in this one.

    Sessions, transports and event loops clean up when they are garbage collected. In a child, that would
    change the parent's epoll set and write to its sockets, as both processes share them. The list that
    holds them has one reference too many, so that not even the interpreter's end frees it.
    """
    _abandoned.append(thing)
