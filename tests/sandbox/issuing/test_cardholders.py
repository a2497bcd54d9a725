"""Cardholders: made, changed, blocked, listed."""

from __future__ import annotations

from typing import Any

import pytest
from sandbox.issuing.counter import BILLING, HOLDERS, act, event_types, make_card, make_holder
from sandbox.rig import Api

from wooshpay.sandbox import Sandbox, SandboxError


async def test_created_active_as_an_individual(api: Api, sandbox: Sandbox) -> None:
    holder = await make_holder(api, email="jo@example.com", phone_number="+442000000000", metadata={"k": "v"})
    assert holder["id"].startswith("ich_")
    assert len(holder["id"]) == len("ich_") + 19
    assert holder == {
        "id": holder["id"],
        "object": "issuing.cardholder",
        "created": holder["created"],
        "livemode": False,
        "name": "Jo Doe",
        "type": "individual",
        "status": "active",
        "billing": BILLING,
        "email": "jo@example.com",
        "phone_number": "+442000000000",
        "metadata": {"k": "v"},
    }
    assert await api.find(f"{HOLDERS}/{holder['id']}") == holder
    assert event_types(sandbox) == ["issuing_cardholder.created"]
    assert sandbox.store.events()[-1]["data"]["object"] == holder


async def test_created_inactive_if_asked_for(api: Api) -> None:
    assert (await make_holder(api, status="inactive"))["status"] == "inactive"


async def test_a_company_keeps_its_tax_id_to_itself(api: Api) -> None:
    holder = await make_holder(api, type="company", company={"tax_id": "123456789"})
    assert (holder["type"], holder["company"]) == ("company", {"tax_id_provided": True})
    assert "123456789" not in str(holder)


async def test_a_person_in_full_and_nothing_that_is_unknown(api: Api) -> None:
    person = {
        "first_name": "Jo",
        "last_name": "Doe",
        "dob": {"day": "16", "month": 5, "year": 1991},
        "card_issuing": {"user_terms_acceptance": {"date": 1731033692, "ip": "203.0.113.9", "user_agent": "B/1"}},
    }
    holder = await make_holder(api, individual={**person, "shoe_size": 42})
    assert holder["individual"] == {**person, "dob": {"day": 16, "month": 5, "year": 1991}}


@pytest.mark.parametrize(("without", "param"), [("name", "name"), ("billing", "billing")])
async def test_refused_without(api: Api, sandbox: Sandbox, without: str, param: str) -> None:
    body = {"name": "Jo Doe", "billing": BILLING}
    del body[without]
    reply = await api.post(HOLDERS, body)
    assert (reply.status, reply.error["code"], reply.error["param"]) == (400, "parameter_missing", param)
    assert sandbox.store.kinds() == []


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"type": "robot"}, "type"),
        ({"status": "blocked"}, "status"),
        ({"billing": {}}, "billing[address]"),
        ({"individual": {"first_name": "Jo"}}, "individual[last_name]"),
        ({"individual": {"first_name": "J", "last_name": "D", "dob": {"day": 32}}}, "individual[dob][day]"),
        ({"individual": {"first_name": "J", "last_name": "D", "dob": {"day": 3}}}, "individual[dob][month]"),
        ({"metadata": "no object"}, "metadata"),
        ({"metadata": "[" * 100_000}, "metadata"),
        (
            {"spending_controls": {"spending_limits": [{"amount": 1}]}},
            "spending_controls[spending_limits][0][interval]",
        ),
        (
            {"spending_controls": {"spending_limits": [{"interval": "daily"}]}},
            "spending_controls[spending_limits][0][amount]",
        ),
        (
            {"spending_controls": {"spending_limits": [{"amount": -1, "interval": "daily"}]}},
            "spending_controls[spending_limits][0][amount]",
        ),
        (
            {"spending_controls": {"spending_limits": [{"amount": 1, "interval": "hourly"}]}},
            "spending_controls[spending_limits][0][interval]",
        ),
        (
            {"spending_controls": {"allowed_categories": ["a"], "blocked_categories": ["b"]}},
            "spending_controls[blocked_categories]",
        ),
    ],
)
async def test_refused_with(api: Api, sandbox: Sandbox, fields: dict[str, Any], param: str) -> None:
    reply = await api.post(HOLDERS, {"name": "Jo Doe", "billing": BILLING, **fields})
    assert (reply.status, reply.error["param"]) == (400, param)
    assert sandbox.store.kinds() == []


async def test_a_document_must_be_a_file(api: Api) -> None:
    person = {"first_name": "Jo", "last_name": "Doe", "verification": {"document": {"front": "file_0"}}}
    reply = await api.post(HOLDERS, {"name": "Jo Doe", "billing": BILLING, "individual": person})
    assert (reply.status, reply.error["param"]) == (404, "individual[verification][document][front]")


async def test_active_and_inactive_follow_one_another(api: Api, sandbox: Sandbox) -> None:
    path = f"{HOLDERS}/{(await make_holder(api))['id']}"
    for status in ("inactive", "active", "inactive"):
        assert (await api.make(path, {"status": status}))["status"] == status
        assert (await api.find(path))["status"] == status
    assert event_types(sandbox) == ["issuing_cardholder.created", *["issuing_cardholder.updated"] * 3]


async def test_update_changes_what_is_sent_only(api: Api) -> None:
    holder = await make_holder(api, email="jo@example.com", metadata={"a": "1", "b": "2"}, company={"tax_id": "1"})
    billing = {"address": {"city": "Paris", "country": "FR"}}
    changed = await api.make(
        f"{HOLDERS}/{holder['id']}",
        {"billing": billing, "phone_number": "+33100000000", "metadata": {"a": "", "c": "3"}, "name": "Other"},
    )
    expected = {"billing": billing, "phone_number": "+33100000000", "metadata": {"b": "2", "c": "3"}}
    assert changed == {**holder, **expected}


async def test_a_blocked_cardholder_stays_blocked_and_gets_no_card(api: Api, sandbox: Sandbox) -> None:
    holder = await make_holder(api)
    card = await make_card(api, holder["id"])
    assert act(sandbox, "block_cardholder", cardholder=holder["id"])["status"] == "blocked"
    assert event_types(sandbox)[-1] == "issuing_cardholder.updated"
    with pytest.raises(SandboxError, match="its status is blocked; it must be active or inactive"):
        act(sandbox, "block_cardholder", cardholder=holder["id"])
    assert event_types(sandbox).count("issuing_cardholder.updated") == 1
    reply = await api.post(f"{HOLDERS}/{holder['id']}", {"status": "active"})
    assert (reply.status, reply.error["code"]) == (400, "issuing_cardholder_unexpected_state")
    body = {"cardholder": holder["id"], "currency": "usd", "type": "virtual"}
    reply = await api.post("/v1/issuing/cards", body)
    assert (reply.status, reply.error["code"]) == (400, "issuing_cardholder_unexpected_state")
    assert (await api.make(f"{HOLDERS}/{holder['id']}", {"email": "j@example.com"}))["email"] == "j@example.com"
    assert (await api.find(f"/v1/issuing/cards/{card['id']}"))["cardholder"]["status"] == "blocked"


async def test_unknown(api: Api) -> None:
    for reply in (await api.get(f"{HOLDERS}/ich_0"), await api.post(f"{HOLDERS}/ich_0", {})):
        assert (reply.status, reply.error["code"]) == (404, "resource_missing")


async def test_lists_filter_by_each_field_newest_first(api: Api) -> None:
    one = await make_holder(api, email="a@example.com", phone_number="1", type="company")
    two = await make_holder(api, email="b@example.com", phone_number="2", status="inactive")
    three = await make_holder(api, email="b@example.com", phone_number="1")

    async def found(**query: str) -> list[str]:
        reply = await api.get(HOLDERS, query=query)
        assert reply.body["url"] == HOLDERS
        return [entry["id"] for entry in reply.body["data"]]

    ids = [three["id"], two["id"], one["id"]]
    assert await found() == ids
    assert await found(email="b@example.com") == ids[:2]
    assert await found(email="b@example.com", phone_number="1") == ids[:1]
    assert await found(status="inactive") == ids[1:2]
    assert await found(type="company") == ids[2:]
    assert await found(starting_after=ids[0], limit="1") == ids[1:2]
    assert await found(**{"created[gt]": str(three["created"])}) == []
    # The reference has the filters in a JSON body.
    assert [entry["id"] for entry in (await api.get(HOLDERS, {"status": "inactive"})).body["data"]] == ids[1:2]


@pytest.mark.parametrize("query", [{"status": "asleep"}, {"type": "robot"}])
async def test_an_unknown_word_is_no_filter(api: Api, query: dict[str, str]) -> None:
    reply = await api.get(HOLDERS, query=query)
    assert (reply.status, reply.error["param"]) == (400, next(iter(query)))
