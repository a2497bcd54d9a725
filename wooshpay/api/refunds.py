"""Refunds: money given back to the customer."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal, TypeAlias

from wooshpay.api.shared import Metadata
from wooshpay.config import RequestOptions
from wooshpay.core.declaration import Resource, W, get, post
from wooshpay.core.objects import IdOf, Moment, Object, model
from wooshpay.core.unset import UNSET, Unset
from wooshpay.core.waiting import WaitResult, waiting

if TYPE_CHECKING:
    from wooshpay.api.charges import Charge
    from wooshpay.api.payment_intents import PaymentIntent

RefundReason: TypeAlias = Literal[
    "duplicate", "fraudulent", "requested_by_customer", "requested_by_merchant", "resolved_dispute"
]
RefundStatus: TypeAlias = Literal["pending", "succeeded", "failed", "canceled"]
RefundOutcome: TypeAlias = Literal["succeeded", "failed", "canceled", "timed_out"]


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


def _settled(refund: Refund) -> RefundOutcome | None:
    match refund.status:
        case "succeeded" | "failed" | "canceled" as outcome:
            return outcome
        case _:
            return None


class Refunds(Resource[W]):
    """Give money back. A refund needs a payment that succeeded and still has a remainder."""

    @post("/v1/refunds", echoes=("payment_intent", "amount"))
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
            reason: Why the money goes back. Unverified: ``requested_by_merchant``, which the reference does not list.
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

    @waiting(retrieve, _settled)
    def wait(
        self,
        refund_id: str,
        /,
        *,
        timeout: float = 600.0,
        first_gap: float = 2.0,
        longest_gap: float = 60.0,
        options: RequestOptions | None = None,
    ) -> WaitResult[Refund, RefundOutcome]:
        """Wait until a refund has an outcome: a failed one is an outcome, not an error.

        ``succeeded``, ``failed`` and ``canceled`` are final. Some methods take days: beyond a few minutes, let webhooks
        tell you.

        A fault of WooshPay's, a rate limit or a lost answer does not end the waiting. Canceling the task, or Ctrl-C in
        a plain call, does at once.

        Args:
            refund_id: Id of the refund.
            timeout: Seconds to wait in all. A question that is under way then may take five seconds more.
            first_gap: Seconds between the first two questions. Every further gap is half as long again, and up to half
                of each is left to chance.
            longest_gap: Seconds that no gap exceeds.
            options: Settings for each question.

        Returns:
            The refund as it was last, and its ``outcome``: ``timed_out`` where the time was over first.

        Raises:
            NotFoundError: There is no such refund.
            WooshPayError: WooshPay refuses the question, or gave no answer at all until the time was over.
        """
        ...
