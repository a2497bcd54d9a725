"""Subscriptions in a state file: a sandbox that was switched off catches up, period by period."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import aiohttp
from sandbox.billing.desk import (
    DAY,
    NEW_YEAR,
    SAVED_BUT_REFUSED,
    at,
    attach,
    customer,
    fresh,
    invoices_of,
    plain,
    price,
)
from sandbox.rig import Api

from wooshpay.sandbox import Sandbox


async def test_a_sandbox_that_was_off_for_months_renews_without_gaps(tmp_path: Path) -> None:
    file = tmp_path / "sandbox.db"
    async with Sandbox(state=file, now=lambda: NEW_YEAR) as sandbox, aiohttp.ClientSession() as session:
        api = Api(session, sandbox.base_url, sandbox.api_key)
        good, bad = await plain(api), await plain(api)
        await attach(api, bad["customer"], SAVED_BUT_REFUSED)
        left = await plain(api, trial_period_days=10, cancel_at=NEW_YEAR + 50 * DAY)
        item: dict[str, Any] = good["items"][0]
        change = {"items": [{"id": item["id"], "price": await price(api, 2000)}]}
        await api.make(f"/v1/subscriptions/{good['id']}", change)
        owner = await customer(api)
        draft = await api.make("/v1/invoices", {"customer": owner, "currency": "usd", "auto_advance": True})
        await api.make(f"/v1/invoices/{draft['id']}/add_lines", {"lines": [{"amount": 500}]})

    late = NEW_YEAR + 95 * DAY
    async with Sandbox(state=file, now=lambda: late) as sandbox, aiohttp.ClientSession() as session:
        api = Api(session, sandbox.base_url, sandbox.api_key)
        await sandbox.settle()
        found = await invoices_of(api, good)
        starts = [at(f"2026-0{month}-01") for month in (1, 2, 3, 4)]
        assert [invoice["period_start"] for invoice in found] == starts
        # The difference of the change of plan waited for the first renewal.
        assert [invoice["total"] for invoice in found] == [1000, 3000, 2000, 2000]
        assert {invoice["status"] for invoice in found} == {"paid"}
        # What failed while nobody was looking is tried again from now on.
        assert (await fresh(api, bad))["status"] == "past_due"
        assert [invoice.get("next_payment_attempt") for invoice in await invoices_of(api, bad)] == [
            None,
            *[late + DAY] * 3,
        ]
        gone = await fresh(api, left)
        assert gone["status"] == "canceled"
        assert (await fresh(api, draft))["status"] == "paid"
        # The page is where the sandbox is now.
        assert found[0]["hosted_invoice_url"].startswith(sandbox.base_url)
        assert (await api.browse(found[0]["hosted_invoice_url"]))[0] == 200
        sandbox.clock.advance(days=7)
        assert (await fresh(api, bad))["status"] == "unpaid"
