"""Evidence in disputes: what can be said, and what the sandbox's bank makes of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

FILES: Final = (
    *("cancellation_policy", "customer_communication", "customer_signature", "duplicate_charge_documentation"),
    *("receipt", "refund_policy", "service_documentation", "shipping_documentation", "uncategorized_file"),
)
"""The keys that hold ids of files."""

KEYS: Final = (
    *("access_activity_log", "billing_address", "cancellation_policy", "cancellation_policy_disclosure"),
    *("cancellation_rebuttal", "customer_communication", "customer_email_address", "customer_name"),
    *("customer_purchase_ip", "customer_signature", "duplicate_charge_documentation"),
    *("duplicate_charge_explanation", "duplicate_charge_id", "product_description", "receipt", "refund_policy"),
    *("refund_policy_disclosure", "refund_refusal_explanation", "service_date", "service_documentation"),
    *("shipping_address", "shipping_carrier", "shipping_date", "shipping_documentation"),
    *("shipping_tracking_number", "uncategorized_file", "uncategorized_text"),
)
"""All keys; every dispute answers them all."""

LARGEST: Final = 150_000
"""How many characters all evidence of a dispute may have, as at Stripe."""

WINNING: Final = "winning_evidence"
LOSING: Final = "losing_evidence"


def verdict(evidence: Mapping[str, str | None]) -> str | None:
    """``won`` or ``lost``, by the word in ``uncategorized_text``; ``None`` where the bank does not decide by itself."""
    text = evidence.get("uncategorized_text") or ""
    if WINNING in text:
        return "won"
    return "lost" if LOSING in text else None


def size(evidence: Mapping[str, str | None]) -> int:
    """How many characters the evidence has."""
    return sum(len(text) for text in evidence.values() if text)
