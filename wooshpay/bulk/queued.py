"""The unfinished rows of one Celery task: what is written to the outbox, and when."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, Final

import attrs

from wooshpay.bulk.outbox import Outbox, UnfinishedRow, UnfinishedState
from wooshpay.bulk.rows import RowResult

# The options of a message that say where it goes.
_ROUTING: Final = ("queue", "exchange", "routing_key", "priority")
_UNFINISHED: Final[dict[str, UnfinishedState]] = {"not_sent": "not_sent", "unknown": "unknown", "refused": "refused"}


class QueuedRows:
    """Reads and writes the outbox of one task.

    Args:
        outbox: Keeps the records.
        task: The name of the task.
        host: Where its calls go, so that rows queued for a sandbox are never resumed with a live key.
        now: Returns the seconds since 1970.
    """

    def __init__(self, outbox: Outbox, task: str, host: str, now: Callable[[], float]) -> None:
        self._outbox = outbox
        self._task = json.dumps([task, host])
        self._now = now

    async def put(self, row: UnfinishedRow) -> bool:
        """Write a row to the outbox, with the present time, before its message is published.

        Returns:
            Whether the outbox did not hold the row with the same arguments before.
        """
        return await self._outbox.put(self._task, _id(row), _encode(attrs.asdict(attrs.evolve(row, at=self._now()))))

    async def remove(self, row: UnfinishedRow) -> None:
        """Remove a row, if the outbox holds it."""
        await self._outbox.remove(self._task, _id(row))

    async def note(self, row: UnfinishedRow, result: RowResult) -> None:
        """Note the result of an attempt. A finished row is removed; any other is kept, with the reason."""
        state = _UNFINISHED.get(result.state)
        if state is None:
            await self.remove(row)
        else:
            await self.put(attrs.evolve(row, state=state, error=result.error))

    async def find(self, run: str | None, older_than: float) -> list[UnfinishedRow]:
        """Find the rows that were last queued or attempted at least so many seconds ago, the oldest first."""
        latest = self._now() - older_than
        records = await self._outbox.records(self._task)
        rows = [UnfinishedRow(**_decode(record)) for record in records.values()]
        return sorted((row for row in rows if run in {None, row.run} and row.at <= latest), key=lambda row: row.at)


def routing(options: Mapping[str, Any]) -> dict[str, str | int]:
    """Pick the options that say where a message goes."""
    return {name: options[name] for name in _ROUTING if isinstance(options.get(name), (str, int))}


def _id(row: UnfinishedRow) -> str:
    # A row that was queued with different arguments has a record for each of them: only one of them can be carried out,
    # and none of them may disappear.
    digest = hashlib.sha256(_encode(row.arguments).encode()).hexdigest()
    return json.dumps([row.run, row.row, digest[:32]])


# Celery's own JSON, which knows dates and decimal numbers: the outbox can hold whatever a message can hold.


def _encode(value: Any) -> str:
    text: str = _celery_json().dumps(value, sort_keys=True)
    return text


def _decode(text: str) -> dict[str, Any]:
    value: dict[str, Any] = _celery_json().loads(text)
    return value


def _celery_json() -> Any:
    return import_module("kombu.utils.json")
