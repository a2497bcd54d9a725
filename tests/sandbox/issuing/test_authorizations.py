"""Attempts to pay with issued cards: let through or declined, then captured, reversed or lapsed."""

from __future__ import annotations

from typing import Any

import pytest
from sandbox.issuing.counter import (
    AUTHORIZATIONS,
    CARDS,
    HOLDERS,
    act,
    buy,
    event_types,
    make_card,
    make_holder,
    refuse,
)
from sandbox.rig import Api

from wooshpay.sandbox import Sandbox


async def test_let_through_and_pending_with_its_card_whole(api: Api, sandbox: Sandbox) -> None:
    card = await make_card(api)
    made = buy(sandbox, card, 1250)
    assert made["id"].startswith("iauth_")
    assert made == {
        "id": made["id"],
        "object": "issuing.authorization",
        "created": made["created"],
        "livemode": False,
        "amount": 1250,
        "approved": True,
        "card": card,
        "cardholder": card["cardholder"]["id"],
        "currency": "USD",
        "merchant_amount": 1250,
        "merchant_currency": "USD",
        "merchant_data": made["merchant_data"],
        "metadata": {},
        "network_data": made["network_data"],
        "status": "pending",
        "transactions": [],
    }
    assert made["merchant_data"]["name"] == "Sandbox Grocer"
    assert await api.find(f"{AUTHORIZATIONS}/{made['id']}") == made
    assert event_types(sandbox)[-1] == "issuing_authorization.created"
    assert sandbox.store.events()[-1]["data"]["object"] == made


async def test_the_seller_is_shown_as_told(api: Api, sandbox: Sandbox) -> None:
    seller = {"name": "Test Taxi", "category": "taxicabs_limousines", "category_code": "4121", "country": "GB"}
    made = buy(sandbox, await make_card(api), 5, merchant_data={**seller, "mood": "good"})
    assert made["merchant_data"] == seller


async def test_what_the_seller_asked_for_may_be_in_another_currency(api: Api, sandbox: Sandbox) -> None:
    made = buy(sandbox, await make_card(api), 1250, merchant_amount=1000, merchant_currency="gbp")
    assert (made["amount"], made["currency"]) == (1250, "USD")
    assert (made["merchant_amount"], made["merchant_currency"]) == (1000, "GBP")


@pytest.mark.parametrize(
    ("params", "status", "param"),
    [
        ({"card": "ic_0"}, 404, "card"),
        ({"card": None}, 400, "card"),
        ({"amount": 0}, 400, "amount"),
        ({"amount": None}, 400, "amount"),
        ({"currency": "eur"}, 400, "currency"),
        ({"merchant_amount": 5}, 400, "merchant_currency"),
        ({"merchant_currency": "gbp"}, 400, "merchant_amount"),
        ({"merchant_data": "Shop"}, 400, "merchant_data"),
    ],
)
async def test_nobody_can_pay_so(api: Api, sandbox: Sandbox, params: dict[str, Any], status: int, param: str) -> None:
    card = await make_card(api)
    error = refuse(sandbox, "authorize", **{"card": card["id"], "amount": 5, **params})
    assert (error.status, error.param) == (status, param)
    assert sandbox.store.count("issuing.authorization") == 0


async def declined(api: Api, sandbox: Sandbox, card: Any, reason: str) -> None:
    made = buy(sandbox, card, 1000)
    assert made.pop("reason") == reason
    assert (made["approved"], made["status"], made["transactions"]) == (False, "closed", [])
    assert await api.find(f"{AUTHORIZATIONS}/{made['id']}") == made
    assert sandbox.store.events()[-1]["data"]["object"] == made
    sandbox.clock.advance(days=8)
    assert await api.find(f"{AUTHORIZATIONS}/{made['id']}") == made


@pytest.mark.parametrize("status", ["inactive", "canceled"])
async def test_declined_as_the_card_is_not_active(api: Api, sandbox: Sandbox, status: str) -> None:
    card = await make_card(api)
    await api.make(f"{CARDS}/{card['id']}", {"status": status})
    await declined(api, sandbox, card, f"card_{status}")


async def test_declined_as_the_card_has_expired(api: Api, sandbox: Sandbox) -> None:
    card = await make_card(api)
    sandbox.clock.advance(days=3 * 365 - 32)
    assert buy(sandbox, card, 5)["approved"] is True
    sandbox.clock.advance(days=65)
    await declined(api, sandbox, card, "card_expired")


async def test_declined_as_the_cardholder_is_inactive(api: Api, sandbox: Sandbox) -> None:
    card = await make_card(api)
    await api.make(f"{HOLDERS}/{card['cardholder']['id']}", {"status": "inactive"})
    await declined(api, sandbox, card, "cardholder_inactive")


async def test_declined_as_the_cardholder_is_blocked(api: Api, sandbox: Sandbox) -> None:
    card = await make_card(api)
    act(sandbox, "block_cardholder", cardholder=card["cardholder"]["id"])
    await declined(api, sandbox, card, "cardholder_blocked")


async def test_declined_by_the_controls_of_the_card(api: Api, sandbox: Sandbox) -> None:
    limit = {"amount": 999, "interval": "per_authorization"}
    await declined(
        api, sandbox, await make_card(api, spending_controls={"spending_limits": [limit]}), "authorization_controls"
    )


async def test_declined_by_the_controls_of_the_cardholder(api: Api, sandbox: Sandbox) -> None:
    holder = await make_holder(api, spending_controls={"blocked_categories": ["grocery_stores_supermarkets"]})
    await declined(api, sandbox, await make_card(api, holder["id"]), "authorization_controls")


async def test_closed_by_a_capture(api: Api, sandbox: Sandbox) -> None:
    made = buy(sandbox, await make_card(api), 1000)
    transaction = act(sandbox, "capture", authorization=made["id"])
    found = await api.find(f"{AUTHORIZATIONS}/{made['id']}")
    assert found == {**made, "status": "closed", "transactions": [transaction]}
    assert event_types(sandbox)[-2:] == ["issuing_authorization.updated", "issuing_transaction.created"]
    assert sandbox.store.events("issuing_authorization.updated")[-1]["data"]["object"] == found


async def test_reversed_by_the_seller(api: Api, sandbox: Sandbox) -> None:
    made = buy(sandbox, await make_card(api), 1000)
    expected = {**made, "status": "reversed"}
    assert act(sandbox, "reverse", authorization=made["id"]) == expected
    assert await api.find(f"{AUTHORIZATIONS}/{made['id']}") == expected
    assert event_types(sandbox)[-1] == "issuing_authorization.updated"


async def test_reversed_after_seven_days(api: Api, sandbox: Sandbox) -> None:
    card = await make_card(api)
    left, taken = buy(sandbox, card, 1000), buy(sandbox, card, 500)
    act(sandbox, "capture", authorization=taken["id"])
    sandbox.clock.advance(days=6, hours=23)
    assert (await api.find(f"{AUTHORIZATIONS}/{left['id']}"))["status"] == "pending"
    sandbox.clock.advance(hours=1)
    assert (await api.find(f"{AUTHORIZATIONS}/{left['id']}"))["status"] == "reversed"
    assert (await api.find(f"{AUTHORIZATIONS}/{taken['id']}"))["status"] == "closed"
    assert event_types(sandbox)[-1] == "issuing_authorization.updated"


@pytest.mark.parametrize("ended", ["capture", "reverse", "decline"])
@pytest.mark.parametrize("name", ["capture", "reverse"])
async def test_only_a_pending_one_can_end(api: Api, sandbox: Sandbox, ended: str, name: str) -> None:
    card = await make_card(api, status="inactive" if ended == "decline" else "active")
    made = buy(sandbox, card, 1000)
    if ended != "decline":
        act(sandbox, ended, authorization=made["id"])
    before = (await api.find(f"{AUTHORIZATIONS}/{made['id']}"), len(sandbox.store.events()))
    error = refuse(sandbox, name, authorization=made["id"])
    assert (error.status, error.code) == (400, "issuing_authorization_unexpected_state")
    assert (await api.find(f"{AUTHORIZATIONS}/{made['id']}"), len(sandbox.store.events())) == before


async def test_a_canceled_card_is_still_captured(api: Api, sandbox: Sandbox) -> None:
    card = await make_card(api)
    made = buy(sandbox, card, 1000)
    await api.make(f"{CARDS}/{card['id']}", {"status": "canceled"})
    assert act(sandbox, "capture", authorization=made["id"])["amount"] == -1000


async def test_unknown(api: Api, sandbox: Sandbox) -> None:
    assert (await api.get(f"{AUTHORIZATIONS}/iauth_0")).status == 404
    for name in ("capture", "reverse"):
        error = refuse(sandbox, name, authorization="iauth_0")
        assert (error.status, error.param) == (404, "authorization")


async def test_lists_filter_by_each_field_newest_first(api: Api, sandbox: Sandbox) -> None:
    one = await make_card(api)
    holder = one["cardholder"]["id"]
    two, three = await make_card(api, holder), await make_card(api)
    made = [buy(sandbox, card, 100) for card in (one, two, three, one)]
    act(sandbox, "capture", authorization=made[0]["id"])
    act(sandbox, "reverse", authorization=made[1]["id"])
    ids = [entry["id"] for entry in reversed(made)]

    async def found(**query: str) -> list[str]:
        reply = await api.get(AUTHORIZATIONS, query=query)
        assert (reply.status, reply.body["url"]) == (200, AUTHORIZATIONS)
        return [entry["id"] for entry in reply.body["data"]]

    assert await found() == ids
    assert await found(card=one["id"]) == [ids[0], ids[3]]
    assert await found(cardholder=holder) == [ids[0], ids[2], ids[3]]
    assert await found(status="closed") == ids[3:]
    assert await found(status="reversed") == ids[2:3]
    assert await found(status="pending", card=three["id"]) == ids[1:2]
    assert await found(limit="1", starting_after=ids[1]) == ids[2:3]
    assert await found(**{"created[lt]": str(made[0]["created"] - 1000)}) == []
    reply = await api.get(AUTHORIZATIONS, query={"status": "open"})
    assert (reply.status, reply.error["param"]) == (400, "status")


async def test_the_acts_are_offered_over_http_too(api: Api) -> None:
    card = await make_card(api)
    made = await api.make("/sandbox/acts/issuing.authorize", {"card": card["id"], "amount": 1000})
    assert made["status"] == "pending"
    taken = await api.make("/sandbox/acts/issuing.capture", {"authorization": made["id"], "amount": 800})
    back = await api.make("/sandbox/acts/issuing.refund", {"transaction": taken["id"]})
    assert (taken["amount"], back["amount"]) == (-800, 800)
    reply = await api.post("/sandbox/acts/issuing.reverse", {"authorization": made["id"]})
    assert (reply.status, reply.error["code"]) == (400, "issuing_authorization_unexpected_state")
    named = [entry["name"] for entry in (await api.find("/sandbox/acts"))["data"]]
    assert [name for name in named if name.startswith("issuing.")] == [
        *("issuing.authorize", "issuing.block_cardholder", "issuing.capture"),
        *("issuing.refund", "issuing.reverse", "issuing.top_up"),
    ]
