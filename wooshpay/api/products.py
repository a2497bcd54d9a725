"""Products: what a merchant sells."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from wooshpay.api.shared import CreatedFilter, Metadata
from wooshpay.config import RequestOptions
from wooshpay.core.declaration import Resource, W, get, paged, post
from wooshpay.core.listing import ListObject
from wooshpay.core.objects import Moment, Object, model
from wooshpay.core.unset import UNSET, Unset


@model
class Product(Object):
    """What a merchant sells.

    Attributes:
        images: At most eight URLs.
        updated: When it was last changed, as received.
    """

    TAG: ClassVar[str] = "product"

    id: str
    object: str
    active: bool
    created: int
    livemode: bool
    name: str
    description: str | None = None
    images: list[str] | None = None
    metadata: dict[str, str] | None = None
    updated: int | None = None
    url: str | None = None

    created_at = Moment("created")
    updated_at = Moment("updated")


class Products(Resource[W]):
    """Describe what is sold. The reference has no way to delete a product: set ``active`` to ``False``."""

    @post("/v1/products")
    def create(
        self,
        *,
        name: str,
        active: bool | Unset = UNSET,
        description: str | Unset = UNSET,
        images: Sequence[str] | Unset = UNSET,
        url: str | Unset = UNSET,
        metadata: Metadata | Unset | None = UNSET,
        options: RequestOptions | None = None,
    ) -> Product:
        """Make a product. What it costs is said by prices of it.

        Args:
            name: What customers see.
            active: Whether it can be bought; ``True`` when left out.
            description: A longer text for customers.
            images: URLs of pictures, at most eight.
            url: A public page about the product.
            metadata: Free pairs to keep with the product.
            options: Settings for this call only.

        Returns:
            The product.

        Raises:
            InvalidRequestError: A parameter is missing or wrong.

        Note: unlike at Stripe, the id cannot be chosen, and no price is made with the product.

        Reference: Create a Product
        """
        ...

    @get("/v1/products/{id}")
    def retrieve(self, id: str, /, *, options: RequestOptions | None = None) -> Product:
        """Get a product.

        Args:
            id: Id of the product.
            options: Settings for this call only.

        Returns:
            The product.

        Raises:
            NotFoundError: There is no such product.

        Reference: Retrieve a product
        """
        ...

    @post("/v1/products/{id}")
    def update(
        self,
        id: str,
        /,
        *,
        name: str | Unset = UNSET,
        active: bool | Unset = UNSET,
        description: str | Unset = UNSET,
        images: Sequence[str] | Unset = UNSET,
        url: str | Unset = UNSET,
        metadata: Metadata | Unset | None = UNSET,
        options: RequestOptions | None = None,
    ) -> Product:
        """Change a product, or take it off sale. What is left out stays as it is.

        Args:
            id: Id of the product.
            name: What customers see.
            active: Whether it can be bought.
            description: A longer text for customers.
            images: URLs of pictures, at most eight; they replace those before.
            url: A public page about the product.
            metadata: Pairs to set; an empty value removes one, ``None`` removes all.
            options: Settings for this call only.

        Returns:
            The product with the changes.

        Raises:
            InvalidRequestError: A parameter is wrong.
            NotFoundError: There is no such product.

        Inferred: verb and path, from Update a price, and the parameters, from Create a Product; no page was found.

        Reference: Update a product
        """
        ...

    @paged("/v1/products", params_in="query+body")
    def list(
        self,
        *,
        active: bool | Unset = UNSET,
        created: CreatedFilter | Unset = UNSET,
        ending_before: str | Unset = UNSET,
        limit: int | Unset = UNSET,
        starting_after: str | Unset = UNSET,
        options: RequestOptions | None = None,
    ) -> ListObject[Product]:
        """List products, the newest first.

        Args:
            active: Only those that can be bought, or only those that cannot.
            created: Bounds on the time of creation, in milliseconds since 1970.
            ending_before: Id of the first entry of a page, to get the page before it.
            limit: Entries on a page, 1 to 100; 10 when left out.
            starting_after: Id of the last entry of a page, to get the page after it.
            options: Settings for this call only.

        Returns:
            The products, a page at a time.

        Raises:
            InvalidRequestError: A filter is wrong.
            NotFoundError: WooshPay lists products elsewhere, perhaps under ``/v1/products/list``.

        Inferred: path and parameters, from List all payment links; no page was found.

        Reference: List all products
        """
        ...
