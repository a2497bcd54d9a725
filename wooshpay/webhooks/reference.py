"""From an event to the merchant's own order."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from wooshpay.api.events import Event
    from wooshpay.core.objects import Object

# A session's client_reference_id stands on its intent as merchant_order_id; a payout has a number of its own.
_FIELDS: Final = ("client_reference_id", "merchant_order_id", "merchant_payout_id")
_METADATA: Final = ("client_reference_id", "merchant_order_id", "order_id", "order", "reference")
# Where a charge, refund, dispute or session embeds the payment, its reference is the payment's.
_EMBEDDED: Final = ("payment_intent", "charge")


def merchant_reference(found: Event | Object, *, metadata: Iterable[str] = _METADATA) -> str | None:
    """Find the merchant's own reference, wherever an event or object carries it.

    It is looked for in ``client_reference_id``, ``merchant_order_id`` and ``merchant_payout_id``, then in the metadata,
    then in a payment or charge that is embedded in full; the first that is not empty counts.

    Args:
        found: An event, or an object such as a PaymentIntent.
        metadata: The keys to look for in the metadata, most trusted first.

    Returns:
        The reference; ``None`` where there is none.
    """
    keys = tuple(metadata)
    data: Any = getattr(found, "data", None)
    inner: Any = getattr(data, "object", None)
    return _reference(found if inner is None else inner, keys)


def _reference(carrier: Any, keys: tuple[str, ...]) -> str | None:
    for name in _FIELDS:
        value = _text(_field(carrier, name))
        if value is not None:
            return value
    pairs = _field(carrier, "metadata")
    if isinstance(pairs, dict):
        for key in keys:
            value = _text(pairs.get(key))  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]  # JSON
            if value is not None:
                return value
    for name in _EMBEDDED:
        embedded = _field(carrier, name)
        if embedded is not None and not isinstance(embedded, str):
            value = _reference(embedded, keys)
            if value is not None:
                return value
    return None


def _field(carrier: Any, name: str) -> Any:
    value = getattr(carrier, name, None)
    if value is None:
        extra = getattr(carrier, "extra", None)
        value = extra.get(name) if extra else None
    return value


def _text(value: object) -> str | None:
    if isinstance(value, str):
        return value or None
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else None
