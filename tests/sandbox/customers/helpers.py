"""What several tests of this folder make."""

from __future__ import annotations

from typing import Any

from sandbox.rig import GOOD, Api, card

SAVED_BUT_DECLINED = "4000000000000341"
ALWAYS_ASKS = "4000002760003184"


async def customer(api: Api, **fields: Any) -> str:
    """A customer's id."""
    made: dict[str, Any] = await api.make("/v1/customers", {"email": "ada@example.com", **fields})
    return str(made["id"])


async def method(api: Api, number: str = GOOD, **fields: Any) -> dict[str, Any]:
    """A card that belongs to nobody yet."""
    made: dict[str, Any] = await api.make("/v1/payment_methods", {**card(number), **fields})
    return made


async def attached(api: Api, owner: str, number: str = GOOD) -> str:
    """The id of a card of a customer."""
    made = await method(api, number)
    await api.make(f"/v1/payment_methods/{made['id']}/attach", {"customer": owner})
    return str(made["id"])


def ids(found: Any) -> list[str]:
    """The ids in a list."""
    return [entry["id"] for entry in found["data"]]
