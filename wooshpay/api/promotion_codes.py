"""Promotion codes: what customers type to get a coupon."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, TypedDict

from wooshpay.api.shared import Metadata
from wooshpay.config import RequestOptions
from wooshpay.core.declaration import Resource, W, post
from wooshpay.core.objects import IdOf, Moment, Object, model
from wooshpay.core.units import InMilliseconds
from wooshpay.core.unset import UNSET, Unset

if TYPE_CHECKING:
    from wooshpay.api.coupons import Coupon
    from wooshpay.api.customers import Customer


@model
class PromotionCodeRestrictions(Object):
    """What a purchase must be like for the code to hold.

    Attributes:
        first_time_transaction: Whether it must be the customer's first.
        minimum_amount: Minor units of ``minimum_amount_currency`` that it must reach.
    """

    first_time_transaction: bool | None = None
    minimum_amount: int | None = None
    minimum_amount_currency: str | None = None


@model
class PromotionCode(Object):
    """A word that customers type to get a coupon.

    Attributes:
        code: The word; upper and lower case are the same.
        coupon: The whole coupon.
        customer: The one customer who can use it; ``None`` where everybody can.
        expires_at: The last moment at which it can be used, as received.
        max_redemptions: How often it can be used; ``None`` where there is no limit.
        times_redeemed: How often it was used.
    """

    TAG: ClassVar[str] = "promotion_code"

    id: str
    object: str
    active: bool
    code: str
    coupon: Coupon
    created: int
    livemode: bool
    times_redeemed: int
    customer: str | Customer | None = None
    expires_at: int | None = None
    max_redemptions: int | None = None
    metadata: dict[str, str] | None = None
    restrictions: PromotionCodeRestrictions | None = None

    created_at = Moment("created")
    expires_time = Moment("expires_at")
    customer_id = IdOf("customer")


class PromotionCodeRestrictionsParam(TypedDict, total=False):
    """What a purchase must be like for the code to hold. ``minimum_amount`` is in minor units."""

    first_time_transaction: bool
    minimum_amount: int
    minimum_amount_currency: str


class PromotionCodes(Resource[W]):
    """Hand coupons out under a word. The reference has no list of promotion codes and no way to get one."""

    @post("/v1/promotion_code")
    def create(
        self,
        *,
        coupon: str,
        code: str | Unset = UNSET,
        active: bool | Unset = UNSET,
        customer: str | Unset = UNSET,
        expires_at: InMilliseconds[str] | InMilliseconds[int] | Unset = UNSET,
        max_redemptions: int | Unset = UNSET,
        restrictions: PromotionCodeRestrictionsParam | Unset = UNSET,
        metadata: Metadata | Unset | None = UNSET,
        options: RequestOptions | None = None,
    ) -> PromotionCode:
        """Make a word for a coupon.

        Args:
            coupon: Id of the coupon.
            code: The word; WooshPay makes one up when left out. Upper and lower case are the same, and among the
                active codes of one customer no word may come twice.
            active: Whether it can be used.
            customer: Id of the one customer who can use it; everybody can when left out.
            expires_at: The last moment at which it can be used, in milliseconds since 1970.
            max_redemptions: How often it can be used.
            restrictions: What a purchase must be like.
            metadata: Free pairs to keep with the code; an empty value removes one.
            options: Settings for this call only.

        Returns:
            The promotion code, with the whole coupon in it.

        Raises:
            InvalidRequestError: A parameter is missing or wrong, or the word is taken.
            NotFoundError: There is no such coupon or customer.

        Note: the reference types ``expires_at`` as text here and as a number in the reply, and gives no unit;
            text or number, it is sent as given.

        Note: the path ends in ``promotion_code``, in the singular, unlike Stripe's.

        Reference: Create a promotion code
        """
        ...

    @post("/v1/promotion_code/{id}")
    def update(
        self,
        id: str,
        /,
        *,
        active: bool | Unset = UNSET,
        metadata: Metadata | Unset | None = UNSET,
        restrictions: PromotionCodeRestrictionsParam | Unset = UNSET,
        options: RequestOptions | None = None,
    ) -> PromotionCode:
        """Switch a promotion code off or on, or change what is kept with it.

        Args:
            id: Id of the promotion code.
            active: Whether it can be used.
            metadata: Pairs to set; an empty value removes one, ``None`` removes all.
            restrictions: What a purchase must be like.
            options: Settings for this call only.

        Returns:
            The promotion code with the changes.

        Raises:
            InvalidRequestError: A parameter is wrong.
            NotFoundError: There is no such promotion code.

        Inferred: the path, from Create a promotion code, and the parameters, from Stripe; only the title was read.

        Reference: Update a promotion code
        """
        ...
