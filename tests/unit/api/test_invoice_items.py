"""Invoice items: sums that wait for the next invoice."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from wooshpay.api.coupons import Discount
from wooshpay.api.invoice_items import InvoiceItem
from wooshpay.api.invoices import Invoice
from wooshpay.api.prices import Price
from wooshpay.core.catalog import class_for_tag
from wooshpay.core.codec import structure
from wooshpay.core.declaration import Declaration

Example = Callable[[str], dict[str, Any]]
Declared = Callable[[str], Declaration]


def test_the_tag_is_one_word_while_the_section_has_two() -> None:
    assert class_for_tag("invoiceitem") is InvoiceItem


def test_a_negative_item_lowers_what_is_due(example: Example) -> None:
    item = InvoiceItem.from_dict(example("invoice_item_whole"))
    assert item.quantity is not None
    assert item.unit_amount is not None
    assert item.amount == item.quantity * item.unit_amount == -2000


@pytest.mark.parametrize("date", [1716991419, 1716991419000, "1716991419000"])
def test_its_date_comes_as_text_or_as_a_number(date: int | str) -> None:
    item = InvoiceItem.from_dict({"date": date})
    assert item.date == int(date)
    assert item.date_time == datetime(2024, 5, 29, 14, 3, 39, tzinfo=UTC)
    assert item.to_dict() == {"date": date}


def test_its_period_comes_as_text(example: Example) -> None:
    period = InvoiceItem.from_dict(example("invoice_item_whole")).period
    assert period is not None
    assert (period.start, period.end) == (1716991419000, 1719583419000)
    assert period.end_time == datetime(2024, 6, 28, 14, 3, 39, tzinfo=UTC)


def test_the_price_is_embedded_and_names_its_product_by_id(example: Example) -> None:
    item = InvoiceItem.from_dict(example("invoice_item_whole"))
    assert isinstance(item.price, Price)
    assert (item.price.type, item.price.product, item.price_id) == (
        "one_time",
        "prod_1795818288173809664",
        "price_1795818288165421056",
    )


def test_an_item_that_waits_has_no_invoice_and_one_on_an_invoice_may_hold_it_whole() -> None:
    assert InvoiceItem.from_dict({"invoice": None}).invoice_id is None
    item = InvoiceItem.from_dict({"invoice": {"id": "in_1", "object": "invoice"}})
    assert isinstance(item.invoice, Invoice)
    assert item.invoice_id == "in_1"


def test_discounts_come_as_ids_or_whole(example: Example) -> None:
    discounts = InvoiceItem.from_dict(example("invoice_item_whole")).discounts
    assert discounts is not None
    assert discounts[0] == "di_1"
    assert isinstance(discounts[1], Discount)


def test_strict_reading_accepts_the_reference(example: Example) -> None:
    answer = example("invoice_item_whole")
    assert structure(answer, InvoiceItem, strict=True).to_dict() == answer


def test_the_path_has_no_underscore(declared: Declared) -> None:
    call = declared("invoice_items.create").bind((), {"customer": "cus_1", "amount": 500, "currency": "USD"})
    assert (call.path, call.body) == ("/v1/invoiceitems", {"customer": "cus_1", "amount": 500, "currency": "USD"})
    assert declared("invoice_items.retrieve").bind(("ii_1",), {}).path == "/v1/invoiceitems/ii_1"


def test_a_period_may_be_sent_as_text_or_as_numbers(declared: Declared) -> None:
    for period in ({"start": "1716991419000", "end": "1719583419000"}, {"start": 1716991419000, "end": 1719583419000}):
        call = declared("invoice_items.create").bind((), {"customer": "cus_1", "period": period})
        assert call.body == {"customer": "cus_1", "period": period}
