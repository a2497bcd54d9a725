"""Charges: the single attempts of a payment that reached the payment method."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal, TypeAlias

from wooshpay.api.shared import BillingDetails, CreatedFilter, PaymentMethodType, Shipping
from wooshpay.config import RequestOptions
from wooshpay.core.declaration import Resource, W, get, paged
from wooshpay.core.listing import ListObject
from wooshpay.core.objects import IdOf, Moment, Object, model
from wooshpay.core.unset import UNSET, Unset

if TYPE_CHECKING:
    from wooshpay.api.customers import Customer
    from wooshpay.api.invoices import Invoice
    from wooshpay.api.payment_intents import PaymentIntent
    from wooshpay.api.payment_methods import CardChecks, PaymentMethod
    from wooshpay.api.refunds import Refund

ChargeStatus: TypeAlias = Literal["succeeded", "pending", "failed"]


@model
class ChargeOutcome(Object):
    """Why a charge went the way it did: the network's answer and the judgement of its risk."""

    type: str | None = None
    network_status: str | None = None
    reason: str | None = None
    risk_level: str | None = None
    risk_score: int | None = None
    seller_message: str | None = None


@model
class FraudDetails(Object):
    """Who called a charge fraudulent: WooshPay's own systems, or the merchant."""

    stripe_report: str | None = None
    user_report: str | None = None


@model
class CardWallet(Object):
    """The wallet that a card was used in, such as Apple Pay."""

    type: str | None = None


@model
class ChargeCard(Object):
    """The card that was charged."""

    brand: str | None = None
    checks: CardChecks | None = None
    country: str | None = None
    exp_month: int | None = None
    exp_year: int | None = None
    fingerprint: str | None = None
    funding: str | None = None
    last4: str | None = None
    network: str | None = None
    wallet: CardWallet | None = None


@model
class PaymentMethodDetails(Object):
    """The payment method as it was when it was charged. The details of kinds other than cards are in ``extra``."""

    type: PaymentMethodType | str | None = None
    card: ChargeCard | None = None


@model
class Charge(Object):
    """One attempt of a payment that reached the payment method.

    WooshPay's page of it was cut: the fields are Stripe's, without those that the page strikes out.

    Attributes:
        amount: Minor units.
        amount_captured: Minor units taken so far.
        amount_refunded: Minor units given back so far.
        refunded: Whether all of it was given back.
    """

    TAG: ClassVar[str] = "charge"

    id: str
    object: str
    amount: int
    created: int
    currency: str
    livemode: bool
    status: ChargeStatus | str
    amount_captured: int | None = None
    amount_refunded: int | None = None
    balance_transaction: str | Object | None = None
    billing_details: BillingDetails | None = None
    captured: bool | None = None
    customer: str | Customer | None = None
    description: str | None = None
    disputed: bool | None = None
    failure_code: str | None = None
    failure_message: str | None = None
    fraud_details: FraudDetails | None = None
    invoice: str | Invoice | None = None
    metadata: dict[str, str] | None = None
    outcome: ChargeOutcome | None = None
    paid: bool | None = None
    payment_intent: str | PaymentIntent | None = None
    payment_method: str | PaymentMethod | None = None
    payment_method_details: PaymentMethodDetails | None = None
    receipt_email: str | None = None
    refunded: bool | None = None
    refunds: ListObject[Refund] | None = None
    review: str | Object | None = None
    shipping: Shipping | None = None

    created_at = Moment("created")
    balance_transaction_id = IdOf("balance_transaction")
    customer_id = IdOf("customer")
    invoice_id = IdOf("invoice")
    payment_intent_id = IdOf("payment_intent")
    payment_method_id = IdOf("payment_method")
    review_id = IdOf("review")


class Charges(Resource[W]):
    """Look into the attempts of payments. Charges are made by payment intents, never directly."""

    @get("/v1/charges/{id}")
    def retrieve(self, id: str, /, *, options: RequestOptions | None = None) -> Charge:
        """Get a charge.

        Args:
            id: Id of the charge.
            options: Settings for this call only.

        Returns:
            The charge.

        Raises:
            NotFoundError: There is no such charge.

        Reference: Retrieve a charge
        """
        ...

    @paged("/v1/charges/list", params_in="query+body")
    def list(
        self,
        *,
        created: CreatedFilter | Unset = UNSET,
        customer: str | Unset = UNSET,
        payment_intent: str | Unset = UNSET,
        ending_before: str | Unset = UNSET,
        limit: int | Unset = UNSET,
        starting_after: str | Unset = UNSET,
        options: RequestOptions | None = None,
    ) -> ListObject[Charge]:
        """List charges, the newest first.

        Args:
            created: Bounds on the time of creation, in milliseconds since 1970.
            customer: Those of this customer only.
            payment_intent: Those of this payment intent only.
            ending_before: Id of the first entry of a page, to get the page before it.
            limit: Entries on a page, 1 to 100; 10 when left out.
            starting_after: Id of the last entry of a page, to get the page after it.
            options: Settings for this call only.

        Returns:
            The charges, a page at a time.

        Raises:
            InvalidRequestError: A filter is wrong.

        Note: the path ends in ``/list``, unlike Stripe's.

        Inferred: payment_intent, ending_before, limit and starting_after; the parameter list was read in part.

        Reference: List all charges
        """
        ...
