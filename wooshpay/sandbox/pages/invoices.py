"""The hosted page of an invoice, where its customer looks at it, prints it and pays it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

import attrs
from aiohttp import web

from wooshpay.core.json import JsonObject
from wooshpay.sandbox.engine.errors import SandboxError
from wooshpay.sandbox.engine.guard import Guard
from wooshpay.sandbox.engine.state import State
from wooshpay.sandbox.engine.store import Record
from wooshpay.sandbox.lifecycles import customer_steps, invoices
from wooshpay.sandbox.pages import card_list
from wooshpay.sandbox.pages.answers import no_such_page, read_form, same
from wooshpay.sandbox.pages.forms import CardForm
from wooshpay.sandbox.pages.shop import send_to
from wooshpay.sandbox.pages.templates import Link, message, page

_STATUS: Final = {"open": "Open", "paid": "Paid", "void": "Void", "uncollectible": "Overdue"}
_LAST_SUM: Final = {"paid": "Paid", "void": "Total"}
_NOTES: Final = {
    "paid": customer_steps.INVOICE_PAID,
    "void": "This invoice was canceled. There is nothing to pay.",
}


@attrs.frozen(eq=False)
class InvoicePage:
    """The pages of the invoices of one sandbox.

    Attributes:
        state: The sandbox.
        lock: Guards the objects.
    """

    state: State
    lock: Guard

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Put the page on a server."""
        router.add_get("/invoice/{id}", self.show)
        router.add_post("/invoice/{id}", self.pay)

    async def show(self, request: web.Request) -> web.Response:
        """The page of an invoice."""
        with self.lock:
            invoice = self._invoice(request)
            if invoice is None:
                return no_such_page()
            refusal, method = self._last_refusal(invoice)
            return self._page(invoice, CardForm.after(method), refusal=refusal)

    async def pay(self, request: web.Request) -> web.Response:
        """The form of an invoice's page."""
        form = CardForm.read({**await read_form(request), "method": "card"})
        with self.lock:
            invoice = self._invoice(request)
            if invoice is None:
                return no_such_page()
            if invoice["status"] not in invoices.OWED:
                return self._page(invoice, form)
            if form.errors():
                return self._page(invoice, form, errors=form.errors(), status=400)
            try:
                seen = customer_steps.pay_invoice(self.state, invoice, form.method_data())
            except SandboxError as error:
                return self._page(invoice, form, refusal=error.message, status=error.status)
            if seen.error is not None:
                errors = form.errors_for(seen.error)
                refusal = None if errors else seen.message
                return self._page(invoice, form, errors=errors, refusal=refusal, status=seen.error.status)
            return send_to(request, seen.url or "") or self._page(invoice, CardForm())

    def _page(
        self,
        invoice: Record,
        form: CardForm,
        *,
        errors: Mapping[str, str] | None = None,
        refusal: str | None = None,
        status: int = 200,
    ) -> web.Response:
        merchant = self.state.options.business_name
        if invoice["status"] == "draft":
            text = "It is still a draft. Come back when the shop has sent it to you."
            again = [Link("Check again", invoices.page_of(self.state, invoice))]
            return message("This invoice is not ready yet", text, merchant=merchant, links=again)
        processing = self._processing(invoice)
        owed = invoice["status"] in invoices.OWED and not processing
        whole = self.state.view(invoice)
        return page(
            "invoice",
            status=status,
            script="card_list.js" if owed and invoice["amount_due"] > 0 else "",
            merchant=merchant,
            cards=card_list.panel(self.state),
            invoice={"description": None, "footer": None, **whole},
            lines=[_line(line) for line in whole["lines"]["data"]],
            facts=_facts(whole),
            sums=_sums(whole),
            note=_NOTES.get(invoice["status"], "There is nothing to pay."),
            processing=customer_steps.INVOICE_PROCESSING if processing else None,
            key=invoice.private["key"],
            form=form,
            errors=errors or {},
            refusal=refusal,
            status_word=_STATUS[invoice["status"]],
        )

    def _processing(self, invoice: Record) -> bool:
        id: str | None = invoice.get("payment_intent")
        return id is not None and self.state.need("payment_intent", id)["status"] == "processing"

    def _last_refusal(self, invoice: Record) -> tuple[str | None, Record | None]:
        """Why the last attempt was refused, and with which payment method."""
        id: str | None = invoice.get("payment_intent")
        last: JsonObject = (self.state.need("payment_intent", id).get("last_payment_error") or {}) if id else {}
        # That the customer was away when it was needed is no news to a customer who is here.
        if last.get("decline_code") == "authentication_required":
            return None, None
        return last.get("message"), self.state.store["payment_method"].get(last.get("payment_method") or "")

    def _invoice(self, request: web.Request) -> Record | None:
        self.state.clock.run_due()
        found = self.state.store["invoice"].get(request.match_info["id"])
        if found is None or not same(request.query.get("key", ""), found.private["key"]):
            return None
        return found


def _day(moment: int) -> str:
    day = datetime.fromtimestamp(moment / 1000, UTC)
    return f"{day.day} {day:%B %Y}"


def _line(line: JsonObject) -> JsonObject:
    period: JsonObject = line["period"]
    start, end = _day(period["start"]), _day(period["end"])
    return {
        "amount": line["amount"],
        "description": line.get("description") or "Amount",
        "quantity": line.get("quantity", 1),
        "period": None if start == end else f"{start} to {end}",
    }


def _facts(invoice: JsonObject) -> list[tuple[str, str]]:
    times: JsonObject = invoice["status_transitions"]
    billed = ", ".join(text for text in (invoice.get("customer_name"), invoice.get("customer_email")) if text)
    facts = [("Billed to", billed or invoice["customer"]), ("Date", _day(times["finalized_at"]))]
    if invoice.get("due_date") is not None:
        facts.append(("Due", _day(invoice["due_date"])))
    if "paid_at" in times:
        facts.append(("Paid", _day(times["paid_at"])))
    return facts


def _sums(invoice: JsonObject) -> list[tuple[str, int]]:
    discount = invoice["subtotal"] - invoice["total"]
    credit = invoice["total"] - invoice["amount_due"]
    sums = [("Subtotal", invoice["subtotal"])] if discount or credit else []
    if discount:
        sums.append(("Discount", -discount))
    if credit > 0:
        sums.append(("Credit", -credit))
    elif credit < 0:
        sums.append(("Kept as credit", -credit))
    return [*sums, (_LAST_SUM.get(invoice["status"], "Amount due"), invoice["amount_due"])]
