"""Which operations move money, or decide how much of it moves. To mistake one row for another costs money there."""

from __future__ import annotations

from typing import Final

MOVES_MONEY: Final = frozenset(
    {
        "disputes.close",
        "invoice_items.create",
        "invoices.add_lines",
        "invoices.create",
        "invoices.finalize",
        "invoices.pay",
        "invoices.void",
        "payment_intents.cancel",
        "payment_intents.capture",
        "payment_intents.confirm",
        "payment_intents.create",
        "payment_intents.update",
        "payouts.create",
        "refunds.create",
        "subscription_items.create",
        "subscriptions.create",
        "subscriptions.update",
    }
)
"""No declaration says it, so they are listed here. A test holds the list against all operations."""
