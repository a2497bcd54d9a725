"""Issued cards: made, switched on and off, canceled, listed; their numbers stay hidden."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest
from sandbox.issuing.counter import CARDS, buy, event_types, make_card, make_holder
from sandbox.rig import Api

from wooshpay.sandbox import CARDS as TEST_CARDS
from wooshpay.sandbox import Sandbox
from wooshpay.sandbox.rules.cards import passes_luhn

START = 1_767_225_600_000  # 2026-01-01


async def test_created_inactive_with_its_cardholder_whole(api: Api, sandbox: Sandbox) -> None:
    holder = await make_holder(api)
    card = await api.make(CARDS, {"cardholder": holder["id"], "currency": "usd", "type": "virtual"})
    assert card["id"].startswith("ic_")
    today = datetime.now(UTC)
    assert card == {
        "id": card["id"],
        "object": "issuing.card",
        "created": card["created"],
        "livemode": False,
        "brand": "Visa",
        "exp_month": today.month,
        "exp_year": today.year + 3,
        "first6": "400000",
        "last4": card["last4"],
        "type": "virtual",
        "cardholder": holder,
        "currency": "USD",
        "metadata": {},
        "status": "inactive",
    }
    assert await api.find(f"{CARDS}/{card['id']}") == card
    assert event_types(sandbox) == ["issuing_cardholder.created", "issuing_card.created"]
    assert sandbox.store.events()[-1]["data"]["object"] == card


async def test_created_active_if_asked_for(api: Api) -> None:
    card = await make_card(api, metadata={"team": "red"})
    assert (card["status"], card["metadata"]) == ("active", {"team": "red"})


async def test_metadata_may_come_as_text_as_the_reference_types_it(api: Api) -> None:
    card = await make_card(api, metadata='{"team": "red"}')
    assert card["metadata"] == {"team": "red"}
    assert (await api.make(f"{CARDS}/{card['id']}", {"metadata": ""}))["metadata"] == {}


@pytest.mark.parametrize(
    ("fields", "status", "param"),
    [
        ({"cardholder": None}, 400, "cardholder"),
        ({"cardholder": "ich_0"}, 404, "cardholder"),
        ({"currency": None}, 400, "currency"),
        ({"type": None}, 400, "type"),
        ({"type": "physical"}, 400, "type"),
        ({"status": "canceled"}, 400, "status"),
        (
            {"spending_controls": {"spending_limits_currency": "eur"}},
            400,
            "spending_controls[spending_limits_currency]",
        ),
    ],
)
async def test_refused(api: Api, sandbox: Sandbox, fields: dict[str, Any], status: int, param: str) -> None:
    holder = await make_holder(api)
    body: dict[str, Any] = {"cardholder": holder["id"], "currency": "usd", "type": "virtual", **fields}
    reply = await api.post(CARDS, body)
    assert (reply.status, reply.error["param"]) == (status, param)
    assert sandbox.store.count("issuing.card") == 0


async def test_number_and_code_only_where_expand_names_them(api: Api, sandbox: Sandbox) -> None:
    card = await make_card(api)
    path = f"{CARDS}/{card['id']}"
    number = (await api.find(f"{path}?expand[]=issuing_card.number"))["number"]
    both = await api.find(f"{path}?expand[]=issuing_card.number&expand[]=issuing_card.cvc")
    assert both == {**card, "number": number, "cvc": both["cvc"]}
    assert (await api.find(f"{path}?expand=issuing_card.cvc")) == {**card, "cvc": both["cvc"]}
    assert (len(number), passes_luhn(number), number[:6], number[-4:]) == (16, True, "400000", card["last4"])
    assert (len(both["cvc"]), both["cvc"].isdigit()) == (3, True)

    buy(sandbox, card, 100)
    changed = await api.make(path, {"status": "inactive", "expand": ["issuing_card.number"]})
    listed = await api.get(CARDS, query={"expand[]": "issuing_card.number"})
    for answer in (card, changed, listed.body, sandbox.store.events(), sandbox.store.all("issuing.authorization")):
        assert number not in str(answer)
        assert "'cvc'" not in str(answer)


@pytest.mark.parametrize("expand", ["number", "cvc", "issuing_card.pin"])
async def test_only_the_documented_form_expands(api: Api, expand: str) -> None:
    card = await make_card(api)
    reply = await api.get(f"{CARDS}/{card['id']}", query={"expand[]": expand})
    assert (reply.status, reply.error["param"]) == (400, "expand")
    assert "issuing_card.number" in reply.error["message"]


async def test_numbers_differ_are_no_test_cards_and_repeat_with_a_seed() -> None:
    def now() -> int:
        return START

    runs: list[list[str]] = []
    for _ in range(2):
        async with Sandbox(seed=7, now=now) as sandbox, aiohttp.ClientSession() as session:
            api = Api(session, sandbox.base_url, sandbox.api_key)
            holder = (await make_holder(api))["id"]
            made = [await make_card(api, holder) for _ in range(5)]
            expand = "expand[]=issuing_card.number"
            runs.append([(await api.find(f"{CARDS}/{card['id']}?{expand}"))["number"] for card in made])
    assert runs[0] == runs[1]
    assert len(set(runs[0])) == 5
    assert not set(runs[0]) & {card.number for card in TEST_CARDS}


async def test_active_and_inactive_follow_one_another(api: Api, sandbox: Sandbox) -> None:
    card = await make_card(api, status="inactive")
    for status in ("active", "inactive", "active"):
        assert (await api.make(f"{CARDS}/{card['id']}", {"status": status}))["status"] == status
    assert event_types(sandbox)[-3:] == ["issuing_card.updated"] * 3


@pytest.mark.parametrize("before", ["active", "inactive"])
@pytest.mark.parametrize("reason", ["lost", "stolen", None])
async def test_canceled_for_good(api: Api, before: str, reason: str | None) -> None:
    card = await make_card(api, status=before)
    path = f"{CARDS}/{card['id']}"
    canceled = await api.make(path, {"status": "canceled", "cancellation_reason": reason})
    expected = {"status": "canceled"} if reason is None else {"status": "canceled", "cancellation_reason": reason}
    assert canceled == {**card, **expected}
    refused: list[dict[str, Any]] = [{"status": "active"}, {"status": "canceled"}, {"spending_controls": {}}]
    for body in refused:
        reply = await api.post(path, body)
        assert (reply.status, reply.error["code"]) == (400, "issuing_card_unexpected_state")
    assert await api.find(path) == canceled
    assert (await api.make(path, {"metadata": {"k": "v"}}))["metadata"] == {"k": "v"}


@pytest.mark.parametrize(
    "body",
    [
        {"status": "canceled", "cancellation_reason": "design_rejected"},
        {"cancellation_reason": "lost"},
        {"status": "inactive", "cancellation_reason": "lost"},
    ],
)
async def test_a_reason_goes_with_a_cancellation_by_the_merchant(api: Api, body: dict[str, Any]) -> None:
    card = await make_card(api)
    reply = await api.post(f"{CARDS}/{card['id']}", body)
    assert (reply.status, reply.error["param"]) == (400, "cancellation_reason")
    assert await api.find(f"{CARDS}/{card['id']}") == card


async def test_controls_that_are_left_out_stay(api: Api) -> None:
    limit = {"amount": 5000, "interval": "daily"}
    card = await make_card(api, spending_controls={"allowed_categories": ["a"], "spending_limits": [limit]})
    assert card["spending_controls"] == {
        "allowed_categories": ["a"],
        "spending_limits": [limit],
        "spending_limits_currency": "USD",
    }
    path = f"{CARDS}/{card['id']}"
    reply = await api.post(path, {"spending_controls": {"blocked_categories": ["b"]}})
    assert (reply.status, reply.error["param"]) == (400, "spending_controls[blocked_categories]")
    body = {"spending_controls": {"blocked_categories": ["b"], "allowed_categories": []}}
    assert (await api.make(path, body))["spending_controls"] == {
        "allowed_categories": [],
        "blocked_categories": ["b"],
        "spending_limits": [limit],
        "spending_limits_currency": "USD",
    }


async def test_unknown(api: Api) -> None:
    for reply in (
        await api.get(f"{CARDS}/ic_0"),
        await api.get(f"{CARDS}/ic_0/limits"),
        await api.post(f"{CARDS}/ic_0", {}),
    ):
        assert (reply.status, reply.error["code"]) == (404, "resource_missing")


async def test_lists_filter_by_each_field_newest_first(api: Api) -> None:
    holder = (await make_holder(api))["id"]
    one, two, three = (
        await make_card(api, holder),
        await make_card(api, holder, status="inactive"),
        await make_card(api),
    )

    async def found(**query: str) -> list[str]:
        reply = await api.get(CARDS, query=query)
        assert (reply.status, reply.body["url"]) == (200, CARDS)
        return [entry["id"] for entry in reply.body["data"]]

    ids = [three["id"], two["id"], one["id"]]
    assert await found() == ids
    assert await found(cardholder=holder) == ids[1:]
    assert await found(cardholder=holder, status="active") == ids[2:]
    assert await found(type="virtual", limit="2") == ids[:2]
    assert await found(type="physical") == []
    assert one["id"] in await found(last4=one["last4"])
    assert await found(exp_year=str(one["exp_year"]), exp_month=str(one["exp_month"])) == ids
    assert await found(exp_year="2001") == []
    assert await found(exp_month=str(one["exp_month"] % 12 + 1)) == []
    assert await found(ending_before=ids[1]) == ids[:1]


@pytest.mark.parametrize("query", [{"status": "asleep"}, {"type": "paper"}, {"exp_month": "13"}, {"exp_year": "x"}])
async def test_a_wrong_filter(api: Api, query: dict[str, str]) -> None:
    reply = await api.get(CARDS, query=query)
    assert (reply.status, reply.error["param"]) == (400, next(iter(query)))
