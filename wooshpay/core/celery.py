"""Celery, as the tasks of this package use it: messages that outlive their worker, and retries with back-off."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, Final, Protocol

DURABLE: Final[Mapping[str, bool]] = {
    "acks_late": True,
    "reject_on_worker_lost": True,
    # Otherwise a task that the hard time limit ends would be acknowledged. Older Celery knows only the first name.
    "acks_on_failure_or_timeout": False,
    "acks_on_timeout": False,
}
"""The options of a task whose message is acknowledged only when its work is done."""


class App(Protocol):
    """The parts of a ``celery.Celery`` that are used here."""

    Task: Any
    """The class of the app's tasks."""

    def task(self, function: Callable[..., Any], /, **options: Any) -> Any:
        """Make a task of a function."""
        ...


def retry(task: Any, countdown: float, error: Exception | None = None) -> BaseException:
    """Have Celery retry a task, and return the exception that the task must raise.

    Args:
        task: The task, during a delivery.
        countdown: Seconds until the retry.
        error: Why it is retried.
    """
    reject: Any = import_module("celery.exceptions").Reject
    try:
        raised: BaseException = task.retry(exc=error, countdown=countdown)
    except reject as rejected:
        # The retry could not be published. Celery would drop the message; here it goes back into the queue.
        raised = reject(rejected.reason, requeue=True)
    return raised


def gap(again: int, first: float, longest: float) -> float:
    """Return the seconds to wait before the next retry. Each gap is twice as long; up to half of it is random.

    Args:
        again: The number of retries so far.
        first: Seconds before the first retry.
        longest: The longest gap in seconds.
    """
    whole = min(longest, first * 2.0 ** min(again, 60))
    return random.uniform(whole / 2, whole)  # noqa: S311  # it only spreads the load
