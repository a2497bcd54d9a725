"""Payment links: rows of the table, visits, changes."""

from __future__ import annotations

from typing import Any

import pytest
from sandbox.rig import Api, card_form

from wooshpay.sandbox import Sandbox

LINKS, SESSIONS = "/v1/payment_links", "/v1/checkout/sessions"


def line(name: str = "Cake", amount: int = 1500, quantity: int = 1, **price: Any) -> dict[str, Any]:
    data = {"currency": "usd", "unit_amount": amount, "product_data": {"name": name}, **price}
    return {"price_data": data, "quantity": quantity}


async def link(api: Api, *lines: dict[str, Any], **fields: Any) -> Any:
    return await api.make(LINKS, {"line_items": list(lines) or [line()], **fields})


async def visit(api: Api, sandbox: Sandbox, link: Any) -> Any:
    status, _, location = await api.browse(link["url"])
    assert status == 303
    session = sandbox.store.all("checkout.session")[-1]
    assert location == session["url"]
    return session


async def test_row_new_is_active_with_its_lines(api: Api, sandbox: Sandbox) -> None:
    made = await link(api, line(quantity=2), metadata={"k": "v"}, phone_number_collection={"enabled": True})
    assert made["id"].startswith("plink_")
    assert (made["active"], made["currency"], made["metadata"]) == (True, "USD", {"k": "v"})
    assert (made["after_completion"], made["billing_address_collection"]) == ({"type": "hosted_confirmation"}, "auto")
    assert made["url"].startswith(f"{sandbox.base_url}/link/")
    item = made["line_items"]["data"][0]
    assert item.keys() == {
        *("id", "object", "amount_subtotal", "amount_total", "currency", "description", "price", "quantity"),
    }
    assert (item["amount_total"], item["description"], item["price"]["product"]["name"]) == (3000, "Cake", "Cake")
    assert await api.find(f"{LINKS}/{made['id']}") == made
    assert (await api.find(f"{LINKS}/{made['id']}/line_items"))["data"] == [item]
    assert sandbox.store.count("checkout.session") == 0


async def test_line_items_are_paged_in_their_order(api: Api) -> None:
    made = await link(api, line("a"), line("b"), line("c"))
    path = f"{LINKS}/{made['id']}/line_items"
    first = (await api.get(path, query={"limit": "2"})).body
    assert ([item["description"] for item in first["data"]], first["has_more"]) == (["a", "b"], True)
    rest = (await api.get(path, query={"starting_after": first["data"][-1]["id"]})).body
    assert ([item["description"] for item in rest["data"]], rest["has_more"]) == (["c"], False)


async def test_row_a_visit_opens_a_session_of_its_own(api: Api, sandbox: Sandbox) -> None:
    made = await link(api, line(quantity=2), metadata={"k": "v"}, billing_address_collection="required")
    one, other = await visit(api, sandbox, made), await visit(api, sandbox, made)
    assert one["id"] != other["id"]
    assert (one["payment_link"], one["mode"], one["status"], one["metadata"]) == (
        made["id"],
        "payment",
        "open",
        {"k": "v"},
    )
    assert (one["amount_total"], one["billing_address_collection"]) == (3000, "required")
    assert one["line_items"]["data"][0]["id"] != made["line_items"]["data"][0]["id"]
    assert one["line_items"]["data"][0]["price"] == made["line_items"]["data"][0]["price"]
    await api.browse(one["url"], card_form())
    assert sandbox.store.get(one["id"])["payment_status"] == "paid"
    assert sandbox.store.get(other["id"])["status"] == "open"
    assert sandbox.store.count("price") == 1


async def test_a_recurring_price_makes_it_a_subscription(api: Api, sandbox: Sandbox) -> None:
    made = await link(api, line(recurring={"interval": "month"}))
    session = await visit(api, sandbox, made)
    assert session["mode"] == "subscription"
    await api.browse(session["url"], card_form())
    assert sandbox.store.get(sandbox.store.get(session["id"])["subscription"])["status"] == "active"


async def test_rows_inactive_and_active_again(api: Api, sandbox: Sandbox) -> None:
    made = await link(api)
    before = await visit(api, sandbox, made)
    path = f"{LINKS}/{made['id']}"
    assert (await api.make(path, {"active": False}))["active"] is False
    status, text, _ = await api.browse(made["url"])
    assert (status, "switched off" in text) == (410, True)
    assert sandbox.store.count("checkout.session") == 1
    assert (await api.browse(before["url"], card_form()))[0] == 303
    await api.make(path, {"active": True})
    await visit(api, sandbox, made)


async def test_after_completion_leads_to_the_merchant(api: Api, sandbox: Sandbox) -> None:
    after = {"type": "redirect", "redirect": {"url": "shop.example/thanks"}}
    made = await link(api, after_completion=after)
    assert made["after_completion"] == after
    session = await visit(api, sandbox, made)
    assert (await api.browse(session["url"], card_form()))[2] == "https://shop.example/thanks"


async def test_after_completion_shows_the_merchants_message(api: Api, sandbox: Sandbox) -> None:
    after = {"type": "hosted_confirmation", "hosted_confirmation": {"custom_message": "See you <soon>!"}}
    session = await visit(api, sandbox, await link(api, after_completion=after))
    assert "success_url" not in session
    _, _, location = await api.browse(session["url"], card_form())
    assert location == session["url"]
    _, text, _ = await api.browse(session["url"])
    assert "See you &lt;soon&gt;!" in text
    plain = await visit(api, sandbox, await link(api))
    await api.browse(plain["url"], card_form())
    assert "Thank you." in (await api.browse(plain["url"]))[1]


async def test_an_unknown_link_is_no_page(api: Api, sandbox: Sandbox) -> None:
    assert (await api.browse(f"{sandbox.base_url}/link/plink_1"))[0] == 404
    for reply in (await api.get(f"{LINKS}/plink_1"), await api.post(f"{LINKS}/plink_1", {"active": False})):
        assert (reply.status, reply.error["code"]) == (404, "resource_missing")


async def test_a_preview_opens_no_session(api: Api, sandbox: Sandbox) -> None:
    made = await link(api)
    async with api.session.head(made["url"], allow_redirects=False) as response:
        assert response.status >= 400
    assert sandbox.store.count("checkout.session") == 0


async def test_links_are_filtered_by_active(api: Api) -> None:
    one, two, three = [await link(api) for _ in range(3)]
    await api.make(f"{LINKS}/{two['id']}", {"active": False})

    async def ids(**query: str) -> list[str]:
        return [entry["id"] for entry in (await api.get(LINKS, query=query)).body["data"]]

    assert await ids() == [three["id"], two["id"], one["id"]]
    assert await ids(active="true") == [three["id"], one["id"]]
    assert await ids(active="false") == [two["id"]]
    assert await ids(limit="1", starting_after=three["id"]) == [two["id"]]


async def test_an_update_changes_what_is_sent_alone(api: Api, sandbox: Sandbox) -> None:
    made = await link(api, metadata={"a": "1"}, phone_number_collection={"enabled": True})
    item = made["line_items"]["data"][0]
    path = f"{LINKS}/{made['id']}"
    changed = await api.make(
        path,
        {
            "line_items": [{"id": item["id"], "quantity": 3}, line("Tea", 200, 2)],
            "metadata": {"b": "2"},
            "after_completion": {"type": "redirect", "redirect": {"url": "https://shop.example"}},
        },
    )
    assert (changed["metadata"], changed["phone_number_collection"]) == ({"a": "1", "b": "2"}, {"enabled": True})
    assert changed["after_completion"]["type"] == "redirect"
    items = changed["line_items"]["data"]
    assert [(entry["quantity"], entry["amount_total"]) for entry in items] == [(3, 4500), (2, 400)]
    assert items[0]["id"] == item["id"]
    assert (await visit(api, sandbox, made))["amount_total"] == 4900


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "line_items"),
        ({"line_items": []}, "line_items"),
        ({"line_items": [line()] * 21}, "line_items"),
        ({"line_items": [line(), line(currency="EUR")]}, "line_items"),
        ({"line_items": [{"quantity": 1}]}, "line_items[0][price_data]"),
        ({"line_items": [line(quantity=0)]}, "line_items[0][quantity]"),
        ({"line_items": [line()], "after_completion": {}}, "after_completion[type]"),
        ({"line_items": [line()], "after_completion": {"type": "party"}}, "after_completion[type]"),
        ({"line_items": [line()], "after_completion": {"type": "redirect"}}, "after_completion[redirect]"),
        (
            {"line_items": [line()], "after_completion": {"type": "redirect", "redirect": {"url": "ftp://a"}}},
            "after_completion[redirect][url]",
        ),
        ({"line_items": [line()], "billing_address_collection": "never"}, "billing_address_collection"),
    ],
)
async def test_a_refused_link_leaves_nothing(api: Api, sandbox: Sandbox, body: dict[str, Any], param: str) -> None:
    reply = await api.post(LINKS, body)
    assert (reply.status, reply.error["param"]) == (400, param)
    assert sandbox.store.kinds() == []


@pytest.mark.parametrize(
    ("entry", "status", "param"),
    [
        ({"id": "li_1", "quantity": 1}, 404, "line_items[0][id]"),
        ({"id": "own"}, 400, "line_items[0][quantity]"),
        ({"id": "own", "quantity": 1, "price": "price_1"}, 400, "line_items[0][id]"),
        ({"price": "price_1", "quantity": 1}, 404, "line_items[0][price]"),
        (line(currency="EUR"), 400, "line_items"),
        ({"id": "own", "quantity": 99_999_999}, 400, "line_items"),
    ],
)
async def test_a_refused_change_changes_nothing(api: Api, entry: dict[str, Any], status: int, param: str) -> None:
    made = await link(api)
    own = made["line_items"]["data"][0]["id"]
    sent = {**entry, "id": own} if entry.get("id") == "own" else entry
    reply = await api.post(f"{LINKS}/{made['id']}", {"active": False, "line_items": [sent]})
    assert (reply.status, reply.error["param"]) == (status, param)
    assert await api.find(f"{LINKS}/{made['id']}") == made
