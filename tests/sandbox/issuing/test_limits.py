"""Spending limits of cards and cardholders, and the prepaid balance, over the API."""

from __future__ import annotations

from typing import Any

import pytest
from sandbox.issuing.counter import CARDS, HOLDERS, act, buy, make_card, make_holder, refuse
from sandbox.rig import Api

from wooshpay.sandbox import Sandbox


@pytest.fixture(autouse=True)
def _frozen(sandbox: Sandbox) -> None:
    """No midnight passes in the midst of a test."""
    sandbox.clock.freeze()


def limited(amount: int, interval: str, **fields: Any) -> dict[str, Any]:
    return {"spending_controls": {"spending_limits": [{"amount": amount, "interval": interval, **fields}]}}


async def left(api: Api, card: Any) -> list[int]:
    found = await api.find(f"{CARDS}/{card['id']}/limits")
    return [limit["remaining"] for limit in found["limits"]]


async def test_the_limits_have_neither_id_nor_kind(api: Api, sandbox: Sandbox) -> None:
    controls = {
        "spending_limits": [
            {"amount": 50000, "interval": "monthly"},
            {"amount": 10000, "interval": "per_authorization", "categories": ["taxicabs_limousines"]},
        ]
    }
    card = await make_card(api, spending_controls=controls)
    buy(sandbox, card, 37500)
    assert await api.find(f"{CARDS}/{card['id']}/limits") == {
        "currency": "USD",
        "limits": [
            {"amount": 50000, "interval": "monthly", "remaining": 12500},
            {"amount": 10000, "interval": "per_authorization", "remaining": 10000},
        ],
    }


async def test_a_card_without_limits(api: Api) -> None:
    card = await make_card(api)
    assert await api.find(f"{CARDS}/{card['id']}/limits") == {"currency": "USD", "limits": []}


async def test_what_is_left_follows_holds_captures_reversals_and_refunds(api: Api, sandbox: Sandbox) -> None:
    card = await make_card(api, **limited(1000, "all_time"))
    held = buy(sandbox, card, 600)
    assert await left(api, card) == [400]
    assert buy(sandbox, card, 401)["reason"] == "authorization_controls"
    assert await left(api, card) == [400]
    other = buy(sandbox, card, 400)
    assert await left(api, card) == [0]
    captured = act(sandbox, "capture", authorization=held["id"], amount=500)
    assert await left(api, card) == [100]
    act(sandbox, "reverse", authorization=other["id"])
    assert await left(api, card) == [500]
    act(sandbox, "refund", transaction=captured["id"])
    assert await left(api, card) == [500]


async def test_a_lapsed_hold_is_given_back(api: Api, sandbox: Sandbox) -> None:
    card = await make_card(api, **limited(1000, "all_time"))
    buy(sandbox, card, 600)
    sandbox.clock.advance(days=7)
    assert await left(api, card) == [1000]


@pytest.mark.parametrize(("interval", "days"), [("daily", 1), ("weekly", 7), ("monthly", 31), ("yearly", 366)])
async def test_a_limit_begins_anew_with_its_interval(api: Api, sandbox: Sandbox, interval: str, days: int) -> None:
    card = await make_card(api, **limited(1000, interval))
    act(sandbox, "capture", authorization=buy(sandbox, card, 1000)["id"])
    assert buy(sandbox, card, 1)["approved"] is False
    sandbox.clock.advance(days=days)
    assert await left(api, card) == [1000]
    assert buy(sandbox, card, 1000)["approved"] is True


async def test_a_lowered_limit_leaves_nothing_and_a_raised_one_more(api: Api, sandbox: Sandbox) -> None:
    card = await make_card(api, **limited(1000, "all_time"))
    buy(sandbox, card, 600)
    await api.make(f"{CARDS}/{card['id']}", limited(500, "all_time"))
    assert await left(api, card) == [0]
    await api.make(f"{CARDS}/{card['id']}", limited(700, "all_time"))
    assert await left(api, card) == [100]


async def test_categories_of_sellers(api: Api, sandbox: Sandbox) -> None:
    allowed = await make_card(api, spending_controls={"allowed_categories": ["taxi"]})
    blocked = await make_card(api, spending_controls={"blocked_categories": ["taxi"]})
    assert buy(sandbox, allowed, 5, "taxi")["approved"] is True
    assert buy(sandbox, allowed, 5, "bars")["reason"] == "authorization_controls"
    assert buy(sandbox, blocked, 5, "taxi")["reason"] == "authorization_controls"
    assert buy(sandbox, blocked, 5, "bars")["approved"] is True


async def test_a_cardholders_limit_is_for_all_the_cards_together(api: Api, sandbox: Sandbox) -> None:
    holder = await make_holder(api, **limited(1000, "daily"))
    one, two = await make_card(api, holder["id"]), await make_card(api, holder["id"])
    elsewhere = await make_card(api)
    for card in (one, elsewhere):
        assert buy(sandbox, card, 700)["approved"] is True
    assert buy(sandbox, two, 301)["reason"] == "authorization_controls"
    assert buy(sandbox, two, 300)["approved"] is True
    assert await left(api, one) == []
    await api.make(f"{HOLDERS}/{holder['id']}", {"spending_controls": {"spending_limits": []}})
    assert buy(sandbox, two, 5000)["approved"] is True


async def test_a_cardholders_limit_in_a_currency_binds_cards_in_it(api: Api, sandbox: Sandbox) -> None:
    controls: dict[str, Any] = limited(1000, "daily")["spending_controls"]
    holder = await make_holder(api, spending_controls={**controls, "spending_limits_currency": "eur"})
    assert holder["spending_controls"]["spending_limits_currency"] == "EUR"
    dollars, euros = await make_card(api, holder["id"]), await make_card(api, holder["id"], currency="eur")
    assert buy(sandbox, dollars, 5000)["approved"] is True
    assert buy(sandbox, euros, 1000)["approved"] is True
    assert buy(sandbox, euros, 1)["approved"] is False


async def test_a_cardholders_limit_without_a_currency_holds_in_each(api: Api, sandbox: Sandbox) -> None:
    holder = await make_holder(api, **limited(1000, "daily"))
    for currency in ("usd", "eur"):
        card = await make_card(api, holder["id"], currency=currency)
        assert buy(sandbox, card, 1000)["approved"] is True
        assert buy(sandbox, card, 1)["approved"] is False


# ---- the prepaid balance


def balance(sandbox: Sandbox, currency: str = "USD") -> int:
    found: int = sandbox.store.get(currency)["amount"]
    return found


async def test_unlimited_before_the_first_top_up(api: Api, sandbox: Sandbox) -> None:
    card = await make_card(api)
    early = buy(sandbox, card, 99_999_999)
    assert early["approved"] is True
    assert sandbox.store.count("issuing.balance") == 0
    assert act(sandbox, "top_up", amount=1000, currency="usd")["amount"] == 1000
    act(sandbox, "reverse", authorization=early["id"])
    assert balance(sandbox) == 1000


async def test_the_balance_adds_up_through_everything(api: Api, sandbox: Sandbox) -> None:
    card = await make_card(api)
    act(sandbox, "top_up", amount=1000, currency="usd")
    assert act(sandbox, "top_up", amount=500, currency="usd")["amount"] == 1500
    one, two = buy(sandbox, card, 600), buy(sandbox, card, 300)
    assert balance(sandbox) == 600
    assert buy(sandbox, card, 601)["reason"] == "insufficient_funds"
    assert balance(sandbox) == 600
    captured = act(sandbox, "capture", authorization=one["id"], amount=450)
    assert balance(sandbox) == 750
    act(sandbox, "reverse", authorization=two["id"])
    assert balance(sandbox) == 1050
    act(sandbox, "refund", transaction=captured["id"], amount=50)
    assert balance(sandbox) == 1100
    moved = sandbox.store.all("issuing.transaction")
    assert 1500 + sum(entry["amount"] for entry in moved) == 1100
    buy(sandbox, card, 1100)
    assert balance(sandbox) == 0
    sandbox.clock.advance(days=7)
    assert balance(sandbox) == 1100


async def test_each_currency_has_a_balance_of_its_own_apart_from_payments(api: Api, sandbox: Sandbox) -> None:
    before = await api.find("/v1/balance")
    act(sandbox, "top_up", amount=1000, currency="eur")
    assert buy(sandbox, await make_card(api), 5000)["approved"] is True
    assert buy(sandbox, await make_card(api, currency="eur"), 5000)["reason"] == "insufficient_funds"
    assert balance(sandbox, "EUR") == 1000
    assert await api.find("/v1/balance") == before


@pytest.mark.parametrize(("params", "param"), [({"amount": 5}, "currency"), ({"currency": "usd"}, "amount")])
async def test_a_top_up_needs(sandbox: Sandbox, params: dict[str, Any], param: str) -> None:
    error = refuse(sandbox, "top_up", **params)
    assert (error.status, error.param) == (400, param)
