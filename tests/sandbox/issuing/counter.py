"""What the tests of issuing work with: cardholders, cards, and sellers that the cards are used at."""

from __future__ import annotations

from typing import Any

import pytest
from sandbox.rig import Api

from wooshpay.sandbox import Sandbox
from wooshpay.sandbox.engine.errors import SandboxError

HOLDERS = "/v1/issuing/cardholders"
CARDS = "/v1/issuing/cards"
AUTHORIZATIONS = "/v1/issuing/authorizations"
TRANSACTIONS = "/v1/issuing/transactions"

BILLING = {"address": {"line1": "1 Test Street", "city": "London", "postal_code": "N1 7AA", "country": "GB"}}


async def make_holder(api: Api, **fields: Any) -> Any:
    """Make a cardholder."""
    return await api.make(HOLDERS, {"name": "Jo Doe", "billing": BILLING, **fields})


async def make_card(api: Api, holder: str | None = None, **fields: Any) -> Any:
    """Make a card that can be used, for a new cardholder where none is named."""
    holder = holder or (await make_holder(api))["id"]
    body = {"cardholder": holder, "currency": "usd", "type": "virtual", "status": "active", **fields}
    return await api.make(CARDS, body)


def act(sandbox: Sandbox, name: str, **params: Any) -> Any:
    """Do what somebody other than the merchant does."""
    return sandbox.act(f"issuing.{name}", **params)


def buy(sandbox: Sandbox, card: Any, amount: int, category: str | None = None, **params: Any) -> Any:
    """Pay with a card."""
    if category is not None:
        params["merchant_data"] = {"name": "Shop", "category": category}
    return act(sandbox, "authorize", card=card["id"], amount=amount, **params)


def refuse(sandbox: Sandbox, name: str, **params: Any) -> SandboxError:
    """Do what must be refused; give the error."""
    with pytest.raises(SandboxError) as caught:
        act(sandbox, name, **params)
    return caught.value


def event_types(sandbox: Sandbox) -> list[str]:
    """The types of the events so far that issuing let come up."""
    return [event["type"] for event in sandbox.store.events() if event["type"].startswith("issuing_")]
