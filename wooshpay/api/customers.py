"""Customers: who pays, and what is saved of them."""

from __future__ import annotations

from typing import ClassVar

from wooshpay.api.payment_methods import PaymentMethod
from wooshpay.api.shared import Address, AddressParam, Metadata, PaymentMethodType, Shipping, ShippingParam
from wooshpay.config import RequestOptions
from wooshpay.core.declaration import Resource, W, get, paged, post
from wooshpay.core.listing import ListObject
from wooshpay.core.objects import IdOf, Moment, Object, model
from wooshpay.core.unset import UNSET, Unset


@model
class Customer(Object):
    """Somebody who pays, and whose payment methods can be saved.

    What was never set is left out of WooshPay's answers, except for ``address``, which comes empty.
    """

    TAG: ClassVar[str] = "customer"

    id: str
    object: str
    created: int
    livemode: bool
    address: Address | None = None
    description: str | None = None
    email: str | None = None
    metadata: dict[str, str] | None = None
    name: str | None = None
    payment_method: str | PaymentMethod | None = None
    phone: str | None = None
    shipping: Shipping | None = None

    created_at = Moment("created")
    payment_method_id = IdOf("payment_method")


class Customers(Resource[W]):
    """Keep customers. The reference has no list of them and no way to delete one."""

    @post("/v1/customers")
    def create(
        self,
        *,
        email: str | Unset = UNSET,
        name: str | Unset = UNSET,
        phone: str | Unset = UNSET,
        description: str | Unset = UNSET,
        address: AddressParam | Unset = UNSET,
        shipping: ShippingParam | Unset = UNSET,
        metadata: Metadata | Unset | None = UNSET,
        payment_method: str | Unset = UNSET,
        options: RequestOptions | None = None,
    ) -> Customer:
        """Make a customer. Nothing is required; the guides advise an e-mail address.

        Args:
            email: E-mail address.
            name: Full name.
            phone: Phone number.
            description: Free text of the merchant.
            address: Postal address.
            shipping: Where goods go.
            metadata: Free pairs to keep with the customer.
            payment_method: Id of a payment method to save.
            options: Settings for this call only.

        Returns:
            The customer.

        Raises:
            InvalidRequestError: A parameter is wrong.

        Inferred: the parameters, which the reference prints by mistake under Retrieve a customer.

        Reference: Create a customer
        """
        ...

    @get("/v1/customers/{id}")
    def retrieve(self, id: str, /, *, options: RequestOptions | None = None) -> Customer:
        """Get a customer.

        Args:
            id: Id of the customer.
            options: Settings for this call only.

        Returns:
            The customer.

        Raises:
            NotFoundError: There is no such customer.

        Reference: Retrieve a customer
        """
        ...

    @post("/v1/customers/{id}")
    def update(
        self,
        id: str,
        /,
        *,
        email: str | Unset = UNSET,
        name: str | Unset = UNSET,
        phone: str | Unset = UNSET,
        description: str | Unset = UNSET,
        address: AddressParam | Unset = UNSET,
        shipping: ShippingParam | Unset = UNSET,
        metadata: Metadata | Unset | None = UNSET,
        payment_method: str | Unset = UNSET,
        options: RequestOptions | None = None,
    ) -> Customer:
        """Change a customer. What is left out stays as it is.

        Args:
            id: Id of the customer.
            email: E-mail address.
            name: Full name.
            phone: Phone number.
            description: Free text of the merchant.
            address: Postal address.
            shipping: Where goods go.
            metadata: Pairs to set; an empty value removes one, ``None`` removes all.
            payment_method: Id of a payment method to save.
            options: Settings for this call only.

        Returns:
            The customer with the changes.

        Raises:
            InvalidRequestError: A parameter is wrong.
            NotFoundError: There is no such customer.

        Inferred: the path and the parameters, from the sibling operations and Stripe; the page was not read.

        Reference: Update a customer
        """
        ...

    @paged("/v1/customers/{customer_id}/payment_methods")
    def list_payment_methods(
        self,
        customer_id: str,
        /,
        *,
        type: PaymentMethodType | Unset = UNSET,
        limit: int | Unset = UNSET,
        options: RequestOptions | None = None,
    ) -> ListObject[PaymentMethod]:
        """List the payment methods that were saved for a customer.

        Args:
            customer_id: Id of the customer.
            type: Those of this kind only.
            limit: Entries on a page, 1 to 100; 10 when left out.
            options: Settings for this call only.

        Returns:
            The payment methods, a page at a time. The reference shows a single one in its place; that is read
            as a list of one.

        Raises:
            InvalidRequestError: A filter is wrong.
            NotFoundError: There is no such customer.

        Note: the reference types ``limit`` as text, which a query string makes of every number.

        Note: it has no cursors here. Beyond one page the SDK tries ``starting_after``, and stops with a
            `ProtocolError` where the same entries come again: a ``limit`` of 100 avoids that.

        Reference: List a Customer's PaymentMethods
        """
        ...

    @get("/v1/customers/{customer_id}/payment_methods/{paymentmethod_id}")
    def retrieve_payment_method(
        self, customer_id: str, paymentmethod_id: str, /, *, options: RequestOptions | None = None
    ) -> PaymentMethod:
        """Get a payment method that was saved for a customer.

        Args:
            customer_id: Id of the customer.
            paymentmethod_id: Id of the payment method.
            options: Settings for this call only.

        Returns:
            The payment method.

        Raises:
            NotFoundError: There is no such customer, or it has no such payment method.

        Inferred: the path, from List a Customer's PaymentMethods; only the title was read.

        Reference: Retrieve a Customer's PaymentMethod
        """
        ...
