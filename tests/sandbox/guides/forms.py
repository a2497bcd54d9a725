"""The forms that WooshPay's guides show in their answers, and the steps that guides share."""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import Any

from sandbox.rig import Api, Hook, Shop

from wooshpay.sandbox import Sandbox

# The card of the guides.
CARD = {"number": "4111111111111111", "exp_month": "03", "exp_year": "2090", "cvc": "123"}


def check_id(id: str, prefix: str) -> None:
    """A prefix and 19 digits."""
    assert re.fullmatch(rf"{prefix}_\d{{19}}", id), id


def check_head(data: dict[str, Any], prefix: str, kind: str) -> None:
    """What every object begins with: id, kind, a time in milliseconds on a whole second, test mode."""
    check_id(data["id"], prefix)
    assert data["object"] == kind
    assert 1_600_000_000_000 < data["created"] < 4_000_000_000_000
    assert data["created"] % 1000 == 0
    assert data["livemode"] is False


def check_client_secret(data: dict[str, Any]) -> None:
    """The object's id, ``_secret_`` and 24 letters and digits."""
    assert re.fullmatch(rf"{data['id']}_secret_[A-Za-z0-9]{{24}}", data["client_secret"])


def check_no_nulls(value: Any) -> None:
    """Newer answers leave out what does not apply."""
    assert value is not None
    if isinstance(value, dict):
        for inner in value.values():  # pyright: ignore[reportUnknownVariableType]  # JSON
            check_no_nulls(inner)
    elif isinstance(value, list):
        for inner in value:  # pyright: ignore[reportUnknownVariableType]  # JSON
            check_no_nulls(inner)


def check_page_url(session: dict[str, Any], sandbox: Sandbox) -> None:
    """``/pay/cs_test_<the id's digits>?key=<publishable key>``."""
    digits = session["id"].removeprefix("cs_")
    assert session["url"] == f"{sandbox.base_url}/pay/cs_test_{digits}?key={sandbox.publishable_key}"


async def listen(api: Api, shop: Shop, *types: str) -> str:
    """Let webhooks come in; give the endpoint's secret."""
    endpoint = await api.make("/v1/webhook_endpoints", {"url": shop.hook(), "enabled_events": list(types)})
    secret: str = endpoint["secret"]
    return secret


def check_signature(hook: Hook, secret: str) -> None:
    """``t=<unix milliseconds>,v1=<hex>``: HMAC-SHA256 of the time, a full stop and the body, keyed by the secret."""
    parts = dict(part.split("=", 1) for part in hook.signature.split(","))
    assert re.fullmatch(r"\d{13}", parts["t"])
    signed = parts["t"].encode() + b"." + hook.body
    assert parts["v1"] == hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


def check_event(hook: Hook, type: str, data: dict[str, Any]) -> None:
    """An event about an object as it stood."""
    check_head(hook.event, "evt", "event")
    assert (hook.event["type"], hook.event["data"]["object"]) == (type, data)
