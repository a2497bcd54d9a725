"""The balance: whatever moves it, in each currency, and that it always adds up."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest
from sandbox.money.kit import DISPUTED, REFUSING, american, do, funded, held, paid, payout, try_to
from sandbox.rig import DECLINED, GOOD, Api, payment
from sandbox.test_shapes import check

from wooshpay.sandbox import Sandbox


async def test_row_captured(api: Api) -> None:
    await api.post("/v1/payment_intents", payment(DECLINED))
    held_back = await paid(api, capture_method="manual")
    assert await held(api) == 0
    await api.make(f"/v1/payment_intents/{held_back['id']}/capture", {"amount_to_capture": 300})
    await paid(api)
    assert await held(api) == 2300
    check(await api.find("/v1/balance"))


async def test_row_topped_up(api: Api, sandbox: Sandbox) -> None:
    balance = await do(api, "balance.top_up", amount="500", currency="eur")
    check(balance)
    assert balance == await api.find("/v1/balance")
    assert balance["available"] == [{"amount": 500, "currency": "eur"}]
    assert sandbox.store.events() == []


@pytest.mark.parametrize(
    ("params", "param"),
    [
        ({"currency": "eur"}, "amount"),
        ({"amount": 0, "currency": "eur"}, "amount"),
        ({"amount": 10**15, "currency": "eur"}, "amount"),
        ({"amount": 5}, "currency"),
        ({"amount": 5, "currency": "euro"}, "currency"),
    ],
)
async def test_a_top_up_that_is_refused_moves_nothing(api: Api, params: dict[str, Any], param: str) -> None:
    reply = await try_to(api, "balance.top_up", **params)
    assert (reply.status, reply.error["param"]) == (400, param)
    assert (await api.find("/v1/balance"))["available"] == []


async def test_row_refunded_even_below_zero(api: Api) -> None:
    intent = await paid(api)
    await api.make("/v1/payouts", payout(2000))
    await api.make("/v1/refunds", {"payment_intent": intent["id"], "amount": 62})
    assert (await api.find("/v1/balance"))["available"] == [{"amount": -62, "currency": "usd"}]
    assert (await api.post("/v1/payouts", payout(1))).error["code"] == "balance_insufficient"


async def test_row_disputed_and_won(api: Api, sandbox: Sandbox) -> None:
    await paid(api, DISPUTED)
    sandbox.clock.advance(hours=1)
    assert await held(api) == 0
    await do(api, "disputes.win", dispute=sandbox.store.all("dispute")[0]["id"])
    assert await held(api) == 2000


async def test_row_paid_out_and_returned(api: Api, sandbox: Sandbox) -> None:
    await funded(api, 6000)
    data = {"destination_data": american(account_number=REFUSING)}
    await api.make("/v1/payouts", payout(5500, beneficiary_data=data))
    assert await held(api) == 500
    sandbox.clock.advance(days=1)
    assert await held(api) == 6000


async def test_currencies_stand_apart_in_alphabetical_order(api: Api) -> None:
    for currency in ("usd", "JPY", "eur"):
        await funded(api, 10, currency)
    balance = await api.find("/v1/balance")
    assert [entry["currency"] for entry in balance["available"]] == ["eur", "jpy", "usd"]
    assert (balance["pending"], balance["livemode"]) == ([], False)


# ---- all of it together


DEEDS = (
    *("pay", "pay", "hold", "refund", "refund", "dispute", "decide", "decide", "evidence"),
    *("payout", "payout", "bank", "top_up", "wait"),
)
OPEN = {"succeeded", "pending", "in_transit", "needs_response", "under_review", "warning_needs_response"}


class Merchant:
    """Does what merchants, customers and banks do, by chance."""

    def __init__(self, api: Api, sandbox: Sandbox, seed: int) -> None:
        self.api = api
        self.sandbox = sandbox
        self.chance = random.Random(seed)
        self.topped_up: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.done: Counter[str] = Counter()

    async def act(self) -> None:
        """Do one thing; most can be refused, and then nothing may have moved."""
        name = self.chance.choice(DEEDS)
        before = (await self.api.find("/v1/balance"))["available"]
        status = await getattr(self, name)()
        (self.done if status == 200 else self.refused)[name] += 1
        if status != 200:
            assert (await self.api.find("/v1/balance"))["available"] == before, name

    async def pay(self) -> int:
        number = self.chance.choice([GOOD, DISPUTED, DECLINED])
        body = payment(number, amount=self.chance.randint(1, 5000), currency=self.currency())
        return (await self.api.post("/v1/payment_intents", body)).status

    async def hold(self) -> int:
        amount = self.chance.randint(1, 5000)
        intent = await paid(self.api, amount=amount, currency=self.currency(), capture_method="manual")
        body = {"amount_to_capture": self.chance.randint(1, 6000)}
        return (await self.api.post(f"/v1/payment_intents/{intent['id']}/capture", body)).status

    async def refund(self) -> int:
        body = {"payment_intent": self.any("payment_intent"), "amount": self.chance.randint(1, 1500)}
        return (await self.api.post("/v1/refunds", body)).status

    async def dispute(self) -> int:
        params = {"charge": self.any("charge"), "amount": self.chance.randint(1, 1500)}
        if self.chance.random() < 0.3:
            params["inquiry"] = True
        return (await try_to(self.api, "disputes.create", **params)).status

    async def decide(self) -> int:
        id = self.any("dispute")
        if self.chance.random() < 0.2:
            return (await self.api.post(f"/v1/disputes/{id}/close")).status
        return (await try_to(self.api, f"disputes.{self.chance.choice(['win', 'lose'])}", dispute=id)).status

    async def evidence(self) -> int:
        body = {"evidence": {"uncategorized_text": self.chance.choice(["winning_evidence", "losing_evidence"])}}
        return (await self.api.post(f"/v1/disputes/{self.any('dispute')}", body)).status

    async def payout(self) -> int:
        data = {"destination_data": american(account_number=self.chance.choice([REFUSING, "1"]))}
        body = payout(
            self.chance.randint(1, 4000),
            payment_currency=self.currency(),
            source_currency=self.currency(),
            beneficiary_data=data,
        )
        return (await self.api.post("/v1/payouts", body)).status

    async def bank(self) -> int:
        act = self.chance.choice(["pay", "fail", "cancel"])
        return (await try_to(self.api, f"payouts.{act}", payout=self.any("payout"))).status

    async def top_up(self) -> int:
        amount, currency = self.chance.randint(1, 9000), self.currency()
        await funded(self.api, amount, currency)
        self.topped_up[currency] += amount
        return 200

    async def wait(self) -> int:
        self.sandbox.clock.advance(hours=self.chance.choice([1, 5, 30, 200]))
        return 200

    def currency(self) -> str:
        return self.chance.choice(["USD", "JPY", "KWD"])

    def any(self, kind: str) -> str:
        """The id of an object, mostly of one that can still change."""
        all = self.sandbox.store.all(kind)
        open = [each for each in all if each["status"] in OPEN] if self.chance.random() < 0.8 else []
        return str(self.chance.choice(open or all)["id"]) if all else "none"

    def expected(self) -> dict[str, int]:
        """What the objects say that the balance must be."""
        sums = Counter(self.topped_up)
        for charge in self.sandbox.store.all("charge"):
            sums[charge["currency"]] += charge["amount_captured"]
        for refund in self.sandbox.store.all("refund"):
            sums[refund["currency"]] -= refund["amount"] if refund["status"] != "failed" else 0
        for dispute in self.sandbox.store.all("dispute"):
            if dispute["status"] in {"needs_response", "under_review", "lost"}:
                sums[dispute["currency"]] -= dispute["amount"]
        for sent in self.sandbox.store.all("payout"):
            if sent["status"] in {"pending", "in_transit", "paid"}:
                sums[sent["source_currency"]] -= sent["source_amount"]
        return {currency.lower(): amount for currency, amount in sums.items() if amount}

    def check_charges(self) -> None:
        """No charge gave more than it had: refunds and disputes share it."""
        # An authorization that is let go counts as refunded, though nothing was captured.
        for charge in (each for each in self.sandbox.store.all("charge") if each["captured"]):
            taken = sum(
                dispute["amount"]
                for dispute in self.sandbox.store.all("dispute")
                if dispute["charge"] == charge["id"] and dispute["status"] in {"needs_response", "under_review", "lost"}
            )
            assert charge["amount_refunded"] + taken <= charge["amount_captured"]


@pytest.mark.parametrize("seed", range(4))
async def test_the_balance_is_the_sum_of_what_happened(api: Api, sandbox: Sandbox, seed: int) -> None:
    sandbox.clock.freeze()
    merchant = Merchant(api, sandbox, seed)
    for _ in range(150):
        await merchant.act()
        balance = (await api.find("/v1/balance"))["available"]
        assert {entry["currency"]: entry["amount"] for entry in balance if entry["amount"]} == merchant.expected()
    merchant.check_charges()
    # Chance must have come everywhere, or the sums above say little.
    assert merchant.done.keys() >= {"pay", "hold", "refund", "dispute", "decide", "evidence", "payout", "bank"}
    assert merchant.refused.keys() >= {"refund", "dispute", "decide", "payout", "bank"}
