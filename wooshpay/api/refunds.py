"""Refunds: money given back to the customer."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal, TypeAlias

from wooshpay.api.shared import Metadata
from wooshpay.config import RequestOptions
from wooshpay.core.declaration import Resource, W, get, post
from wooshpay.core.objects import IdOf, Moment, Object, model
from wooshpay.core.unset import UNSET, Unset

if TYPE_CHECKING:
    from wooshpay.api.charges import Charge
    from wooshpay.api.payment_intents import PaymentIntent

RefundReason: TypeAlias = Literal["duplicate", "fraudulent", "requested_by_customer", "resolved_dispute"]
RefundStatus: TypeAlias = Literal["pending", "succeeded", "failed", "canceled"]


@model
class Refund(Object):
    """Money given back for a payment, whole or in part."""

    TAG: ClassVar[str] = "refund"

    id: str
    object: str
    amount: int
    created: int
    currency: str
    status: RefundStatus | str
    payment_intent: str | PaymentIntent | None = None
    charge: str | Charge | None = None
    reason: RefundReason | Literal["expired_uncaptured_charge"] | str | None = None
    description: str | None = None
    failure_reason: Literal["lost_or_stolen_card", "expired_or_canceled_card", "unknown"] | str | None = None
    receipt_number: str | None = None
    metadata: dict[str, str] | None = None

    created_at = Moment("created")
    payment_intent_id = IdOf("payment_intent")
    charge_id = IdOf("charge")


class Refunds(Resource[W]):
    """Give money back. A refund needs a payment that succeeded and still has a remainder."""

    @post("/v1/refunds")
    def create(
        self,
        *,
        payment_intent: str,
        amount: int | Unset = UNSET,
        reason: RefundReason | Unset = UNSET,
        metadata: Metadata | Unset | None = UNSET,
        options: RequestOptions | None = None,
    ) -> Refund:
        """Refund a payment, whole or in part.

        Several partial refunds are possible until nothing remains; some payment methods forbid it, and
        some cannot be refunded at all. The final status may come later: watch ``charge.refund.updated``.

        Args:
            payment_intent: Id of the payment.
            amount: Minor units to give back, at most what remains; everything that remains when left out.
            reason: Why the money goes back.
            metadata: Free pairs to keep with the refund.
            options: Settings for this call only.

        Returns:
            The refund; its ``status`` may still be ``pending``.

        Raises:
            InvalidRequestError: Nothing remains to refund, or less than ``amount``.
            NotFoundError: There is no such payment.

        Reference: Create a refund
        """
        ...

    @get("/v1/refunds/{refund_id}")
    def retrieve(self, refund_id: str, /, *, options: RequestOptions | None = None) -> Refund:
        """Get a refund.

        Args:
            refund_id: Id of the refund.
            options: Settings for this call only.

        Returns:
            The refund.

        Raises:
            NotFoundError: There is no such refund.

        Reference: Retrieve a refund
        """
        ...
