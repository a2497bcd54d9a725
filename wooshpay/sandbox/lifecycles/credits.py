"""Credit that a customer has with the merchant: what an invoice below zero left, by currency. Later invoices use it."""

from __future__ import annotations

from wooshpay.sandbox.engine.store import Record


def credit_of(customer: Record, currency: str) -> int:
    """The customer's credit in minor units."""
    amounts: dict[str, int] = customer.private.get("credit") or {}
    return amounts.get(currency, 0)


def move(customer: Record, amount: int, currency: str) -> None:
    """Give credit, or take it."""
    amounts: dict[str, int] = customer.private.get("credit") or {}
    customer.private["credit"] = {**amounts, currency: amounts.get(currency, 0) + amount}
