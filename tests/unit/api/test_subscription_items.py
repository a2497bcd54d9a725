"""Subscription items: the prices that a subscription charges for."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from wooshpay.api.prices import Price
from wooshpay.api.shared import DeletedObject
from wooshpay.api.subscription_items import SubscriptionItem
from wooshpay.api.subscriptions import Subscription
from wooshpay.core.codec import structure
from wooshpay.core.declaration import Declaration
from wooshpay.core.objects import wire_names

Example = Callable[[str], dict[str, Any]]
Declared = Callable[[str], Declaration]


def test_an_item_has_the_seven_fields_of_the_reference() -> None:
    item: type = SubscriptionItem
    assert {wire for _, wire in wire_names(item)} == {
        "id", "object", "metadata", "price", "quantity", "subscription", "created",
    }  # fmt: skip


@pytest.mark.parametrize("file", ["subscription_item_whole", "subscription_item_text"])
def test_an_item_is_the_same_whether_it_comes_in_numbers_and_pairs_or_in_text(file: str, example: Example) -> None:
    item = SubscriptionItem.from_dict(example(file))
    assert (item.created, item.created_at) == (1716991419000, datetime(2024, 5, 29, 14, 3, 39, tzinfo=UTC))
    assert item.metadata == {"seat": "a"}
    assert item.to_dict() == example(file)


def test_the_price_is_embedded_with_interval_and_tiers(example: Example) -> None:
    item = SubscriptionItem.from_dict(example("subscription_item_whole"))
    assert isinstance(item.price, Price)
    assert item.price.recurring is not None
    assert (item.price.recurring.interval, item.price.recurring.interval_count) == ("month", 1)
    assert item.price.tiers_mode == "graduated"
    assert item.price.tiers is not None
    assert [(tier.up_to, tier.flat_amount, tier.unit_amount) for tier in item.price.tiers] == [
        ("10", 0, 1000),
        ("inf", 0, 800),
    ]


def test_a_price_that_comes_as_an_id_alone_is_not_lost() -> None:
    item = SubscriptionItem.from_dict({"id": "si_1", "price": "price_1"})
    assert item.price_id == "price_1"
    assert item.to_dict() == {"id": "si_1", "price": "price_1"}


def test_the_subscription_may_come_as_an_id_or_whole(example: Example) -> None:
    assert SubscriptionItem.from_dict(example("subscription_item_whole")).subscription_id == "sub_1942466974063788000"
    item = SubscriptionItem.from_dict({"subscription": {"id": "sub_1", "object": "subscription"}})
    assert isinstance(item.subscription, Subscription)
    assert item.subscription_id == "sub_1"


@pytest.mark.parametrize("file", ["subscription_item_whole", "subscription_item_text"])
def test_strict_reading_accepts_numbers_and_the_text_of_the_reference(file: str, example: Example) -> None:
    assert structure(example(file), SubscriptionItem, strict=True).to_dict() == example(file)


@pytest.mark.parametrize(("amount", "count"), [(1000, 1), ("1000", "1")])
def test_a_price_made_on_the_way_may_hold_numbers_or_the_text_of_its_page(
    amount: int | str, count: int | str, declared: Declared
) -> None:
    price = {
        "currency": "USD",
        "product": "prod_1",
        "recurring": {"interval": "month", "interval_count": count},
        "unit_amount": amount,
    }
    call = declared("subscription_items.create").bind((), {"subscription": "sub_1", "price_data": price})
    assert (call.path, call.body) == ("/v1/subscription_items", {"subscription": "sub_1", "price_data": price})


def test_an_item_is_taken_away_by_a_delete_that_may_carry_a_body(declared: Declared, example: Example) -> None:
    bare = declared("subscription_items.delete").bind(("si_1",), {})
    assert (bare.method, bare.path, bare.query, bare.body) == ("DELETE", "/v1/subscription_items/si_1", {}, None)
    full = declared("subscription_items.delete").bind(("si_1",), {"proration_behavior": "none"})
    assert (full.query, full.body) == ({}, {"proration_behavior": "none"})
    deleted = DeletedObject.from_dict(example("deleted_object_whole"))
    assert (deleted.id, deleted.object, deleted.deleted) == ("si_1942466974063788032", "subscription_item", True)
