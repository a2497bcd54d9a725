"""What the log says about an event: its fields, and its texts in a form that is safe to log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wooshpay.core.log_fields import log_fields
from wooshpay.core.redaction import excerpt

if TYPE_CHECKING:
    from wooshpay.api.events import Event

_LONGEST_SHOWN: Final = 100


def shown(text: str) -> str:
    """Return a text that is safe to log: short, and without secrets, control characters and lone surrogates."""
    return excerpt(text if text.isprintable() else ascii(text)[1:-1], _LONGEST_SHOWN)


def event_fields(event: Event) -> dict[str, object]:
    """Return the fields of a log record about an event."""
    return log_fields(wooshpay_event_id=event.id, wooshpay_event_type=event.type)
