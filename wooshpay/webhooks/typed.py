"""Which object an event of a known type is about: for type checkers, and for the receiver that keeps the promise.

At run time `EventOf` is `Event` itself. A type checker sees an event whose ``data.object`` is of the class given.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Generic, Literal, TypeAlias, TypeVar

T = TypeVar("T")

ChargeEvent: TypeAlias = Literal["charge.captured", "charge.refunded"]
CheckoutSessionEvent: TypeAlias = Literal[
    "checkout.session.canceled", "checkout.session.completed", "checkout.session.expired"
]
DisputeEvent: TypeAlias = Literal[
    "charge.dispute.closed",
    "charge.dispute.created",
    "charge.dispute.funds_reinstated",
    "charge.dispute.funds_withdrawn",
    "charge.dispute.updated",
]
InvoiceEvent: TypeAlias = Literal[
    "invoice.created",
    "invoice.deleted",
    "invoice.finalized",
    "invoice.paid",
    "invoice.payment_failed",
    "invoice.payment_succeeded",
    "invoice.sent",
    "invoice.voided",
]
PaymentIntentEvent: TypeAlias = Literal[
    "payment_intent.amount_capturable_updated",
    "payment_intent.canceled",
    "payment_intent.created",
    "payment_intent.partially_funded",
    "payment_intent.payment_failed",
    "payment_intent.processing",
    "payment_intent.requires_action",
    "payment_intent.succeeded",
]
PaymentLinkEvent: TypeAlias = Literal["payment_link.failed", "payment_link.paid"]
PayoutEvent: TypeAlias = Literal["payout.canceled", "payout.created", "payout.failed", "payout.paid", "payout.updated"]
ProductEvent: TypeAlias = Literal["product.created"]
RefundEvent: TypeAlias = Literal[
    "charge.refund.updated", "refund.created", "refund.failed", "refund.succeeded", "refund.updated"
]
SetupIntentEvent: TypeAlias = Literal[
    "setup_intent.canceled",
    "setup_intent.created",
    "setup_intent.requires_action",
    "setup_intent.setup_failed",
    "setup_intent.succeeded",
]
SubscriptionEvent: TypeAlias = Literal[
    "customer.subscription.created",
    "customer.subscription.deleted",
    "customer.subscription.trial_will_end",
    "customer.subscription.updated",
]

CLASSES: Final[dict[str, Any]] = {
    "Charge": ChargeEvent,
    "CheckoutSession": CheckoutSessionEvent,
    "Dispute": DisputeEvent,
    "Invoice": InvoiceEvent,
    "PaymentIntent": PaymentIntentEvent,
    "PaymentLink": PaymentLinkEvent,
    "Payout": PayoutEvent,
    "Product": ProductEvent,
    "Refund": RefundEvent,
    "SetupIntent": SetupIntentEvent,
    "Subscription": SubscriptionEvent,
}
"""Name of the object's class to the types of its events."""

if TYPE_CHECKING:
    from wooshpay.api.events import Event, EventData

    class EventDataOf(EventData, Generic[T]):
        """What an event is about, with the class of its object."""

        object: T  # type: ignore[assignment]  # pyright: ignore[reportIncompatibleVariableOverride, reportGeneralTypeIssues]  # narrowed by the receiver

    class EventOf(Event, Generic[T]):
        """An event whose ``data.object`` is a ``T``."""

        data: EventDataOf[T]  # pyright: ignore[reportIncompatibleVariableOverride]  # narrowed by the receiver
