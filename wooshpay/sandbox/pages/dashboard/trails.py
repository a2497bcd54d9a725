"""What belongs together: the events of an object, the deliveries of an event. Each look goes on from the last one."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from wooshpay.sandbox.engine.params import as_object
from wooshpay.sandbox.engine.store import Collection
from wooshpay.sandbox.webhooks.deliveries import Delivery


@attrs.define(eq=False)
class Trails:
    """Finds the events of objects and the deliveries of events without walking through all of them each time."""

    _events: dict[str, list[str]] = attrs.field(factory=dict[str, list[str]])
    _newest: str | None = None
    _deliveries: dict[str, list[int]] = attrs.field(factory=dict[str, list[int]])
    _seen: int = 0

    def events_of(self, events: Collection, id: str) -> list[str]:
        """The ids of the events about an object, newest first."""
        if self._newest is not None and events.get(self._newest) is None:
            self._events, self._newest = {}, None  # work was undone, and its events with it
        fresh: list[tuple[str, str]] = []
        for event in events:
            if event.id == self._newest:
                break
            shown = as_object(event["data"]["object"]) or {}
            fresh.append((str(shown.get("id")), event.id))
        for about, event_id in reversed(fresh):
            self._events.setdefault(about, []).append(event_id)
        if fresh:
            self._newest = fresh[0][1]
        return self._events.get(id, [])[::-1]

    def deliveries_of(self, deliveries: Sequence[Delivery], event_id: str) -> list[Delivery]:
        """The deliveries of an event, newest first.

        Args:
            deliveries: All deliveries, oldest first.
            event_id: The event.
        """
        if len(deliveries) < self._seen:
            self._deliveries, self._seen = {}, 0  # work was undone
        for number in range(self._seen, len(deliveries)):
            self._deliveries.setdefault(deliveries[number].event_id, []).append(number)
        self._seen = len(deliveries)
        return [deliveries[number] for number in reversed(self._deliveries.get(event_id, []))]
