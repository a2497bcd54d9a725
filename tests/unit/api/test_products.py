"""Products."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from wooshpay.api.products import Product
from wooshpay.core.codec import structure
from wooshpay.core.declaration import Declaration
from wooshpay.core.objects import wire_names
from wooshpay.core.query import encode_query

Example = Callable[[str], dict[str, Any]]
Declared = Callable[[str], Declaration]


def test_a_product_of_2022_says_null_where_it_has_no_images(example: Example) -> None:
    product = Product.from_dict(example("product_2022"))
    assert (product.images, product.url, product.name) == (None, None, "taiwan fengli")
    assert "images" in product.to_dict()


def test_a_new_product_was_changed_when_it_was_made(example: Example) -> None:
    product = Product.from_dict(example("product_2022"))
    assert product.created_at == product.updated_at == datetime(2022, 10, 13, 6, 24, 42, tzinfo=UTC)


def test_images_in_json_text_or_in_an_envelope_are_a_list() -> None:
    for images in ('["a.png"]', {"object": "list", "data": ["a.png"]}):
        product = Product.from_dict({"images": images})
        assert product.images == ["a.png"]
        assert product.to_dict() == {"images": images}


def test_a_product_has_none_of_the_fields_that_stripe_adds() -> None:
    product: type = Product
    names = {wire for _, wire in wire_names(product)}
    assert len(names) == 11
    assert not names & {"default_price", "package_dimensions", "shippable", "tax_code", "unit_label"}


def test_strict_reading_accepts_documented_answers(example: Example) -> None:
    for file in ("product_2022", "product_whole"):
        assert structure(example(file), Product, strict=True).to_dict() == example(file)


def test_products_are_listed_by_query_and_by_body(declared: Declared) -> None:
    call = declared("products.list").bind((), {"active": True, "created": {"gte": 1716991419000}})
    assert call.path == "/v1/products"
    assert call.query == call.body == {"active": True, "created": {"gte": 1716991419000}}
    assert encode_query(call.query) == "active=true&created%5Bgte%5D=1716991419000"


@pytest.mark.parametrize("name", ["id", "default_price_data"])
def test_neither_id_nor_price_can_be_given_with_a_product(name: str, declared: Declared) -> None:
    with pytest.raises(TypeError, match=name):
        declared("products.create").bind((), {"name": "fengli", name: "1"})
