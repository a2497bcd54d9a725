"""What belongs together: objects and their events, events and endpoints and their deliveries.

Each look goes on from where the last one ended.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

import attrs

from wooshpay.sandbox.engine.params import as_object
from wooshpay.sandbox.engine.store import Collection
from wooshpay.sandbox.webhooks.deliveries import Delivery


@attrs.define(eq=False)
class Trails:
    """Finds events and deliveries without walking through all of them each time."""

    _events: dict[str, list[str]] = attrs.field(factory=dict[str, list[str]])
    _newest: str | None = None
    _deliveries: dict[str, list[int]] = attrs.field(factory=dict[str, list[int]])
    _seen: int = 0
    _last: Delivery | None = None

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

    def deliveries_of(self, deliveries: Sequence[Delivery], id: str, most: int | None = None) -> list[Delivery]:
        """The deliveries of an event, or to an endpoint, newest first.

        Args:
            deliveries: All deliveries, oldest first.
            id: The event or the endpoint.
            most: How many at most.
        """
        # Work was undone, or the sandbox was reset; since then as many deliveries may have been added.
        if len(deliveries) < self._seen or (self._seen and deliveries[self._seen - 1] is not self._last):
            self._deliveries, self._seen = {}, 0
        for number in range(self._seen, len(deliveries)):
            delivery = deliveries[number]
            self._deliveries.setdefault(delivery.event_id, []).append(number)
            self._deliveries.setdefault(delivery.endpoint_id, []).append(number)
        self._seen = len(deliveries)
        self._last = deliveries[-1] if deliveries else None
        newest = islice(reversed(self._deliveries.get(id, [])), most)
        return [deliveries[number] for number in newest]
