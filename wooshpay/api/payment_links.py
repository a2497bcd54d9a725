"""Payment links: one URL that any number of customers can pay at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal, Required, TypeAlias, TypedDict

from wooshpay.api.shared import (
    AddressCollection,
    LineItem,
    LineItemParam,
    Metadata,
    PhoneNumberCollection,
    PhoneNumberCollectionParam,
    ShippingAddressCollection,
    ShippingAddressCollectionParam,
)
from wooshpay.config import RequestOptions
from wooshpay.core.declaration import Resource, W, get, paged, post
from wooshpay.core.listing import ListObject
from wooshpay.core.objects import Moment, Object, model
from wooshpay.core.unset import UNSET, Unset

AfterCompletionType: TypeAlias = Literal["redirect", "hosted_confirmation"]


@model
class HostedConfirmation(Object):
    """What WooshPay's own page says after the payment."""

    custom_message: str | None = None


@model
class AfterCompletionRedirect(Object):
    """The merchant's page that the customer is sent to after the payment."""

    url: str | None = None


@model
class AfterCompletion(Object):
    """What the customer sees after the payment: WooshPay's own page or one of the merchant."""

    type: AfterCompletionType | str | None = None
    hosted_confirmation: HostedConfirmation | None = None
    redirect: AfterCompletionRedirect | None = None


@model
class PaymentLink(Object):
    """One URL that any number of customers can pay at, each in a checkout session of their own.

    Attributes:
        url: What to hand out.
        active: Whether it can be paid at. Otherwise visitors are told that it was switched off.
        line_items: What is sold, in full.
    """

    TAG: ClassVar[str] = "payment_link"

    id: str
    object: str
    active: bool
    created: int
    currency: str
    livemode: bool
    url: str
    after_completion: AfterCompletion | None = None
    billing_address_collection: AddressCollection | str | None = None
    line_items: ListObject[LineItem] | None = None
    metadata: dict[str, str] | None = None
    phone_number_collection: PhoneNumberCollection | None = None
    shipping_address_collection: ShippingAddressCollection | None = None

    created_at = Moment("created")


class HostedConfirmationParam(TypedDict, total=False):
    """What WooshPay's own page says after the payment."""

    custom_message: str


class AfterCompletionRedirectParam(TypedDict):
    """The merchant's page that the customer is sent to after the payment."""

    url: str


class AfterCompletionParam(TypedDict, total=False):
    """What the customer sees after the payment. Fill in the one that ``type`` names."""

    type: Required[AfterCompletionType]
    hosted_confirmation: HostedConfirmationParam
    redirect: AfterCompletionRedirectParam


class PaymentLinkLineItemParam(LineItemParam, total=False):
    """A line item to change, by its ``id``, or one to add."""

    id: str


class PaymentLinks(Resource[W]):
    """Sell without a shop: hand out a URL."""

    @post("/v1/payment_links")
    def create(
        self,
        *,
        line_items: Sequence[LineItemParam],
        after_completion: AfterCompletionParam | Unset = UNSET,
        billing_address_collection: AddressCollection | Unset = UNSET,
        phone_number_collection: PhoneNumberCollectionParam | Unset = UNSET,
        shipping_address_collection: ShippingAddressCollectionParam | Unset = UNSET,
        metadata: Metadata | Unset | None = UNSET,
        options: RequestOptions | None = None,
    ) -> PaymentLink:
        """Make a URL that any number of customers can pay at, as often as they like.

        Args:
            line_items: What is sold, at most 20 entries.
            after_completion: What the customer sees after the payment.
            billing_address_collection: Whether the page always asks for the billing address.
            phone_number_collection: Whether the page asks for a phone number.
            shipping_address_collection: The countries that goods can go to.
            metadata: Free pairs to keep with the link.
            options: Settings for this call only.

        Returns:
            The link; hand out its ``url``.

        Raises:
            InvalidRequestError: A parameter is missing or wrong.
            NotFoundError: There is no such price.

        Note: prices and products made on the way in ``price_data`` remain, each with an id of its own.

        Note: the reference types ``quantity`` as text; a number is sent, as its examples do for sessions.

        Reference: Create a payment link
        """
        ...

    @get("/v1/payment_links/{id}")
    def retrieve(self, id: str, /, *, options: RequestOptions | None = None) -> PaymentLink:
        """Get a payment link, with its line items.

        Args:
            id: Id of the payment link.
            options: Settings for this call only.

        Returns:
            The payment link.

        Raises:
            NotFoundError: There is no such payment link.

        Reference: Retrieve payment link
        """
        ...

    @post("/v1/payment_links/{id}")
    def update(
        self,
        id: str,
        /,
        *,
        active: bool | Unset = UNSET,
        line_items: Sequence[PaymentLinkLineItemParam] | Unset = UNSET,
        after_completion: AfterCompletionParam | Unset = UNSET,
        billing_address_collection: AddressCollection | Unset = UNSET,
        phone_number_collection: PhoneNumberCollectionParam | Unset = UNSET,
        shipping_address_collection: ShippingAddressCollectionParam | Unset = UNSET,
        metadata: Metadata | Unset | None = UNSET,
        options: RequestOptions | None = None,
    ) -> PaymentLink:
        """Switch a payment link off or on, or change it.

        Args:
            id: Id of the payment link.
            active: Whether it can be paid at.
            line_items: Changes to what is sold; at Stripe an entry has the line item's ``id`` and a ``quantity``.
            after_completion: What the customer sees after the payment.
            billing_address_collection: Whether the page always asks for the billing address.
            phone_number_collection: Whether the page asks for a phone number.
            shipping_address_collection: The countries that goods can go to.
            metadata: Pairs to set; an empty value removes one, ``None`` removes all.
            options: Settings for this call only.

        Returns:
            The payment link with the changes.

        Raises:
            InvalidRequestError: A parameter is wrong.
            NotFoundError: There is no such payment link.

        Note: the reference writes the path as ``/v1/payment_links/id``, evidently for want of braces.

        Inferred: the id in the path, and every parameter but active, where the list read ends.

        Reference: Update a payment link
        """
        ...

    @paged("/v1/payment_links/{id}/line_items", params_in="query+body")
    def list_line_items(
        self,
        id: str,
        /,
        *,
        ending_before: str | Unset = UNSET,
        limit: int | Unset = UNSET,
        starting_after: str | Unset = UNSET,
        options: RequestOptions | None = None,
    ) -> ListObject[LineItem]:
        """List what is sold at a payment link.

        Args:
            id: Id of the payment link.
            ending_before: Id of the first entry of a page, to get the page before it.
            limit: Entries on a page, 1 to 100; 10 when left out.
            starting_after: Id of the last entry of a page, to get the page after it.
            options: Settings for this call only.

        Returns:
            The line items, a page at a time. Unlike those of a session they know nothing of discounts.

        Raises:
            NotFoundError: There is no such payment link.

        Reference: Retrieve a payment link's line items
        """
        ...

    @paged("/v1/payment_links", params_in="query+body")
    def list(
        self,
        *,
        active: bool | Unset = UNSET,
        ending_before: str | Unset = UNSET,
        limit: int | Unset = UNSET,
        starting_after: str | Unset = UNSET,
        options: RequestOptions | None = None,
    ) -> ListObject[PaymentLink]:
        """List payment links, the newest first.

        Args:
            active: Only those that can be paid at, or only those that cannot.
            ending_before: Id of the first entry of a page, to get the page before it.
            limit: Entries on a page, 1 to 100; 10 when left out.
            starting_after: Id of the last entry of a page, to get the page after it.
            options: Settings for this call only.

        Returns:
            The payment links, a page at a time.

        Raises:
            InvalidRequestError: A filter is wrong.

        Note: unlike sessions, links are listed at the plain path and cannot be filtered by the time of creation.

        Reference: List all payment links
        """
        ...
