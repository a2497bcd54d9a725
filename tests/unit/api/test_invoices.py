"""Invoices: what a customer owes, its lines, and the calls that move it on."""

from __future__ import annotations

import typing
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from wooshpay.api.customers import Customer
from wooshpay.api.invoices import BillingReason, Invoice, InvoiceLineItem, InvoiceStatusTransitions
from wooshpay.api.payment_intents import PaymentIntent
from wooshpay.api.prices import Price
from wooshpay.api.shared import DeletedObject, PaymentSettings, Period
from wooshpay.api.subscriptions import Subscription
from wooshpay.core.codec import UndocumentedType, structure
from wooshpay.core.declaration import Declaration
from wooshpay.core.listing import ListObject
from wooshpay.core.objects import wire_names

Example = Callable[[str], dict[str, Any]]
Declared = Callable[[str], Declaration]

START = datetime(2024, 5, 29, 14, 3, 39, tzinfo=UTC)
END = datetime(2024, 6, 28, 14, 3, 39, tzinfo=UTC)

# What the reference lists, in its order, as far as its page was read.
REFERENCE = [
    "id", "currency", "customer", "object", "auto_advance", "charge", "collection_method", "description",
    "hosted_invoice_url", "lines", "metadata", "payment_intent", "period_end", "period_start", "status",
    "subscription", "account_country", "account_name", "amount_due", "amount_paid", "amount_precision",
    "billing_reason",
]  # fmt: skip


def line_of(invoice: Invoice) -> InvoiceLineItem:
    assert isinstance(invoice.lines, ListObject)
    line = invoice.lines.data[0]
    assert isinstance(line, InvoiceLineItem)
    return line


# ---- the object -----------------------------------------------------------------------------------------------


def test_an_invoice_has_the_fields_of_the_reference_and_those_of_stripe_behind_the_cut() -> None:
    invoice: type = Invoice
    names = {wire for _, wire in wire_names(invoice)}
    assert set(REFERENCE) < names
    assert {"created", "livemode", "number", "due_date", "status_transitions", "subtotal", "tax", "total"} < names


@pytest.mark.parametrize(
    "name", ["amount_remaining", "attempt_count", "automatic_tax", "discounts", "ending_balance", "quote", "rendering"]
)
def test_what_the_reference_strikes_out_is_no_field_and_is_kept_if_it_comes(name: str) -> None:
    invoice: type = Invoice
    assert name not in {wire for _, wire in wire_names(invoice)}
    assert Invoice.from_dict({name: 7}).extra == {name: 7}


def test_a_line_has_the_18_fields_that_the_reference_counts() -> None:
    line: type = InvoiceLineItem
    assert len(wire_names(line)) == 18


def test_amounts_are_minor_units_and_the_precision_says_how_many_decimals(example: Example) -> None:
    invoice = Invoice.from_dict(example("invoice_whole"))
    assert (invoice.amount_due, invoice.amount_paid, invoice.currency, invoice.amount_precision) == (
        1000,
        1000,
        "USD",
        2,
    )
    assert (invoice.subtotal, invoice.tax, invoice.total) == (1000, 0, 1000)


def test_the_period_comes_as_text_and_is_a_number_and_a_time(example: Example) -> None:
    invoice = Invoice.from_dict(example("invoice_whole"))
    assert (invoice.period_start, invoice.period_end) == (1716991419000, 1719583419000)
    assert (invoice.period_start_time, invoice.period_end_time) == (START, END)
    assert invoice.to_dict()["period_start"] == "1716991419000"


@pytest.mark.parametrize("start", [1716991419, 1716991419000, "1716991419", "1716991419000"])
def test_seconds_and_milliseconds_are_told_apart_as_text_too(start: int | str) -> None:
    assert Invoice.from_dict({"period_start": start}).period_start_time == START


def test_lines_come_in_the_envelope_of_a_list(example: Example) -> None:
    invoice = Invoice.from_dict(example("invoice_whole"))
    line = line_of(invoice)
    assert (line.amount, line.quantity, line.type, line.proration) == (1000, 1, "subscription", False)
    assert isinstance(line.price, Price)
    assert (line.price.unit_amount, line.price.product_id) == (1000, "prod_1795818288173809664")
    assert isinstance(line.period, Period)
    assert (line.period.start_time, line.period.end_time) == (START, END)
    assert (line.invoice_item_id, line.price_id, line.subscription_id, line.subscription_item_id) == (
        "ii_1942466974063788200",
        "price_1795818288165421056",
        "sub_1942466974063788000",
        "si_1942466974063788032",
    )


def test_lines_that_come_as_a_bare_array_are_a_list(example: Example) -> None:
    answer = {"id": "in_1", "lines": [example("invoice_line_item_whole")]}
    invoice = Invoice.from_dict(answer)
    assert line_of(invoice).id == "il_1942466974063788101"
    assert invoice.to_dict() == answer


def test_a_line_of_an_unread_kind_is_still_a_line() -> None:
    assert isinstance(line_of(Invoice.from_dict({"lines": {"data": [{"object": "string"}]}})), InvoiceLineItem)


def test_a_draft_has_neither_charge_nor_page_nor_payment_intent(example: Example) -> None:
    draft = Invoice.from_dict(example("invoice_draft"))
    assert (draft.status, draft.billing_reason) == ("draft", "manual")
    assert (draft.charge_id, draft.payment_intent_id, draft.subscription_id) == (None, None, None)
    assert draft.hosted_invoice_url is None
    assert draft.lines is not None
    assert len(draft.lines) == 0


def test_times_stand_beside_what_was_received(example: Example) -> None:
    invoice = Invoice.from_dict(example("invoice_whole"))
    assert invoice.created_at == START
    assert invoice.due_time == datetime(2024, 6, 5, 14, 3, 39, tzinfo=UTC)
    assert invoice.next_payment_attempt_time == datetime(2024, 5, 30, 14, 3, 39, tzinfo=UTC)
    changes = invoice.status_transitions
    assert isinstance(changes, InvoiceStatusTransitions)
    assert [
        moment.second
        for moment in (
            changes.finalized_time,
            changes.marked_uncollectible_time,
            changes.paid_time,
            changes.voided_time,
        )
        if moment is not None
    ] == [40, 41, 42, 43]


def test_what_it_belongs_to_may_come_as_an_id_or_whole(example: Example) -> None:
    by_id = Invoice.from_dict(example("invoice_whole"))
    whole = Invoice.from_dict(
        {
            "customer": {"id": "cus_1706288169156083712", "object": "customer"},
            "payment_intent": {"id": "pi_1693466278934609920", "object": "payment_intent", "status": "succeeded"},
            "subscription": {"id": "sub_1942466974063788000", "object": "subscription"},
        }
    )
    assert isinstance(whole.customer, Customer)
    assert isinstance(whole.payment_intent, PaymentIntent)
    assert isinstance(whole.subscription, Subscription)
    for invoice in (by_id, whole):
        assert (invoice.customer_id, invoice.payment_intent_id, invoice.subscription_id) == (
            "cus_1706288169156083712",
            "pi_1693466278934609920",
            "sub_1942466974063788000",
        )
    assert (by_id.charge_id, by_id.default_payment_method_id) == ("ch_1693466278934609921", "pm_1693466278808780800")


def test_a_payment_may_hold_its_invoice_whole() -> None:
    payment = PaymentIntent.from_dict({"invoice": {"id": "in_1", "object": "invoice", "amount_due": 1000}})
    assert isinstance(payment.invoice, Invoice)
    assert (payment.invoice.amount_due, payment.invoice_id) == (1000, "in_1")


def test_how_it_may_be_paid_is_read(example: Example) -> None:
    settings = Invoice.from_dict(example("invoice_whole")).payment_settings
    assert isinstance(settings, PaymentSettings)
    assert settings.payment_method_types == ["card", "alipay"]
    assert settings.payment_method_options is not None
    assert settings.payment_method_options.card is not None
    assert settings.payment_method_options.card.request_three_d_secure == "any"


@pytest.mark.parametrize("field", ["status", "billing_reason", "collection_method"])
def test_an_unknown_value_of_an_enumeration_is_kept(field: str) -> None:
    assert getattr(Invoice.from_dict({field: "of_tomorrow"}), field) == "of_tomorrow"


def test_the_reasons_are_the_five_that_were_read_and_two_of_stripe() -> None:
    reasons = typing.get_args(BillingReason)
    assert len(reasons) == 7
    assert reasons[-2:] == ("subscription_update", "upcoming")


@pytest.mark.parametrize("file", ["invoice_whole", "invoice_draft"])
def test_strict_reading_accepts_the_reference_with_its_text_for_times(file: str, example: Example) -> None:
    assert structure(example(file), Invoice, strict=True).to_dict() == example(file)


def test_strict_reading_refuses_text_for_an_amount(example: Example) -> None:
    with pytest.raises(UndocumentedType):
        structure({**example("invoice_whole"), "amount_due": "1000"}, Invoice, strict=True)


def test_a_repr_shows_neither_the_lines_nor_the_client_secret_in_a_url(example: Example) -> None:
    url = "https://checkouttest.wooshpay.com/invoice?client_secret=pi_1693466278934609920_secret_xjsfriry3X8stv3ROmynz"
    shown = repr(Invoice.from_dict({**example("invoice_whole"), "hosted_invoice_url": url}))
    assert "lines=<ListObject>" in shown
    assert "xjsfriry3X8stv3ROmynz" not in shown


# ---- the calls ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["retrieve", "send", "void", "delete"])
def test_these_calls_take_the_id_alone(name: str, declared: Declared) -> None:
    call = declared(f"invoices.{name}").bind(("in_1",), {})
    assert call.query == {}
    assert not call.body
    assert list(declared(f"invoices.{name}").signature.parameters) == ["id", "options"]


def test_a_draft_is_deleted_by_delete_although_the_page_prints_get(declared: Declared, example: Example) -> None:
    call = declared("invoices.delete").bind(("in_1",), {})
    assert (call.method, call.path, call.body) == ("DELETE", "/v1/invoices/in_1", None)
    assert "prints GET" in (declared("invoices.delete").__doc__ or "")
    deleted = DeletedObject.from_dict({"id": "in_1", "object": "invoice", "deleted": True})
    assert (deleted.id, deleted.object, deleted.deleted) == ("in_1", "invoice", True)


def test_a_deletion_answered_by_the_whole_invoice_as_on_its_page_loses_nothing(example: Example) -> None:
    deleted = DeletedObject.from_dict(example("invoice_draft"))
    assert deleted.id == "in_1942466974063788100"
    assert not deleted.deleted
    assert deleted.extra["status"] == "draft"
    assert deleted.to_dict() == example("invoice_draft")


def test_lines_are_added_in_bulk_and_may_lower_what_is_due(declared: Declared) -> None:
    lines = [{"price": "price_1", "quantity": 2}, {"currency": "USD", "unit_amount": -500, "quantity": 1}]
    call = declared("invoices.add_lines").bind(("in_1",), {"lines": lines})
    assert (call.method, call.path, call.body) == ("POST", "/v1/invoices/in_1/add_lines", {"lines": lines})


def test_a_line_to_add_has_the_seven_fields_of_the_reference(declared: Declared) -> None:
    hint = typing.get_type_hints(declared("invoices.add_lines").function)["lines"]
    assert set(typing.get_args(hint)[0].__annotations__) == {
        "amount", "currency", "description", "metadata", "price", "quantity", "unit_amount",
    }  # fmt: skip


def test_paying_may_only_note_that_the_money_came_another_way(declared: Declared) -> None:
    call = declared("invoices.pay").bind(("in_1",), {"paid_out_of_band": True})
    assert (call.method, call.path, call.body) == ("POST", "/v1/invoices/in_1/pay", {"paid_out_of_band": True})


def test_creating_takes_none_of_the_fields_that_the_reference_shuts_out(declared: Declared) -> None:
    assert not declared("invoices.create").signature.parameters.keys() & {
        "id", "object", "charge", "hosted_invoice_url", "status", "automatic_tax", "discounts", "quote",
    }  # fmt: skip


def test_the_list_filters_by_customer_and_subscription_in_the_query_alone(declared: Declared) -> None:
    filters = {"customer": "cus_1", "subscription": "sub_1", "limit": 100, "starting_after": "in_1"}
    call = declared("invoices.list").bind((), dict(filters))
    assert (call.path, call.query, call.body) == ("/v1/invoices", filters, None)
    assert not declared("invoices.list").signature.parameters.keys() & {"status", "due_date", "created"}
