"""What the benchmarks send and receive: a payment intent of 2.5 KB, a checkout session, a small payment method."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

_FOLDER: Final = Path(__file__).with_name("data")

# What is sent to make a payment; every client writes it in its own way.
CREATE: Final[dict[str, Any]] = {
    "amount": 12999,
    "currency": "USD",
    "confirm": True,
    "payment_method": "pm_1693466278808780800",
    "customer": "cus_1693466270411784192",
    "description": "Order 1001: two chairs and a lamp",
    "metadata": {"cart": "c0ffee42", "channel": "web", "campaign": "autumn-sale", "basket_items": "3"},
    "return_url": "https://shop.example.com/thanks",
}


@cache
def text(name: str) -> bytes:
    """The JSON of an object, as compact as a server writes it.

    Args:
        name: ``payment_intent``, ``checkout_session`` or ``payment_method``.
    """
    return _written(json.loads((_FOLDER / f"{name}.json").read_bytes()))


def page(name: str, numbers: Sequence[int], *, has_more: bool = False) -> bytes:
    """A page of a list, whose entries differ in their ids.

    Args:
        name: What is listed.
        numbers: The entries, by the number that is put in the id.
        has_more: Whether there are entries after these.
    """
    prefix, _, number = json.loads(text(name))["id"].partition("_")
    before, _, after = text(name).partition(f'"{prefix}_{number}"'.encode())
    entries = b",".join([b'%b"%b_%019d"%b' % (before, prefix.encode(), place, after) for place in numbers])
    more = b"true" if has_more else b"false"
    return b'{"object":"list","data":[%b],"has_more":%b,"url":"/v1/%bs"}' % (entries, more, name.encode())


def event() -> bytes:
    """An event that tells about the payment intent."""
    return _written(
        {
            "id": "evt_1693466279148519424",
            "object": "event",
            "api_version": "1.0.1",
            "created": 1692588800000,
            "data": {"object": json.loads(text("payment_intent"))},
            "livemode": False,
            "type": "payment_intent.succeeded",
        }
    )


def _written(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()
