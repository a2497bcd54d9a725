"""Coupons, discounts and what remains of a deleted coupon."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from wooshpay.api.checkout.sessions import CheckoutSession
from wooshpay.api.coupons import Coupon, CouponAppliesTo, DeletedCoupon, Discount
from wooshpay.api.promotion_codes import PromotionCode
from wooshpay.core.codec import structure
from wooshpay.core.declaration import Declaration
from wooshpay.core.objects import Object

Example = Callable[[str], dict[str, Any]]
Declared = Callable[[str], Declaration]

# The fields that the reference gives the reply of a create.
CREATED = {
    "id", "amount_off", "currency", "duration", "object", "created", "livemode", "metadata", "name", "percent_off",
}  # fmt: skip


# ---- the object -----------------------------------------------------------------------------------------------


def test_a_coupon_just_made_has_ten_fields(example: Example) -> None:
    assert set(example("coupon_created")) == CREATED
    coupon = Coupon.from_dict(example("coupon_created"))
    assert (coupon.percent_off, coupon.amount_off, coupon.duration) == (25, None, "once")
    assert (coupon.valid, coupon.times_redeemed, coupon.applies_to) == (None, None, None)


def test_a_coupon_that_was_looked_up_has_the_rest_too(example: Example) -> None:
    coupon = Coupon.from_dict(example("coupon_whole"))
    assert isinstance(coupon.applies_to, CouponAppliesTo)
    assert coupon.applies_to.products == ["prod_1766032392820000000"]
    assert (coupon.max_redemptions, coupon.times_redeemed, coupon.valid) == (5, 1, True)
    assert coupon.redeem_by_time == datetime(2026, 1, 1, tzinfo=UTC)


def test_a_coupon_lasts_months_as_a_number_and_weeks_and_days_as_text(example: Example) -> None:
    coupon = Coupon.from_dict(example("coupon_whole"))
    assert (coupon.duration_in_months, coupon.duration_in_weeks, coupon.duration_in_days) == (3, "0", "0")


@pytest.mark.parametrize(("sent", "read"), [(25, 25), (12.5, 12.5), ("12.5", 12.5), ("25", 25)])
def test_a_percentage_may_be_whole_or_not_and_may_come_as_text(sent: Any, read: float) -> None:
    coupon = Coupon.from_dict({"percent_off": sent})
    assert coupon.percent_off == read
    assert coupon.to_dict() == {"percent_off": sent}


def test_sums_for_other_currencies_are_kept_under_whichever_key(example: Example) -> None:
    assert Coupon.from_dict(example("coupon_whole")).currency_options == {"eur": {"amount_off": 90}}
    assert Coupon.from_dict(example("coupon_flat_key")).currency_options == {"<currency>.amount_off": 90}


def test_a_coupon_without_its_tag_is_a_coupon_in_a_discount() -> None:
    discount = Discount.from_dict({"id": "di_1", "coupon": {"id": "c1", "duration": "once"}})
    assert isinstance(discount.coupon, Coupon)
    assert discount.coupon.duration == "once"


def test_a_discount_may_hold_the_session_and_the_promotion_code_whole(example: Example) -> None:
    session = {"id": "cs_1", "object": "checkout.session"}
    discount = Discount.from_dict({"checkout_session": session, "promotion_code": example("promotion_code_whole")})
    assert isinstance(discount.checkout_session, CheckoutSession)
    assert discount.checkout_session_id == "cs_1"
    assert isinstance(discount.promotion_code, PromotionCode)
    assert (discount.promotion_code.code, discount.promotion_code_id) == ("AUTUMN25", "promo_1766032392423736000")


def test_a_deleted_coupon_says_so(example: Example) -> None:
    deleted = DeletedCoupon.from_dict(example("deleted_coupon_whole"))
    assert (deleted.id, deleted.object, deleted.deleted) == ("1766032392423735000", "coupon", True)


@pytest.mark.parametrize(
    ("file", "cls"),
    [("coupon_created", Coupon), ("coupon_whole", Coupon), ("coupon_flat_key", Coupon), ("discount_whole", Discount),
     ("deleted_coupon_whole", DeletedCoupon)],
)  # fmt: skip
def test_strict_reading_accepts_documented_answers(file: str, cls: type[Object], example: Example) -> None:
    assert structure(example(file), cls, strict=True).to_dict() == example(file)


# ---- the calls ------------------------------------------------------------------------------------------------


def test_a_null_is_sent_for_the_kind_of_reduction_that_is_not_meant(declared: Declared) -> None:
    call = declared("coupons.create").bind((), {"percent_off": 12.5, "amount_off": None, "currency": None})
    assert call.body == {"percent_off": 12.5, "amount_off": None, "currency": None}


@pytest.mark.parametrize(
    "name",
    ["id", "duration_in_months", "duration_in_weeks", "duration_in_days", "max_redemptions", "redeem_by", "applies_to",
     "currency_options"],
)  # fmt: skip
def test_what_the_reference_strikes_out_is_no_parameter(name: str, declared: Declared) -> None:
    with pytest.raises(TypeError, match=name):
        declared("coupons.create").bind((), {name: "1"})


def test_deleting_sends_the_id_and_nothing_else(declared: Declared) -> None:
    call = declared("coupons.delete").bind(("10%/off",), {})
    assert (call.method, call.path, call.query, call.body) == ("DELETE", "/v1/coupons/10%25%2Foff", {}, None)
