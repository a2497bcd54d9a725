"""What WooshPay offers: one module per section of its reference.

The tables say where things are, so that a section is imported only when it is used.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from wooshpay.core.declaration import Declaration

# Section, as in client.checkout.sessions -> its class.
SECTIONS: Final[dict[str, str]] = {
    "balance": "Balances",
    "charges": "Charges",
    "checkout.sessions": "Sessions",
    "customers": "Customers",
    "events": "Events",
    "payment_intents": "PaymentIntents",
    "refunds": "Refunds",
    "webhook_endpoints": "WebhookEndpoints",
}

# Object class -> the section module that defines it.
OBJECTS: Final[dict[str, str]] = {
    "Balance": "balance",
    "Charge": "charges",
    "CheckoutSession": "checkout.sessions",
    "Customer": "customers",
    "DeletedWebhookEndpoint": "webhook_endpoints",
    "Event": "events",
    "PaymentIntent": "payment_intents",
    "Refund": "refunds",
    "WebhookEndpoint": "webhook_endpoints",
}

# Value of the ``object`` field -> object class.
TAGS: Final[dict[str, str]] = {
    "balance": "Balance",
    "charge": "Charge",
    "checkout.session": "CheckoutSession",
    "customer": "Customer",
    "event": "Event",
    "payment_intent": "PaymentIntent",
    "refund": "Refund",
    "webhook_endpoint": "WebhookEndpoint",
}


def declarations() -> Iterator[Declaration]:
    """Every declared operation of every section, in the order of the sections and of their code."""
    from wooshpay.core.declaration import Declaration

    for section, name in SECTIONS.items():
        for member in vars(getattr(import_module(f"wooshpay.api.{section}"), name)).values():
            if isinstance(member, Declaration):
                yield member
