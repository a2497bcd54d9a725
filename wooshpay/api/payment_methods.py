"""Payment methods: cards, wallets and accounts that customers pay with."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, TypedDict

from wooshpay.api.shared import BillingDetails, BillingDetailsParam, CardParam, Metadata, PaymentMethodType
from wooshpay.config import RequestOptions
from wooshpay.core.declaration import Resource, W, get, paged, post
from wooshpay.core.listing import ListObject
from wooshpay.core.objects import IdOf, Moment, Object, model
from wooshpay.core.unset import UNSET, Unset

if TYPE_CHECKING:
    from wooshpay.api.customers import Customer


@model
class CardChecks(Object):
    """What the issuer said about the address and the security code."""

    address_line1_check: str | None = None
    address_zip_check: str | None = None
    cvc_check: str | None = None


@model
class Card(Object):
    """What may be shown of a card.

    Attributes:
        fingerprint: The same for every use of one card number.
    """

    brand: str | None = None
    checks: CardChecks | None = None
    country: str | None = None
    exp_month: int | None = None
    exp_year: int | None = None
    fingerprint: str | None = None
    funding: str | None = None
    last4: str | None = None


@model
class PaymentMethod(Object):
    """A card, wallet or account. The details of kinds other than cards are in ``extra``."""

    TAG: ClassVar[str] = "payment_method"

    id: str
    object: str
    created: int
    livemode: bool
    type: PaymentMethodType | str
    billing_details: BillingDetails | None = None
    card: Card | None = None
    customer: str | Customer | None = None
    metadata: dict[str, str] | None = None

    created_at = Moment("created")
    customer_id = IdOf("customer")


class PaymentMethodCardChecksParam(TypedDict, total=False):
    """What the issuer said. The reference lists it among the parameters, though only WooshPay can know it."""

    address_line1_check: str
    address_zip_check: str
    cvc_check: str


class PaymentMethodCardParam(CardParam, total=False):
    """A card in the clear: whoever sends one is in the scope of PCI DSS.

    All but number, expiry, cvc and name are fields of the reply, which the reference lists here too.
    """

    brand: str
    checks: PaymentMethodCardChecksParam
    country: str
    fingerprint: str
    funding: str
    last4: str


class CardExpiryParam(TypedDict, total=False):
    """The new expiry of a card that the bank renewed."""

    exp_month: int
    exp_year: int


class PaymentMethods(Resource[W]):
    """Keep what customers pay with. Saving one along with a payment or a setup intent is the better way."""

    @post("/v1/payment_methods")
    def create(
        self,
        *,
        type: PaymentMethodType,
        card: PaymentMethodCardParam | Unset = UNSET,
        billing_details: BillingDetailsParam | Unset = UNSET,
        metadata: Metadata | Unset | None = UNSET,
        options: RequestOptions | None = None,
    ) -> PaymentMethod:
        """Make a payment method by itself, without a customer.

        The reference advises against it: a payment intent or a setup intent makes one too, and prepares the
        card for later use.

        Args:
            type: The kind of payment method.
            card: The card, for ``card``.
            billing_details: Who pays.
            metadata: Free pairs to keep with the payment method.
            options: Settings for this call only.

        Returns:
            The payment method; `attach` gives it to a customer.

        Raises:
            InvalidRequestError: A parameter is missing or wrong.
            CardError: The card cannot be used.

        Note: number and cvc stand in guides only; what the reference lists under card is what a reply holds.

        Reference: Create a PaymentMethod
        """
        ...

    @get("/v1/payment_methods/{paymentmethod_id}")
    def retrieve(self, paymentmethod_id: str, /, *, options: RequestOptions | None = None) -> PaymentMethod:
        """Get a payment method.

        Args:
            paymentmethod_id: Id of the payment method.
            options: Settings for this call only.

        Returns:
            The payment method.

        Raises:
            NotFoundError: There is no such payment method.

        Inferred: the path, which programs of others call; only the title was read.

        Reference: Retrieve a PaymentMethod
        """
        ...

    @post("/v1/payment_methods/{paymentmethod_id}")
    def update(
        self,
        paymentmethod_id: str,
        /,
        *,
        billing_details: BillingDetailsParam | Unset = UNSET,
        card: CardExpiryParam | Unset = UNSET,
        metadata: Metadata | Unset | None = UNSET,
        options: RequestOptions | None = None,
    ) -> PaymentMethod:
        """Change what is kept with a payment method. Another card is another payment method.

        Args:
            paymentmethod_id: Id of the payment method.
            billing_details: Who pays.
            card: The new expiry, for ``card``.
            metadata: Pairs to set; an empty value removes one, ``None`` removes all.
            options: Settings for this call only.

        Returns:
            The payment method with the changes.

        Raises:
            InvalidRequestError: A parameter is wrong.
            NotFoundError: There is no such payment method.

        Inferred: path, billing_details and metadata, from programs of others, and card, from Stripe.

        Reference: Update a PaymentMethod
        """
        ...

    @post("/v1/payment_methods/{paymentmethod_id}/attach")
    def attach(
        self,
        paymentmethod_id: str,
        /,
        *,
        customer: str,
        options: RequestOptions | None = None,
    ) -> PaymentMethod:
        """Give a payment method to a customer.

        A setup intent, or a payment intent with ``setup_future_usage``, does it better: the bank is asked for
        its consent, which later payments may need.

        Args:
            paymentmethod_id: Id of the payment method.
            customer: Id of the customer.
            options: Settings for this call only.

        Returns:
            The payment method, with its customer.

        Raises:
            InvalidRequestError: The payment method cannot be attached.
            NotFoundError: There is no such payment method or customer.

        Reference: Attach a PaymentMethod to a Customer
        """
        ...

    @post("/v1/payment_methods/{paymentmethod_id}/detach")
    def detach(self, paymentmethod_id: str, /, *, options: RequestOptions | None = None) -> PaymentMethod:
        """Take a payment method away from its customer, for good: it can neither be charged nor attached again.

        Args:
            paymentmethod_id: Id of the payment method.
            options: Settings for this call only.

        Returns:
            The payment method, without a customer.

        Raises:
            InvalidRequestError: The payment method has no customer.
            NotFoundError: There is no such payment method.

        Inferred: the path, which programs of others call, and the effect, from Stripe; only the title was read.

        Reference: Detach a PaymentMethod from a Customer
        """
        ...

    @paged("/v1/payment_methods")
    def list(
        self,
        *,
        customer: str | Unset = UNSET,
        type: PaymentMethodType | Unset = UNSET,
        ending_before: str | Unset = UNSET,
        limit: int | Unset = UNSET,
        starting_after: str | Unset = UNSET,
        options: RequestOptions | None = None,
    ) -> ListObject[PaymentMethod]:
        """List payment methods. For those of one customer, `Customers.list_payment_methods` is documented.

        Args:
            customer: Those of this customer only.
            type: Those of this kind only.
            ending_before: Id of the first entry of a page, to get the page before it.
            limit: Entries on a page, 1 to 100; 10 when left out.
            starting_after: Id of the last entry of a page, to get the page after it.
            options: Settings for this call only.

        Returns:
            The payment methods, a page at a time.

        Raises:
            InvalidRequestError: A filter is wrong.

        Inferred: path, customer and type, from programs of others, and the rest, from Stripe; only the title was read.

        Reference: List PaymentMethods
        """
        ...
