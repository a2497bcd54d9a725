"""What ``wooshpay listen`` needs of a running sandbox: an endpoint of its own, and the attempts as they end."""

from __future__ import annotations

from typing import Final

import attrs

from wooshpay.core.json import JsonObject
from wooshpay.errors import ConfigurationError
from wooshpay.sandbox.behaviours.webhook_endpoints import add_listener
from wooshpay.sandbox.engine.errors import invalid, missing
from wooshpay.sandbox.engine.listing import envelope
from wooshpay.sandbox.engine.params import Params
from wooshpay.sandbox.engine.state import State
from wooshpay.sandbox.webhooks.deliveries import Deliveries, Delivery
from wooshpay.sandbox.webhooks.posting import DeliveryAttempt

_MOST: Final = 500


def listen(state: State, deliveries: Deliveries, params: Params) -> JsonObject:
    """Register an endpoint that a listener removes when it ends, or find the one that its URL already has.

    Returns:
        The endpoint with its secret, whether the listener owns it, and the position of the next attempt.

    Raises:
        SandboxError: The URL, the types or the secret are not possible, or the URL has another secret already.
    """
    url = params.need_text("url")
    events = params.texts("enabled_events") or ["*"]
    secret = params.text("secret")
    if secret is not None:
        _check_secret(secret)
    position = deliveries.position
    endpoint, owned = add_listener(state, url, events, secret)
    return {"object": "sandbox.listener", "endpoint": state.view(endpoint), "owned": owned, "position": position}


def attempts(state: State, deliveries: Deliveries, params: Params, url: str) -> JsonObject:
    """List the attempts at delivery that were finished after a position, oldest first.

    Raises:
        SandboxError: The endpoint does not exist any more.
    """
    endpoint = params.text("endpoint")
    if endpoint is not None:
        state.need("webhook_endpoint", endpoint, param="endpoint")
    limit = params.integer("limit", least=1, most=_MOST) or _MOST
    found, position = deliveries.attempts_after(params.text("after"), endpoint_id=endpoint, most=limit)
    page = envelope(url, [_attempt_json(state, *each) for each in found], has_more=position != deliveries.position)
    return {**page, "position": position}


def _attempt_json(state: State, delivery: Delivery, attempt: DeliveryAttempt) -> JsonObject:
    event = state.store["event"].get(delivery.event_id)
    about = None if event is None else event["data"]["object"].get("id")
    last = attempt is delivery.attempts[-1]
    return {
        "object": "sandbox.attempt",
        "delivery": delivery.id,
        "event": delivery.event_id,
        "event_type": delivery.event_type,
        "about": about,
        "endpoint": delivery.endpoint_id,
        **attrs.asdict(attempt),
        "next_at": delivery.next_at if last else None,
    }


def _check_secret(secret: str) -> None:
    from wooshpay.webhooks.signature import check_secrets

    if not secret:
        raise missing("secret")
    try:
        check_secrets(secret)
    except ConfigurationError:
        # The sentence of the error is for people who have the secret in a setting.
        raise invalid("secret", "the secret of a webhook endpoint, such as whsec_...") from None
