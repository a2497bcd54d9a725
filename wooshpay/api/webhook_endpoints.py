"""Webhook endpoints: the merchant's URLs that WooshPay posts events to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal, TypeAlias

from wooshpay.api.events import EventType
from wooshpay.api.shared import Metadata
from wooshpay.config import RequestOptions
from wooshpay.core.declaration import Resource, W, delete, get, paged, post
from wooshpay.core.listing import ListObject
from wooshpay.core.objects import Moment, Object, model
from wooshpay.core.unset import UNSET, Unset

WebhookEndpointStatus: TypeAlias = Literal["enabled", "disabled"]


@model
class WebhookEndpoint(Object):
    """A URL of the merchant that WooshPay posts events to.

    Attributes:
        api_version: The version that events are written in, such as ``1.0.1``.
        enabled_events: The types of event that are sent.
        secret: What deliveries are signed with, whole as it is. Lists leave it out; keep it when creating.
    """

    TAG: ClassVar[str] = "webhook_endpoint"

    id: str
    object: str
    created: int
    enabled_events: list[EventType | str]
    livemode: bool
    status: WebhookEndpointStatus | str
    url: str
    api_version: str | None = None
    description: str | None = None
    metadata: dict[str, str] | None = None
    secret: str | None = None

    created_at = Moment("created")


@model
class DeletedWebhookEndpoint(Object):
    """What remains of a webhook endpoint that was deleted. Its fields are Stripe's."""

    TAG: ClassVar[str] = "webhook_endpoint"

    id: str
    object: str
    deleted: bool


class WebhookEndpoints(Resource[W]):
    """Say where events go. Test mode and live mode need their own endpoints."""

    @post("/v1/webhook_endpoints")
    def create(
        self,
        *,
        url: str,
        enabled_events: Sequence[EventType | str],
        description: str | Unset = UNSET,
        api_version: str | Unset = UNSET,
        metadata: Metadata | Unset | None = UNSET,
        options: RequestOptions | None = None,
    ) -> WebhookEndpoint:
        """Have events posted to a URL, from now on and for payments already under way.

        Every endpoint gets its own delivery: two for the same URL mean two deliveries of each event.

        Args:
            url: Where to post. A public one must be HTTPS and take a POST without authentication.
            enabled_events: The types of event to send, such as ``payment_intent.succeeded``.
            description: Free text of the merchant.
            api_version: The version that events are written in.
            metadata: Free pairs to keep with the endpoint.
            options: Settings for this call only.

        Returns:
            The endpoint with its ``secret``: keep it, deliveries are verified with it.

        Raises:
            InvalidRequestError: The URL or a type of event is not accepted.

        Inferred: metadata, and that nothing is missing: the parameters come from the text and its examples.

        Reference: Create a Webhook
        """
        ...

    @get("/v1/webhook_endpoints/{id}")
    def retrieve(self, id: str, /, *, options: RequestOptions | None = None) -> WebhookEndpoint:
        """Get a webhook endpoint.

        Args:
            id: Id of the endpoint.
            options: Settings for this call only.

        Returns:
            The endpoint. Its ``secret`` may be missing: the reference contradicts itself about that.

        Raises:
            NotFoundError: There is no such endpoint.

        Reference: Retrieve a Webhook
        """
        ...

    @post("/v1/webhook_endpoints/{id}")
    def update(
        self,
        id: str,
        /,
        *,
        url: str | Unset = UNSET,
        enabled_events: Sequence[EventType | str] | Unset = UNSET,
        description: str | Unset = UNSET,
        metadata: Metadata | Unset | None = UNSET,
        disabled: bool | Unset = UNSET,
        options: RequestOptions | None = None,
    ) -> WebhookEndpoint:
        """Change a webhook endpoint, or switch it off and on.

        Args:
            id: Id of the endpoint.
            url: Where to post.
            enabled_events: The types of event to send; they replace those before.
            description: Free text of the merchant.
            metadata: Pairs to set; an empty value removes one, ``None`` removes all.
            disabled: ``True`` switches the endpoint off, ``False`` on.
            options: Settings for this call only.

        Returns:
            The endpoint with the changes.

        Raises:
            InvalidRequestError: The URL or a type of event is not accepted.
            NotFoundError: There is no such endpoint.

        Inferred: the path, from its siblings, and the parameters, from Stripe; only the verb was read.

        Reference: Update a Webhook
        """
        ...

    @delete("/v1/webhook_endpoints/{id}")
    def delete(self, id: str, /, *, options: RequestOptions | None = None) -> DeletedWebhookEndpoint:
        """Remove a webhook endpoint. Nothing more is posted to it.

        Args:
            id: Id of the endpoint.
            options: Settings for this call only.

        Returns:
            The id, with ``deleted`` set.

        Raises:
            NotFoundError: There is no such endpoint.

        Inferred: the path, from its siblings, and the reply, from Stripe; only the verb was read.

        Reference: Delete a Webhook
        """
        ...

    @paged("/v1/webhook_endpoints")
    def list(
        self,
        *,
        ending_before: str | Unset = UNSET,
        limit: int | Unset = UNSET,
        starting_after: str | Unset = UNSET,
        options: RequestOptions | None = None,
    ) -> ListObject[WebhookEndpoint]:
        """List webhook endpoints, without their secrets.

        Args:
            ending_before: Id of the first entry of a page, to get the page before it.
            limit: Entries on a page, 1 to 100; 10 when left out.
            starting_after: Id of the last entry of a page, to get the page after it.
            options: Settings for this call only.

        Returns:
            The endpoints, a page at a time.

        Raises:
            InvalidRequestError: A cursor or the limit is wrong.

        Reference: List All Webhooks
        """
        ...
