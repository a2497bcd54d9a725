"""Promotion codes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from wooshpay.api.coupons import Coupon
from wooshpay.api.customers import Customer
from wooshpay.api.promotion_codes import PromotionCode, PromotionCodeRestrictions
from wooshpay.core.codec import structure
from wooshpay.core.declaration import Declaration

Example = Callable[[str], dict[str, Any]]
Declared = Callable[[str], Declaration]


def test_a_promotion_code_holds_its_coupon_and_its_restrictions(example: Example) -> None:
    code = PromotionCode.from_dict(example("promotion_code_whole"))
    assert isinstance(code.coupon, Coupon)
    assert code.coupon.name == "Autumn"
    assert isinstance(code.restrictions, PromotionCodeRestrictions)
    assert code.restrictions.first_time_transaction is True
    assert (code.restrictions.minimum_amount, code.restrictions.minimum_amount_currency) == (5000, "USD")


def test_one_that_everybody_can_use_without_limit_has_no_customer_and_no_limits(example: Example) -> None:
    code = PromotionCode.from_dict(example("promotion_code_open"))
    assert (code.customer, code.customer_id, code.max_redemptions) == (None, None, None)
    assert code.restrictions is not None
    assert code.restrictions.minimum_amount is None


def test_an_end_in_text_as_the_request_has_it_is_a_number(example: Example) -> None:
    text, number = (PromotionCode.from_dict(example(f"promotion_code_{name}")) for name in ("open", "whole"))
    assert text.expires_at == number.expires_at == 1767225600000
    assert text.expires_time == number.expires_time == datetime(2026, 1, 1, tzinfo=UTC)
    assert text.to_dict()["expires_at"] == "1767225600000"


def test_the_customer_may_come_whole(example: Example) -> None:
    code = PromotionCode.from_dict({"customer": example("customer_2023")})
    assert isinstance(code.customer, Customer)
    assert code.customer_id == code.customer.id


def test_strict_reading_accepts_a_documented_answer(example: Example) -> None:
    answer = example("promotion_code_whole")
    assert structure(answer, PromotionCode, strict=True).to_dict() == answer


def test_both_paths_are_in_the_singular(declared: Declared) -> None:
    assert declared("promotion_codes.create").bind((), {"coupon": "c1"}).path == "/v1/promotion_code"
    assert declared("promotion_codes.update").bind(("promo_1",), {}).path == "/v1/promotion_code/promo_1"


@pytest.mark.parametrize("end", ["1767225600000", 1767225600000])
def test_an_end_is_sent_as_it_is_given(end: str | int, declared: Declared) -> None:
    call = declared("promotion_codes.create").bind((), {"coupon": "c1", "expires_at": end})
    assert call.body == {"coupon": "c1", "expires_at": end}
