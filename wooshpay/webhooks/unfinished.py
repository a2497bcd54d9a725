"""The events that were put into a queue and are not handled yet, in an outbox beside the queue.

A queue can lose a message. With Redis as Celery's broker, a worker takes a message out of the queue, and then notes it
as unacknowledged. If it is killed in between, nobody has the message any more; and if it is killed while it waits for a
message, Redis may send it the next one before it notices. WooshPay got a 200 and does not deliver the event again. So
each delivery is written to an outbox before its message is published, and removed when its event is done. What remains
can be listed and put into the queue again.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Coroutine, Mapping
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import attrs

if TYPE_CHECKING:
    from wooshpay.bulk.outbox import Outbox
    from wooshpay.webhooks.queued import Message

T = TypeVar("T")


class RunCoroutine(Protocol):
    """Runs a coroutine function in code without an event loop."""

    def __call__(self, work: Callable[[], Coroutine[Any, Any, T]], /) -> T: ...


@attrs.frozen(kw_only=True)
class UnfinishedEvent:
    """An event that was put into the queue and is not done.

    Attributes:
        event_id: The ID of the event.
        since: When it was last queued or attempted, in seconds since 1970.
        error: Why the last attempt did not succeed; ``None`` if none has ended.
        given_up: Whether it is not retried any more, because `retry_for` has passed.
        message: The message.
    """

    event_id: str
    since: float
    error: str | None = None
    given_up: bool = False
    message: Mapping[str, Any] = attrs.field(repr=lambda message: "<delivery>")


class Unfinished:
    """Reads and writes the outbox of one task.

    Args:
        outbox: Keeps the records.
        task: The name of the task.
        now: Returns the seconds since 1970.
        run: Runs the calls of the outbox, from code without an event loop.
    """

    def __init__(self, outbox: Outbox, task: str, now: Callable[[], float], run: RunCoroutine) -> None:
        self._outbox = outbox
        self._task = task
        self._now = now
        self._run = run

    def put(self, message: Message) -> bool:
        """Write a delivery to the outbox, before its message is published. Return whether its event is new there."""
        return self._put(UnfinishedEvent(event_id=message["event_id"], since=self._now(), message=message))

    def note(self, message: Mapping[str, Any], error: str, *, given_up: bool) -> None:
        """Note that an attempt did not succeed, and whether the event is retried."""
        event_id: str = message["event_id"]
        self._put(
            UnfinishedEvent(event_id=event_id, since=self._now(), error=error, given_up=given_up, message=message)
        )

    def remove(self, event_id: str) -> None:
        """Remove an event that is done, if the outbox holds it."""

        async def remove() -> None:
            await self._outbox.remove(self._task, event_id)

        self._run(remove)

    def find(self, older_than: float | None) -> list[UnfinishedEvent]:
        """Find the events that were last queued or attempted at least so many seconds ago, the oldest first."""

        async def records() -> Mapping[str, str]:
            return await self._outbox.records(self._task)

        latest = math.inf if older_than is None else self._now() - older_than
        events = [UnfinishedEvent(**json.loads(record)) for record in self._run(records).values()]
        return sorted((event for event in events if event.since <= latest), key=lambda event: event.since)

    def _put(self, event: UnfinishedEvent) -> bool:
        record = json.dumps(attrs.asdict(event, recurse=False))

        async def put() -> bool:
            return await self._outbox.put(self._task, event.event_id, record)

        return self._run(put)
