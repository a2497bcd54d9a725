"""Pages, filters and search: newest first, from the query or from a JSON body."""

from __future__ import annotations

from typing import Any

import pytest
from sandbox.rig import GOOD, Api, order, payment

from wooshpay.sandbox import Sandbox

PATH = "/v1/payment_intents"


async def make(api: Api, count: int, **fields: Any) -> list[str]:
    return [(await api.make(PATH, payment(**fields)))["id"] for _ in range(count)]


def ids(page: Any) -> list[str]:
    return [entry["id"] for entry in page["data"]]


async def test_newest_first_ten_at_a_time(api: Api) -> None:
    made = await make(api, 12)
    page = await api.find(PATH)
    assert ids(page) == made[:1:-1]
    assert (page["object"], page["url"], page["has_more"]) == ("list", PATH, True)
    rest = await api.find(f"{PATH}?starting_after={page['data'][-1]['id']}")
    assert ids(rest) == made[1::-1]
    assert rest["has_more"] is False


async def test_back_again(api: Api) -> None:
    made = await make(api, 6)
    page = await api.find(f"{PATH}?ending_before={made[0]}&limit=3")
    assert ids(page) == [made[3], made[2], made[1]]
    assert page["has_more"] is True
    assert ids(await api.find(f"{PATH}?ending_before={made[5]}")) == []


async def test_parameters_in_the_query_or_in_a_body(api: Api) -> None:
    made = await make(api, 4)
    for reply in (
        await api.get(PATH, query={"limit": "2", "starting_after": made[3]}),
        await api.get(PATH, {"limit": 2, "starting_after": made[3]}),
        await api.get(PATH, {"limit": 2, "starting_after": made[3]}, query={"limit": "2", "starting_after": made[3]}),
    ):
        assert ids(reply.body) == [made[2], made[1]]


@pytest.mark.parametrize("limit", ["0", "101", "-1", "x", "1.5"])
async def test_limits(api: Api, limit: str) -> None:
    reply = await api.get(PATH, query={"limit": limit})
    assert (reply.status, reply.error["param"]) == (400, "limit")


async def test_a_cursor_that_names_nothing(api: Api) -> None:
    for name in ("starting_after", "ending_before"):
        reply = await api.get(PATH, query={name: "pi_1"})
        assert (reply.status, reply.error["param"]) == (400, name)


async def test_not_both_ways(api: Api) -> None:
    made = await make(api, 2)
    assert (await api.get(PATH, query={"starting_after": made[0], "ending_before": made[1]})).status == 400


async def test_bounds_on_the_time_of_creation(api: Api, sandbox: Sandbox) -> None:
    old = (await make(api, 1))[0]
    sandbox.clock.advance(hours=1)
    new = (await make(api, 1))[0]
    then: int = sandbox.store.get(old)["created"]
    now: int = sandbox.store.get(new)["created"]
    for filters, expected in (
        ({"gt": then}, [new]),
        ({"gte": then}, [new, old]),
        ({"lt": now}, [old]),
        ({"lte": now}, [new, old]),
        ({"gt": then, "lt": now}, []),
        ({"gt": str(then)}, [new]),
    ):
        assert ids((await api.get(PATH, {"created": filters})).body) == expected
        query = {f"created[{name}]": str(value) for name, value in filters.items()}
        assert ids((await api.get(PATH, query=query)).body) == expected
    assert ids((await api.get(PATH, query={"created": str(then)})).body) == [old]


async def test_filters(api: Api) -> None:
    customer = (await api.make("/v1/customers"))["id"]
    mine = await api.make(PATH, payment(GOOD, customer=customer))
    await make(api, 2)
    assert ids((await api.get(PATH, query={"customer": customer})).body) == [mine["id"]]
    charges = await api.get("/v1/charges/list", {"customer": customer})
    assert ids(charges.body) == [mine["latest_charge"]]


async def test_filters_on_sessions(api: Api) -> None:
    path = "/v1/checkout/sessions"
    customer = (await api.make("/v1/customers"))["id"]
    one = await api.make(path, order(customer=customer))
    two = await api.make(path, order(customer_email="ada@example.com"))
    assert ids((await api.get(path, query={"customer": customer})).body) == [one["id"]]
    assert ids((await api.get(f"{path}/list", {"payment_intent": two["payment_intent"]})).body) == [two["id"]]
    for reply in (
        await api.get(path, {"customer_details": {"email": "ada@example.com"}}),
        await api.get(path, query={"customer_details[email]": "ada@example.com"}),
    ):
        assert ids(reply.body) == [two["id"]]


async def test_line_items_page_in_the_order_of_the_session(api: Api) -> None:
    def line(name: str) -> dict[str, Any]:
        return {"price_data": {"currency": "USD", "unit_amount": 50, "product_data": {"name": name}}, "quantity": 1}

    session = await api.make("/v1/checkout/sessions", order(line_items=[line("a"), line("b"), line("c")]))
    path = f"/v1/checkout/sessions/{session['id']}/line_items"
    first = await api.find(f"{path}?limit=2")
    assert [item["description"] for item in first["data"]] == ["a", "b"]
    rest = await api.get(path, {"starting_after": first["data"][1]["id"]})
    assert [item["description"] for item in rest.body["data"]] == ["c"]


# ---- search


async def search(api: Api, query: str, **more: str) -> Any:
    return (await api.get(f"{PATH}/search", query={"query": query, **more})).body


async def test_search(api: Api) -> None:
    a = await api.make(PATH, payment(merchant_order_id="order1234", metadata={"colour": "blue"}))
    b = await api.make(PATH, payment(GOOD, merchant_order_id="it's", metadata={"colour": "blue"}))
    assert ids(await search(api, "merchant_order_id:'order1234'")) == [a["id"]]
    assert ids(await search(api, 'merchant_order_id:"order1234"')) == [a["id"]]
    assert ids(await search(api, r"merchant_order_id:'it\'s'")) == [b["id"]]
    assert ids(await search(api, "metadata['colour']:'blue'")) == [b["id"], a["id"]]
    assert ids(await search(api, "metadata['colour']:'blue' AND status:'succeeded'")) == [b["id"]]
    assert ids(await search(api, "metadata['colour']:'blue' AND status:'canceled'")) == []
    assert ids(await search(api, "currency:'usd' and merchant_order_id : 'order1234' ")) == [a["id"]]


async def test_search_goes_on_by_page(api: Api) -> None:
    made = await make(api, 5, merchant_order_id="A")
    first = await search(api, "merchant_order_id:'A'", limit="3")
    assert (first["object"], first["has_more"]) == ("search_result", True)
    rest = await search(api, "merchant_order_id:'A'", limit="3", page=first["next_page"])
    assert ids(first) + ids(rest) == made[::-1]
    assert (rest["has_more"], "next_page" in rest) == (False, False)


@pytest.mark.parametrize(
    "query",
    ["", "order1234", "merchant_order_id:", "merchant_order_id:order", "colour:'blue'", "metadata:'x'",
     "status['a']:'x'", "status:'a' OR status:'b'", "status:'a' status:'b'", "status:'a' AND", "status:'a"],
)  # fmt: skip
async def test_what_is_no_query(api: Api, query: str) -> None:
    reply = await api.get(f"{PATH}/search", query={"query": query})
    assert (reply.status, reply.error["param"]) == (400, "query")


async def test_a_page_that_is_none(api: Api) -> None:
    assert (await api.get(f"{PATH}/search", query={"query": "status:'a'", "page": "x"})).status == 400
