"""Checkout sessions, with all that WooshPay embeds in them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from wooshpay.api.checkout.sessions import CheckoutSession, CustomerDetails
from wooshpay.api.coupons import Coupon, Discount
from wooshpay.api.payment_intents import PaymentIntent
from wooshpay.api.prices import Price, PriceTier
from wooshpay.api.products import Product
from wooshpay.api.shared import LineItem, PaymentMethodOptions
from wooshpay.core.codec import UndocumentedType, structure
from wooshpay.core.listing import ListObject
from wooshpay.core.objects import wire_names

Example = Callable[[str], dict[str, Any]]

# The 29 fields that the reference counts, in its order.
REFERENCE = [
    "id", "object", "amount_subtotal", "amount_total", "billing_address_collection", "cancel_url",
    "client_reference_id", "created", "currency", "customer", "customer_email", "expires_at", "livemode", "metadata",
    "mode", "payment_intent", "payment_link", "payment_method_options", "payment_method_types", "payment_status",
    "phone_number_collection", "shipping_address_collection", "shipping", "status", "success_url", "url", "line_items",
    "customer_creation", "customer_details",
]  # fmt: skip


def item_of(session: CheckoutSession) -> LineItem:
    assert isinstance(session.line_items, ListObject)
    item = session.line_items.data[0]
    assert isinstance(item, LineItem)
    return item


def price_of(session: CheckoutSession) -> Price:
    price = item_of(session).price
    assert isinstance(price, Price)
    return price


def test_a_session_has_the_29_fields_of_the_reference_and_three_that_examples_or_stripe_add() -> None:
    session: type = CheckoutSession
    names = {wire for _, wire in wire_names(session)}
    assert len(REFERENCE) == 29
    assert names == {*REFERENCE, "setup_intent", "live_mode", "subscription"}


def test_the_whole_example_holds_every_field(example: Example) -> None:
    assert set(example("checkout_session_whole")) == {*REFERENCE, "setup_intent", "live_mode", "subscription"}


def test_line_items_price_and_product_come_whole_without_being_asked_for(example: Example) -> None:
    session = CheckoutSession.from_dict(example("checkout_session_2022"))
    assert (item_of(session).quantity, item_of(session).amount_total) == (1, 5)
    price = price_of(session)
    assert (price.unit_amount, price.type, price.currency) == (5, "one_time", "GBP")
    assert isinstance(price.product, Product)
    assert (price.product.name, price.product_id) == ("example product", "prod_1580071142880706560")
    assert price.product.updated_at == datetime(2022, 10, 12, 5, 41, 31, tzinfo=UTC)


def test_a_price_may_name_its_product_by_id_alone() -> None:
    price = Price.from_dict({"id": "price_1", "product": "prod_1"})
    assert (price.product, price.product_id) == ("prod_1", "prod_1")


def test_a_recurring_tiered_price_is_read(example: Example) -> None:
    price = price_of(CheckoutSession.from_dict(example("checkout_session_whole")))
    assert price.recurring is not None
    assert (price.recurring.interval, price.recurring.interval_count) == ("month", 1)
    assert price.tiers is not None
    assert isinstance(price.tiers[0], PriceTier)
    assert (price.tiers[0].up_to, price.tiers[0].flat_amount, price.tiers[0].unit_amount) == ("10", 0, 2100)


def test_a_discount_on_a_line_item_holds_its_coupon(example: Example) -> None:
    item = item_of(CheckoutSession.from_dict(example("checkout_session_whole")))
    assert item.discounts is not None
    discount = item.discounts[0]
    assert isinstance(discount, Discount)
    assert isinstance(discount.coupon, Coupon)
    assert (discount.coupon.percent_off, discount.coupon.duration) == (12.5, "repeating")
    assert discount.checkout_session_id == "cs_1795782989284638720"
    assert (discount.promotion_code_id, discount.subscription_id) == ("promo_1", "sub_1")
    assert (discount.start_time, discount.end_time) == (
        datetime(2024, 3, 8, 9, 25, 8, tzinfo=UTC),
        datetime(2024, 4, 8, 9, 25, 8, tzinfo=UTC),
    )


def test_amounts_of_line_items_that_came_as_text_are_numbers() -> None:
    answer = {"id": "li_1", "object": "item", "amount_subtotal": "5", "amount_total": "5", "quantity": "1"}
    item = LineItem.from_dict(answer)
    assert (item.amount_subtotal, item.amount_total, item.quantity) == (5, 5, 1)
    assert item.to_dict() == answer


def test_an_empty_customer_is_none(example: Example) -> None:
    session = CheckoutSession.from_dict(example("checkout_session_2022"))
    assert (session.customer, session.customer_id) == (None, None)
    assert session.to_dict()["customer"] == ""


def test_the_payment_intent_may_come_as_an_object() -> None:
    answer = {"id": "cs_1", "payment_intent": {"id": "pi_1", "object": "payment_intent", "status": "succeeded"}}
    session = CheckoutSession.from_dict(answer)
    assert isinstance(session.payment_intent, PaymentIntent)
    assert (session.payment_intent.status, session.payment_intent_id) == ("succeeded", "pi_1")


def test_the_end_of_a_session_is_24_hours_after_its_creation(example: Example) -> None:
    session = CheckoutSession.from_dict(example("checkout_session_2022"))
    assert session.expires_time == datetime(2022, 10, 13, 5, 41, 31, 214000, tzinfo=UTC)


def test_setup_mode_has_a_setup_intent_and_both_spellings_of_live(example: Example) -> None:
    session = CheckoutSession.from_dict(example("checkout_session_setup_2025"))
    assert (session.mode, session.setup_intent_id) == ("setup", "seti_1953770262453288960")
    assert (session.livemode, session.live_mode) == (False, True)
    assert session.currency is None


def test_customer_details_are_of_one_class_even_where_a_whole_customer_comes(example: Example) -> None:
    details = CheckoutSession.from_dict(example("checkout_session_setup_2025")).customer_details
    assert isinstance(details, CustomerDetails)
    assert (details.id, details.email, details.created_at) == (
        "cus_1953770230215868416",
        "jo@example.com",
        datetime(2025, 8, 8, 10, 48, 17, tzinfo=UTC),
    )


def test_settings_of_every_documented_payment_method_are_read(example: Example) -> None:
    options = CheckoutSession.from_dict(example("checkout_session_whole")).payment_method_options
    assert isinstance(options, PaymentMethodOptions)
    assert options.card is not None
    assert options.card.tax_id == "T1"
    assert options.alipay_hk is not None
    assert (options.alipay_hk.terminal_type, options.alipay_hk.os_type) == ("APP", "IOS")
    assert options.wechat_pay is not None
    assert (options.wechat_pay.client_ip, options.wechat_pay.openid) == ("203.0.113.9", "o1")
    assert options.pix is not None
    assert options.pix.tax_id == "T2"
    assert options.sepa_debit == {}


def test_settings_of_an_unknown_payment_method_are_in_extra() -> None:
    options = PaymentMethodOptions.from_dict({"moonpay": {"phase": "full"}})
    assert options.extra == {"moonpay": {"phase": "full"}}


def test_line_items_that_come_as_a_bare_array_are_a_list() -> None:
    answer = {"id": "cs_1", "line_items": [{"id": "li_1", "object": "item"}]}
    session = CheckoutSession.from_dict(answer)
    assert item_of(session).id == "li_1"
    assert session.to_dict() == answer


@pytest.mark.parametrize("field", ["mode", "status", "payment_status", "customer_creation"])
def test_an_unknown_value_of_an_enumeration_is_kept(field: str) -> None:
    assert getattr(CheckoutSession.from_dict({field: "of_tomorrow"}), field) == "of_tomorrow"


@pytest.mark.parametrize("file", ["checkout_session_2024", "checkout_session_setup_2025"])
def test_strict_reading_accepts_a_documented_answer_but_for_its_empty_customer(file: str, example: Example) -> None:
    answer = {**example(file), "customer": "cus_1"}
    assert structure(answer, CheckoutSession, strict=True).to_dict() == answer


def test_strict_reading_refuses_an_undocumented_type_deep_inside(example: Example) -> None:
    answer = example("checkout_session_2024")
    answer["line_items"]["data"][0]["price"]["unit_amount"] = "2000"
    with pytest.raises(UndocumentedType):
        structure(answer, CheckoutSession, strict=True)
