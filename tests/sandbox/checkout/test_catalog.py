"""Products and prices over the API."""

from __future__ import annotations

from typing import Any

import pytest
from sandbox.rig import Api, order

from wooshpay.sandbox import Sandbox

PRODUCTS, PRICES, SESSIONS = "/v1/products", "/v1/prices", "/v1/checkout/sessions"
TIERS = [
    {"up_to": 10, "unit_amount": 500},
    {"up_to": "20", "unit_amount": "400", "flat_amount": 1000},
    {"unit_amount": 100},
]


def price(**fields: Any) -> dict[str, Any]:
    return {"currency": "usd", "unit_amount": 1000, "product_data": {"name": "Tea"}, **fields}


async def sell(api: Api, price: str, quantity: int = 1, mode: str = "payment") -> Any:
    return await api.post(SESSIONS, order(mode=mode, line_items=[{"price": price, "quantity": quantity}]))


# ---- products


async def test_a_product_keeps_what_was_sent(api: Api, sandbox: Sandbox) -> None:
    sent = {
        "name": "Tea",
        "description": "Green",
        "images": ["https://shop.example/tea.png"],
        "url": "shop.example/tea",
        "metadata": {"k": "v"},
    }
    product = await api.make(PRODUCTS, sent)
    assert product["id"].startswith("prod_")
    assert {name: product[name] for name in sent} == sent
    assert (product["active"], product["updated"]) == (True, product["created"])
    assert await api.find(f"{PRODUCTS}/{product['id']}") == product
    assert [(event["type"], event["data"]["object"]) for event in sandbox.store.events()] == [
        ("product.created", product)
    ]


async def test_an_update_changes_what_is_sent_alone(api: Api, sandbox: Sandbox) -> None:
    product = await api.make(PRODUCTS, {"name": "Tea", "description": "Green", "metadata": {"a": "1", "b": "2"}})
    sandbox.clock.advance(minutes=1)
    path = f"{PRODUCTS}/{product['id']}"
    changed = await api.make(path, {"name": "Black tea", "active": False, "metadata": {"a": "", "c": "3"}})
    assert (changed["name"], changed["active"], changed["description"]) == ("Black tea", False, "Green")
    assert changed["metadata"] == {"b": "2", "c": "3"}
    assert changed["updated"] > changed["created"]
    assert "description" not in await api.make(path, {"description": ""})
    more = await api.make(path, {"url": "shop.example", "images": ["https://a.example/1"]})
    assert (more["url"], more["images"]) == ("shop.example", ["https://a.example/1"])
    assert "images" not in await api.make(path, {"images": []})


async def test_products_are_filtered_and_paged(api: Api, sandbox: Sandbox) -> None:
    first, second, third = [await api.make(PRODUCTS, {"name": name, "active": name != "b"}) for name in "abc"]

    async def ids(**query: str) -> list[str]:
        return [entry["id"] for entry in (await api.get(PRODUCTS, query=query)).body["data"]]

    assert await ids() == [third["id"], second["id"], first["id"]]
    assert await ids(active="true") == [third["id"], first["id"]]
    assert await ids(active="false") == [second["id"]]
    assert await ids(starting_after=third["id"], limit="1") == [second["id"]]
    assert await ids(ending_before=second["id"]) == [third["id"]]
    sandbox.clock.advance(hours=1)
    late = await api.make(PRODUCTS, {"name": "d"})
    assert await ids(**{"created[gt]": str(third["created"])}) == [late["id"]]


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "name"),
        ({"name": ""}, "name"),
        ({"name": "Tea", "images": ["https://a.example"] * 9}, "images"),
        ({"name": "Tea", "url": "ftp://a"}, "url"),
        ({"name": "Tea", "active": "perhaps"}, "active"),
    ],
)
async def test_a_refused_product_leaves_nothing(api: Api, sandbox: Sandbox, body: dict[str, Any], param: str) -> None:
    reply = await api.post(PRODUCTS, body)
    assert (reply.status, reply.error["param"]) == (400, param)
    assert sandbox.store.kinds() == []


# ---- prices


async def test_a_price_embeds_the_product_made_with_it(api: Api) -> None:
    made = await api.make(PRICES, price(lookup_key="tea", nickname="n", metadata={"k": "v"}))
    assert (made["id"][:6], made["type"], made["billing_scheme"], made["currency"]) == (
        "price_",
        "one_time",
        "per_unit",
        "USD",
    )
    assert (made["unit_amount"], made["lookup_key"], made["nickname"], made["active"]) == (1000, "tea", "n", True)
    assert (made["product"]["object"], made["product"]["name"]) == ("product", "Tea")
    assert "recurring" not in made
    assert await api.find(f"{PRICES}/{made['id']}") == made
    assert await api.find(f"{PRODUCTS}/{made['product']['id']}") == made["product"]


async def test_a_recurring_price_says_how_often(api: Api) -> None:
    made = await api.make(PRICES, price(recurring={"interval": "month"}))
    assert made["type"] == "recurring"
    assert made["recurring"] == {"interval": "month", "interval_count": 1, "usage_type": "licensed"}
    more = await api.make(
        PRICES, price(recurring={"interval": "week", "interval_count": "2", "usage_type": "licensed"})
    )
    assert more["recurring"]["interval_count"] == 2


async def test_a_price_of_a_product_that_is_there_makes_no_other(api: Api, sandbox: Sandbox) -> None:
    product = await api.make(PRODUCTS, {"name": "Tea"})
    made = await api.make(PRICES, {"currency": "USD", "unit_amount": 0, "product": product["id"], "product_data": None})
    assert (made["product"], made["unit_amount"]) == (product, 0)
    assert sandbox.store.count("product") == 1


async def test_an_unknown_billing_scheme_becomes_per_unit(api: Api) -> None:
    assert (await api.make(PRICES, price(billing_scheme="testscheme")))["billing_scheme"] == "per_unit"


@pytest.mark.parametrize(
    ("mode", "cost"), [("graduated", 5000 + 1000 + 400), ("volume", 1000 + 11 * 400), (None, 6400)]
)
async def test_tiers_decide_what_a_quantity_costs(api: Api, mode: str | None, cost: int) -> None:
    made = await api.make(
        PRICES, price(billing_scheme="tiered", tiers=TIERS, unit_amount=None, **({"tiers_mode": mode} if mode else {}))
    )
    assert made["tiers"] == [
        {"up_to": 10, "unit_amount": 500, "flat_amount": 0},
        {"up_to": 20, "unit_amount": 400, "flat_amount": 1000},
        {"up_to": "inf", "unit_amount": 100, "flat_amount": 0},
    ]
    assert (made["billing_scheme"], made["tiers_mode"]) == ("tiered", mode or "graduated")
    assert (await sell(api, made["id"], 11)).body["amount_total"] == cost


async def test_tiered_as_the_reference_makes_it_has_no_tiers(api: Api) -> None:
    made = await api.make(PRICES, price(billing_scheme="tiered"))
    assert made["billing_scheme"] == "tiered"
    assert (await sell(api, made["id"], 2)).body["amount_total"] == 2000


async def test_an_update_changes_notes_alone(api: Api) -> None:
    made = await api.make(PRICES, price(nickname="old", metadata={"a": "1"}))
    path = f"{PRICES}/{made['id']}"
    changed = await api.make(path, {"active": False, "lookup_key": "tea", "metadata": {"b": "2"}})
    assert (changed["active"], changed["lookup_key"], changed["nickname"]) == (False, "tea", "old")
    assert changed["metadata"] == {"a": "1", "b": "2"}
    assert (await api.make(path, {"nickname": "new"}))["nickname"] == "new"
    for name in ("unit_amount", "currency", "product"):
        reply = await api.post(path, {name: 5})
        assert (reply.status, reply.error["param"]) == (400, name)
    assert (await api.find(path))["unit_amount"] == 1000


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"currency": None}, "currency"),
        ({"unit_amount": None}, "unit_amount"),
        ({"unit_amount": -1}, "unit_amount"),
        ({"unit_amount": 100_000_000}, "unit_amount"),
        ({"product_data": None}, "product_data"),
        ({"product_data": {}}, "product_data[name]"),
        ({"lookup_key": "k" * 201}, "lookup_key"),
        ({"recurring": {}}, "recurring[interval]"),
        ({"recurring": {"interval": "hour"}}, "recurring[interval]"),
        ({"recurring": {"interval": "month", "interval_count": 13}}, "recurring[interval_count]"),
        ({"recurring": {"interval": "month", "usage_type": "metered"}}, "recurring[usage_type]"),
        ({"tiers": TIERS}, "billing_scheme"),
        ({"billing_scheme": "tiered", "tiers": TIERS, "tiers_mode": "steps"}, "tiers_mode"),
        ({"billing_scheme": "tiered", "tiers": [{"unit_amount": 1}, {"unit_amount": 2}]}, "tiers[0][up_to]"),
        ({"billing_scheme": "tiered", "tiers": [{"up_to": 5, "unit_amount": 1}]}, "tiers[0][up_to]"),
        ({"billing_scheme": "tiered", "tiers": [{"up_to": 5}, {"unit_amount": 1}]}, "tiers[0][unit_amount]"),
        (
            {"billing_scheme": "tiered", "tiers": [TIERS[0], {"up_to": 10, "unit_amount": 1}, {"unit_amount": 1}]},
            "tiers[1][up_to]",
        ),
    ],
)
async def test_a_refused_price_leaves_nothing(api: Api, sandbox: Sandbox, fields: dict[str, Any], param: str) -> None:
    reply = await api.post(PRICES, price(**fields))
    assert (reply.status, reply.error["param"]) == (400, param)
    assert sandbox.store.kinds() == []


async def test_two_products_for_one_price_are_refused(api: Api) -> None:
    product = await api.make(PRODUCTS, {"name": "Tea"})
    reply = await api.post(PRICES, price(product=product["id"]))
    assert (reply.status, reply.error["param"]) == (400, "product_data")


@pytest.mark.parametrize("path", [f"{PRODUCTS}/prod_1", f"{PRICES}/price_1"])
async def test_an_unknown_id_is_not_found(api: Api, path: str) -> None:
    for reply in (await api.get(path), await api.post(path, {"active": True})):
        assert (reply.status, reply.error["code"]) == (404, "resource_missing")


async def test_a_price_of_an_unknown_product_is_not_found(api: Api) -> None:
    reply = await api.post(PRICES, {"currency": "USD", "unit_amount": 5, "product": "prod_1"})
    assert (reply.status, reply.error["param"]) == (404, "product")


# ---- buying them


async def test_active_can_be_bought_and_not_active_cannot(api: Api) -> None:
    made = await api.make(PRICES, price())
    assert (await sell(api, made["id"])).status == 200
    await api.make(f"{PRICES}/{made['id']}", {"active": False})
    reply = await sell(api, made["id"])
    assert (reply.status, reply.error["code"], reply.error["param"]) == (400, "price_inactive", "line_items[0][price]")
    await api.make(f"{PRICES}/{made['id']}", {"active": True})
    await api.make(f"{PRODUCTS}/{made['product']['id']}", {"active": False})
    assert (await sell(api, made["id"])).error["code"] == "product_inactive"


async def test_a_recurring_price_is_for_subscriptions(api: Api) -> None:
    made = await api.make(PRICES, price(recurring={"interval": "month"}))
    reply = await sell(api, made["id"])
    assert (reply.status, reply.error["code"], reply.error["param"]) == (
        400,
        "price_type_invalid",
        "line_items[0][price]",
    )
    assert "mode subscription" in reply.error["message"]


async def test_a_line_names_its_price_in_one_way(api: Api) -> None:
    made = await api.make(PRICES, price())
    reply = await api.post(SESSIONS, order(line_items=[{"price": made["id"], "price_data": price(), "quantity": 1}]))
    assert (reply.status, reply.error["param"]) == (400, "line_items[0][price_data]")
