"""Money that moves through issued cards: captures and refunds."""

from __future__ import annotations

from typing import Any

import pytest
from sandbox.issuing.counter import AUTHORIZATIONS, TRANSACTIONS, act, buy, event_types, make_card, refuse
from sandbox.rig import Api

from wooshpay.sandbox import Sandbox


async def test_a_capture_is_negative_and_tells_its_time_as_text(api: Api, sandbox: Sandbox) -> None:
    card = await make_card(api)
    authorization = buy(sandbox, card, 1250)
    made = act(sandbox, "capture", authorization=authorization["id"])
    assert made["id"].startswith("ipi_")
    assert made == {
        "id": made["id"],
        "object": "issuing.transaction",
        "created": made["created"],
        "livemode": False,
        "amount": -1250,
        "authorization": authorization["id"],
        "card": card["id"],
        "cardholder": card["cardholder"]["id"],
        "currency": "USD",
        "merchant_amount": -1250,
        "merchant_currency": "USD",
        "merchant_data": authorization["merchant_data"],
        "metadata": {},
        "network_data": made["network_data"],
        "type": "capture",
    }
    assert abs(int(made["created"]) - sandbox.clock.now) < 60_000
    assert await api.find(f"{TRANSACTIONS}/{made['id']}") == made
    assert event_types(sandbox)[-1] == "issuing_transaction.created"
    assert sandbox.store.events()[-1]["data"]["object"] == made


async def test_a_part_may_be_captured_but_no_more_than_was_authorized(api: Api, sandbox: Sandbox) -> None:
    authorization = buy(sandbox, await make_card(api), 1000)
    error = refuse(sandbox, "capture", authorization=authorization["id"], amount=1001)
    assert (error.status, error.code, error.param) == (400, "amount_too_large", "amount")
    assert sandbox.store.count("issuing.transaction") == 0
    assert act(sandbox, "capture", authorization=authorization["id"], amount=300)["amount"] == -300
    assert (await api.find(f"{AUTHORIZATIONS}/{authorization['id']}"))["status"] == "closed"


async def test_refunds_up_to_what_was_captured(api: Api, sandbox: Sandbox) -> None:
    authorization = buy(sandbox, await make_card(api), 1000)
    captured = act(sandbox, "capture", authorization=authorization["id"], amount=900)
    first = act(sandbox, "refund", transaction=captured["id"], amount=300)
    assert (first["type"], first["amount"], first["authorization"]) == ("refund", 300, authorization["id"])
    assert event_types(sandbox)[-1] == "issuing_transaction.created"
    error = refuse(sandbox, "refund", transaction=captured["id"], amount=601)
    assert (error.status, error.code, error.param) == (400, "amount_too_large", "amount")
    rest = act(sandbox, "refund", transaction=captured["id"])
    assert rest["amount"] == 600
    for id in (captured["id"], rest["id"]):
        error = refuse(sandbox, "refund", transaction=id)
        assert (error.status, error.code) == (400, "issuing_transaction_unexpected_state")
    moved = (await api.find(f"{AUTHORIZATIONS}/{authorization['id']}"))["transactions"]
    assert moved == [captured, first, rest]
    assert await api.find(f"{TRANSACTIONS}/{captured['id']}") == captured


async def test_parts_in_the_sellers_currency_add_up_to_the_whole(api: Api, sandbox: Sandbox) -> None:
    authorization = buy(sandbox, await make_card(api), 100, merchant_amount=33, merchant_currency="gbp")
    captured = act(sandbox, "capture", authorization=authorization["id"], amount=50)
    # 16.5 pence: halves are rounded up.
    assert (captured["merchant_amount"], captured["merchant_currency"]) == (-17, "GBP")
    parts = [act(sandbox, "refund", transaction=captured["id"], amount=10)["merchant_amount"] for _ in range(5)]
    assert parts == [3, 4, 3, 3, 4]
    assert sum(parts) == 17


async def test_only_the_metadata_changes(api: Api, sandbox: Sandbox) -> None:
    authorization = buy(sandbox, await make_card(api), 1000)
    made = act(sandbox, "capture", authorization=authorization["id"])
    path = f"{TRANSACTIONS}/{made['id']}"
    assert await api.make(path, {"metadata": {"a": "1", "b": "2"}, "amount": 5}) == {
        **made,
        "metadata": {"a": "1", "b": "2"},
    }
    assert (await api.make(path, {"metadata": {"a": ""}}))["metadata"] == {"b": "2"}
    # The reference types it as text.
    assert (await api.make(path, {"metadata": '{"c": "3"}'}))["metadata"] == {"b": "2", "c": "3"}
    reply = await api.post(path, {"metadata": "c=3"})
    assert (reply.status, reply.error["param"]) == (400, "metadata")
    assert (await api.make(path, {"metadata": None}))["metadata"] == {}
    assert await api.find(path) == made


async def test_unknown(api: Api, sandbox: Sandbox) -> None:
    replies = [await api.get(f"{TRANSACTIONS}/ipi_0"), await api.post(f"{TRANSACTIONS}/ipi_0", {"metadata": {}})]
    assert [reply.status for reply in replies] == [404, 404]
    error = refuse(sandbox, "refund", transaction="ipi_0")
    assert (error.status, error.param) == (404, "transaction")


async def test_lists_filter_by_each_field_newest_first(api: Api, sandbox: Sandbox) -> None:
    one = await make_card(api)
    holder = one["cardholder"]["id"]
    two, three = await make_card(api, holder), await make_card(api)
    made: list[Any] = [
        act(sandbox, "capture", authorization=buy(sandbox, card, 100)["id"]) for card in (one, two, three)
    ]
    made.append(act(sandbox, "refund", transaction=made[0]["id"]))
    ids = [entry["id"] for entry in reversed(made)]

    async def found(**query: str) -> list[str]:
        reply = await api.get(TRANSACTIONS, query=query)
        assert (reply.status, reply.body["url"]) == (200, TRANSACTIONS)
        return [entry["id"] for entry in reply.body["data"]]

    assert await found() == ids
    assert await found(card=one["id"]) == [ids[0], ids[3]]
    assert await found(cardholder=holder) == [ids[0], ids[2], ids[3]]
    assert await found(cardholder=holder, type="capture") == ids[2:]
    assert await found(type="refund") == ids[:1]
    assert await found(ending_before=ids[2], limit="1") == ids[1:2]
    assert await found(**{"created[gte]": made[0]["created"]}) == ids
    assert await found(**{"created[gt]": str(int(made[-1]["created"]) + 1000)}) == []


@pytest.mark.parametrize("query", [{"type": "gift"}, {"limit": "101"}, {"starting_after": "ipi_0"}])
async def test_a_wrong_filter(api: Api, query: dict[str, str]) -> None:
    reply = await api.get(TRANSACTIONS, query=query)
    assert (reply.status, reply.error["param"]) == (400, next(iter(query)))
