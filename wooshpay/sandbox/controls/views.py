"""How the sandbox's own things are answered to the tester."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, TypeVar

import attrs

from wooshpay.core.json import JsonObject
from wooshpay.sandbox.engine.clock import Clock
from wooshpay.sandbox.engine.errors import SandboxError
from wooshpay.sandbox.engine.listing import envelope
from wooshpay.sandbox.engine.params import Params
from wooshpay.sandbox.requests.log import LoggedRequest
from wooshpay.sandbox.webhooks.deliveries import Delivery
from wooshpay.sandbox.webhooks.options import WebhookOptions

T = TypeVar("T")

_DEFAULT_LIMIT: Final = 100
_MAX_LIMIT: Final = 1000


def clock_json(clock: Clock) -> JsonObject:
    """The clock."""
    return {"object": "sandbox.clock", "now": clock.now, "frozen": clock.frozen}


def request_json(request: LoggedRequest) -> JsonObject:
    """A request in the log."""
    facts = attrs.asdict(request, filter=lambda field, _: not field.name.startswith("_"))
    return {"object": "sandbox.request", **facts, "answer": request.answer}


def delivery_json(delivery: Delivery) -> JsonObject:
    """A webhook delivery, without the event itself."""
    return {
        "id": delivery.id,
        "object": "sandbox.delivery",
        "event": delivery.event_id,
        "event_type": delivery.event_type,
        "endpoint": delivery.endpoint_id,
        "state": delivery.state,
        "first_at": delivery.first_at,
        "next_at": delivery.next_at,
        "attempts": [attrs.asdict(attempt) for attempt in delivery.attempts],
    }


def options_json(options: WebhookOptions) -> JsonObject:
    """How webhooks are delivered."""
    return {"object": "sandbox.webhooks", **attrs.asdict(options)}


def newest_first(
    params: Params, entries: Sequence[T], *, url: str, name_of: Callable[[T], str], view: Callable[[T], JsonObject]
) -> JsonObject:
    """One page of things that are kept oldest first; ``limit`` and ``starting_after`` are read here."""
    limit = params.integer("limit", least=1, most=_MAX_LIMIT) or _DEFAULT_LIMIT
    cursor = params.text("starting_after") or None
    rest = list(reversed(entries))
    if cursor is not None:
        names = [name_of(entry) for entry in rest]
        if cursor not in names:
            raise SandboxError(
                f"starting_after names nothing in this list: {cursor}.", code="resource_missing", param="starting_after"
            )
        rest = rest[names.index(cursor) + 1 :]
    return envelope(url, [view(entry) for entry in rest[:limit]], has_more=len(rest) > limit)
