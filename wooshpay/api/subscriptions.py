"""Subscriptions: customers who pay again and again, and changes of their plan."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Literal, Required, TypeAlias, TypedDict

from wooshpay.api.shared import (
    BillingScheme,
    CollectionMethod,
    Metadata,
    PaymentSettings,
    PaymentSettingsParam,
    PriceDataParam,
    PriceTierParam,
    ProductDataParam,
    ProrationBehavior,
    RecurringParam,
)
from wooshpay.config import RequestOptions
from wooshpay.core.declaration import Resource, W, delete, get, paged, post
from wooshpay.core.listing import ListObject
from wooshpay.core.objects import AsText, IdOf, Moment, Object, model
from wooshpay.core.units import InMilliseconds
from wooshpay.core.unset import UNSET, Unset

if TYPE_CHECKING:
    from wooshpay.api.customers import Customer
    from wooshpay.api.invoices import Invoice
    from wooshpay.api.payment_methods import PaymentMethod
    from wooshpay.api.setup_intents import SetupIntent
    from wooshpay.api.subscription_items import SubscriptionItem

# The statuses are Stripe's: the reference has the field, the values were not read.
SubscriptionStatus: TypeAlias = Literal[
    "incomplete", "incomplete_expired", "trialing", "active", "past_due", "canceled", "unpaid"
]


@model
class PendingUpdate(Object):
    """A change that waits for its payment. The reference types all of it as text.

    Attributes:
        billing_cycle_anchor: When the periods will start.
        expires_at: Until when the payment can be made; the change is dropped then.
        subscription_items: What the subscription will charge for.
        trial_end: When the trial will end.
        trial_from_plan: Whether the price decides about a trial.
    """

    billing_cycle_anchor: AsText[int] | None = None
    expires_at: AsText[int] | None = None
    subscription_items: AsText[list[SubscriptionItem]] | None = None
    trial_end: AsText[int] | None = None
    trial_from_plan: AsText[bool] | None = None

    billing_cycle_anchor_time = Moment("billing_cycle_anchor")
    expires_time = Moment("expires_at")
    trial_end_time = Moment("trial_end")


@model
class Subscription(Object):
    """A customer's agreement to pay again and again, as long as it is ``active``.

    Attributes:
        billing_cycle_anchor: The moment that periods are counted from; as at Stripe.
        cancel_at: When it will end.
        cancel_at_period_end: Whether it ends with the current period.
        canceled_at: When its end was asked for.
        collection_method: ``charge_automatically``, or ``send_invoice`` to ask the customer for the money.
        created: When it was made. The reference types it as text; other times of WooshPay are numbers.
        current_period_start: Start of the period that was last billed.
        current_period_end: End of that period, and the next moment to bill.
        days_until_due: Days that the customer has to pay an invoice; with ``send_invoice`` only.
        ended_at: When it ended.
        items: What it charges for: a plain array, not a list with an envelope as at Stripe.
        latest_invoice: The newest invoice: of the first payment, of a renewal, or of a change of plan. Read its ID
            with ``latest_invoice_id``.
        metadata: The merchant's pairs; the reference types them as text.
        next_pending_invoice_item_invoice: When invoice items that wait are billed next.
        pending_setup_intent: What saves a payment method for it.
        pending_update: A change that waits for its payment.
        start_date: When it started.
        status: Its values are Stripe's. Give access while ``active`` or ``trialing``.
    """

    TAG: ClassVar[str] = "subscription"

    id: str
    object: str
    cancel_at_period_end: bool
    created: AsText[int]
    currency: str
    current_period_end: int
    current_period_start: int
    items: list[SubscriptionItem]
    livemode: bool
    status: SubscriptionStatus | str
    billing_cycle_anchor: int | None = None
    cancel_at: int | None = None
    canceled_at: int | None = None
    collection_method: CollectionMethod | str | None = None
    customer: str | Customer | None = None
    days_until_due: int | None = None
    default_payment_method: str | PaymentMethod | None = None
    default_source: str | None = None
    description: str | None = None
    ended_at: int | None = None
    latest_invoice: str | Invoice | None = None
    metadata: AsText[dict[str, str]] | None = None
    next_pending_invoice_item_invoice: int | None = None
    payment_settings: PaymentSettings | None = None
    pending_setup_intent: str | SetupIntent | None = None
    pending_update: PendingUpdate | None = None
    start_date: int | None = None
    test_clock: str | None = None
    trial_end: int | None = None
    trial_start: int | None = None

    billing_cycle_anchor_time = Moment("billing_cycle_anchor")
    cancel_time = Moment("cancel_at")
    canceled_time = Moment("canceled_at")
    created_at = Moment("created")
    current_period_end_time = Moment("current_period_end")
    current_period_start_time = Moment("current_period_start")
    ended_time = Moment("ended_at")
    next_pending_invoice_item_invoice_time = Moment("next_pending_invoice_item_invoice")
    start_time = Moment("start_date")
    trial_end_time = Moment("trial_end")
    trial_start_time = Moment("trial_start")
    customer_id = IdOf("customer")
    default_payment_method_id = IdOf("default_payment_method")
    latest_invoice_id = IdOf("latest_invoice")
    pending_setup_intent_id = IdOf("pending_setup_intent")


class BillingThresholdsParam(TypedDict):
    """``usage_gte``: units used that start a new period."""

    usage_gte: int


class SubscriptionPriceDataParam(TypedDict, total=False):
    """A recurring price of an existing product, made on the way. ``unit_amount`` is in minor units."""

    currency: Required[str]
    product: Required[str]
    recurring: Required[RecurringParam]
    unit_amount: int


class NewSubscriptionItemParam(TypedDict, total=False):
    """What to charge for: a price given by id in ``price``, or made on the way in ``price_data``."""

    price: str
    price_data: SubscriptionPriceDataParam
    quantity: int
    metadata: Metadata
    billing_thresholds: BillingThresholdsParam


class AddInvoiceItemParam(TypedDict, total=False):
    """A single sum for the first invoice. The page types ``quantity`` as text."""

    price: str
    price_data: PriceDataParam
    quantity: int | str


class SubscriptionItemChangeParam(TypedDict, total=False):
    """A change of one item, whose id is in ``id``; without an id, a new item.

    Another ``price`` puts ``quantity`` back to 1 unless it is given too. ``deleted`` takes the item away.
    """

    id: str
    price: str
    price_data: SubscriptionPriceDataParam
    quantity: int
    deleted: bool


class PlanProductDataParam(ProductDataParam, total=False):
    """A product made on the way, under an ``id`` of the merchant's choice."""

    id: str


class PlanPriceDataParam(TypedDict, total=False):
    """The price of another plan, made on the way. ``unit_amount`` is in minor units."""

    currency: str
    product: str
    unit_amount: int
    recurring: RecurringParam
    active: bool
    metadata: Metadata
    nickname: str
    product_data: PlanProductDataParam
    billing_scheme: BillingScheme
    lookup_key: str
    tiers: Sequence[PriceTierParam]
    tiers_mode: str


class PlanChangeParam(TypedDict, total=False):
    """A change of plan for one item, whose id is in ``id``.

    ``deleted`` takes the item away. The example has no ``price``, the id of an existing one: it is taken
    from the page of the same call that names the items ``items``.
    """

    id: str
    price: str
    price_data: PlanPriceDataParam
    quantity: int
    deleted: bool


class Subscriptions(Resource[W]):
    """Charge customers again and again.

    A change of plan takes four calls: `create`; ``payment_intents.confirm`` for the first payment; `update`
    with other items; ``invoices.pay`` for the difference.
    """

    @post("/v1/subscriptions", echoes=("customer", "currency"))
    def create(
        self,
        *,
        customer: str,
        items: Sequence[NewSubscriptionItemParam],
        currency: str | Unset = UNSET,
        default_payment_method: str | Unset = UNSET,
        description: str | Unset = UNSET,
        metadata: Metadata | Unset | None = UNSET,
        cancel_at: InMilliseconds[int] | Unset = UNSET,
        collection_method: CollectionMethod | Unset = UNSET,
        days_until_due: int | Unset = UNSET,
        default_source: str | Unset = UNSET,
        next_pending_invoice_item_invoice: InMilliseconds[int] | Unset = UNSET,
        payment_settings: PaymentSettingsParam | Unset = UNSET,
        test_clock: str | Unset = UNSET,
        trial_period_days: int | Unset = UNSET,
        add_invoice_items: AddInvoiceItemParam | Unset = UNSET,
        options: RequestOptions | None = None,
    ) -> Subscription:
        """Start to charge a customer for one or more recurring prices.

        Its first invoice is created and charged at once. If there is no payment method or the card is declined, no
        error is raised: the subscription is ``incomplete`` until ``latest_invoice`` is paid.

        Args:
            customer: Id of the customer.
            items: What to charge for: each has a ``price`` or a ``price_data``.
            currency: Three-letter code, such as ``USD``.
            default_payment_method: Id of the payment method to charge.
            description: Free text of the merchant.
            metadata: Free pairs to keep with the subscription.
            cancel_at: When it ends, in milliseconds since 1970.
            collection_method: ``charge_automatically``, or ``send_invoice`` to ask the customer for the money.
            days_until_due: Days that the customer has to pay an invoice; with ``send_invoice`` only.
            default_source: Id of an older kind of payment method to charge.
            next_pending_invoice_item_invoice: When invoice items that wait are billed, in milliseconds since 1970.
            payment_settings: How its invoices may be paid.
            test_clock: Id of a test clock.
            trial_period_days: Days before the first charge.
            add_invoice_items: A sum for the first invoice only: one object, where Stripe takes a list.
            options: Settings for this call only.

        Returns:
            The subscription; look at its ``status``.

        Raises:
            InvalidRequestError: A parameter is missing or wrong.
            NotFoundError: There is no such customer or price.

        Note: the page marks price, price_data and metadata of an item as required, all three; one of the first two is.

        Note: there is no payment_behavior, proration_behavior, trial_end, coupon or promotion_code, unlike at Stripe.

        Reference: Create a subscription
        """
        ...

    @get("/v1/subscriptions/{id}")
    def retrieve(self, id: str, /, *, options: RequestOptions | None = None) -> Subscription:
        """Get a subscription.

        Args:
            id: Id of the subscription.
            options: Settings for this call only.

        Returns:
            The subscription.

        Raises:
            NotFoundError: There is no such subscription.

        Inferred: verb and path, from its siblings; of its page only the answer was read.

        Reference: Retrieve a subscription
        """
        ...

    @post("/v1/subscriptions/{id}")
    def update(
        self,
        id: str,
        /,
        *,
        cancel_at_period_end: bool | Unset = UNSET,
        items: Sequence[SubscriptionItemChangeParam] | Unset = UNSET,
        line_items: Sequence[PlanChangeParam] | Unset = UNSET,
        proration_behavior: ProrationBehavior | Unset = UNSET,
        default_payment_method: str | Unset = UNSET,
        metadata: Metadata | Unset | None = UNSET,
        options: RequestOptions | None = None,
    ) -> Subscription:
        """Change a subscription: its plan, its payment method, or whether it ends with the period.

        Name the id of the item in a change of plan: without it the new price comes on top of the old one.

        ``proration_behavior="always_invoice"`` creates an invoice for the difference, and the new plan is in place
        before that invoice is paid. Pay it with ``invoices.pay(changed.latest_invoice_id)``, which charges the customer
        at once and raises `CardError` if the card is declined. Give the customer what the new plan includes only after
        that call, or after the event ``invoice.paid``. After a downgrade nothing is due, and the invoice is ``paid``
        already.

        Args:
            id: Id of the subscription.
            cancel_at_period_end: ``True`` ends it with the current period, ``False`` takes that back.
            items: Changes of what it charges for, as the page of this call names them.
            line_items: The same, as the pages on changes of plan name them. Send one of the two.
            proration_behavior: What happens to the rest of the period: ``create_prorations`` puts the credit and the
                charge on the next invoice, ``always_invoice`` on an invoice of their own, which you pay with a second
                call, and ``none`` leaves them out.
            default_payment_method: ID of the payment method to charge from now on, also for invoices that are open. An
                empty text removes it, and the default payment method of the customer is charged.
            metadata: Pairs to set; an empty value removes one, ``None`` removes all.
            options: Settings for this call only.

        Returns:
            The subscription with the changes.

        Raises:
            InvalidRequestError: A parameter is wrong, or the subscription has ended.
            NotFoundError: There is no such subscription or item.

        Note: two pages document this call, one with ``items`` and one with ``line_items``; neither says which is newer.

        Note: default_payment_method, metadata and the values of proration_behavior are Stripe's.

        Note: WooshPay's own flow for a change of plan ends with a call that pays the invoice. Stripe charges the
        invoice within this call and, if the card is declined, changes the plan all the same and answers with the status
        ``past_due``. It is unverified which of the two your account does. A program that looks at the invoice's status
        and pays it while it is ``open`` is right with both.

        Reference: Update a subscription
        """
        ...

    @delete("/v1/subscriptions/{id}")
    def cancel(
        self,
        id: str,
        /,
        *,
        invoice_now: bool | Unset = UNSET,
        prorate: bool | Unset = UNSET,
        options: RequestOptions | None = None,
    ) -> Subscription:
        """End a subscription at once. To end it with the period, update ``cancel_at_period_end``.

        Args:
            id: Id of the subscription.
            invoice_now: Bill at once what is not billed yet.
            prorate: Credit the rest of the period.
            options: Settings for this call only.

        Returns:
            The subscription with status ``canceled``.

        Raises:
            InvalidRequestError: The subscription has ended already.
            NotFoundError: There is no such subscription.

        Inferred: all of it, from Stripe; no page of it could be read.

        Reference: Cancel a subscription
        """
        ...

    @paged("/v1/subscriptions")
    def list(
        self,
        *,
        customer: str | Unset = UNSET,
        price: str | Unset = UNSET,
        ending_before: str | Unset = UNSET,
        limit: int | Unset = UNSET,
        starting_after: str | Unset = UNSET,
        options: RequestOptions | None = None,
    ) -> ListObject[Subscription]:
        """List subscriptions.

        Args:
            customer: Those of this customer only.
            price: Those that charge for this recurring price only.
            ending_before: Id of the first entry of a page, to get the page before it.
            limit: Entries on a page, 1 to 100; 10 when left out.
            starting_after: Id of the last entry of a page, to get the page after it.
            options: Settings for this call only.

        Returns:
            The subscriptions, a page at a time.

        Raises:
            InvalidRequestError: A filter is wrong.

        Note: there is no filter by status, and whether canceled ones are among them is not said.

        Reference: List subscriptions
        """
        ...
