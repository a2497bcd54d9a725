"""The modules that define behaviours, views and reactions, so that one is imported only when a request needs it.

A sandbox answers its first request sooner if it does not import payouts for a program that takes payments. The tests
compare these tables with what the modules register.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

# Section of the API -> module of its behaviours, where the names differ.
_BEHAVIOURS: Final[Mapping[str, str]] = {"checkout.sessions": "behaviours.checkout_sessions"}

# Kind of object -> the module that registers how it is shown.
VIEWS: Final[Mapping[str, str]] = {
    "beneficiary": "behaviours.beneficiaries",
    "charge": "behaviours.charges",
    "checkout.session": "behaviours.checkout_sessions",
    "coupon": "behaviours.coupons",
    "dispute": "behaviours.disputes",
    "event": "behaviours.events",
    "file": "behaviours.files",
    "invoice": "behaviours.invoices",
    "invoiceitem": "behaviours.invoice_items",
    "issuing.authorization": "behaviours.issuing.authorizations",
    "issuing.card": "behaviours.issuing.cards",
    "issuing.transaction": "behaviours.issuing.transactions",
    "item": "behaviours.checkout_sessions",
    "line_item": "behaviours.invoice_items",
    "payment_link": "behaviours.payment_links",
    "price": "behaviours.prices",
    "promotion_code": "behaviours.promotion_codes",
    "subscription": "behaviours.subscriptions",
    "subscription_item": "behaviours.subscriptions",
}

# Type of event -> the modules that react to it, in the order in which they react. An invoice is paid before the
# checkout session that waits for it is completed.
REACTIONS: Final[Mapping[str, tuple[str, ...]]] = {
    "charge.refund.updated": ("lifecycles.disputes",),
    "invoice.paid": ("lifecycles.checkout",),
    "payment_intent.amount_capturable_updated": ("lifecycles.checkout",),
    "payment_intent.payment_failed": ("lifecycles.collection",),
    "payment_intent.processing": ("lifecycles.checkout",),
    "payment_intent.succeeded": ("lifecycles.invoices", "lifecycles.checkout", "lifecycles.disputes"),
    "setup_intent.succeeded": ("lifecycles.checkout",),
}


def behaviours_of(section: str) -> str:
    """Return the module that has the behaviours of a section of the API, such as ``issuing.cards``."""
    return _BEHAVIOURS.get(section, f"behaviours.{section}")
