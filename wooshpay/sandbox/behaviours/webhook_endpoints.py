"""Webhook endpoints.

    status      comes of
    enabled     create; update with ``disabled`` false
    disabled    update with ``disabled`` true: nothing more is sent there
    (gone)      delete

The secret is answered by create and retrieve, not in lists.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import Final
from urllib.parse import urlsplit

from wooshpay.core.json import JsonObject
from wooshpay.sandbox.engine.errors import SandboxError, invalid, missing
from wooshpay.sandbox.engine.listing import list_page
from wooshpay.sandbox.engine.params import Params, is_web_address
from wooshpay.sandbox.engine.registry import behaviour
from wooshpay.sandbox.engine.state import API_VERSION, State
from wooshpay.sandbox.engine.store import Record

_LOCAL_ENDINGS: Final = (".localhost", ".local", ".internal", ".test", ".example")


@behaviour("webhook_endpoints.create")
def create(state: State, params: Params) -> JsonObject:
    """Register an address; it gets events from now on."""
    url = _url(params)
    events = _events(params)
    if url is None or events is None:
        raise missing("url" if url is None else "enabled_events")
    read: JsonObject = {
        "api_version": params.text("api_version") or API_VERSION,
        "description": params.text("description"),
        "metadata": params.metadata() or {},
    }
    return state.view(_add(state, {**read, "url": url, "enabled_events": events}, state.ids.webhook_secret()))


def register(state: State, url: str) -> None:
    """Register an address for every event, with the account's own secret; once, however often it is asked for.

    Raises:
        SandboxError: The address is none for webhooks.
    """
    check_url(url)
    secret = state.account.webhook_secret
    if not any(endpoint["secret"] == secret for endpoint in state.store["webhook_endpoint"].where(url=url)):
        fields: JsonObject = {"api_version": API_VERSION, "description": None, "metadata": {}}
        _add(state, {**fields, "url": url, "enabled_events": ["*"]}, secret)


def add_listener(state: State, url: str, events: list[str], secret: str | None) -> tuple[Record, bool]:
    """Register the endpoint of a listener, or return the one that the URL already has, so that no event comes twice.

    Args:
        state: The sandbox.
        url: The URL.
        events: The types of events.
        secret: The secret. Default: the account's own.

    Returns:
        The endpoint, and whether it belongs to a listener, which removes it when it ends.

    Raises:
        SandboxError: The URL or a type is not possible, or the URL has an endpoint with another secret.
    """
    check_url(url)
    _check_events(events)
    for endpoint in state.store["webhook_endpoint"].where(url=url):
        if endpoint.private.get("listener"):
            endpoint.update(enabled_events=events, secret=secret or endpoint["secret"], status="enabled")
            return endpoint, True
        if endpoint["status"] == "enabled":
            if secret not in {None, endpoint["secret"]}:
                raise SandboxError(
                    "The sandbox has an endpoint with this URL and another secret, so every event would be delivered"
                    " twice. Leave the secret out to use that endpoint, or delete it.",
                    code="parameter_invalid",
                    param="secret",
                )
            return endpoint, False
    fields: JsonObject = {"api_version": API_VERSION, "description": "wooshpay listen", "metadata": {}}
    endpoint = _add(state, {**fields, "url": url, "enabled_events": events}, secret or state.account.webhook_secret)
    endpoint.private["listener"] = True
    return endpoint, True


def _add(state: State, fields: JsonObject, secret: str) -> Record:
    return state.add("we", "webhook_endpoint", {**fields, "secret": secret, "status": "enabled"})


@behaviour("webhook_endpoints.retrieve")
def retrieve(state: State, params: Params) -> JsonObject:
    """Get an endpoint with its secret."""
    return state.view(state.need("webhook_endpoint", params.id))


@behaviour("webhook_endpoints.list")
def list_endpoints(state: State, params: Params) -> JsonObject:
    """List endpoints, newest first."""
    return list_page(state, params, kind="webhook_endpoint", url="/v1/webhook_endpoints", omit="secret")


@behaviour("webhook_endpoints.update")
def update(state: State, params: Params) -> JsonObject:
    """Change an endpoint, or switch it on and off."""
    endpoint = state.need("webhook_endpoint", params.id)
    disabled = params.flag("disabled")
    read: JsonObject = {
        "description": params.text("description"),
        "enabled_events": _events(params),
        "metadata": params.metadata(endpoint["metadata"]),
        "status": None if disabled is None else "disabled" if disabled else "enabled",
        "url": _url(params),
    }
    endpoint.update({name: value for name, value in read.items() if value is not None})
    answer = state.view(endpoint)
    del answer["secret"]
    return answer


@behaviour("webhook_endpoints.delete")
def delete(state: State, params: Params) -> JsonObject:
    """Remove an endpoint; deliveries under way to it end."""
    endpoint = state.need("webhook_endpoint", params.id)
    state.store["webhook_endpoint"].remove(endpoint.id)
    return {"id": endpoint.id, "object": "webhook_endpoint", "deleted": True}


def _events(params: Params) -> list[str] | None:
    events = params.texts("enabled_events")
    if events is not None and not events:
        raise missing("enabled_events")
    _check_events(events or ())
    return events


def _check_events(events: Iterable[str]) -> None:
    for place, event in enumerate(events):
        # The reference knows whole names and "*" only; another pattern would never match.
        if "*" in event and event != "*":
            raise invalid(f"enabled_events[{place}]", "the whole name of an event, or * alone for all of them")


def _url(params: Params) -> str | None:
    url = params.text("url")
    if url is not None:
        check_url(url)
    return url


def check_url(url: str) -> None:
    """Refuse an address that is none for webhooks.

    Raises:
        SandboxError: It is neither https nor on this machine or network.
    """
    if not is_web_address(url) or (urlsplit(url).scheme.lower() == "http" and not _is_local(url)):
        raise SandboxError(
            "url must start with https://; http:// is for endpoints on this machine or network.",
            code="url_invalid",
            param="url",
        )


def _is_local(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return "." not in host or host.endswith(_LOCAL_ENDINGS)
