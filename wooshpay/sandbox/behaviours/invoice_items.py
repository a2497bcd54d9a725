"""Invoice items. What becomes of them is in `wooshpay.sandbox.lifecycles.invoice_lines`.

operation    allowed
create       -; with ``invoice`` while that is a draft
retrieve     always
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from wooshpay.core.json import JsonObject
from wooshpay.sandbox.engine.errors import SandboxError, invalid, missing
from wooshpay.sandbox.engine.params import MAX_AMOUNT, Params
from wooshpay.sandbox.engine.registry import behaviour, view
from wooshpay.sandbox.engine.state import State, plain_view
from wooshpay.sandbox.engine.store import Record
from wooshpay.sandbox.lifecycles import catalog, invoice_lines, invoices
from wooshpay.sandbox.lifecycles.catalog import PricePlan
from wooshpay.sandbox.rules.pricing import amount_of


@attrs.frozen
class Sum:
    """An invoice item that was read, before anything is kept.

    Attributes:
        fields: The item's fields without its price.
        plan: Its price, where it has one.
    """

    fields: JsonObject
    plan: PricePlan | None

    @property
    def currency(self) -> str:
        """The currency."""
        currency: str = self.fields["currency"]
        return currency


def read_sum(state: State, entry: Params, *, currency: str | None) -> Sum:
    """Read what a customer owes: an amount, units of a ``unit_amount``, or units of a price.

    Args:
        state: The sandbox.
        entry: The parameters.
        currency: The currency where none is sent.
    """
    quantity = entry.integer("quantity", least=0, most=MAX_AMOUNT)
    amount = entry.integer("amount", least=-MAX_AMOUNT, most=MAX_AMOUNT)
    unit_amount = entry.integer("unit_amount", least=-MAX_AMOUNT, most=MAX_AMOUNT)
    sent_currency = entry.currency("currency")
    plan: PricePlan | None = None
    count = 1 if quantity is None else quantity
    if entry.given("price", "price_data"):
        if amount is not None or unit_amount is not None:
            name = "amount" if amount is not None else "unit_amount"
            raise SandboxError(
                f"Pass {entry.named(name)} or a price, not both.", code="parameter_invalid", param=entry.named(name)
            )
        plan = catalog.read_price(state, entry, recurring=False)
        if sent_currency not in {None, plan.currency}:
            raise invalid(entry.named("currency"), f"{plan.currency}, the currency of the price")
        sent_currency, unit_amount = plan.currency, plan.terms.get("unit_amount")
        whole = amount_of(plan.terms, count)
    else:
        whole = _whole(entry, amount, unit_amount, count, quantity_sent=quantity is not None)
    if abs(whole) > MAX_AMOUNT:
        raise invalid(entry.named("quantity"), f"such that the amount is at most {MAX_AMOUNT}", code="amount_too_large")
    known = sent_currency or currency
    if known is None:
        raise missing(entry.named("currency"))
    fields: JsonObject = {
        "amount": whole,
        "currency": known,
        "description": entry.text("description") or (_name(state, plan) if plan is not None else None),
        "metadata": entry.metadata() or {},
        "quantity": count,
        "unit_amount": whole if unit_amount is None and plan is None else unit_amount,
    }
    return Sum(fields, plan)


def keep_sum(state: State, read: Sum, more: JsonObject) -> Record:
    """Make the invoice item, and its price where that came inline."""
    price = catalog.make_price(state, read.plan).id if read.plan is not None else None
    return invoice_lines.make_item(state, {**read.fields, "price": price, **more})


@behaviour("invoice_items.create")
def create(state: State, params: Params) -> JsonObject:
    """Note a sum that a customer owes."""
    customer = state.need("customer", params.need_text("customer"), param="customer")
    invoice = _draft(state, params, customer)
    subscription = _subscription(state, params, customer)
    if subscription is None and invoice is not None:
        subscription = invoice.get("subscription")
    read = read_sum(state, params, currency=invoice["currency"] if invoice is not None else None)
    if invoice is not None:
        fit_currency(invoice, [read], "currency")
        invoices.refuse_lines(invoice, 1, "invoice")
    period = _period(params)
    more: JsonObject = {"customer": customer.id, "subscription": subscription, **({"period": period} if period else {})}
    item = keep_sum(state, read, more)
    if invoice is not None:
        put_on(state, invoice, [item])
    return state.view(item)


@behaviour("invoice_items.retrieve")
def retrieve(state: State, params: Params) -> JsonObject:
    """Get an invoice item."""
    return state.view(state.need("invoiceitem", params.id))


def fit_currency(invoice: Record, sums: list[Sum], param: str) -> None:
    """Refuse sums in another currency than the draft's. A draft without lines may still be of any."""
    currencies = {read.currency for read in sums}
    free = invoice.private.get("any_currency") and not invoice.private["lines"]
    if len(currencies) > 1 or (not free and currencies - {invoice["currency"]}):
        raise invalid(param, f"{invoice['currency']}, the currency of the invoice")


def put_on(state: State, invoice: Record, items: list[Record]) -> None:
    """Put new items on a draft."""
    if items and invoice["currency"] != items[0]["currency"]:
        invoices.set_currency(invoice, items[0]["currency"])
    for item in items:
        invoice_lines.take(state, invoice, item, waited=False)
    invoice_lines.total_up(state, invoice)


@view("invoiceitem")
def view_item(state: State, item: Record) -> JsonObject:
    """An invoice item with its price in full."""
    return with_price(state, item)


@view("line_item")
def view_line(state: State, line: Record) -> JsonObject:
    """A line of an invoice with its price in full."""
    return with_price(state, line)


def with_price(state: State, record: Record) -> JsonObject:
    """The fields of a record, with its price in full."""
    price: str | None = record.get("price")
    whole = {"price": state.view(state.need("price", price))} if price is not None else {}
    return {**plain_view(record), **whole}


def _whole(entry: Params, amount: int | None, unit_amount: int | None, count: int, *, quantity_sent: bool) -> int:
    if amount is None and unit_amount is None:
        raise missing(entry.named("amount"))
    if unit_amount is None:
        assert amount is not None, "one of the two was sent"
        if quantity_sent and count != 1:
            raise SandboxError(
                f"{entry.named('quantity')} goes with unit_amount or a price; amount is the whole sum.",
                code="parameter_invalid",
                param=entry.named("quantity"),
            )
        return amount
    if amount is not None and amount != unit_amount * count:
        raise invalid(entry.named("amount"), f"unit_amount times quantity, which is {unit_amount * count}")
    return unit_amount * count


def _draft(state: State, params: Params, customer: Record) -> Record | None:
    id = params.text("invoice") or None
    if id is None:
        return None
    invoice = state.need("invoice", id, param="invoice")
    if invoice["customer"] != customer.id:
        raise invalid("invoice", "an invoice of the customer")
    invoices.require(invoice, invoices.DRAFT, "added to")
    return invoice


def _subscription(state: State, params: Params, customer: Record) -> str | None:
    id = params.text("subscription") or None
    if id is None:
        return None
    subscription = state.need("subscription", id, param="subscription")
    if subscription["customer"] != customer.id:
        raise invalid("subscription", "a subscription of the customer")
    return subscription.id


def _period(params: Params) -> JsonObject | None:
    period = params.within("period")
    if period is None:
        return None
    start, end = period.moment("start"), period.moment("end")
    if start is None or end is None:
        raise missing(period.named("start" if start is None else "end"))
    if end < start:
        raise invalid(period.named("end"), "not before its start")
    return {"start": start, "end": end}


def _name(state: State, plan: PricePlan) -> str | None:
    if plan.product is not None:
        return str(plan.product["name"])
    product: Mapping[str, Any] = state.need("product", plan.terms["product"])
    return str(product["name"])
