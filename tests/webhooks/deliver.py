"""Deliveries as WooshPay makes them, for tests."""

from __future__ import annotations

import json
from typing import Any, Final

from wooshpay import webhooks

SECRET: Final = "whsec_5WbX5kEWLlfzsGNjH64I8lOOqUB6e8FH"


def body_of(event_id: str = "evt_1", type: str = "payment_intent.succeeded", **fields: Any) -> bytes:
    """An event about a payment, or about what ``object`` says."""
    about = {"id": "pi_1", "object": "payment_intent", "amount": 1999, "merchant_order_id": "order-17"}
    event = {"id": event_id, "object": "event", "created": 1668688178000, "livemode": False, "type": type}
    return json.dumps({**event, "data": {"object": fields or about}}).encode()


def headers_for(body: bytes, *, secret: str = SECRET, t: int | None = None) -> dict[str, str]:
    """The headers of a delivery."""
    return {"Content-Type": "application/json", "Wooshpay-Signature": webhooks.sign(body, secret, t=t)}
