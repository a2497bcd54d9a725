"""Prices, and the products in them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from wooshpay.api.prices import Price, PriceRecurring
from wooshpay.api.products import Product
from wooshpay.core.codec import structure
from wooshpay.core.declaration import Declaration

Example = Callable[[str], dict[str, Any]]
Declared = Callable[[str], Declaration]


# ---- the object -----------------------------------------------------------------------------------------------


def test_ten_dollars_a_month_are_1000_minor_units(example: Example) -> None:
    price = Price.from_dict(example("price_2024"))
    assert (price.unit_amount, price.currency, price.type) == (1000, "USD", "recurring")
    assert isinstance(price.recurring, PriceRecurring)
    assert (price.recurring.interval, price.recurring.interval_count) == ("month", 1)
    assert price.recurring.usage_type == "licensed"


def test_the_product_comes_whole_where_the_reference_has_its_id(example: Example) -> None:
    price = Price.from_dict(example("price_2024"))
    assert isinstance(price.product, Product)
    assert (price.product.name, price.product_id) == ("Plus plan", "prod_1795818288173809664")
    named = Price.from_dict(example("price_whole"))
    assert (named.product, named.product_id) == ("prod_1795818288173809664", "prod_1795818288173809664")


def test_the_amounts_of_tiers_come_as_text_and_the_last_one_has_no_end(example: Example) -> None:
    tiers = Price.from_dict(example("price_whole")).tiers
    assert tiers is not None
    assert [(tier.up_to, tier.flat_amount, tier.unit_amount) for tier in tiers] == [("10", 0, 1000), ("inf", 500, 900)]


def test_a_one_time_price_has_no_interval() -> None:
    price = Price.from_dict({"id": "price_1", "type": "one_time", "recurring": None})
    assert price.recurring is None


@pytest.mark.parametrize("created", [1716991419, 1716991419000])
def test_the_time_of_creation_is_read_in_seconds_as_written_and_in_milliseconds_as_sent(created: int) -> None:
    assert Price.from_dict({"created": created}).created_at == datetime(2024, 5, 29, 14, 3, 39, tzinfo=UTC)


@pytest.mark.parametrize("file", ["price_2024", "price_whole"])
def test_strict_reading_accepts_documented_answers(file: str, example: Example) -> None:
    assert structure(example(file), Price, strict=True).to_dict() == example(file)


# ---- the calls ------------------------------------------------------------------------------------------------


def test_a_price_is_made_with_numbers_where_the_reference_says_text(declared: Declared) -> None:
    params = {
        "currency": "USD",
        "unit_amount": 1000,
        "active": True,
        "product_data": {"name": "Plus plan"},
        "recurring": {"interval": "month", "interval_count": 1},
    }
    assert declared("prices.create").bind((), dict(params)).body == params


@pytest.mark.parametrize("name", ["tiers", "tiers_mode"])
def test_tiers_cannot_be_given(name: str, declared: Declared) -> None:
    with pytest.raises(TypeError, match=name):
        declared("prices.create").bind((), {name: []})


def test_pairs_are_sent_where_the_page_of_an_update_says_text(declared: Declared) -> None:
    call = declared("prices.update").bind(("price_1",), {"metadata": {"k": "v"}})
    assert (call.path, call.body) == ("/v1/prices/price_1", {"metadata": {"k": "v"}})


@pytest.mark.parametrize("name", ["unit_amount", "currency", "product", "recurring"])
def test_what_a_price_is_made_of_stays(name: str, declared: Declared) -> None:
    with pytest.raises(TypeError, match=name):
        declared("prices.update").bind(("price_1",), {name: "1"})
