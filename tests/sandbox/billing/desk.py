"""What the tests of billing share: customers with a card, prices, subscriptions, and a time to begin with."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sandbox.rig import GOOD, Api, Reply, card

from wooshpay.sandbox import Sandbox

DAY = 86_400_000
HOUR = 3_600_000
# Refused whenever a payment is tried, but it can be attached to a customer.
SAVED_BUT_REFUSED = "4000000000000341"


def at(text: str) -> int:
    """A moment in UTC, such as ``2026-01-31`` or ``2026-01-31T12:30``, in milliseconds."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


NEW_YEAR = at("2026-01-01")


async def customer(api: Api, number: str | None = GOOD, **fields: Any) -> str:
    """A customer; with a card number, one with a card attached."""
    made = await api.make("/v1/customers", {"email": "ada@example.com", "name": "Ada", **fields})
    if number is not None:
        await attach(api, made["id"], number)
    return str(made["id"])


async def attach(api: Api, customer_id: str, number: str = GOOD) -> str:
    """Attach a further card."""
    method = await api.make("/v1/payment_methods", card(number))
    await api.make(f"/v1/payment_methods/{method['id']}/attach", {"customer": customer_id})
    return str(method["id"])


async def price(api: Api, amount: int = 1000, interval: str = "month", count: int = 1, **fields: Any) -> str:
    """A recurring price; with interval ``once`` one that is not."""
    recurring = {} if interval == "once" else {"recurring": {"interval": interval, "interval_count": count}}
    body = {"currency": "usd", "unit_amount": amount, "product_data": {"name": "Tea club"}, **recurring, **fields}
    made = await api.make("/v1/prices", body)
    return str(made["id"])


async def subscribe(api: Api, customer_id: str, price_id: str, quantity: int = 1, **fields: Any) -> dict[str, Any]:
    """A subscription to one price."""
    made: dict[str, Any] = await api.make(
        "/v1/subscriptions",
        {"customer": customer_id, "items": [{"price": price_id, "quantity": quantity}], **fields},
    )
    return made


async def plain(api: Api, number: str | None = GOOD, amount: int = 1000, **fields: Any) -> dict[str, Any]:
    """A subscription of a new customer to a new monthly price."""
    return await subscribe(api, await customer(api, number), await price(api, amount), **fields)


async def fresh(api: Api, record: dict[str, Any]) -> dict[str, Any]:
    """An object as it is now."""
    paths = {"subscription": "subscriptions", "invoice": "invoices", "invoiceitem": "invoiceitems"}
    found: dict[str, Any] = await api.find(f"/v1/{paths[record['object']]}/{record['id']}")
    return found


async def invoices_of(api: Api, subscription: dict[str, Any]) -> list[dict[str, Any]]:
    """All invoices of a subscription, oldest first."""
    found: list[dict[str, Any]] = []
    query = {"subscription": subscription["id"], "limit": "100"}
    while True:
        page = (await api.get("/v1/invoices", query=query)).body
        found += page["data"]
        if not page["has_more"]:
            return found[::-1]
        query["starting_after"] = found[-1]["id"]


async def newest_invoice(api: Api, subscription: dict[str, Any]) -> dict[str, Any]:
    """The newest invoice of a subscription."""
    now = await fresh(api, subscription)
    found: dict[str, Any] = await api.find(f"/v1/invoices/{now['latest_invoice']}")
    return found


async def bill(api: Api, customer_id: str, *amounts: int, **fields: Any) -> dict[str, Any]:
    """A draft with lines of these amounts in USD."""
    draft = await api.make("/v1/invoices", {"customer": customer_id, "currency": "usd", **fields})
    if not amounts:
        return dict(draft)
    lines = [{"amount": amount, "description": f"Sum of {amount}"} for amount in amounts]
    made: dict[str, Any] = await api.make(f"/v1/invoices/{draft['id']}/add_lines", {"lines": lines})
    return made


async def finalized(api: Api, customer_id: str, *amounts: int, **fields: Any) -> dict[str, Any]:
    """An invoice that was finalized."""
    draft = await bill(api, customer_id, *amounts, **fields)
    made: dict[str, Any] = await api.make(f"/v1/invoices/{draft['id']}/finalize")
    return made


async def balance(api: Api, currency: str = "usd") -> int:
    """What the merchant has."""
    found = (await api.find("/v1/balance"))["available"]
    return sum(entry["amount"] for entry in found if entry["currency"] == currency)


def events(sandbox: Sandbox, *starts: str) -> list[str]:
    """The types of the events that came up, in order; those that begin with one of some words."""
    return [event["type"] for event in sandbox.store.events() if not starts or event["type"].startswith(starts)]


def refused(reply: Reply, status: int, code: str, param: str | None = None) -> None:
    """Check a refusal."""
    assert (reply.status, reply.body.get("error", {}).get("code")) == (status, code), reply.body
    assert reply.error.get("param") == param
