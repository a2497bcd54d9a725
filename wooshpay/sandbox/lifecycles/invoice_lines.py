"""The lines of invoices, and the invoice items that most of them come from.

What becomes of an invoice item:

    from               by                                              to
    (new)              create without an invoice; a proration          waiting
                       create for a draft; add_lines                   on that draft
    waiting            the next invoice of its customer is made        on that invoice
    on a draft         the draft is deleted                            waiting again; gone if made for that draft

Which waiting items an invoice takes: one by hand for a subscription takes those of the subscription, one by hand
without takes those of none; a renewal takes both; a change of plan those of its subscription. One currency only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from wooshpay.core.json import JsonObject
from wooshpay.sandbox.engine.state import State
from wooshpay.sandbox.engine.store import Record
from wooshpay.sandbox.lifecycles.credits import credit_of
from wooshpay.sandbox.rules.discounts import amount_off

MOST_LINES: Final = 250


def make_item(state: State, fields: JsonObject) -> Record:
    """Make an invoice item that waits for an invoice. ``fields`` has at least customer, amount and currency."""
    now = state.clock.second
    item = state.add(
        "ii",
        "invoiceitem",
        {
            "date": now,
            "description": None,
            "discountable": True,
            "invoice": None,
            "metadata": {},
            "period": {"start": now, "end": now},
            "price": None,
            "proration": False,
            "quantity": 1,
            "subscription": None,
            **fields,
        },
    )
    # The reference's invoice item has a date in its place.
    del item["created"]
    return item


def waiting(state: State, customer: str, currency: str, subscriptions: Iterable[str | None]) -> list[Record]:
    """The customer's items that wait for an invoice of one of these subscriptions, oldest first."""
    allowed = set(subscriptions)
    found = [
        item
        for item in state.store["invoiceitem"].where(customer=customer)
        if item["invoice"] is None and item["currency"] == currency and item["subscription"] in allowed
    ]
    return found[::-1]


def take(state: State, invoice: Record, item: Record, *, waited: bool = True) -> None:
    """Put an invoice item on a draft."""
    item["invoice"] = invoice.id
    item.private["waited"] = waited
    shared = ("amount", "currency", "description", "discountable", "metadata", "period", "price", "proration")
    _add(
        state,
        invoice,
        {
            **{name: item[name] for name in (*shared, "quantity", "subscription")},
            "invoice_item": item.id,
            "type": "invoiceitem",
        },
    )


def add_period(
    state: State, invoice: Record, item: Record, amount: int, period: tuple[int, int], *, trial: bool = False
) -> None:
    """Put a subscription item's period on a draft."""
    price = state.need("price", item["price"])
    name = name_of(state, price)
    start, end = period
    _add(
        state,
        invoice,
        {
            "amount": amount,
            "currency": invoice["currency"],
            "description": f"Trial period for {name}" if trial else name,
            "discountable": True,
            "invoice_item": None,
            "metadata": dict(item["metadata"]),
            "period": {"start": start, "end": end},
            "price": price.id,
            "proration": False,
            "quantity": item["quantity"],
            "subscription": item["subscription"],
            "subscription_item": item.id,
            "type": "subscription",
        },
    )


def _add(state: State, invoice: Record, fields: JsonObject) -> None:
    line = state.add("il", "line_item", fields)
    # The reference's line has no time of its own.
    del line["created"]
    invoice.private["lines"] = [*invoice.private["lines"], line.id]


def lines_of(state: State, invoice: Record) -> list[Record]:
    """The lines of an invoice, in order."""
    return [state.need("line_item", id) for id in invoice.private["lines"]]


def drop(state: State, invoice: Record) -> None:
    """Take all lines off a draft that is deleted."""
    for line in lines_of(state, invoice):
        item = state.store["invoiceitem"].get(line.get("invoice_item") or "")
        if item is not None and item.private.get("waited"):
            item["invoice"] = None
        elif item is not None:
            state.store["invoiceitem"].remove(item.id)
        state.store["line_item"].remove(line.id)


def total_up(state: State, invoice: Record) -> None:
    """Add up a draft: its lines, less the discount, less the customer's credit."""
    lines = lines_of(state, invoice)
    currency: str = invoice["currency"]
    subtotal = sum(line["amount"] for line in lines)
    total = subtotal - _discount(state, invoice.private.get("coupon"), lines, currency)
    balance = -credit_of(state.need("customer", invoice["customer"]), currency)
    invoice.update(subtotal=subtotal, total=total, starting_balance=balance, amount_due=max(0, total + min(0, balance)))


def _discount(state: State, coupon: Mapping[str, Any] | None, lines: list[Record], currency: str) -> int:
    if coupon is None:
        return 0
    base = sum(line["amount"] for line in lines if line["discountable"] and is_for(state, coupon, line.get("price")))
    return min(base, amount_off(coupon, base, currency)) if base > 0 else 0


def is_for(state: State, coupon: Mapping[str, Any], price: str | None) -> bool:
    """Whether a coupon is for what this price sells: for everything, unless it names products."""
    applies_to: JsonObject = coupon.get("applies_to") or {}
    products: list[str] = applies_to.get("products") or []
    return not products or (price is not None and state.need("price", price)["product"] in products)


def name_of(state: State, price: Record) -> str:
    """What a price sells, for people."""
    product = state.store["product"].get(price["product"])
    return str(product["name"]) if product is not None else price.id
