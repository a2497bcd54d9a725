"""What the tests of subscriptions share: months, prices, invoices."""

from __future__ import annotations

from typing import Any

from sandbox.rig import Api

# 1 March 2026, 00:00 UTC: a month of 31 days, then one of 30.
MARCH = 1_772_323_200_000
APRIL = MARCH + 31 * 86_400_000
MAY = APRIL + 30 * 86_400_000
JUNE = MAY + 31 * 86_400_000


async def make_price(api: Api, name: str, amount: int) -> dict[str, Any]:
    """1. A price whose recurring part sets the billing cycle."""
    price: dict[str, Any] = await api.make(
        "/v1/prices",
        {
            "currency": "USD",
            "product_data": {"name": name},
            "unit_amount": amount,
            "active": True,
            "recurring": {"interval": "month", "interval_count": 1},
        },
    )
    return price


async def invoices_of(api: Api, subscription: dict[str, Any]) -> list[dict[str, Any]]:
    """Newest first."""
    found: list[dict[str, Any]] = (await api.get("/v1/invoices", query={"subscription": subscription["id"]})).body[
        "data"
    ]
    return found


async def balance(api: Api) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await api.find("/v1/balance"))["available"]
    return found
