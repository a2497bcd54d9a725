"""Whatever merchants, customers and time do, in any order: nothing breaks, and the money adds up."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from itertools import pairwise
from typing import Any

import pytest
from sandbox.billing.desk import NEW_YEAR, SAVED_BUT_REFUSED, attach, balance, customer, invoices_of, price
from sandbox.rig import CHALLENGED, GOOD, Api, Reply, card_form

from wooshpay.sandbox import AccountOptions, Sandbox

LATER = ("4000000000000077", "4000000000000051")


class Chaos:
    """Does something at random, again and again.

    Args:
        api: Plain HTTP.
        sandbox: The sandbox.
        chance: Decides what is done.
    """

    def __init__(self, api: Api, sandbox: Sandbox, chance: random.Random) -> None:
        self.api = api
        self.sandbox = sandbox
        self.chance = chance
        self.customers: list[str] = []
        self.prices: list[str] = []

    async def prepare(self) -> None:
        """Two customers and five prices."""
        self.customers = [await customer(self.api, number) for number in (GOOD, None)]
        for amount, interval, count in ((1000, "month", 1), (3333, "month", 1), (0, "month", 1), (250, "week", 1)):
            self.prices.append(await price(self.api, amount, interval, count))
        self.prices.append(await price(self.api, 9999, "year"))

    async def step(self) -> None:
        """One thing."""
        deeds = (self.subscribe, self.change, self.cancel, self.invoice, self.act, self.advance, self.card, self.visit)
        await self.chance.choice(deeds)()

    async def subscribe(self) -> None:
        items = [{"price": self.chance.choice(self.prices), "quantity": self.chance.randint(0, 3)}]
        extra = self.chance.choice(
            ({}, {"trial_period_days": 9}, {"collection_method": "send_invoice", "days_until_due": 4})
        )
        await self.send("/v1/subscriptions", {"customer": self.chance.choice(self.customers), "items": items, **extra})

    async def change(self) -> None:
        subscription = self.any("subscription")
        if subscription is None:
            return
        item = self.chance.choice(subscription["items"])
        entry = self.chance.choice(
            (
                {"id": item["id"], "quantity": self.chance.randint(0, 5)},
                {"id": item["id"], "price": self.chance.choice(self.prices)},
                {"price": self.chance.choice(self.prices)},
                {"id": item["id"], "deleted": True},
            )
        )
        behavior = self.chance.choice(("create_prorations", "always_invoice", "none"))
        body = self.chance.choice(
            ({"items": [entry], "proration_behavior": behavior}, {"cancel_at_period_end": self.chance.random() < 0.3})
        )
        await self.send(f"/v1/subscriptions/{subscription['id']}", body)

    async def cancel(self) -> None:
        subscription = self.any("subscription")
        if subscription is not None and self.chance.random() < 0.3:
            flags = {"prorate": self.chance.random() < 0.5, "invoice_now": self.chance.random() < 0.5}
            self.check(await self.api.send("DELETE", f"/v1/subscriptions/{subscription['id']}", flags))

    async def invoice(self) -> None:
        owner = self.chance.choice(self.customers)
        amount = self.chance.randint(-2000, 3000)
        await self.send("/v1/invoiceitems", {"customer": owner, "amount": amount, "currency": "usd"})
        await self.send("/v1/invoices", {"customer": owner, "auto_advance": self.chance.random() < 0.5})

    async def act(self) -> None:
        invoice = self.any("invoice")
        if invoice is None:
            return
        action = self.chance.choice(("pay", "finalize", "void", "send", "delete", "pay"))
        path = f"/v1/invoices/{invoice['id']}"
        if action == "delete":
            self.check(await self.api.delete(path))
        else:
            await self.send(f"{path}/{action}", {"off_session": True} if action == "pay" else {})

    async def advance(self) -> None:
        self.sandbox.clock.advance(hours=self.chance.choice((0.5, 5, 23, 24 * 3, 24 * 8, 24 * 31)))

    async def card(self) -> None:
        numbers = (GOOD, GOOD, SAVED_BUT_REFUSED, CHALLENGED, *LATER)
        owner = self.chance.choice(self.customers)
        method = await attach(self.api, owner, self.chance.choice(numbers))
        subscription = self.any("subscription")
        if subscription is not None and subscription["customer"] == owner:
            await self.send(f"/v1/subscriptions/{subscription['id']}", {"default_payment_method": method})

    async def visit(self) -> None:
        invoice = self.any("invoice")
        if invoice is not None and "hosted_invoice_url" in invoice:
            url = invoice["hosted_invoice_url"]
            assert (await self.api.browse(url))[0] == 200
            assert (await self.api.browse(url, card_form(self.chance.choice((GOOD, CHALLENGED)))))[0] < 500

    def any(self, kind: str) -> dict[str, Any] | None:
        found = self.sandbox.store.all(kind)
        return self.chance.choice(found) if found else None

    async def send(self, path: str, body: dict[str, Any]) -> None:
        self.check(await self.api.post(path, body))

    def check(self, reply: Reply) -> None:
        assert reply.status in {200, 400, 402}, reply.body


@pytest.fixture(params=["invoice", "charge"])
async def sandbox(request: pytest.FixtureRequest) -> AsyncIterator[Sandbox]:
    """A sandbox of each kind of account: one that leaves invoices of plan changes open, and one that charges them."""
    async with Sandbox(now=lambda: NEW_YEAR, account=AccountOptions(plan_changes=request.param)) as sandbox:
        yield sandbox


@pytest.mark.parametrize("seed", range(6))
async def test_nothing_breaks_and_the_money_adds_up(api: Api, sandbox: Sandbox, seed: int) -> None:
    chaos = Chaos(api, sandbox, random.Random(seed))  # chance that repeats
    await chaos.prepare()
    for _ in range(80):
        await chaos.step()
    sandbox.clock.advance(days=40)

    invoices = sandbox.store.all("invoice")
    paid = [invoice for invoice in invoices if invoice["status"] == "paid"]
    assert sum(invoice["amount_paid"] for invoice in paid) == await balance(api)
    for invoice in invoices:
        lines = invoice["lines"]["data"]
        assert invoice["subtotal"] == sum(line["amount"] for line in lines)
        assert invoice["amount_due"] >= 0
        assert invoice["amount_due"] <= max(0, invoice["total"])
        assert (invoice["status"] == "paid") == invoice["paid"]
    # What invoices below zero gave is what others used, and what is left.
    for owner in chaos.customers:
        left = (await api.make("/v1/invoices", {"customer": owner, "pending_invoice_items_behavior": "exclude"}))[
            "starting_balance"
        ]
        mine = [
            invoice for invoice in paid + [i for i in invoices if i["status"] == "open"] if invoice["customer"] == owner
        ]
        assert left <= 0
        assert -left == sum(invoice["amount_due"] - invoice["total"] for invoice in mine)
    for subscription in sandbox.store.all("subscription"):
        periods = [
            (invoice["period_start"], invoice["period_end"])
            for invoice in await invoices_of(api, subscription)
            if invoice["billing_reason"] in {"subscription_create", "subscription_cycle"}
        ]
        for before, after in pairwise(periods):
            assert before[0] < after[0]
        assert subscription["current_period_start"] < subscription["current_period_end"]
        if subscription["status"] in {"active", "trialing", "past_due", "unpaid"}:
            assert subscription["current_period_end"] > sandbox.clock.now
