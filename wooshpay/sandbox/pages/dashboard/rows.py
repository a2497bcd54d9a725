"""Objects as rows of a table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import attrs

from wooshpay.api import TAGS
from wooshpay.core.json import Json
from wooshpay.core.redaction import redact
from wooshpay.sandbox.engine.store import Record, Store
from wooshpay.sandbox.rules.currencies import written

_AMOUNTS: Final = ("amount", "amount_total", "amount_due", "total", "unit_amount", "amount_off")
_ABOUTS: Final = ("description", "name", "email", "code", "type", "url", "nickname", "reason")
_LONGEST_ABOUT: Final = 80
# Objects that have no status can be active or not.
STATUS_OF_ACTIVE: Final = {True: "active", False: "inactive"}


@attrs.frozen(kw_only=True)
class Row:
    """An object as a row of a table.

    Attributes:
        id: Its ID.
        kind: Its kind.
        status: Its status; empty if it has none.
        amount: Its amount in words; empty if it has none.
        about: Its description, name, e-mail address or the like; empty if it has none.
        created: The time of its creation in milliseconds; ``None`` if it has none.
    """

    id: str
    kind: str
    status: str
    amount: str
    about: str
    created: int | None


def row(record: Record) -> Row:
    """Return the row of an object."""
    return Row(
        id=record.id,
        kind=record.kind,
        status=status_of(record),
        amount=_amount(record),
        about=_about(record),
        created=_whole(record.get("created")),
    )


def status_of(record: Record) -> str:
    """Return the status of an object, ``active`` or ``inactive`` if it can be either, or an empty text."""
    status = record.get("status")
    if isinstance(status, str):
        return status
    active = record.get("active")
    return STATUS_OF_ACTIVE[active] if isinstance(active, bool) else ""


def _amount(record: Record) -> str:
    currency = record.get("currency")
    amount = next((value for name in _AMOUNTS if (value := _whole(record.get(name))) is not None), None)
    return written(amount, currency) if amount is not None and isinstance(currency, str) else ""


def _about(record: Record) -> str:
    found = next((value for name in _ABOUTS if isinstance(value := record.get(name), str) and value), "")
    text = redact(found)
    return text if len(text) <= _LONGEST_ABOUT else f"{text[: _LONGEST_ABOUT - 1]}…"


def _whole(value: Json) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def shown_kinds(store: Store) -> list[str]:
    """Return the kinds of which there is an object that the API has too: not the sandbox's own counters."""
    return [kind for kind in store.kinds() if kind in TAGS]


def can_be_shown(store: Store) -> Callable[[str], bool]:
    """Return a function that tells whether an ID is that of an object or a request, which have pages of their own."""
    return lambda id: id.startswith("req_") or find(store, id) is not None


def find(store: Store, id: str) -> Record | None:
    """Return the object with an ID, whatever its kind; ``None`` if the API has no such object."""
    return next((record for kind in shown_kinds(store) if (record := store[kind].get(id)) is not None), None)
