"""Prices: what one unit of a product costs, once or again and again."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal, TypeAlias

from wooshpay.api.shared import BillingScheme, Interval, Metadata, ProductDataParam, RecurringParam, UsageType
from wooshpay.config import RequestOptions
from wooshpay.core.declaration import Resource, W, get, post
from wooshpay.core.objects import AsText, IdOf, Moment, Object, model
from wooshpay.core.unset import UNSET, Unset

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
    """One step of a tiered price, in minor units. The reference types all of it as text.

    Attributes:
        up_to: The last quantity that the step holds for; text where it is without end.
    """

    up_to: int | str | None = None
    flat_amount: AsText[int] | None = None
    unit_amount: AsText[int] | None = None


@model
class Price(Object):
    """What one unit of a product costs.

    Attributes:
        unit_amount: Minor units for one unit.
        lookup_key: The merchant's own name for it, at most 200 characters.
        nickname: A note that customers do not see.
        tiers_mode: How the steps of a tiered price add up; seen in a subscription only, its values are Stripe's.
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
    tiers_mode: Literal["graduated", "volume"] | str | None = None
    unit_amount: int | None = None

    created_at = Moment("created")
    product_id = IdOf("product")


class Prices(Resource[W]):
    """Say what things cost. The reference has no list of prices and no way to delete one."""

    @post("/v1/prices", echoes=("currency", "unit_amount"))
    def create(
        self,
        *,
        currency: str,
        unit_amount: int,
        product: str | Unset = UNSET,
        product_data: ProductDataParam | Unset = UNSET,
        active: bool | Unset = UNSET,
        billing_scheme: BillingScheme | Unset = UNSET,
        recurring: RecurringParam | Unset = UNSET,
        lookup_key: str | Unset = UNSET,
        nickname: str | Unset = UNSET,
        metadata: Metadata | Unset | None = UNSET,
        options: RequestOptions | None = None,
    ) -> Price:
        """Make a price of a product, or of one made with it.

        Args:
            currency: Three-letter code, such as ``USD``.
            unit_amount: Minor units for one unit; 0 makes it free.
            product: Id of the product; this or ``product_data``.
            product_data: A product made on the way; it remains, with an id of its own.
            active: Whether it can be bought; ``True`` when left out.
            billing_scheme: ``per_unit``, or ``tiered``.
            recurring: How often it is due, which makes it a price for subscriptions.
            lookup_key: The merchant's own name for it, at most 200 characters.
            nickname: A note that customers do not see.
            metadata: Free pairs to keep with the price.
            options: Settings for this call only.

        Returns:
            The price, with the whole product in it.

        Raises:
            InvalidRequestError: A parameter is missing or wrong.
            NotFoundError: There is no such product.

        Note: the steps of a ``tiered`` price cannot be given here, and an unknown ``billing_scheme`` was once
            kept as ``per_unit`` without a word.

        Reference: Create a price
        """
        ...

    @get("/v1/prices/{id}")
    def retrieve(self, id: str, /, *, options: RequestOptions | None = None) -> Price:
        """Get a price.

        Args:
            id: Id of the price.
            options: Settings for this call only.

        Returns:
            The price.

        Raises:
            NotFoundError: There is no such price.

        Reference: Retrieve a price
        """
        ...

    @post("/v1/prices/{id}")
    def update(
        self,
        id: str,
        /,
        *,
        active: bool | Unset = UNSET,
        lookup_key: str | Unset = UNSET,
        nickname: str | Unset = UNSET,
        metadata: Metadata | Unset | None = UNSET,
        options: RequestOptions | None = None,
    ) -> Price:
        """Change the notes on a price, or take it off sale. What is left out stays as it is.

        Amount, currency, product and interval stay forever: make a new price for new ones.

        Args:
            id: Id of the price.
            active: Whether it can be bought.
            lookup_key: The merchant's own name for it, at most 200 characters.
            nickname: A note that customers do not see.
            metadata: Pairs to set; an empty value removes one, ``None`` removes all.
            options: Settings for this call only.

        Returns:
            The price with the changes.

        Raises:
            InvalidRequestError: A parameter is wrong.
            NotFoundError: There is no such price.

        Note: this page alone types metadata as text; pairs are sent, as everywhere else.

        Reference: Update a price
        """
        ...
