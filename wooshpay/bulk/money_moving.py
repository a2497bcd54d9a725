"""The operations that move money, or decide how much money moves. Mistaking one row for another costs money there."""

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
"""The declarations do not say this, so the operations are listed here. A test compares the list with all operations."""
