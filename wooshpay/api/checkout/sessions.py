"""Checkout sessions: one visit to the payment page that WooshPay hosts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Literal, TypeAlias, TypedDict

from wooshpay.api.shared import (
    Address,
    AddressCollection,
    CaptureMethod,
    CreatedFilter,
    LineItem,
    LineItemParam,
    Metadata,
    PaymentMethodOptions,
    PaymentMethodOptionsParam,
    PaymentMethodType,
    PhoneNumberCollection,
    PhoneNumberCollectionParam,
    Shipping,
    ShippingAddressCollection,
    ShippingAddressCollectionParam,
)
from wooshpay.config import RequestOptions
from wooshpay.core.declaration import Resource, W, get, paged, post
from wooshpay.core.listing import ListObject
from wooshpay.core.objects import IdOf, Moment, Object, model
from wooshpay.core.units import InMilliseconds
from wooshpay.core.unset import UNSET, Unset
from wooshpay.core.waiting import WaitResult, waiting

if TYPE_CHECKING:
    from wooshpay.api.customers import Customer
    from wooshpay.api.payment_intents import PaymentIntent
    from wooshpay.api.payment_links import PaymentLink
    from wooshpay.api.setup_intents import SetupIntent
    from wooshpay.api.subscriptions import Subscription

SessionMode: TypeAlias = Literal["payment", "subscription", "setup"]
SessionStatus: TypeAlias = Literal["open", "complete", "expired"]
SessionPaymentStatus: TypeAlias = Literal["unpaid", "paid", "no_payment_required"]
SessionOutcome: TypeAlias = Literal["paid", "unpaid", "no_payment_required", "complete", "expired", "timed_out"]
CustomerCreation: TypeAlias = Literal["always", "if_required"]


@model
class CustomerDetails(Object):
    """Who paid, as entered on the page. In setup mode WooshPay puts the whole customer here."""

    address: Address | None = None
    email: str | None = None
    name: str | None = None
    phone: str | None = None
    id: str | None = None
    object: str | None = None
    created: int | None = None
    livemode: bool | None = None

    created_at = Moment("created")


@model
class CheckoutSession(Object):
    """One visit to the hosted page, from its creation to the payment or its end after 24 hours.

    ``open`` and ``unpaid`` are the only statuses that an example shows; the others are Stripe's.

    Attributes:
        url: The page to send the customer to.
        amount_subtotal: Minor units before discounts.
        amount_total: Minor units after discounts.
        client_reference_id: The merchant's own reference.
        expires_at: When the session ends, in milliseconds since 1970 as received.
        payment_intent: In payment mode, there from the beginning.
        payment_link: The link that the session came from.
        setup_intent: In setup mode, what saves the card.
        subscription: In subscription mode, as at Stripe; not seen in an answer.
        livemode: Whether real money moves. ``live_mode`` came beside it once, with the opposite value.
    """

    TAG: ClassVar[str] = "checkout.session"

    id: str
    object: str
    created: int
    livemode: bool
    mode: SessionMode | str
    status: SessionStatus | str
    amount_subtotal: int | None = None
    amount_total: int | None = None
    billing_address_collection: AddressCollection | str | None = None
    cancel_url: str | None = None
    client_reference_id: str | None = None
    currency: str | None = None
    customer: str | Customer | None = None
    customer_creation: CustomerCreation | str | None = None
    customer_details: CustomerDetails | None = None
    customer_email: str | None = None
    expires_at: int | None = None
    line_items: ListObject[LineItem] | None = None
    live_mode: bool | None = None
    metadata: dict[str, str] | None = None
    payment_intent: str | PaymentIntent | None = None
    payment_link: str | PaymentLink | None = None
    payment_method_options: PaymentMethodOptions | None = None
    payment_method_types: list[str] | None = None
    payment_status: SessionPaymentStatus | str | None = None
    phone_number_collection: PhoneNumberCollection | None = None
    setup_intent: str | SetupIntent | None = None
    shipping: Shipping | None = None
    shipping_address_collection: ShippingAddressCollection | None = None
    subscription: str | Subscription | None = None
    success_url: str | None = None
    url: str | None = None

    created_at = Moment("created")
    expires_time = Moment("expires_at")
    customer_id = IdOf("customer")
    payment_intent_id = IdOf("payment_intent")
    payment_link_id = IdOf("payment_link")
    setup_intent_id = IdOf("setup_intent")
    subscription_id = IdOf("subscription")


class PaymentIntentDataParam(TypedDict, total=False):
    """What the session's payment intent gets. In payment mode only."""

    capture_method: CaptureMethod
    description: str
    merchant_order_id: str
    merchant_user_id: str
    metadata: Metadata


class SubscriptionDataParam(TypedDict, total=False):
    """What the session's subscription gets. ``trial_period_days``: days before the first charge, 1 or more."""

    metadata: Metadata
    trial_period_days: int


class DiscountParam(TypedDict, total=False):
    """A coupon or a promotion code to apply, by id."""

    coupon: str
    promotion_code: str


class CustomerDetailsFilter(TypedDict):
    """Only the sessions of the customer with this e-mail address."""

    email: str


def _settled(session: CheckoutSession) -> SessionOutcome | None:
    match session.status, session.payment_status:
        case "complete", ("paid" | "unpaid" | "no_payment_required" as outcome):
            return outcome
        case "complete", _:
            return "complete"
        case "expired", _:
            return "expired"
        case _:
            return None


class Sessions(Resource[W]):
    """Let customers pay on a page that WooshPay hosts."""

    @post("/v1/checkout/sessions", echoes=("client_reference_id",))
    def create(
        self,
        *,
        success_url: str,
        cancel_url: str | Unset = UNSET,
        mode: SessionMode | Unset = UNSET,
        line_items: Sequence[LineItemParam] | Unset = UNSET,
        payment_method_types: Sequence[PaymentMethodType | str] | Unset = UNSET,
        payment_method_options: PaymentMethodOptionsParam | Unset = UNSET,
        payment_intent_data: PaymentIntentDataParam | Unset = UNSET,
        subscription_data: SubscriptionDataParam | Unset = UNSET,
        discounts: Sequence[DiscountParam] | Unset = UNSET,
        allow_promotion_codes: bool | Unset = UNSET,
        customer: str | Unset = UNSET,
        customer_email: str | Unset = UNSET,
        customer_creation: CustomerCreation | Unset = UNSET,
        client_reference_id: str | Unset = UNSET,
        metadata: Metadata | Unset | None = UNSET,
        billing_address_collection: AddressCollection | Unset = UNSET,
        phone_number_collection: PhoneNumberCollectionParam | Unset = UNSET,
        shipping_address_collection: ShippingAddressCollectionParam | Unset = UNSET,
        expires_at: InMilliseconds[int] | Unset = UNSET,
        options: RequestOptions | None = None,
    ) -> CheckoutSession:
        """Open a hosted page for one purchase, one subscription or one saved card.

        Send the customer to the ``url`` of the result. Reaching ``success_url`` proves nothing: decide by
        the event, or by the session together with its payment intent. The page lives 24 hours.

        Args:
            success_url: Where the customer goes after paying.
            cancel_url: Where the customer goes when giving up; some guides call it required.
            mode: ``payment``, ``subscription``, or ``setup`` to save a card without a payment.
            line_items: What is sold; needed for ``payment`` and ``subscription``.
            payment_method_types: The payment methods to offer; all that the account has when left out.
            payment_method_options: Settings by payment method.
            payment_intent_data: What the payment intent gets; with ``payment`` only.
            subscription_data: What the subscription gets; with ``subscription`` only.
            discounts: At most one coupon or promotion code.
            allow_promotion_codes: Let the customer enter a promotion code.
            customer: Id of the customer.
            customer_email: Fills in the e-mail address.
            customer_creation: Whether a customer is made when none is given.
            client_reference_id: The merchant's own reference. Unverified: the session's payment intent carries it as
                ``merchant_order_id``, unless ``payment_intent_data`` has one.
            metadata: Free pairs to keep with the session; they come back in webhooks.
            billing_address_collection: Whether the page always asks for the billing address.
            phone_number_collection: Whether the page asks for a phone number.
            shipping_address_collection: The countries that goods can go to.
            expires_at: When the session ends, in milliseconds since 1970.
            options: Settings for this call only.

        Returns:
            The session, with status ``open``.

        Raises:
            InvalidRequestError: A parameter is missing or wrong.

        Note: prices and products made on the way in ``price_data`` remain, each with an id of its own.

        Note: the name of subscription_data is Stripe's; the reference describes what is in it.

        Note: to save a card, the guide sends ``payment_method_types=["card"]`` and neither mode nor line items.

        Inferred: payment_method_options, allow_promotion_codes, and all from customer_email on but metadata.

        Reference: Create a Session
        """
        ...

    @get("/v1/checkout/sessions/{id}")
    def retrieve(self, id: str, /, *, options: RequestOptions | None = None) -> CheckoutSession:
        """Get a session, with its line items.

        Args:
            id: Id of the session, ``cs_`` and digits. The hosted page's URL spells it ``cs_test_``.
            options: Settings for this call only.

        Returns:
            The session.

        Raises:
            NotFoundError: There is no such session.

        Reference: Retreive a Session
        """
        ...

    @waiting(retrieve, _settled)
    def wait(
        self,
        id: str,
        /,
        *,
        timeout: float = 600.0,
        first_gap: float = 2.0,
        longest_gap: float = 15.0,
        options: RequestOptions | None = None,
    ) -> WaitResult[CheckoutSession, SessionOutcome]:
        """Wait until a customer is done with a session: one that expired is an outcome, not an error.

        Once the session is complete, the outcome is its ``payment_status``: ``paid``, ``no_payment_required``, or
        ``unpaid`` where the money is authorized or on its way: capture it, or wait for the payment intent. It is
        ``complete`` where WooshPay gives no such status.

        A fault of WooshPay's, a rate limit or a lost answer does not end the waiting. Canceling the task, or Ctrl-C in
        a plain call, does at once.

        Args:
            id: Id of the session.
            timeout: Seconds to wait in all. A question that is under way then may take five seconds more.
            first_gap: Seconds between the first two questions. Every further gap is half as long again, and up to half
                of each is left to chance.
            longest_gap: Seconds that no gap exceeds.
            options: Settings for each question.

        Returns:
            The session as it was last, and its ``outcome``: ``timed_out`` where the time was over first.

        Raises:
            NotFoundError: There is no such session.
            WooshPayError: WooshPay refuses the question, or gave no answer at all until the time was over.
        """
        ...

    @post("/v1/checkout/sessions/{id}/expire")
    def expire(self, id: str, /, *, options: RequestOptions | None = None) -> CheckoutSession:
        """Close a session, so that nobody can pay it any more. Its status must be ``open``.

        Args:
            id: Id of the session.
            options: Settings for this call only.

        Returns:
            The session with status ``expired``.

        Raises:
            InvalidRequestError: The session is not open.
            NotFoundError: There is no such session.

        Reference: Expire a Session
        """
        ...

    @paged("/v1/checkout/sessions/{id}/line_items", params_in="query+body")
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
        """List what is sold in a session.

        Args:
            id: Id of the session.
            ending_before: Id of the first entry of a page, to get the page before it.
            limit: Entries on a page, 1 to 100; 10 when left out.
            starting_after: Id of the last entry of a page, to get the page after it.
            options: Settings for this call only.

        Returns:
            The line items, a page at a time.

        Raises:
            NotFoundError: There is no such session.

        Inferred: starting_after and the reply, which the page read cuts off; the reply is that of the session's own.

        Reference: Retrieve a Checkout Session's line items
        """
        ...

    @paged("/v1/checkout/sessions/list", params_in="query+body")
    def list(
        self,
        *,
        created: CreatedFilter | Unset = UNSET,
        customer: str | Unset = UNSET,
        customer_details: CustomerDetailsFilter | Unset = UNSET,
        payment_intent: str | Unset = UNSET,
        ending_before: str | Unset = UNSET,
        limit: int | Unset = UNSET,
        starting_after: str | Unset = UNSET,
        options: RequestOptions | None = None,
    ) -> ListObject[CheckoutSession]:
        """List sessions, the newest first.

        Args:
            created: Bounds on the time of creation, in milliseconds since 1970.
            customer: Those of this customer only.
            customer_details: Those of the customer with this e-mail address only.
            payment_intent: The one of this payment intent only.
            ending_before: Id of the first entry of a page, to get the page before it.
            limit: Entries on a page, 1 to 100; 10 when left out.
            starting_after: Id of the last entry of a page, to get the page after it.
            options: Settings for this call only.

        Returns:
            The sessions, a page at a time.

        Raises:
            InvalidRequestError: A filter is wrong.

        Note: the path ends in ``/list``, unlike Stripe's.

        Reference: List All Checkout Sessions
        """
        ...
