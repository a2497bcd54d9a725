"""Subscription items: the prices that a subscription charges for."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Required, TypedDict

from wooshpay.api.shared import DeletedObject, Interval, Metadata, ProrationBehavior
from wooshpay.config import RequestOptions
from wooshpay.core.declaration import Resource, W, delete, get, post
from wooshpay.core.objects import AsText, IdOf, Moment, Object, model
from wooshpay.core.unset import UNSET, Unset

if TYPE_CHECKING:
    from wooshpay.api.prices import Price
    from wooshpay.api.subscriptions import Subscription


@model
class SubscriptionItem(Object):
    """So many units of one price, charged for in every period.

    Attributes:
        created: When it was made. The reference types it as text; other times of WooshPay are numbers.
        metadata: The merchant's pairs; the reference types them as text.
        price: What one unit costs, and how often.
    """

    TAG: ClassVar[str] = "subscription_item"

    id: str
    object: str
    created: AsText[int]
    price: Price
    metadata: AsText[dict[str, str]] | None = None
    quantity: int | None = None
    subscription: str | Subscription | None = None

    created_at = Moment("created")
    price_id = IdOf("price")
    subscription_id = IdOf("subscription")


class SubscriptionItemRecurringParam(TypedDict, total=False):
    """How often the price is due. The page types ``interval_count`` as text; other pages as a number."""

    interval: Required[Interval]
    interval_count: int | str


class SubscriptionItemPriceDataParam(TypedDict):
    """A price of an existing product, made on the way.

    ``unit_amount`` is in minor units. The page types it as text; other pages as a number.
    """

    currency: str
    product: str
    recurring: SubscriptionItemRecurringParam
    unit_amount: int | str


class SubscriptionItems(Resource[W]):
    """Add prices to a subscription and take them away. To change one, update the subscription."""

    @post("/v1/subscription_items")
    def create(
        self,
        *,
        subscription: str,
        price: str | Unset = UNSET,
        price_data: SubscriptionItemPriceDataParam | Unset = UNSET,
        quantity: int | Unset = UNSET,
        metadata: Metadata | Unset | None = UNSET,
        options: RequestOptions | None = None,
    ) -> SubscriptionItem:
        """Add a price to a subscription.

        Args:
            subscription: Id of the subscription.
            price: Id of a recurring price; this or ``price_data``.
            price_data: A price made on the way.
            quantity: How many units.
            metadata: Free pairs to keep with the item.
            options: Settings for this call only.

        Returns:
            The subscription item.

        Raises:
            InvalidRequestError: A parameter is missing or wrong.
            NotFoundError: There is no such subscription or price.

        Note: unlike at Stripe nothing says how the rest of the running period is charged for.

        Reference: Create a subscription item
        """
        ...

    @get("/v1/subscription_items/{id}")
    def retrieve(self, id: str, /, *, options: RequestOptions | None = None) -> SubscriptionItem:
        """Get a subscription item.

        Args:
            id: Id of the subscription item.
            options: Settings for this call only.

        Returns:
            The subscription item.

        Raises:
            NotFoundError: There is no such subscription item.

        Reference: Retrieve a subscription item
        """
        ...

    @delete("/v1/subscription_items/{id}")
    def delete(
        self,
        id: str,
        /,
        *,
        proration_behavior: ProrationBehavior | Unset = UNSET,
        options: RequestOptions | None = None,
    ) -> DeletedObject:
        """Take a price away from a subscription. The subscription itself goes on.

        Args:
            id: Id of the subscription item.
            proration_behavior: What happens to the money for the rest of the period: ``create_prorations`` credits it
                on the next invoice, ``always_invoice`` on an invoice of its own at once, ``none`` does not credit it.
            options: Settings for this call only.

        Returns:
            The id, with ``deleted`` set.

        Raises:
            InvalidRequestError: It is the only item of the subscription: cancel that.
            NotFoundError: There is no such subscription item.

        Inferred: all of it, from Stripe; no page of it could be read.

        Reference: Delete a subscription item
        """
        ...
