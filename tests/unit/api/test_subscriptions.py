"""Subscriptions, and the four calls of a change of plan."""

from __future__ import annotations

import typing
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from wooshpay.api.checkout.sessions import CheckoutSession
from wooshpay.api.invoices import Invoice
from wooshpay.api.setup_intents import SetupIntent
from wooshpay.api.shared import PaymentSettings, ProrationBehavior
from wooshpay.api.subscription_items import SubscriptionItem
from wooshpay.api.subscriptions import PendingUpdate, Subscription
from wooshpay.core.codec import UndocumentedType, structure
from wooshpay.core.declaration import Declaration
from wooshpay.core.objects import wire_names

Example = Callable[[str], dict[str, Any]]
Declared = Callable[[str], Declaration]

START = datetime(2024, 5, 29, 14, 3, 39, tzinfo=UTC)

# What the reference's example of the object holds, in its order, as far as it was read.
REFERENCE = [
    "id", "object", "cancel_at_period_end", "currency", "current_period_end", "current_period_start", "customer",
    "default_payment_method", "description", "items", "latest_invoice", "metadata", "pending_setup_intent",
    "pending_update", "status", "cancel_at", "canceled_at", "collection_method", "created", "days_until_due",
    "default_source", "start_date", "ended_at", "livemode", "next_pending_invoice_item_invoice", "payment_settings",
]  # fmt: skip


# ---- the object -----------------------------------------------------------------------------------------------


def test_a_subscription_has_the_fields_of_the_reference_and_four_behind_the_cut() -> None:
    subscription: type = Subscription
    names = {wire for _, wire in wire_names(subscription)}
    assert names == {*REFERENCE, "test_clock", "trial_start", "trial_end", "billing_cycle_anchor"}


def test_items_are_a_plain_array(example: Example) -> None:
    subscription = Subscription.from_dict(example("subscription_whole"))
    assert [type(item) for item in subscription.items] == [SubscriptionItem]
    assert subscription.items[0].id == "si_1942466974063788032"
    assert subscription.items[0].price.unit_amount == 1000


def test_items_in_the_envelope_of_a_list_as_at_stripe_are_the_same_array(example: Example) -> None:
    item = example("subscription_item_whole")
    answer = {"items": {"object": "list", "url": "/v1/subscription_items", "has_more": False, "data": [item]}}
    subscription = Subscription.from_dict(answer)
    assert [type(found) for found in subscription.items] == [SubscriptionItem]
    assert subscription.items[0].price_id == "price_1795818288165421056"
    assert subscription.to_dict() == answer


def test_an_item_whose_tag_is_the_word_of_its_type_is_still_an_item() -> None:
    subscription = Subscription.from_dict({"object": "string", "items": [{"id": "si_1", "object": "string"}]})
    assert isinstance(subscription.items[0], SubscriptionItem)


@pytest.mark.parametrize("created", [1716991419, 1716991419000, "1716991419", "1716991419000"])
def test_its_creation_comes_as_text_or_as_a_number_in_seconds_or_milliseconds(created: int | str) -> None:
    subscription = Subscription.from_dict({"created": created})
    assert subscription.created == int(created)
    assert subscription.created_at == START
    assert subscription.to_dict() == {"created": created}


def test_metadata_is_read_as_pairs_although_the_reference_types_it_as_text(example: Example) -> None:
    assert Subscription.from_dict(example("subscription_whole")).metadata == {"order": "1234"}
    assert Subscription.from_dict({"metadata": '{"order": "1234"}'}).metadata == {"order": "1234"}
    assert Subscription.from_dict({"metadata": ""}).metadata is None


def test_payment_method_types_are_a_list_although_the_reference_types_them_as_text(example: Example) -> None:
    settings = Subscription.from_dict(example("subscription_text")).payment_settings
    assert isinstance(settings, PaymentSettings)
    assert (settings.payment_method_types, settings.save_default_payment_method) == (["card"], "off")


def test_all_times_have_a_date_beside_them(example: Example) -> None:
    subscription = Subscription.from_dict(example("subscription_whole"))
    month = datetime(2024, 6, 28, 14, 3, 39, tzinfo=UTC)
    week = datetime(2024, 6, 5, 14, 3, 39, tzinfo=UTC)
    year = datetime(2025, 5, 29, 14, 3, 39, tzinfo=UTC)
    assert (subscription.current_period_start_time, subscription.current_period_end_time) == (START, month)
    assert (subscription.trial_start_time, subscription.trial_end_time) == (START, week)
    assert (subscription.cancel_time, subscription.ended_time) == (year, year)
    assert subscription.canceled_time == datetime(2024, 5, 29, 14, 3, 40, tzinfo=UTC)
    assert (subscription.start_time, subscription.billing_cycle_anchor_time) == (START, START)
    assert subscription.next_pending_invoice_item_invoice_time == month


def test_a_pending_update_is_read_out_of_the_text_that_the_reference_types(example: Example) -> None:
    update = Subscription.from_dict(example("subscription_whole")).pending_update
    assert isinstance(update, PendingUpdate)
    assert (update.expires_at, update.trial_from_plan) == (1717074219000, False)
    assert update.expires_time == datetime(2024, 5, 30, 13, 3, 39, tzinfo=UTC)
    assert (update.billing_cycle_anchor_time, update.trial_end_time) == (
        START,
        datetime(2024, 6, 5, 14, 3, 39, tzinfo=UTC),
    )
    assert update.subscription_items is not None
    assert [(type(item), item.quantity) for item in update.subscription_items] == [(SubscriptionItem, 2)]


def test_items_of_a_pending_update_may_be_json_text() -> None:
    update = PendingUpdate.from_dict({"subscription_items": '[{"id": "si_1", "quantity": 3}]'})
    assert update.subscription_items is not None
    assert (update.subscription_items[0].id, update.subscription_items[0].quantity) == ("si_1", 3)


def test_blank_text_is_no_value_and_comes_back(example: Example) -> None:
    subscription = Subscription.from_dict(example("subscription_text"))
    assert (subscription.metadata, subscription.pending_setup_intent) == (None, None)
    assert subscription.pending_update == PendingUpdate.from_dict(dict.fromkeys(["expires_at", "trial_end"], ""))
    assert subscription.to_dict() == example("subscription_text")


def test_invoice_and_setup_intent_may_come_as_an_id_or_whole(example: Example) -> None:
    by_id = Subscription.from_dict(example("subscription_whole"))
    whole = Subscription.from_dict(
        {
            "latest_invoice": {"id": "in_1942466974063788100", "object": "invoice", "status": "open"},
            "pending_setup_intent": {"id": "seti_1953770262453288960", "object": "setup_intent"},
        }
    )
    assert isinstance(whole.latest_invoice, Invoice)
    assert isinstance(whole.pending_setup_intent, SetupIntent)
    for subscription in (by_id, whole):
        assert (subscription.latest_invoice_id, subscription.pending_setup_intent_id) == (
            "in_1942466974063788100",
            "seti_1953770262453288960",
        )
    assert (by_id.customer_id, by_id.default_payment_method_id) == (
        "cus_1706288169156083712",
        "pm_1693466278808780800",
    )


def test_a_checkout_session_may_hold_its_subscription_whole() -> None:
    session = CheckoutSession.from_dict({"subscription": {"id": "sub_1", "object": "subscription", "items": []}})
    assert isinstance(session.subscription, Subscription)
    assert (session.subscription.items, session.subscription_id) == ([], "sub_1")


@pytest.mark.parametrize("field", ["status", "collection_method"])
def test_an_unknown_value_of_an_enumeration_is_kept(field: str) -> None:
    assert getattr(Subscription.from_dict({field: "of_tomorrow"}), field) == "of_tomorrow"


@pytest.mark.parametrize("file", ["subscription_whole", "subscription_text"])
def test_strict_reading_accepts_numbers_and_the_text_of_the_reference(file: str, example: Example) -> None:
    assert structure(example(file), Subscription, strict=True).to_dict() == example(file)


@pytest.mark.parametrize(
    ("field", "value"), [("created", 1.5), ("current_period_end", "1719583419000"), ("items", {"data": []})]
)
def test_strict_reading_refuses_what_is_documented_nowhere(field: str, value: object, example: Example) -> None:
    with pytest.raises(UndocumentedType):
        structure({**example("subscription_whole"), field: value}, Subscription, strict=True)


# ---- the calls ------------------------------------------------------------------------------------------------


def test_a_change_of_plan_takes_four_calls(declared: Declared) -> None:
    """The steps of the reference's group on changes of plan: create, confirm, update the items, pay the invoice."""
    item = {"id": "si_1942466974063788032", "price_data": {"currency": "USD", "unit_amount": 2000}, "quantity": 1}
    changes = {"line_items": [item], "proration_behavior": "always_invoice", "cancel_at_period_end": False}
    calls = [
        declared("subscriptions.create").bind((), {"customer": "cus_1", "items": [{"price": "price_1"}]}),
        declared("payment_intents.confirm").bind(("pi_1",), {"payment_method": "pm_1"}),
        declared("subscriptions.update").bind(("sub_1",), dict(changes)),
        declared("invoices.pay").bind(("in_1",), {}),
    ]
    assert [(call.method, call.path, call.body) for call in calls] == [
        ("POST", "/v1/subscriptions", {"customer": "cus_1", "items": [{"price": "price_1"}]}),
        ("POST", "/v1/payment_intents/pi_1/confirm", {"payment_method": "pm_1"}),
        ("POST", "/v1/subscriptions/sub_1", changes),
        ("POST", "/v1/invoices/in_1/pay", {}),
    ]


def test_an_update_takes_items_and_line_items(declared: Declared) -> None:
    change = [{"id": "si_1", "price": "price_2"}, {"id": "si_2", "deleted": True}]
    for name in ("items", "line_items"):
        assert declared("subscriptions.update").bind(("sub_1",), {name: change}).body == {name: change}


def test_line_items_take_what_the_example_of_the_reference_sends(declared: Declared) -> None:
    hint = typing.get_type_hints(declared("subscriptions.update").function)["line_items"]
    change = typing.get_args(typing.get_args(hint)[0])[0]
    assert {"id", "price_data", "quantity", "deleted"} < set(change.__annotations__)
    price = typing.get_type_hints(change)["price_data"]
    assert set(price.__annotations__) == {
        "currency", "product", "unit_amount", "recurring", "active", "metadata", "nickname", "product_data",
        "billing_scheme", "lookup_key", "tiers", "tiers_mode",
    }  # fmt: skip
    product = typing.get_type_hints(price)["product_data"]
    assert set(product.__annotations__) == {"id", "name", "active", "description", "metadata", "url", "images"}


def test_creating_takes_the_complete_list_of_the_reference_and_nothing_of_stripe(declared: Declared) -> None:
    assert set(declared("subscriptions.create").signature.parameters) - {"options"} == {
        "customer", "items", "currency", "default_payment_method", "description", "metadata", "cancel_at",
        "collection_method", "days_until_due", "default_source", "next_pending_invoice_item_invoice",
        "payment_settings", "test_clock", "trial_period_days", "add_invoice_items",
    }  # fmt: skip


def test_a_sum_for_the_first_invoice_is_one_object_where_stripe_takes_a_list(declared: Declared) -> None:
    extra = {"price": "price_2", "quantity": "1"}
    items = [{"price": "price_1", "billing_thresholds": {"usage_gte": 100}}]
    call = declared("subscriptions.create").bind(
        (), {"customer": "cus_1", "items": items, "add_invoice_items": extra, "trial_period_days": 14}
    )
    assert call.body == {"customer": "cus_1", "items": items, "add_invoice_items": extra, "trial_period_days": 14}


def test_canceling_at_once_is_a_delete_that_may_carry_a_body(declared: Declared) -> None:
    bare = declared("subscriptions.cancel").bind(("sub_1",), {})
    assert (bare.method, bare.path, bare.query, bare.body) == ("DELETE", "/v1/subscriptions/sub_1", {}, None)
    full = declared("subscriptions.cancel").bind(("sub_1",), {"invoice_now": True, "prorate": False})
    assert (full.query, full.body) == ({}, {"invoice_now": True, "prorate": False})


def test_the_list_filters_by_customer_and_price_in_the_query_alone(declared: Declared) -> None:
    filters = {"customer": "cus_1", "price": "price_1", "limit": 100, "ending_before": "sub_1"}
    call = declared("subscriptions.list").bind((), dict(filters))
    assert (call.path, call.query, call.body) == ("/v1/subscriptions", filters, None)
    assert "status" not in declared("subscriptions.list").signature.parameters


def test_what_a_change_does_about_the_rest_of_the_period_has_three_ways() -> None:
    assert typing.get_args(ProrationBehavior) == ("create_prorations", "always_invoice", "none")
