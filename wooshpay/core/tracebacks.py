"""Tracebacks without secrets.

Tools that report errors keep the variables of every frame of a traceback. The frames of a failed call hold what was
sent: the card, the key, the webhook's secret. So they are emptied before the error gets to the user. The lines of
the traceback stay, and so do the variables of the user's own code.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import FrameType
from typing import Final, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

# This package, and what it hands secrets to. Code that was generated has no module, and is ours too.
_OWN: Final = frozenset({"", "wooshpay"})
_EMPTIED: Final = _OWN | {"aiohttp", "asyncio", "cattrs", "json", "multidict", "ssl", "urllib", "yarl"}


def forget_locals(error: BaseException) -> None:
    """Empty the frames of this package, and of those that it calls, in the tracebacks of an error and its causes.

    Frames that still run keep their variables: what calls this must hold no secret itself.
    """
    chain: list[BaseException | None] = [error]
    seen: set[int] = set()
    while chain:
        found = chain.pop()
        if found is None or id(found) in seen:
            continue
        seen.add(id(found))
        frames = _frames_of(found)
        # One that the user's code caught: a middleware did, or it was being handled when the call was made.
        foreign = bool(frames) and found is not error and not _is_ours(frames[0])
        for frame in frames:
            if _module_of(frame) in _OWN or (not foreign and _is_ours(frame)):
                try:
                    frame.clear()
                except RuntimeError:
                    pass  # it still runs
        if foreign:
            continue
        if found.__suppress_context__ and found.__cause__ is None:
            found.__context__ = None  # nobody is shown it, but it may hold the whole request
        chain += [found.__cause__, found.__context__]


def _frames_of(error: BaseException) -> list[FrameType]:
    frames: list[FrameType] = []
    step = error.__traceback__
    while step is not None:
        frames.append(step.tb_frame)
        step = step.tb_next
    return frames


def _module_of(frame: FrameType) -> str:
    name: str = frame.f_globals.get("__name__", "")
    return name.partition(".")[0]


def _is_ours(frame: FrameType) -> bool:
    return _module_of(frame) in _EMPTIED


def discreet(function: Callable[P, T]) -> Callable[P, T]:
    """Decorate a function whose arguments are secrets: an error that leaves it leaves none in its traceback."""

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return function(*args, **kwargs)
        except BaseException as error:
            args = kwargs = ()  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]  # only to let go
            forget_locals(error)
            raise

    return call
