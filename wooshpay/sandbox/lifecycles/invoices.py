"""What becomes of an invoice between its draft and its end.

    from                   by                                                       to
    (new)                  create; a subscription's period or change of plan        draft
    draft                  add_lines, an invoice item for it                        draft
                           delete, unless it is a subscription's                    (gone)
                           finalize, send, pay                                      open; paid if nothing is due
                           an hour passes, with auto_advance                        as finalize, then collected or sent
    open, uncollectible    pay, accepted; its PaymentIntent succeeds                paid
                           pay, refused; the customer has to act                    (as it was)
                           pay with paid_out_of_band                                paid; its intent is canceled
                           send                                                     (as it was)
                           void                                                     void; its intent is canceled
    paid, void             nothing

No call leads to ``uncollectible``. An invoice below zero is paid when finalized, and gives the customer credit, which
the next invoices of that currency use. How money is collected by itself is in `wooshpay.sandbox.lifecycles.collection`.
"""

from __future__ import annotations

from typing import Final

from wooshpay.core.json import JsonObject
from wooshpay.sandbox.engine.clock import MILLISECONDS_PER_DAY
from wooshpay.sandbox.engine.errors import SandboxError, missing, wrong_state
from wooshpay.sandbox.engine.registry import reaction
from wooshpay.sandbox.engine.state import State
from wooshpay.sandbox.engine.store import Record
from wooshpay.sandbox.lifecycles import credits, invoice_lines, payments, standing
from wooshpay.sandbox.rules.currencies import decimals

DRAFT: Final = frozenset({"draft"})
OWED: Final = frozenset({"open", "uncollectible"})
DEFAULT_DAYS_UNTIL_DUE: Final = 30

_NUMBERS: Final = "invoice.numbers"


def require(invoice: Record, allowed: frozenset[str], action: str) -> None:
    """Refuse a call that the invoice's status does not allow."""
    if invoice["status"] not in allowed:
        raise wrong_state(
            f"This invoice could not be {action} because its status is {invoice['status']};"
            f" it must be {' or '.join(sorted(allowed))}.",
            code="invoice_unexpected_state",
            about=invoice,
        )


def start_draft(
    state: State,
    customer: Record,
    *,
    currency: str,
    reason: str,
    period: tuple[int, int],
    fields: JsonObject | None = None,
    coupon: JsonObject | None = None,
) -> Record:
    """Make a draft without lines. `announce` it when the lines are on it."""
    start, end = period
    return state.add(
        "in",
        "invoice",
        {
            "amount_due": 0,
            "amount_paid": 0,
            "amount_precision": decimals(currency),
            "auto_advance": False,
            "billing_reason": reason,
            "collection_method": "charge_automatically",
            "currency": currency,
            "customer": customer.id,
            **_facts_of(customer),
            "default_payment_method": None,
            "metadata": {},
            "next_payment_attempt": None,
            "paid": False,
            "paid_out_of_band": False,
            "payment_intent": None,
            "period_end": end,
            "period_start": start,
            "starting_balance": 0,
            "status": "draft",
            "status_transitions": {},
            "subscription": None,
            "subtotal": 0,
            "total": 0,
            **(fields or {}),
        },
        lines=[],
        coupon=coupon,
        key=state.ids.text(24),
    )


def set_currency(invoice: Record, currency: str) -> None:
    """Give an empty draft the currency of its first line."""
    invoice.update(currency=currency, amount_precision=decimals(currency))


def announce(state: State, invoice: Record) -> None:
    """Add up a new draft and let the event come up."""
    invoice_lines.total_up(state, invoice)
    state.emit("invoice.created", invoice)


def delete(state: State, invoice: Record) -> None:
    """Remove a draft; what it took from the waiting items waits again."""
    require(invoice, DRAFT, "deleted")
    if invoice.get("subscription") is not None and invoice["billing_reason"] != "manual":
        raise wrong_state(
            "This draft was made by a subscription and cannot be deleted; finalize it, then void it.",
            code="invoice_unexpected_state",
            about=invoice,
        )
    state.emit("invoice.deleted", invoice)
    invoice_lines.drop(state, invoice)
    state.store["invoice"].remove(invoice.id)


def finalize(state: State, invoice: Record) -> None:
    """Close a draft: it gets its number and its PaymentIntent, or is paid at once where nothing is due."""
    require(invoice, DRAFT, "finalized")
    customer = state.need("customer", invoice["customer"])
    invoice_lines.total_up(state, invoice)
    _settle_credit(invoice, customer)
    now = state.clock.second
    invoice.update(
        status="open",
        number=_next_number(state),
        next_payment_attempt=None,
        status_transitions={"finalized_at": now},
        **_facts_of(customer),
    )
    if invoice["collection_method"] == "send_invoice" and invoice.get("due_date") is None:
        days = invoice.get("days_until_due")
        days = DEFAULT_DAYS_UNTIL_DUE if days is None else days
        invoice["due_date"] = now + days * MILLISECONDS_PER_DAY
    if invoice["amount_due"] > 0:
        _make_intent(state, invoice)
        if invoice["collection_method"] == "send_invoice":
            state.remind(invoice["due_date"], "invoices.overdue", invoice)
    state.emit("invoice.finalized", invoice)
    if invoice["amount_due"] == 0:
        _become_paid(state, invoice, None)


def send(state: State, invoice: Record) -> None:
    """Send an invoice to its customer; a draft is finalized first. No mail leaves the sandbox."""
    require(invoice, DRAFT | OWED, "sent")
    if invoice["collection_method"] != "send_invoice":
        raise wrong_state(
            "This invoice is collected automatically; only one with collection_method send_invoice can be sent.",
            code="invoice_unexpected_state",
            about=invoice,
        )
    if invoice["status"] == "draft":
        finalize(state, invoice)
    state.emit("invoice.sent", invoice)


def pay(state: State, invoice: Record, method: Record | None = None, *, off_session: bool = False) -> Record | None:
    """Take the money of an invoice; a draft is finalized first.

    Args:
        state: The sandbox.
        invoice: The invoice.
        method: The payment method; the one that it would be collected with when left out.
        off_session: The customer is away and cannot authenticate.

    Returns:
        The PaymentIntent, which may wait for the customer; ``None`` where nothing was due.

    Raises:
        SandboxError: 400 in a wrong state or without a payment method; 402 where the payment was refused.
    """
    require(invoice, DRAFT | OWED, "paid")
    if invoice["status"] == "draft":
        invoice_lines.total_up(state, invoice)
    method = method or standing.method_for(state, invoice)
    if invoice["amount_due"] > 0 and method is None:
        error = missing("payment_method")
        error.message = "The customer has no payment method to charge. Pass payment_method, or attach one first."
        raise error
    if invoice["status"] == "draft":
        finalize(state, invoice)
    if method is None or invoice["status"] == "paid":
        return None
    intent = intent_of(state, invoice)
    require_idle(invoice, intent, payments.CONFIRMABLE, "paid")
    payments.attempt(state, intent, method, off_session=off_session)
    return intent


def require_idle(invoice: Record, intent: Record, idle: frozenset[str], action: str) -> None:
    """Refuse while a payment of the invoice is under way: the caller knows the invoice, not its PaymentIntent.

    Args:
        invoice: The invoice.
        intent: Its PaymentIntent.
        idle: The statuses of the PaymentIntent in which the action is possible.
        action: What could not be done, such as ``paid``, for the error.

    Raises:
        SandboxError: 400, with the status of the payment.
    """
    if intent["status"] not in idle:
        raise wrong_state(
            f"This invoice could not be {action} because a payment of it is {intent['status']}; wait for its outcome.",
            code="invoice_unexpected_state",
            about=invoice,
        )


def pay_out_of_band(state: State, invoice: Record) -> None:
    """Note that the money came another way."""
    require(invoice, DRAFT | OWED, "paid")
    if invoice["status"] == "draft":
        finalize(state, invoice)
    if invoice["status"] == "paid":
        return
    _cancel_intent(state, invoice, "paid")
    invoice["paid_out_of_band"] = True
    _become_paid(state, invoice, None)


def void(state: State, invoice: Record) -> None:
    """Declare an invoice a mistake. Credit that it used goes back to the customer."""
    require(invoice, OWED, "voided")
    _cancel_intent(state, invoice, "voided")
    used = invoice.private.get("credit_used", 0)
    credits.move(state.need("customer", invoice["customer"]), used, invoice["currency"])
    invoice.update(status="void", auto_advance=False, next_payment_attempt=None)
    invoice["status_transitions"] = {**invoice["status_transitions"], "voided_at": state.clock.second}
    standing.invoice_voided(state, invoice)
    state.emit("invoice.voided", invoice)


def intent_of(state: State, invoice: Record) -> Record:
    """The PaymentIntent of an invoice with something due."""
    return state.need("payment_intent", invoice["payment_intent"])


def page_of(state: State, invoice: Record) -> str:
    """Return the address of an invoice's page."""
    return f"{state.base_url}/invoice/{invoice.id}?key={invoice.private['key']}"


def invoice_of(state: State, intent: Record) -> Record | None:
    """The invoice that a PaymentIntent settles."""
    id: str | None = intent.private.get("invoice")
    return state.need("invoice", id) if id is not None else None


@reaction("payment_intent.succeeded")
def payment_succeeded(state: State, intent: Record) -> None:
    """An invoice is paid when its PaymentIntent succeeds, whoever confirmed that."""
    invoice = invoice_of(state, intent)
    if invoice is not None and invoice["status"] in OWED:
        invoice["charge"] = intent["latest_charge"]
        _become_paid(state, invoice, state.need("payment_method", intent["payment_method"]))


def _become_paid(state: State, invoice: Record, method: Record | None) -> None:
    invoice.update(status="paid", paid=True, amount_paid=invoice["amount_due"], next_payment_attempt=None)
    invoice["status_transitions"] = {**invoice["status_transitions"], "paid_at": state.clock.second}
    # The subscription first: who hears of the payment finds it as it stands then.
    standing.invoice_paid(state, invoice, method)
    state.emit("invoice.paid", invoice)
    if not invoice["paid_out_of_band"]:
        state.emit("invoice.payment_succeeded", invoice)


def _settle_credit(invoice: Record, customer: Record) -> None:
    total: int = invoice["total"]
    used = total - invoice["amount_due"] if total > 0 else total
    invoice.private["credit_used"] = used
    credits.move(customer, -used, invoice["currency"])


def _cancel_intent(state: State, invoice: Record, action: str) -> None:
    id: str | None = invoice.get("payment_intent")
    if id is None:
        return
    intent = state.need("payment_intent", id)
    require_idle(invoice, intent, payments.CANCELABLE, action)
    payments.cancel(state, intent, f"the invoice was {action}")


def _make_intent(state: State, invoice: Record) -> None:
    settings: JsonObject = invoice.get("payment_settings") or {}
    of_subscription = invoice.get("subscription") is not None
    fields: JsonObject = {
        "amount": invoice["amount_due"],
        "amount_capturable": 0,
        "amount_received": 0,
        "capture_method": "automatic",
        "confirmation_method": "automatic",
        "currency": invoice["currency"],
        "customer": invoice["customer"],
        "description": f"Invoice {invoice['number']}",
        "metadata": {},
        "payment_method_options": settings.get("payment_method_options"),
        "payment_method_types": settings.get("payment_method_types") or ["card"],
        # What pays a subscription once is charged again when the customer is away.
        "setup_future_usage": "off_session" if of_subscription else None,
        "status": "requires_payment_method",
    }
    intent = state.add("pi", "payment_intent", fields, invoice=invoice.id)
    intent["client_secret"] = state.ids.client_secret(intent.id)
    invoice["payment_intent"] = intent.id
    state.emit("payment_intent.created", intent)


def _next_number(state: State) -> str:
    numbers = state.store[_NUMBERS].get("numbers")
    if numbers is None:
        numbers = state.store.add(Record({"id": "numbers", "object": _NUMBERS, "last": 0}))
    numbers["last"] += 1
    return f"INV-{numbers['last']:06d}"


def _facts_of(customer: Record) -> JsonObject:
    return {
        "customer_address": customer.get("address") or None,
        "customer_email": customer.get("email"),
        "customer_name": customer.get("name"),
        "customer_phone": customer.get("phone"),
        "customer_shipping": customer.get("shipping"),
    }


def refuse_lines(invoice: Record, count: int, param: str) -> None:
    """Refuse more lines than an invoice holds."""
    if len(invoice.private["lines"]) + count > invoice_lines.MOST_LINES:
        raise SandboxError(
            f"An invoice holds at most {invoice_lines.MOST_LINES} lines.", code="too_many_lines", param=param
        )
