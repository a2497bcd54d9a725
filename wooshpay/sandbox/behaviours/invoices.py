"""Invoices. Their states, and what moves them, are in `wooshpay.sandbox.lifecycles.invoices`.

operation         allowed in these states
create            -
retrieve, list    any
add_lines         draft
delete            draft
finalize          draft
send              draft, open, uncollectible; with collection_method send_invoice
pay               draft, open, uncollectible
void              open, uncollectible
"""

from __future__ import annotations

from typing import Final

from wooshpay.core.json import JsonObject
from wooshpay.sandbox.behaviours.invoice_items import fit_currency, keep_sum, put_on, read_sum
from wooshpay.sandbox.engine.errors import SandboxError, invalid, missing
from wooshpay.sandbox.engine.listing import envelope, list_page
from wooshpay.sandbox.engine.params import Params
from wooshpay.sandbox.engine.registry import behaviour, view
from wooshpay.sandbox.engine.state import State, plain_view
from wooshpay.sandbox.engine.store import Record
from wooshpay.sandbox.lifecycles import collection, invoice_lines, invoices, payment_methods

PATH: Final = "/v1/invoices"
COLLECTION_METHODS: Final = ("charge_automatically", "send_invoice")
_DEFAULT_CURRENCY: Final = "USD"


@behaviour("invoices.create")
def create(state: State, params: Params) -> JsonObject:
    """Start a draft; it takes what waits for the customer, unless told not to."""
    customer = state.need("customer", params.need_text("customer"), param="customer")
    subscription = _subscription(state, params, customer)
    currency = params.currency("currency")
    behavior = params.choice("pending_invoice_items_behavior", ("include", "exclude")) or "include"
    fields = _read(state, params, customer)
    of = subscription.id if subscription is not None else None
    known = currency or (subscription["currency"] if subscription is not None else None)
    found = _waiting_currency(state, customer, of) if behavior == "include" and known is None else None
    now = state.clock.second
    invoice = invoices.start_draft(
        state,
        customer,
        currency=known or found or _DEFAULT_CURRENCY,
        reason="manual",
        period=(now, now),
        fields={**fields, "subscription": of},
    )
    invoice.private["any_currency"] = known is None
    if behavior == "include":
        for item in invoice_lines.waiting(state, customer.id, invoice["currency"], {of})[: invoice_lines.MOST_LINES]:
            invoice_lines.take(state, invoice, item)
    if invoice["auto_advance"]:
        collection.advance_later(state, invoice)
    invoices.announce(state, invoice)
    return state.view(invoice)


@behaviour("invoices.retrieve")
def retrieve(state: State, params: Params) -> JsonObject:
    """Get an invoice."""
    return state.view(_find(state, params))


@behaviour("invoices.list")
def list_invoices(state: State, params: Params) -> JsonObject:
    """List invoices, newest first."""
    return list_page(state, params, kind="invoice", url=PATH, same=("customer", "subscription"))


@behaviour("invoices.add_lines")
def add_lines(state: State, params: Params) -> JsonObject:
    """Put several sums on a draft at once."""
    invoice = _find(state, params)
    entries = params.each("lines")
    if not entries:
        raise missing("lines")
    invoices.require(invoice, invoices.DRAFT, "added to")
    invoices.refuse_lines(invoice, len(entries), "lines")
    sums = [read_sum(state, entry, currency=invoice["currency"]) for entry in entries]
    fit_currency(invoice, sums, "lines")
    more: JsonObject = {"customer": invoice["customer"], "subscription": invoice.get("subscription")}
    put_on(state, invoice, [keep_sum(state, read, more) for read in sums])
    return state.view(invoice)


@behaviour("invoices.finalize")
def finalize(state: State, params: Params) -> JsonObject:
    """Close a draft; with ``auto_advance`` collect it."""
    invoice = _find(state, params)
    auto_advance = params.flag("auto_advance")
    invoices.require(invoice, invoices.DRAFT, "finalized")
    if auto_advance is not None:
        invoice["auto_advance"] = auto_advance
    if invoice["auto_advance"]:
        collection.advance(state, invoice)
    else:
        invoices.finalize(state, invoice)
    return state.view(invoice)


@behaviour("invoices.send")
def send(state: State, params: Params) -> JsonObject:
    """Send an invoice to its customer."""
    invoice = _find(state, params)
    invoices.send(state, invoice)
    return state.view(invoice)


@behaviour("invoices.pay")
def pay(state: State, params: Params) -> JsonObject:
    """Take the money of an invoice, or note that it came another way."""
    invoice = _find(state, params)
    off_session = bool(params.flag("off_session"))
    out_of_band = bool(params.flag("paid_out_of_band"))
    id = params.text("payment_method") or None
    method = state.need("payment_method", id, param="payment_method") if id is not None else None
    if out_of_band and method is not None:
        raise SandboxError(
            "Pass payment_method or paid_out_of_band, not both.", code="parameter_invalid", param="paid_out_of_band"
        )
    invoices.require(invoice, invoices.DRAFT | invoices.OWED, "paid")
    if out_of_band:
        invoices.pay_out_of_band(state, invoice)
        return state.view(invoice)
    if method is not None:
        payment_methods.require_usable(method, invoice["customer"])
    invoices.pay(state, invoice, method, off_session=off_session)
    return state.view(invoice)


@behaviour("invoices.void")
def void(state: State, params: Params) -> JsonObject:
    """Declare an invoice a mistake."""
    invoice = _find(state, params)
    invoices.void(state, invoice)
    return state.view(invoice)


@behaviour("invoices.delete")
def delete(state: State, params: Params) -> JsonObject:
    """Remove a draft."""
    invoice = _find(state, params)
    invoices.delete(state, invoice)
    return {"id": invoice.id, "object": "invoice", "deleted": True}


@view("invoice")
def view_invoice(state: State, invoice: Record) -> JsonObject:
    """An invoice with its lines and, once it is finalized, its page."""
    lines = [state.view(line) for line in invoice_lines.lines_of(state, invoice)]
    answer = {**plain_view(invoice), "lines": envelope(f"{PATH}/{invoice.id}/lines", lines)}
    if invoice["status"] != "draft":
        answer["hosted_invoice_url"] = invoices.page_of(state, invoice)
    return answer


def read_days(params: Params, *, sent: bool) -> int | None:
    """``days_until_due``, which goes with ``send_invoice`` only."""
    days = params.integer("days_until_due", least=0, most=3650)
    if days is not None and not sent:
        raise _only_sent("days_until_due")
    return days


def read_settings(params: Params) -> JsonObject | None:
    """``payment_settings``; types of methods come as a list or, as the reference has it, as a text."""
    settings = params.within("payment_settings")
    if settings is None:
        return None
    kept = params.as_sent("payment_settings") or {}
    settings.choice("save_default_payment_method", ("off", "on_subscription"))
    settings.within("payment_method_options")
    if "payment_method_types" in kept:
        types = kept["payment_method_types"]
        listed = [part.strip() for part in types.split(",")] if isinstance(types, str) else types
        names = {"payment_method_types": listed}
        kept["payment_method_types"] = payment_methods.read_types(Params(names, place="payment_settings"))
    return {name: value for name, value in kept.items() if value is not None} or None


def read_method(state: State, params: Params, customer: Record) -> str | None:
    """``default_payment_method``: one that is attached to the customer, as it is charged without them."""
    id = params.text("default_payment_method") or None
    if id is None:
        return None
    method = state.need("payment_method", id, param="default_payment_method")
    payment_methods.require_usable(method, customer.id, param="default_payment_method")
    if method.get("customer") is None:
        raise invalid("default_payment_method", f"attached to the customer {customer.id} first")
    return method.id


def _find(state: State, params: Params) -> Record:
    return state.need("invoice", params.id)


def _read(state: State, params: Params, customer: Record) -> JsonObject:
    how = params.choice("collection_method", COLLECTION_METHODS) or "charge_automatically"
    sent = how == "send_invoice"
    days, due_date = read_days(params, sent=sent), params.moment("due_date")
    if due_date is not None and not sent:
        raise _only_sent("due_date")
    if due_date is not None and days is not None:
        raise SandboxError("Pass due_date or days_until_due, not both.", code="parameter_invalid", param="due_date")
    if due_date is not None and due_date < state.clock.now:
        raise invalid("due_date", "a time to come")
    return {
        "auto_advance": bool(params.flag("auto_advance")),
        "collection_method": how,
        "days_until_due": days,
        "default_payment_method": read_method(state, params, customer),
        "description": params.text("description") or None,
        "due_date": due_date,
        "footer": params.text("footer") or None,
        "metadata": params.metadata() or {},
        "payment_settings": read_settings(params),
        "statement_descriptor": params.text("statement_descriptor") or None,
    }


def _only_sent(name: str) -> SandboxError:
    return SandboxError(f"{name} goes with collection_method send_invoice only.", code="parameter_invalid", param=name)


def _subscription(state: State, params: Params, customer: Record) -> Record | None:
    id = params.text("subscription") or None
    if id is None:
        return None
    subscription = state.need("subscription", id, param="subscription")
    if subscription["customer"] != customer.id:
        raise invalid("subscription", "a subscription of the customer")
    return subscription


def _waiting_currency(state: State, customer: Record, subscription: str | None) -> str | None:
    """The currency of the oldest item that waits."""
    items = list(state.store["invoiceitem"].where(customer=customer.id))[::-1]
    fitting = (item for item in items if item["invoice"] is None and item["subscription"] == subscription)
    first = next(fitting, None)
    return first["currency"] if first is not None else None
