"""Events: what happened, as WooshPay posts it to webhook endpoints."""

from __future__ import annotations

from typing import Any, ClassVar, Final, Literal, TypeAlias, get_args

from wooshpay.config import RequestOptions
from wooshpay.core.declaration import Resource, W, get
from wooshpay.core.objects import Moment, Object, model

# WooshPay's table of event types was read in part, so there are three lists, by how well each type is known.

DocumentedEventType: TypeAlias = Literal[
    "charge.captured",
    "charge.dispute.closed",
    "charge.dispute.created",
    "charge.dispute.funds_reinstated",
    "charge.dispute.funds_withdrawn",
    "charge.dispute.updated",
    "charge.refund.updated",
    "checkout.session.expired",
    "payment_intent.amount_capturable_updated",
    "payment_intent.canceled",
    "payment_intent.created",
    "payment_intent.payment_failed",
    "payment_intent.processing",
    "payment_intent.requires_action",
    "payment_intent.succeeded",
    "payout.canceled",
    "payout.created",
    "payout.failed",
    "payout.paid",
    "payout.updated",
    "setup_intent.created",
    "setup_intent.succeeded",
]
"""Read in WooshPay's table of event types or in one of its guides."""

InferredEventType: TypeAlias = Literal[
    "customer.subscription.created",
    "customer.subscription.deleted",
    "customer.subscription.trial_will_end",
    "customer.subscription.updated",
    "invoice.created",
    "invoice.deleted",
    "invoice.finalized",
    "invoice.paid",
    "invoice.payment_failed",
    "invoice.payment_succeeded",
    "invoice.sent",
    "invoice.voided",
    "payment_intent.partially_funded",
    "product.created",
    "setup_intent.canceled",
    "setup_intent.requires_action",
    "setup_intent.setup_failed",
]
"""Stripe's names for what WooshPay has too. None was read in a page of WooshPay: do not depend on one untested."""

ThirdPartyEventType: TypeAlias = Literal[
    "charge.refunded",
    "checkout.session.canceled",
    "checkout.session.completed",
    "payment_link.failed",
    "payment_link.paid",
    "refund.created",
    "refund.failed",
    "refund.succeeded",
    "refund.updated",
]
"""Handled by programs of others only. ``checkout.session.completed`` is not in WooshPay's table, in its place there."""

EventType: TypeAlias = DocumentedEventType | InferredEventType | ThirdPartyEventType

DOCUMENTED_EVENT_TYPES: Final[tuple[DocumentedEventType, ...]] = get_args(DocumentedEventType)
INFERRED_EVENT_TYPES: Final[tuple[InferredEventType, ...]] = get_args(InferredEventType)
THIRD_PARTY_EVENT_TYPES: Final[tuple[ThirdPartyEventType, ...]] = get_args(ThirdPartyEventType)


@model
class EventData(Object):
    """What an event is about.

    Attributes:
        object: The object as it stood when the event happened.
        previous_attributes: The values before the change, by field; as at Stripe.
    """

    object: Object | None = None
    previous_attributes: dict[str, Any] | None = None


@model
class EventRequest(Object):
    """The API call that an event comes from. Both are ``None`` where nobody called."""

    id: str | None = None
    idempotency_key: str | None = None


@model
class Event(Object):
    """Something that happened. ``data.object`` is the object that it happened to.

    Attributes:
        type: What happened, such as ``payment_intent.succeeded``. The known types are in this module's lists.
        created: When it happened, in milliseconds since 1970.
        pending_webhooks: Deliveries still to come; as at Stripe.
    """

    TAG: ClassVar[str] = "event"

    id: str
    object: str
    created: int
    data: EventData
    livemode: bool
    type: EventType | str
    api_version: str | None = None
    pending_webhooks: int | None = None
    request: EventRequest | None = None

    created_at = Moment("created")


class Events(Resource[W]):
    """Look events up. There is no list of them: what was missed is found by the object that it is about."""

    @get("/v1/events/{id}")
    def retrieve(self, id: str, /, *, options: RequestOptions | None = None) -> Event:
        """Get an event.

        Args:
            id: Id of the event, as in the webhook.
            options: Settings for this call only.

        Returns:
            The event, with the object as it stood when it happened.

        Raises:
            NotFoundError: There is no such event.

        Reference: Retrieve an event
        """
        ...
