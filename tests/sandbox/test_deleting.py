"""Deleting entries while a list is read, with both clients against the sandbox."""

from __future__ import annotations

import pytest

from wooshpay import AsyncWooshPay, WooshPay
from wooshpay.sandbox import Sandbox

EVENTS = ["payment_intent.succeeded"]
COUNT = 25


async def test_each_entry_can_be_deleted_as_it_comes(sandbox: Sandbox) -> None:
    """At the edge of a page, the entry that the next page follows was gone: a 404, and 15 endpoints were left."""
    async with AsyncWooshPay(sandbox.api_key, base_url=sandbox.base_url) as client:
        made = [
            (await client.webhook_endpoints.create(url=f"https://shop.example/{n}", enabled_events=EVENTS)).id
            for n in range(COUNT)
        ]
        deleted: list[str] = []
        async for endpoint in client.webhook_endpoints.list():
            await client.webhook_endpoints.delete(endpoint.id)
            deleted.append(endpoint.id)
        assert sorted(deleted) == sorted(made)
        assert len(await client.webhook_endpoints.list()) == 0


@pytest.mark.parametrize("backwards", [False, True], ids=["forwards", "backwards"])
def test_each_entry_can_be_deleted_as_it_comes_in_the_sync_client(backwards: bool) -> None:
    with Sandbox() as sandbox, WooshPay(sandbox.api_key, base_url=sandbox.base_url) as client:
        made = [
            client.webhook_endpoints.create(url=f"https://shop.example/{n}", enabled_events=EVENTS).id
            for n in range(COUNT)
        ]
        # The oldest comes last. Backwards, it is where the walk begins, and it stays.
        pager = client.webhook_endpoints.list(ending_before=made[0]) if backwards else client.webhook_endpoints.list()
        for endpoint in pager:
            client.webhook_endpoints.delete(endpoint.id)
        left = [endpoint.id for endpoint in client.webhook_endpoints.list()]
        assert left == ([made[0]] if backwards else [])
