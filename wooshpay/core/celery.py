"""Celery, as the tasks of this package use it: messages that outlive their worker, and retries with back-off."""

from __future__ import annotations

import random
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from importlib import import_module
from typing import Any, Final, Protocol
from weakref import WeakKeyDictionary

DURABLE: Final[Mapping[str, bool]] = {
    "acks_late": True,
    "reject_on_worker_lost": True,
    # Otherwise a task that the hard time limit ends would be acknowledged. Older Celery knows only the first name.
    "acks_on_failure_or_timeout": False,
    "acks_on_timeout": False,
}
"""The options of a task whose message is acknowledged only when its work is done."""


REDIS_TIMEOUT: Final = 2.0
"""Seconds that Redis may take for a command or for a connection, when a message is published. Celery tries twice."""

_REDIS: Final = frozenset({"redis", "rediss", "sentinel"})
# The address of the broker, with time limits, by app.
_connections: Final[WeakKeyDictionary[Any, Any]] = WeakKeyDictionary()


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


@contextmanager
def limited_producer(app: Any) -> Generator[Any]:
    """Yield what publishes messages in a web server, for ``apply_async(..., producer=...)``; ``None`` for Celery's own.

    Celery sets no time limit for Redis. If Redis accepts connections and does not answer, as when its machine stands
    still, each request of the web server would wait for ever, and would keep a connection of Celery's pool. So with
    Redis, this is a producer of another pool, whose connections have time limits. Limits that the application has set
    in ``broker_transport_options`` count instead.

    Args:
        app: The Celery app.
    """
    connection = _connections.get(app)
    if connection is None:
        # As for Celery's own pool, the settings count that the application has when it publishes for the first time.
        connection = _connections[app] = app.connection_for_write()
        limits = {"socket_timeout": REDIS_TIMEOUT, "socket_connect_timeout": REDIS_TIMEOUT}
        connection.transport_options = {**limits, **connection.transport_options}
    if app.conf.task_always_eager or connection.transport_cls not in _REDIS:
        yield None
        return
    # The largest number of connections is that of Celery's own pool: this sets it for all pools.
    app.pool  # noqa: B018  # it is a property
    with import_module("kombu.pools").producers[connection].acquire(block=True, timeout=REDIS_TIMEOUT) as producer:
        yield producer
