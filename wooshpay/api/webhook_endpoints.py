"""Webhook endpoints: the merchant's URLs that WooshPay posts events to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, ClassVar, Final, Literal, TypeAlias, cast

import attrs

from wooshpay.api.endpoint_plans import EndpointPlan, EnsuredEndpoint, checked_types, creation_key, plan_endpoint
from wooshpay.api.events import EventType
from wooshpay.api.shared import Metadata
from wooshpay.config import RequestOptions
from wooshpay.core.composed import composed
from wooshpay.core.declaration import Resource, W, delete, get, paged, post
from wooshpay.core.listing import ListObject
from wooshpay.core.objects import Moment, Object, model
from wooshpay.core.unset import UNSET, Unset
from wooshpay.errors import IdempotencyError, NotFoundError, WooshPayError

if TYPE_CHECKING:
    from wooshpay.core.callers import AsyncCaller
    from wooshpay.core.declaration import Async

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


# Seconds to wait for an endpoint that another process has created and that WooshPay does not list yet.
_PAUSES: Final = (0.5, 1.0, 2.0, 4.0)
_LARGEST_PAGE: Final = 100
_MOST_KEYS: Final = 5
_IN_USE: Final = "idempotency_key_in_use"


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

    @composed
    async def ensure(
        self: WebhookEndpoints[Async],
        *,
        url: str,
        enabled_events: Iterable[EventType | str],
        options: RequestOptions | None = None,
    ) -> EnsuredEndpoint:
        """Make sure that there is one endpoint for a URL, and that it is sent these types of events.

        If there is none, it is created. If there is one, the types that are missing are added, and a disabled endpoint
        is enabled; no type is removed. So a program may call this each time it is deployed. URLs that differ only in a
        slash at the end, in the case of the host, or in a default port count as the same; the endpoint then gets the
        given spelling.

        If several processes call this at the same time, they send the same idempotency key, so one endpoint is created.
        If they add different types to an existing endpoint at the same moment, the last one may undo what the others
        added: WooshPay has no operation that adds a type.

        Args:
            url: Where to post. A public URL must be HTTPS and take a POST without authentication.
            enabled_events: The types of events, such as ``receiver.types``. ``*`` stands for all types.
            options: Settings for each of the calls. An idempotency key in them is used for creating the endpoint.

        Returns:
            The endpoint, and what was done. Its ``secret`` is available only if the endpoint was created.

        Raises:
            ConfigurationError: The URL or the types of events are missing.
            InvalidRequestError: WooshPay does not accept the URL or a type of event.
            IdempotencyError: Another process was creating the endpoint and has not finished. Call again.
        """
        given = options or RequestOptions()
        settings = attrs.evolve(given, idempotency_key=UNSET)
        wanted = checked_types(url, enabled_events)
        reasons: list[str] = []
        pauses = iter(_PAUSES)
        while True:
            plan = plan_endpoint([one async for one in self.list(limit=_LARGEST_PAGE, options=settings)], url, wanted)
            if plan.endpoint is not None:
                return await _carry_out(self, plan, plan.endpoint, settings)
            key = creation_key(url, reasons) if given.idempotency_key is UNSET else given.idempotency_key
            creating = attrs.evolve(settings, idempotency_key=key)
            try:
                endpoint = await self.create(url=url, enabled_events=wanted, options=creating)
            except IdempotencyError as error:
                if given.idempotency_key is not UNSET or error.code == _IN_USE:
                    raise
                # Another process creates an endpoint for this URL with other types: it will be in the list. If it never
                # is, it was created with this key and deleted since.
                pause = next(pauses, None)
                if pause is None:
                    reasons.append(",".join(wanted))
                    pauses = iter(_PAUSES)
                    if len(reasons) > _MOST_KEYS:
                        raise
                else:
                    await _sleep(self, pause)
                continue
            if given.idempotency_key is not UNSET or await _exists(self, endpoint, settings):
                return EnsuredEndpoint(endpoint=endpoint, action="created", added=wanted)
            # The response was that of an earlier request with this key, and the endpoint was deleted since.
            reasons.append(endpoint.id)


async def _carry_out(
    endpoints: WebhookEndpoints[Async], plan: EndpointPlan, endpoint: WebhookEndpoint, options: RequestOptions
) -> EnsuredEndpoint:
    if plan.action == "updated":
        endpoint = await endpoints.update(
            endpoint.id,
            url=plan.url if plan.url != endpoint.url else UNSET,
            enabled_events=plan.enabled_events if plan.added else UNSET,
            disabled=False if plan.enable else UNSET,
            options=options,
        )
    return EnsuredEndpoint(
        endpoint=endpoint, action=plan.action, added=plan.added, enabled=plan.enable, others=plan.others
    )


async def _exists(endpoints: WebhookEndpoints[Async], endpoint: WebhookEndpoint, options: RequestOptions) -> bool:
    for pause in (*_PAUSES, None):
        try:
            await endpoints.retrieve(endpoint.id, options=options)
            return True
        except NotFoundError:
            if pause is None:
                break
            await _sleep(endpoints, pause)
        except WooshPayError:
            # It cannot be checked now. With an exception, the secret would be lost, which nothing returns again.
            return True
    return False


async def _sleep(endpoints: WebhookEndpoints[Async], seconds: float) -> None:
    caller = cast("AsyncCaller", endpoints._caller)  # pyright: ignore[reportPrivateUsage]  # of this section
    await caller.pipeline.config.effects.sleep(seconds)
