"""The unfinished rows of one Celery task: what is written to the outbox, and when."""

from __future__ import annotations

import hashlib
import json
import math
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from importlib import import_module
from typing import Any, Final

import attrs

from wooshpay.bulk.outbox import Outbox, UnfinishedRow
from wooshpay.bulk.rows import Row, RowResult

# The options of a message that say where it goes.
_ROUTING: Final = ("queue", "exchange", "routing_key", "priority")
# Seconds, for clocks of different machines that do not agree and for calls that take long.
_MARGIN: Final = 3600.0
_TOO_OLD: Final = (
    "The row has been unfinished for so long that the journal may have forgotten whether it was sent. Look in WooshPay"
    " whether it was carried out; if not, queue it with delay() again. In both cases, forget() removes this record."
)


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

    def describe(self, run: str, row: Row, task_id: str, options: Mapping[str, Any]) -> UnfinishedRow:
        """Describe a row that is passed to `apply_async` with these options."""
        now = self._now()
        return UnfinishedRow(
            run=run,
            row=row.id,
            arguments=row.arguments,
            since=_due(options, now),
            task_id=task_id,
            options=_kept(options, now),
        )

    async def put(self, row: UnfinishedRow) -> bool:
        """Write a row to the outbox, before its message is published.

        Returns:
            Whether the outbox did not hold the row with the same arguments before.
        """
        return await self._outbox.put(self._task, _id(row), _encode(attrs.asdict(row)))

    async def remove(self, row: UnfinishedRow) -> None:
        """Remove a row, if the outbox holds it."""
        await self._outbox.remove(self._task, _id(row))

    async def note(self, row: UnfinishedRow, result: RowResult) -> None:
        """Note the result of an attempt. A finished row is removed; any other is kept, with the reason."""
        if result.state in {"succeeded", "rejected"}:
            await self.remove(row)
            return
        # Any other result needs somebody who looks at it, as a refused row does.
        state = result.state if result.state in {"not_sent", "unknown"} else "refused"
        await self.put(attrs.evolve(row, state=state, error=result.error, since=self._now()))

    async def find(self, run: str | None, older_than: float | None) -> list[UnfinishedRow]:
        """Find the rows that were last queued, attempted or due at least so many seconds ago, the oldest first."""
        latest = math.inf if older_than is None else self._now() - older_than
        records = await self._outbox.records(self._task)
        rows = [UnfinishedRow(**_decode(record)) for record in records.values()]
        chosen = [row for row in rows if run in {None, row.run} and max(row.since, row.resumed_at or 0.0) <= latest]
        return sorted(chosen, key=lambda row: row.since)

    async def resume(self, row: UnfinishedRow) -> UnfinishedRow | None:
        """Note that a row is about to be queued again, so that the next call of `Task.resume` leaves it alone.

        Returns:
            The row with what was noted; ``None`` if it must not be queued again.
        """
        now = self._now()
        if row.state == "refused":
            return None
        if now - row.since > self._outbox.retention - _MARGIN:
            # If the row was sent, its entry in the journal was written later than `since`, and may be forgotten soon.
            await self.put(attrs.evolve(row, state="refused", error=_TOO_OLD))
            return None
        resumed = attrs.evolve(row, resumed_at=now)
        await self.put(resumed)
        return resumed


def delivered(run: str, row: Row, request: Any) -> UnfinishedRow:
    """Describe a row that was delivered to a worker with this request."""
    where: Mapping[str, Any] = request.delivery_info or {}
    options = _kept({**where, "expires": request.expires}, 0.0)
    if where.get("exchange") == "" and "routing_key" in options:
        # The default exchange has no name; its routing keys are the names of the queues.
        del options["exchange"]
        options["queue"] = options.pop("routing_key")
    task_id = request.id or str(uuid.uuid4())
    return UnfinishedRow(run=run, row=row.id, arguments=row.arguments, since=0.0, task_id=task_id, options=options)


def _kept(options: Mapping[str, Any], now: float) -> dict[str, str | int]:
    """Return the options that a row needs when it is queued again: where its message goes and when it expires."""
    kept: dict[str, str | int] = {name: options[name] for name in _ROUTING if isinstance(options.get(name), (str, int))}
    expires = options.get("expires")
    if isinstance(expires, (int, float)):
        expires = datetime.fromtimestamp(now + expires, UTC)
    if expires is not None:
        kept["expires"] = expires.isoformat() if isinstance(expires, datetime) else str(expires)
    return kept


def _due(options: Mapping[str, Any], now: float) -> float:
    countdown, eta = options.get("countdown"), options.get("eta")
    if countdown:
        return now + float(countdown)
    if not eta:
        return now
    moment = eta if isinstance(eta, datetime) else datetime.fromisoformat(eta)
    # Celery takes a time without a zone for UTC.
    return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp()


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
