"""Prices: what one unit of a product costs, once or again and again."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal, TypeAlias

from wooshpay.api.shared import BillingScheme, Interval, UsageType
from wooshpay.core.objects import IdOf, Moment, Object, model

if TYPE_CHECKING:
    from wooshpay.api.products import Product

PriceType: TypeAlias = Literal["one_time", "recurring"]


@model
class PriceRecurring(Object):
    """How often a price is due: every ``interval_count`` times ``interval``."""

    interval: Interval | str | None = None
    interval_count: int | None = None
    usage_type: UsageType | str | None = None


@model
class PriceTier(Object):
    """One step of a tiered price, in minor units.

    Attributes:
        up_to: The last quantity that the step holds for; text where it is without end.
    """

    up_to: int | str | None = None
    flat_amount: int | None = None
    unit_amount: int | None = None


@model
class Price(Object):
    """What one unit of a product costs.

    Attributes:
        unit_amount: Minor units for one unit.
        lookup_key: The merchant's own name for it, at most 200 characters.
        nickname: A note that customers do not see.
    """

    TAG: ClassVar[str] = "price"

    id: str
    object: str
    active: bool
    created: int
    currency: str
    livemode: bool
    type: PriceType | str
    billing_scheme: BillingScheme | str | None = None
    lookup_key: str | None = None
    metadata: dict[str, str] | None = None
    nickname: str | None = None
    product: str | Product | None = None
    recurring: PriceRecurring | None = None
    tiers: list[PriceTier] | None = None
    unit_amount: int | None = None

    created_at = Moment("created")
    product_id = IdOf("product")
