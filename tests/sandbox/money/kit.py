"""What the tests of money movement share: acts, destinations, payouts, disputes, and what the balance holds."""

from __future__ import annotations

from typing import Any

from sandbox.rig import GOOD, Api, Reply, payment
from sandbox.test_shapes import check

from wooshpay.sandbox import Sandbox

DISPUTED = "4000000000000259"
REFUSING = "000111111116"
WITHDRAWN = ["charge.dispute.created", "charge.dispute.funds_withdrawn"]


async def do(api: Api, act: str, **params: Any) -> Any:
    """Carry out an act that must succeed; give its answer."""
    return await api.make(f"/sandbox/acts/{act}", params)


async def try_to(api: Api, act: str, **params: Any) -> Reply:
    """Carry out an act that may be refused."""
    return await api.post(f"/sandbox/acts/{act}", params)


async def held(api: Api, currency: str = "usd") -> int:
    """What the balance holds of a currency."""
    funds = (await api.find("/v1/balance"))["available"]
    return next((int(entry["amount"]) for entry in funds if entry["currency"] == currency), 0)


async def paid(api: Api, number: str = GOOD, **fields: Any) -> Any:
    """Take a payment of 2000 USD cents; give the intent."""
    return await api.make("/v1/payment_intents", payment(number, **fields))


def american(**fields: Any) -> dict[str, Any]:
    """A bank account in the United States."""
    whole = {
        "account_holder_name": "Grace Hopper",
        "account_number": "5500123456",
        "country": "US",
        "routing_type": "aba",
        "routing_number": "00290019",
        **fields,
    }
    return {"destination_type": "bank_account", "bank_account": {k: v for k, v in whole.items() if v is not None}}


def payout(amount: int = 5500, **fields: Any) -> dict[str, Any]:
    """The parameters of a payout in USD."""
    whole = {
        "payment_amount": amount,
        "payment_currency": "USD",
        "source_currency": "USD",
        "beneficiary_data": {"nickname": "Grace", "destination_data": american()},
        **fields,
    }
    return {name: value for name, value in whole.items() if value is not None}


async def funded(api: Api, amount: int = 100_000, currency: str = "USD") -> None:
    """Put money on the balance."""
    await do(api, "balance.top_up", amount=amount, currency=currency)


def types_of(sandbox: Sandbox, id: str) -> list[str]:
    """The types of the events about an object, oldest first."""
    return [event["type"] for event in sandbox.store.events() if event["data"]["object"]["id"] == id]


def statuses_of(sandbox: Sandbox, id: str) -> list[str]:
    """The statuses that the events about an object told, oldest first."""
    return [
        event["data"]["object"]["status"] for event in sandbox.store.events() if event["data"]["object"]["id"] == id
    ]


async def disputed(api: Api, **params: Any) -> Any:
    """A dispute of a new payment of 2000."""
    intent = await paid(api)
    return await do(api, "disputes.create", payment_intent=intent["id"], **params)


async def seen(api: Api, id: str) -> Any:
    """The dispute as it is answered now, in the documented form."""
    dispute = await api.find(f"/v1/disputes/{id}")
    check(dispute)
    return dispute


async def say(api: Api, id: str, text: str, **more: Any) -> Any:
    """Give evidence in words; it is submitted unless ``submit`` is false."""
    return await api.make(f"/v1/disputes/{id}", {"evidence": {"uncategorized_text": text}, **more})
