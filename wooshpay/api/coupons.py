"""Coupons and the discounts that they give."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias

from wooshpay.core.objects import IdOf, Moment, Object, model

if TYPE_CHECKING:
    from wooshpay.api.checkout.sessions import CheckoutSession
    from wooshpay.api.customers import Customer

CouponDuration: TypeAlias = Literal["forever", "once", "repeating"]


@model
class CouponAppliesTo(Object):
    """The products that a coupon is for, by id."""

    products: list[str] | None = None


@model
class Coupon(Object):
    """A reduction by a sum or by a percentage.

    Attributes:
        amount_off: Minor units taken off, in ``currency``.
        percent_off: Percentage taken off.
        duration_in_months: How long a ``repeating`` coupon lasts.
        redeem_by: The last moment at which it can be used, as received.
        valid: Whether it can still be used.
    """

    TAG: ClassVar[str] = "coupon"

    id: str
    object: str
    created: int
    livemode: bool
    duration: CouponDuration | str | None = None
    amount_off: int | None = None
    applies_to: CouponAppliesTo | None = None
    currency: str | None = None
    currency_options: dict[str, Any] | None = None
    duration_in_days: str | None = None
    duration_in_months: int | None = None
    duration_in_weeks: str | None = None
    max_redemptions: int | None = None
    metadata: dict[str, str] | None = None
    name: str | None = None
    percent_off: float | None = None
    redeem_by: int | None = None
    times_redeemed: int | None = None
    valid: bool | None = None

    created_at = Moment("created")
    redeem_by_time = Moment("redeem_by")


@model
class Discount(Object):
    """A coupon at work, for a customer, a checkout session or a subscription.

    Attributes:
        start: When it began, as received.
        end: When it ends, as received; ``None`` where it does not.
    """

    TAG: ClassVar[str] = "discount"

    id: str
    object: str
    checkout_session: str | CheckoutSession | None = None
    coupon: Coupon | None = None
    customer: str | Customer | None = None
    start: int | None = None
    end: int | None = None
    promotion_code: str | Object | None = None
    subscription: str | Object | None = None

    start_time = Moment("start")
    end_time = Moment("end")
    checkout_session_id = IdOf("checkout_session")
    customer_id = IdOf("customer")
    promotion_code_id = IdOf("promotion_code")
    subscription_id = IdOf("subscription")
