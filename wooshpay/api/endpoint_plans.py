"""Decides how to create or update a webhook endpoint so that it is sent some types of events. Nothing is sent here."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Literal, TypeAlias, cast
from urllib.parse import urlsplit

import attrs

from wooshpay.errors import ConfigurationError

if TYPE_CHECKING:
    from wooshpay.api.events import EventType
    from wooshpay.api.webhook_endpoints import WebhookEndpoint

EndpointAction: TypeAlias = Literal["created", "updated", "unchanged"]


@attrs.frozen(kw_only=True)
class EndpointPlan:
    """The request that is needed so that an endpoint for a URL is sent some types of events.

    Attributes:
        action: ``created``, ``updated`` or ``unchanged``.
        url: The URL that the endpoint will have.
        enabled_events: The types of events that it will be sent.
        endpoint: The existing endpoint; ``None`` if there is none.
        added: The types of events that are missing.
        enable: Whether the endpoint is disabled and has to be enabled.
        others: Further enabled endpoints for the same URL. Each of them gets its own delivery of every event.
    """

    action: EndpointAction
    url: str
    enabled_events: tuple[str, ...]
    endpoint: WebhookEndpoint | None = None
    added: tuple[str, ...] = ()
    enable: bool = False
    others: tuple[WebhookEndpoint, ...] = ()


@attrs.frozen(kw_only=True)
class EnsuredEndpoint:
    """The result of `WebhookEndpoints.ensure`.

    Attributes:
        endpoint: The endpoint as it is now.
        action: ``created``, ``updated`` or ``unchanged``.
        added: The types of events that were added.
        enabled: Whether the endpoint was disabled and has been enabled.
        others: Further enabled endpoints for the same URL. Each of them gets its own delivery of every event, so delete
            those that you do not need.
    """

    endpoint: WebhookEndpoint
    action: EndpointAction
    added: tuple[str, ...] = ()
    enabled: bool = False
    others: tuple[WebhookEndpoint, ...] = ()

    @property
    def secret(self) -> str | None:
        """The secret that deliveries are signed with, if the endpoint was created. It is not shown again: store it."""
        return self.endpoint.secret if self.action == "created" else None


def plan_endpoint(
    existing: Iterable[WebhookEndpoint], url: str, enabled_events: Iterable[EventType | str]
) -> EndpointPlan:
    """Decide what has to be done so that one endpoint for a URL is sent some types of events. Nothing is sent.

    URLs that differ only in a slash at the end, in the case of the host, or in a default port are the same.

    Args:
        existing: All endpoints of the account.
        url: The URL.
        enabled_events: The types of events; ``*`` stands for all types.

    Raises:
        ConfigurationError: The URL or the types of events are missing.
    """
    wanted = checked_types(url, enabled_events)
    place = _place(url)
    found = [endpoint for endpoint in existing if _place(endpoint.url) == place]
    if not found:
        return EndpointPlan(action="created", url=url, enabled_events=wanted, added=wanted)
    # One that is used already comes first; then the one that needs the fewest changes; then the oldest.
    found.sort(key=lambda one: (_is_disabled(one), one.url != url, len(_missing(one, wanted)), _created(one), one.id))
    endpoint, *others = found
    added = _missing(endpoint, wanted)
    enable = _is_disabled(endpoint)
    unchanged = not added and not enable and endpoint.url == url
    return EndpointPlan(
        action="unchanged" if unchanged else "updated",
        url=url,
        enabled_events=("*",) if "*" in added else (*_types(endpoint), *added),
        endpoint=endpoint,
        added=added,
        enable=enable,
        others=tuple(other for other in others if not _is_disabled(other)),
    )


def checked_types(url: str, enabled_events: Iterable[EventType | str]) -> tuple[str, ...]:
    """Return the types of events, sorted and without duplicates; ``("*",)`` if they are all types.

    Raises:
        ConfigurationError: The URL or the types of events are missing.
    """
    if not isinstance(url, str) or not url.strip():  # pyright: ignore[reportUnnecessaryIsInstance]  # callers are not all typed
        raise ConfigurationError(
            "url is empty. Pass the address of your endpoint, such as https://shop.example/webhooks."
        )
    if isinstance(enabled_events, str):
        raise ConfigurationError(
            f"enabled_events must be a list of types, not the text {enabled_events!r}. Pass [{enabled_events!r}]."
        )
    wanted = tuple(sorted(set(enabled_events)))
    if not wanted:
        raise ConfigurationError(
            "enabled_events is empty, so the endpoint would be sent nothing. Pass types such as"
            " payment_intent.succeeded. If you pass receiver.types, register the handlers first."
        )
    return ("*",) if "*" in wanted else wanted


def _missing(endpoint: WebhookEndpoint, wanted: Sequence[str]) -> tuple[str, ...]:
    present = _types(endpoint)
    return () if "*" in present else tuple(type for type in wanted if type not in present)


# Fields of a response may have another type than the documented one.


def _types(endpoint: WebhookEndpoint) -> list[str]:
    types = cast("object", endpoint.enabled_events)
    return [str(type) for type in cast("list[object]", types)] if isinstance(types, list) else []


def _created(endpoint: WebhookEndpoint) -> float:
    created = cast("object", endpoint.created)
    return created if isinstance(created, (int, float)) else 0.0


def _is_disabled(endpoint: WebhookEndpoint) -> bool:
    return endpoint.status == "disabled"


def _place(url: object) -> str:
    """Return the form of a URL that all spellings of the same endpoint share."""
    try:
        parts = urlsplit(str(url))
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        return str(url)  # it is not a valid URL, so it has no other spelling
    scheme = parts.scheme.lower()
    shown = "" if port is None or (scheme, port) in {("https", 443), ("http", 80)} else f":{port}"
    user, at, _ = parts.netloc.rpartition("@")
    query = f"?{parts.query}" if parts.query else ""
    return f"{scheme}://{user}{at}{host}{shown}{parts.path.rstrip('/')}{query}"


def creation_key(url: str, reasons: Sequence[str]) -> str:
    """Return the idempotency key for creating an endpoint: all processes make the same key for the same URL."""
    digest = hashlib.sha256("\n".join([_place(url), *reasons]).encode(errors="surrogatepass")).hexdigest()
    return f"wooshpay-endpoint-{digest[:32]}"
