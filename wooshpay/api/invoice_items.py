"""Invoice items: sums that wait for a customer's next invoice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, TypedDict

from wooshpay.api.shared import Metadata, Period, PriceDataParam
from wooshpay.config import RequestOptions
from wooshpay.core.declaration import Resource, W, get, post
from wooshpay.core.objects import AsText, IdOf, Moment, Object, model
from wooshpay.core.units import InMilliseconds
from wooshpay.core.unset import UNSET, Unset

if TYPE_CHECKING:
    from wooshpay.api.coupons import Discount
    from wooshpay.api.customers import Customer
    from wooshpay.api.invoices import Invoice
    from wooshpay.api.prices import Price
    from wooshpay.api.subscriptions import Subscription


@model
class InvoiceItem(Object):
    """A sum that a customer owes, on an invoice or waiting for the next one.

    Attributes:
        object: ``invoiceitem``, in one word.
        amount: Minor units: ``unit_amount`` times ``quantity``. Negative where it lowers what is due.
        date: When it was made; the reference types it as text.
        invoice: The invoice that it is on; ``None`` while it waits for one.
        period: The time that it is for.
        proration: Whether it comes from a change of plan within a period; as at Stripe.
        unit_amount: Minor units for one unit.
    """

    TAG: ClassVar[str] = "invoiceitem"

    id: str
    object: str
    amount: int
    currency: str
    livemode: bool
    customer: str | Customer | None = None
    date: AsText[int] | None = None
    description: str | None = None
    discountable: bool | None = None
    discounts: list[str | Discount] | None = None
    invoice: str | Invoice | None = None
    metadata: dict[str, str] | None = None
    period: Period | None = None
    price: Price | None = None
    proration: bool | None = None
    quantity: int | None = None
    subscription: str | Subscription | None = None
    tax_rates: list[Any] | None = None
    test_clock: str | None = None
    unit_amount: int | None = None

    date_time = Moment("date")
    customer_id = IdOf("customer")
    invoice_id = IdOf("invoice")
    price_id = IdOf("price")
    subscription_id = IdOf("subscription")


class PeriodParam(TypedDict, total=False):
    """The time that a sum is for: the first and the last moment, in milliseconds since 1970, as numbers or as text."""

    end: InMilliseconds[int] | InMilliseconds[str]
    start: InMilliseconds[int] | InMilliseconds[str]


class InvoiceItems(Resource[W]):
    """Put single sums on a customer's next invoice, or on a draft."""

    @post("/v1/invoiceitems", echoes=("customer", "amount", "currency"))
    def create(
        self,
        *,
        customer: str,
        amount: int | Unset = UNSET,
        currency: str | Unset = UNSET,
        price: str | Unset = UNSET,
        price_data: PriceDataParam | Unset = UNSET,
        quantity: int | Unset = UNSET,
        unit_amount: int | Unset = UNSET,
        description: str | Unset = UNSET,
        invoice: str | Unset = UNSET,
        subscription: str | Unset = UNSET,
        period: PeriodParam | Unset = UNSET,
        metadata: Metadata | Unset | None = UNSET,
        options: RequestOptions | None = None,
    ) -> InvoiceItem:
        """Note a sum that the customer owes, as an amount or as so many units of a price.

        Args:
            customer: Id of the customer who owes.
            amount: Minor units in all; negative to lower what is due.
            currency: Three-letter code, such as ``USD``.
            price: Id of a price; this or ``price_data``.
            price_data: A price made on the way.
            quantity: How many units.
            unit_amount: Minor units for one unit; negative to lower what is due.
            description: What the line of the invoice says.
            invoice: Id of a draft to put it on; the customer's next invoice takes it when left out.
            subscription: Id of the subscription whose next invoice takes it.
            period: The time that it is for; its end is not before its start.
            metadata: Free pairs to keep with the item.
            options: Settings for this call only.

        Returns:
            The invoice item.

        Raises:
            InvalidRequestError: A parameter is missing or wrong, or the invoice is no draft.
            NotFoundError: There is no such customer, price, invoice or subscription.

        Note: the path is ``/v1/invoiceitems``, without the underscore of the section's name.

        Inferred: all parameters but customer and period, which come before the place where the page was cut.

        Reference: Create an invoice item
        """
        ...

    @get("/v1/invoiceitems/{id}")
    def retrieve(self, id: str, /, *, options: RequestOptions | None = None) -> InvoiceItem:
        """Get an invoice item.

        Args:
            id: Id of the invoice item.
            options: Settings for this call only.

        Returns:
            The invoice item.

        Raises:
            NotFoundError: There is no such invoice item.

        Note: the page bears a mark that says it is still being worked on.

        Reference: Retrieve an invoice item
        """
        ...
