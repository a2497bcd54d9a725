"""Invoices: what a customer owes, line by line, until it is paid or given up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias, TypedDict

from wooshpay.api.shared import (
    Address,
    CollectionMethod,
    DeletedObject,
    Metadata,
    PaymentSettings,
    PaymentSettingsParam,
    Period,
    Shipping,
)
from wooshpay.config import RequestOptions
from wooshpay.core.declaration import Resource, W, delete, get, paged, post
from wooshpay.core.listing import ListObject
from wooshpay.core.objects import AsText, IdOf, Moment, Object, model
from wooshpay.core.units import InMilliseconds
from wooshpay.core.unset import UNSET, Unset

if TYPE_CHECKING:
    from wooshpay.api.charges import Charge
    from wooshpay.api.customers import Customer
    from wooshpay.api.invoice_items import InvoiceItem
    from wooshpay.api.payment_intents import PaymentIntent
    from wooshpay.api.payment_methods import PaymentMethod
    from wooshpay.api.prices import Price
    from wooshpay.api.subscription_items import SubscriptionItem
    from wooshpay.api.subscriptions import Subscription

# The statuses are Stripe's: the reference has the field, the values were not read.
InvoiceStatus: TypeAlias = Literal["draft", "open", "paid", "void", "uncollectible"]
# The last two are Stripe's, where the list that was read breaks off.
BillingReason: TypeAlias = Literal[
    "manual",
    "subscription",
    "subscription_create",
    "subscription_cycle",
    "subscription_threshold",
    "subscription_update",
    "upcoming",
]
PendingItemsBehavior: TypeAlias = Literal["include", "exclude"]


@model
class InvoiceLineItem(Object):
    """One line of an invoice. The reference counts 18 fields without their names: these are Stripe's.

    Attributes:
        amount: Minor units; negative where the line gives money back.
        amount_excluding_tax: Minor units without tax.
        invoice_item: The invoice item that the line comes from.
        period: The time that the line is for.
        proration: Whether it comes from a change of plan within a period.
        subscription_item: The subscription item that the line comes from.
    """

    TAG: ClassVar[str] = "line_item"

    id: str
    object: str
    amount: int
    currency: str
    amount_excluding_tax: int | None = None
    description: str | None = None
    discountable: bool | None = None
    invoice_item: str | InvoiceItem | None = None
    livemode: bool | None = None
    metadata: dict[str, str] | None = None
    period: Period | None = None
    price: Price | None = None
    proration: bool | None = None
    proration_details: dict[str, Any] | None = None
    quantity: int | None = None
    subscription: str | Subscription | None = None
    subscription_item: str | SubscriptionItem | None = None
    type: Literal["invoiceitem", "subscription"] | str | None = None

    invoice_item_id = IdOf("invoice_item")
    price_id = IdOf("price")
    subscription_id = IdOf("subscription")
    subscription_item_id = IdOf("subscription_item")


@model
class InvoiceStatusTransitions(Object):
    """When an invoice changed its status, as received."""

    finalized_at: int | None = None
    marked_uncollectible_at: int | None = None
    paid_at: int | None = None
    voided_at: int | None = None

    finalized_time = Moment("finalized_at")
    marked_uncollectible_time = Moment("marked_uncollectible_at")
    paid_time = Moment("paid_at")
    voided_time = Moment("voided_at")


@model
class Invoice(Object):
    """What a customer owes: a ``draft`` until it is finalized, then ``open``, at last ``paid`` or ``void``.

    The page of it was cut: from ``created`` on the fields are Stripe's.

    Attributes:
        amount_due: Minor units to pay.
        amount_paid: Minor units paid.
        amount_precision: By its name, the decimals of the currency; Stripe has no such field.
        auto_advance: Whether it goes on by itself, from a draft to a payment.
        billing_reason: What made it: ``subscription_cycle`` is a renewal, ``subscription_update`` a change of plan.
        charge: The charge that paid it.
        collection_method: ``charge_automatically``, or ``send_invoice`` to ask the customer for the money.
        hosted_invoice_url: The page to pay at; there once it is finalized.
        lines: What is owed, or the first of it.
        number: The number printed on it; there once it is finalized. Not shown in the ``repr``.
        payment_intent: The payment that settles it; there once it is finalized.
        period_start: Start of the time that it bills for; the reference types it as text.
        period_end: End of the time that it bills for; the reference types it as text.
        subtotal: Minor units before discounts and tax.
        total: Minor units after them.
        starting_balance: Minor units that the customer had or owed before.
    """

    TAG: ClassVar[str] = "invoice"
    PUBLIC: ClassVar[frozenset[str]] = frozenset({"number"})

    id: str
    object: str
    amount_due: int
    amount_paid: int
    created: int
    currency: str
    livemode: bool
    status: InvoiceStatus | str
    account_country: str | None = None
    account_name: str | None = None
    amount_precision: int | None = None
    auto_advance: bool | None = None
    billing_reason: BillingReason | str | None = None
    charge: str | Charge | None = None
    collection_method: CollectionMethod | str | None = None
    customer: str | Customer | None = None
    customer_address: Address | None = None
    customer_email: str | None = None
    customer_name: str | None = None
    customer_phone: str | None = None
    customer_shipping: Shipping | None = None
    days_until_due: int | None = None
    default_payment_method: str | PaymentMethod | None = None
    description: str | None = None
    due_date: int | None = None
    footer: str | None = None
    hosted_invoice_url: str | None = None
    invoice_pdf: str | None = None
    lines: ListObject[InvoiceLineItem] | None = None
    metadata: dict[str, str] | None = None
    next_payment_attempt: int | None = None
    number: str | None = None
    paid: bool | None = None
    paid_out_of_band: bool | None = None
    payment_intent: str | PaymentIntent | None = None
    payment_settings: PaymentSettings | None = None
    period_end: AsText[int] | None = None
    period_start: AsText[int] | None = None
    starting_balance: int | None = None
    statement_descriptor: str | None = None
    status_transitions: InvoiceStatusTransitions | None = None
    subscription: str | Subscription | None = None
    subtotal: int | None = None
    tax: int | None = None
    test_clock: str | None = None
    total: int | None = None

    created_at = Moment("created")
    due_time = Moment("due_date")
    next_payment_attempt_time = Moment("next_payment_attempt")
    period_end_time = Moment("period_end")
    period_start_time = Moment("period_start")
    charge_id = IdOf("charge")
    customer_id = IdOf("customer")
    default_payment_method_id = IdOf("default_payment_method")
    payment_intent_id = IdOf("payment_intent")
    subscription_id = IdOf("subscription")


class InvoiceLineParam(TypedDict, total=False):
    """One line to add.

    ``unit_amount`` is in minor units and is multiplied by ``quantity``; a negative one lowers what is due.
    ``amount`` equals the two multiplied. ``price`` is the id of a price.
    """

    amount: int
    currency: str
    description: str
    metadata: Metadata
    price: str
    quantity: int
    unit_amount: int


class Invoices(Resource[W]):
    """Ask a customer for money by invoice. Subscriptions make invoices by themselves."""

    @post("/v1/invoices", echoes=("customer", "currency"))
    def create(
        self,
        *,
        customer: str,
        currency: str | Unset = UNSET,
        auto_advance: bool | Unset = UNSET,
        collection_method: CollectionMethod | Unset = UNSET,
        description: str | Unset = UNSET,
        metadata: Metadata | Unset | None = UNSET,
        subscription: str | Unset = UNSET,
        days_until_due: int | Unset = UNSET,
        due_date: InMilliseconds[int] | Unset = UNSET,
        default_payment_method: str | Unset = UNSET,
        footer: str | Unset = UNSET,
        payment_settings: PaymentSettingsParam | Unset = UNSET,
        statement_descriptor: str | Unset = UNSET,
        pending_invoice_items_behavior: PendingItemsBehavior | Unset = UNSET,
        options: RequestOptions | None = None,
    ) -> Invoice:
        """Start an invoice. It is a draft: add lines, then finalize, send or pay it.

        Args:
            customer: Id of the customer who owes.
            currency: Three-letter code, such as ``USD``.
            auto_advance: Let it go on by itself, from the draft to the payment.
            collection_method: ``charge_automatically``, or ``send_invoice`` to ask the customer for the money.
            description: Free text of the merchant.
            metadata: Free pairs to keep with the invoice.
            subscription: Bill what waits for this subscription only.
            days_until_due: Days that the customer has to pay; with ``send_invoice`` only.
            due_date: When it must be paid, in milliseconds since 1970; with ``send_invoice`` only.
            default_payment_method: Id of the payment method to charge.
            footer: Text at the end of the invoice.
            payment_settings: How it may be paid.
            statement_descriptor: What the customer's statement shows.
            pending_invoice_items_behavior: Whether invoice items that wait for an invoice become lines of this one.
            options: Settings for this call only.

        Returns:
            The invoice, with status ``draft``.

        Raises:
            InvalidRequestError: A parameter is missing or wrong.
            NotFoundError: There is no such customer.

        Inferred: every parameter: the page was cut after the fields of an invoice that a request does not take.

        Reference: Create an invoice
        """
        ...

    @get("/v1/invoices/{id}")
    def retrieve(self, id: str, /, *, options: RequestOptions | None = None) -> Invoice:
        """Get an invoice.

        Args:
            id: Id of the invoice.
            options: Settings for this call only.

        Returns:
            The invoice.

        Raises:
            NotFoundError: There is no such invoice.

        Inferred: all of it: the reference prints this verb and path under the title of deleting a draft.

        Reference: Retrieve an invoice
        """
        ...

    @post("/v1/invoices/{id}/add_lines")
    def add_lines(
        self,
        id: str,
        /,
        *,
        lines: Sequence[InvoiceLineParam],
        options: RequestOptions | None = None,
    ) -> Invoice:
        """Put several lines on a draft at once.

        Args:
            id: Id of the invoice.
            lines: The lines; an invoice holds at most 250.
            options: Settings for this call only.

        Returns:
            The invoice with its new lines.

        Raises:
            InvalidRequestError: The invoice is no draft, a line is wrong, or there are too many.
            NotFoundError: There is no such invoice.

        Note: the text of the reference speaks of ``price_data`` in a line, its list of fields has none.

        Note: what comes back was not shown; the invoice is Stripe's answer.

        Reference: Bulk add invoice line items
        """
        ...

    @post("/v1/invoices/{id}/finalize")
    def finalize(
        self,
        id: str,
        /,
        *,
        auto_advance: bool | Unset = UNSET,
        options: RequestOptions | None = None,
    ) -> Invoice:
        """Close a draft, so that it can be paid. Its lines can no longer be changed.

        Args:
            id: Id of the invoice.
            auto_advance: Let it go on to the payment by itself.
            options: Settings for this call only.

        Returns:
            The invoice with status ``open``, its number and its payment intent; ``paid`` where nothing is due.

        Raises:
            InvalidRequestError: The invoice is no draft.
            NotFoundError: There is no such invoice.

        Inferred: path, parameter and outcome, from Stripe; only the page's title is known.

        Reference: Finalize an invoice
        """
        ...

    @post("/v1/invoices/{id}/send")
    def send(self, id: str, /, *, options: RequestOptions | None = None) -> Invoice:
        """Send an invoice to the customer, who then pays it by hand.

        Args:
            id: Id of the invoice.
            options: Settings for this call only.

        Returns:
            The invoice.

        Raises:
            InvalidRequestError: The invoice is paid or void, or its customer is charged automatically.
            NotFoundError: There is no such invoice.

        Note: Stripe finalizes a draft first and asks for the collection method ``send_invoice``; expect the same.

        Reference: Send an invoice for manual payment
        """
        ...

    @post("/v1/invoices/{id}/pay")
    def pay(
        self,
        id: str,
        /,
        *,
        payment_method: str | Unset = UNSET,
        paid_out_of_band: bool | Unset = UNSET,
        off_session: bool | Unset = UNSET,
        options: RequestOptions | None = None,
    ) -> Invoice:
        """Take the money of an invoice now, or note that it came another way.

        This is the last step of a change of plan, since it pays the invoice that the change created. After a failed
        renewal and a new card, it makes the subscription ``active`` again without waiting for the next retry.

        Args:
            id: Id of the invoice.
            payment_method: ID of the payment method to charge. Default: the current default of the subscription,
                otherwise that of the customer.
            paid_out_of_band: Note it as paid without charging anything.
            off_session: The customer is absent and cannot authenticate.
            options: Settings for this call only.

        Returns:
            The invoice with status ``paid``. It is still ``open`` if the customer has to authenticate: send the
            customer to ``action_url`` of its payment intent.

        Raises:
            CardError: The card was declined. The invoice stays ``open``.
            InvalidRequestError: The invoice is paid or void.
            NotFoundError: There is no such invoice.

        Inferred: path, parameters and outcome, from Stripe; only the titles of its two pages are known.

        Reference: Pay an invoice
        """
        ...

    @post("/v1/invoices/{id}/void")
    def void(self, id: str, /, *, options: RequestOptions | None = None) -> Invoice:
        """Declare an invoice a mistake. It stays on record and nobody can pay it any more.

        Args:
            id: Id of the invoice.
            options: Settings for this call only.

        Returns:
            The invoice with status ``void``.

        Raises:
            InvalidRequestError: The invoice is neither open nor uncollectible; a draft is deleted in place of it.
            NotFoundError: There is no such invoice.

        Inferred: path and rules, from Stripe; only the page's title is known.

        Reference: Void an invoice
        """
        ...

    @delete("/v1/invoices/{id}")
    def delete(self, id: str, /, *, options: RequestOptions | None = None) -> DeletedObject:
        """Remove a draft for good. An invoice that was finalized can be voided only.

        Args:
            id: Id of the invoice.
            options: Settings for this call only.

        Returns:
            The id, with ``deleted`` set.

        Raises:
            InvalidRequestError: The invoice is no draft.
            NotFoundError: There is no such invoice.

        Note: the page prints GET and a whole invoice as the answer, plainly a copy of another one.

        Inferred: the verb and the answer, from Stripe.

        Reference: Delete a draft invoice
        """
        ...

    @paged("/v1/invoices")
    def list(
        self,
        *,
        customer: str | Unset = UNSET,
        subscription: str | Unset = UNSET,
        ending_before: str | Unset = UNSET,
        limit: int | Unset = UNSET,
        starting_after: str | Unset = UNSET,
        options: RequestOptions | None = None,
    ) -> ListObject[Invoice]:
        """List invoices, the newest first.

        Args:
            customer: Those of this customer only.
            subscription: Those of this subscription only.
            ending_before: Id of the first entry of a page, to get the page before it.
            limit: Entries on a page, 1 to 100; 10 when left out.
            starting_after: Id of the last entry of a page, to get the page after it.
            options: Settings for this call only.

        Returns:
            The invoices, a page at a time.

        Raises:
            InvalidRequestError: A filter is wrong.

        Note: unlike Stripe's, this list has no filter by status, due date or time of creation.

        Reference: List all invoices
        """
        ...
