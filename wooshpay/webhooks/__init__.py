"""Webhooks: receive events from WooshPay, and verify that WooshPay sent them.

    event = webhooks.construct(body, headers, "whsec_...")

``body`` is the raw body of the request, ``headers`` its headers in whatever form your framework has them. A
`WebhookReceiver` does all of it: it verifies a delivery and calls the handler of its event, with an inbox only once.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from wooshpay.errors import ClaimLost, InboxError, PayloadError, SignatureError, TimestampError, WebhookError
from wooshpay.webhooks.events import construct, parse_unverified
from wooshpay.webhooks.signature import Verified, sign, verify

if TYPE_CHECKING:
    from wooshpay.webhooks.inbox import (
        DjangoInbox,
        Inbox,
        MemoryInbox,
        PostgresInbox,
        RedisInbox,
        SqlAlchemyInbox,
        SqliteInbox,
    )
    from wooshpay.webhooks.queued import QueuedReceiver
    from wooshpay.webhooks.receiver import WebhookReceiver
    from wooshpay.webhooks.reference import merchant_reference
    from wooshpay.webhooks.replies import Reply
    from wooshpay.webhooks.typed import EventOf

__all__ = [
    "construct",
    "verify",
    "parse_unverified",
    "sign",
    "Verified",
    "WebhookReceiver",
    "QueuedReceiver",
    "Reply",
    "EventOf",
    "merchant_reference",
    "Inbox",
    "MemoryInbox",
    "SqliteInbox",
    "RedisInbox",
    "PostgresInbox",
    "DjangoInbox",
    "SqlAlchemyInbox",
    "WebhookError",
    "SignatureError",
    "TimestampError",
    "PayloadError",
    "InboxError",
    "ClaimLost",
]

# Verifying needs the standard library alone, so the rest is imported when it is asked for.
_HOMES: Final[dict[str, str]] = {
    "WebhookReceiver": "receiver",
    "QueuedReceiver": "queued",
    "Reply": "replies",
    "merchant_reference": "reference",
    "Inbox": "inbox",
    "MemoryInbox": "inbox",
    "SqliteInbox": "inbox",
    "RedisInbox": "inbox",
    "PostgresInbox": "inbox",
    "DjangoInbox": "inbox",
    "SqlAlchemyInbox": "inbox",
}


def __getattr__(name: str) -> Any:
    if name == "EventOf":
        # What only type checkers tell apart.
        from wooshpay.api.events import Event

        return _Event(Event)
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value


class _Event:
    """``EventOf[PaymentIntent]`` at run time: the class of all events."""

    def __init__(self, event: type) -> None:
        self._event = event

    def __getitem__(self, cls: object) -> type:
        return self._event
