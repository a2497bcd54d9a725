"""Coupons: reductions, and the discounts that they give."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias

from wooshpay.api.shared import Metadata
from wooshpay.config import RequestOptions
from wooshpay.core.declaration import Resource, W, delete, get, post
from wooshpay.core.objects import IdOf, Moment, Object, model
from wooshpay.core.unset import UNSET, Unset

if TYPE_CHECKING:
    from wooshpay.api.checkout.sessions import CheckoutSession
    from wooshpay.api.customers import Customer
    from wooshpay.api.promotion_codes import PromotionCode
    from wooshpay.api.subscriptions import Subscription

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
        currency_options: Sums for other currencies, as received; the reference spells its keys
            ``<currency>.amount_off``.
        duration_in_days: How long a ``repeating`` coupon lasts, as text; Stripe has no such field.
        duration_in_weeks: How long a ``repeating`` coupon lasts, as text; Stripe has no such field.
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
class DeletedCoupon(Object):
    """What remains of a coupon that was deleted. Its fields are Stripe's."""

    TAG: ClassVar[str] = "coupon"

    id: str
    object: str
    deleted: bool


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
    promotion_code: str | PromotionCode | None = None
    subscription: str | Subscription | None = None

    start_time = Moment("start")
    end_time = Moment("end")
    checkout_session_id = IdOf("checkout_session")
    customer_id = IdOf("customer")
    promotion_code_id = IdOf("promotion_code")
    subscription_id = IdOf("subscription")


class Coupons(Resource[W]):
    """Make reductions. A coupon cannot be changed, and the reference has no list of them."""

    @post("/v1/coupons", echoes=("amount_off", "currency"))
    def create(
        self,
        *,
        percent_off: float | Unset | None = UNSET,
        amount_off: int | Unset | None = UNSET,
        currency: str | Unset | None = UNSET,
        duration: CouponDuration | Unset = UNSET,
        name: str | Unset = UNSET,
        metadata: Metadata | Unset | None = UNSET,
        options: RequestOptions | None = None,
    ) -> Coupon:
        """Make a coupon that takes off a percentage or a sum.

        Give either ``percent_off``, or ``amount_off`` together with ``currency``. A ``None`` in one of them
        says the same as leaving it out.

        Args:
            percent_off: Percentage to take off, such as ``12.5``.
            amount_off: Minor units of ``currency`` to take off.
            currency: Three-letter code, such as ``USD``; goes with ``amount_off``.
            duration: Whether a subscription gets it ``once``, ``forever``, or ``repeating`` for a while.
            name: What customers see.
            metadata: Free pairs to keep with the coupon.
            options: Settings for this call only.

        Returns:
            The coupon. This reply has ten fields only; `retrieve` has them all.

        Raises:
            InvalidRequestError: Both kinds of reduction were given, or neither, or a sum without a currency.

        Note: unlike at Stripe, the id cannot be chosen, nor how long a ``repeating`` coupon lasts, nor how
            often it can be used, until when, and for which products.

        Reference: Create a Coupon
        """
        ...

    @get("/v1/coupons/{id}")
    def retrieve(self, id: str, /, *, options: RequestOptions | None = None) -> Coupon:
        """Get a coupon.

        Args:
            id: Id of the coupon.
            options: Settings for this call only.

        Returns:
            The coupon.

        Raises:
            NotFoundError: There is no such coupon.

        Reference: Retrieve a coupon
        """
        ...

    @delete("/v1/coupons/{id}")
    def delete(self, id: str, /, *, options: RequestOptions | None = None) -> DeletedCoupon:
        """Remove a coupon. Nobody can use it any more; who has its discount already keeps it.

        Args:
            id: Id of the coupon.
            options: Settings for this call only.

        Returns:
            The id, with ``deleted`` set.

        Raises:
            NotFoundError: There is no such coupon.

        Inferred: verb, path, reply and effect, from Stripe; only the title was read.

        Reference: Delete a coupon
        """
        ...
