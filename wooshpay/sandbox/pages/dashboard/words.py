"""Times, spans, kinds and statuses in words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final, Literal, TypeAlias

Tone: TypeAlias = Literal["good", "busy", "bad", "quiet"]

_TONES: Final[dict[str, Tone]] = {
    **dict.fromkeys(
        ("succeeded", "complete", "paid", "active", "enabled", "delivered", "available", "approved", "won", "verified"),
        "good",
    ),
    **dict.fromkeys(
        ("failed", "uncollectible", "unpaid", "past_due", "given_up", "lost", "declined", "rejected"), "bad"
    ),
    **dict.fromkeys(("canceled", "expired", "void", "disabled", "inactive", "draft", "closed", "archived"), "quiet"),
}


# Where the value of ``object`` runs words together, or says less than the section of the API.
_NAMES: Final = {
    "fx_quote": "FX quote",
    "invoiceitem": "Invoice item",
    "item": "Checkout line item",
    "line_item": "Invoice line item",
}


def iso(moment: int) -> str:
    """Return a time in milliseconds in the form of ISO 8601."""
    return _datetime(moment).strftime("%Y-%m-%dT%H:%M:%SZ")


def time_text(moment: int) -> str:
    """Return a time in milliseconds as text for people, in UTC."""
    return _datetime(moment).strftime("%Y-%m-%d %H:%M:%S")


def _datetime(moment: int) -> datetime:
    try:
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=moment)
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC)


def duration(milliseconds: int) -> str:
    """Return a span of time as text for people, in its two largest units."""
    seconds = max(0, milliseconds) // 1000
    parts = (
        (seconds // 86_400, "d"),
        (seconds // 3600 % 24, "h"),
        (seconds // 60 % 60, "min"),
        (seconds % 60, "s"),
    )
    first = next((place for place, (count, _) in enumerate(parts) if count), len(parts) - 1)
    return " ".join(f"{count} {unit}" for count, unit in parts[first : first + 2] if count) or "0 s"


def kind_name(kind: str) -> str:
    """Return a kind of object for people: ``payment_intent`` is a Payment intent."""
    return _NAMES.get(kind) or kind.replace("_", " ").replace(".", " ").capitalize()


def plural(name: str) -> str:
    """Return the name of several: Beneficiary, Beneficiaries."""
    return f"{name[:-1]}ies" if name.endswith("y") else f"{name}s"


def counted(count: int, name: str) -> str:
    """Return a number with the name of what is counted: 1 event, 2 events."""
    return f"{count:,} {name if count == 1 else plural(name)}"


def tone(status: str) -> Tone:
    """Tell whether a status is good or bad news."""
    return _TONES.get(status, "busy")
