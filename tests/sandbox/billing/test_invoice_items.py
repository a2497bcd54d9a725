"""Invoice items: where each ends up, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from sandbox.billing.desk import NEW_YEAR, attach, bill, customer, finalized, fresh, plain, price, refused
from sandbox.rig import Api

from wooshpay.sandbox import Sandbox


async def item(api: Api, owner: str, amount: int = 100, **fields: Any) -> dict[str, Any]:
    body = {"customer": owner, "amount": amount, "currency": "usd", **fields}
    made: dict[str, Any] = await api.make("/v1/invoiceitems", body)
    return made


async def test_a_new_item_waits_for_an_invoice(api: Api) -> None:
    owner = await customer(api, None)
    period = {"start": "1767225600000", "end": NEW_YEAR + 5}
    made = await item(api, owner, 250, description="Cups", metadata={"a": "1"}, period=period)
    assert made["id"].startswith("ii_")
    facts = {
        "object": "invoiceitem",
        "amount": 250,
        "currency": "USD",
        "customer": owner,
        "date": NEW_YEAR,
        "description": "Cups",
        "metadata": {"a": "1"},
        "period": {"start": NEW_YEAR, "end": NEW_YEAR + 5},
        "quantity": 1,
        "proration": False,
    }
    assert {name: made[name] for name in facts} == facts
    assert "invoice" not in made
    assert await api.find(f"/v1/invoiceitems/{made['id']}") == made


async def test_units_of_a_price_or_of_an_amount(api: Api) -> None:
    owner = await customer(api, None)
    tea = await price(api, 300, "once")
    by_price = await api.make("/v1/invoiceitems", {"customer": owner, "price": tea, "quantity": 4})
    assert (by_price["amount"], by_price["price"]["id"], by_price["unit_amount"]) == (1200, tea, 300)
    inline = {"currency": "usd", "unit_amount": 50, "product_data": {"name": "Cup"}}
    made = await api.make("/v1/invoiceitems", {"customer": owner, "price_data": inline, "quantity": 2})
    assert (made["amount"], made["description"], made["price"]["product"]["name"]) == (100, "Cup", "Cup")
    units = await api.make(
        "/v1/invoiceitems", {"customer": owner, "unit_amount": -20, "quantity": 3, "currency": "usd"}
    )
    assert (units["amount"], units["unit_amount"]) == (-60, -20)


async def test_the_next_invoice_takes_what_waits_in_order(api: Api) -> None:
    owner, other = await customer(api, None), await customer(api, None)
    waits = [await item(api, owner, amount) for amount in (100, -30)]
    in_euros = await item(api, owner, 7, currency="eur")
    not_mine = await item(api, other, 9)
    invoice = await api.make("/v1/invoices", {"customer": owner})
    assert [line["amount"] for line in invoice["lines"]["data"]] == [100, -30]
    assert [line["invoice_item"] for line in invoice["lines"]["data"]] == [entry["id"] for entry in waits]
    assert invoice["total"] == 70
    assert (await fresh(api, waits[0]))["invoice"] == invoice["id"]
    for entry in (in_euros, not_mine):
        assert "invoice" not in await fresh(api, entry)
    # Each is taken once.
    assert (await api.make("/v1/invoices", {"customer": owner, "currency": "usd"}))["total"] == 0


async def test_an_invoice_may_leave_them_waiting(api: Api) -> None:
    owner = await customer(api, None)
    await item(api, owner)
    body = {"customer": owner, "pending_invoice_items_behavior": "exclude"}
    assert (await api.make("/v1/invoices", body))["total"] == 0
    assert (await api.make("/v1/invoices", {**body, "pending_invoice_items_behavior": "include"}))["total"] == 100


async def test_an_item_for_a_draft_is_on_it_at_once(api: Api) -> None:
    owner = await customer(api, None)
    draft = await bill(api, owner, 500)
    made = await item(api, owner, 40, invoice=draft["id"])
    assert made["invoice"] == draft["id"]
    assert (await fresh(api, draft))["total"] == 540


async def test_a_deleted_draft_gives_back_what_had_waited_and_nothing_else(api: Api) -> None:
    owner = await customer(api, None)
    waited = await item(api, owner)
    draft = await api.make("/v1/invoices", {"customer": owner})
    made_for_it = await item(api, owner, 40, invoice=draft["id"])
    await api.delete(f"/v1/invoices/{draft['id']}")
    assert "invoice" not in await fresh(api, waited)
    refused(await api.get(f"/v1/invoiceitems/{made_for_it['id']}"), 404, "resource_missing")
    assert (await api.make("/v1/invoices", {"customer": owner}))["total"] == 100


async def test_an_item_of_a_subscription_waits_for_its_invoices_only(api: Api, sandbox: Sandbox) -> None:
    subscription = await plain(api)
    owner = subscription["customer"]
    await item(api, owner, 70, subscription=subscription["id"])
    await item(api, owner, 5)
    assert (await api.make("/v1/invoices", {"customer": owner}))["total"] == 5
    await item(api, owner, 6)
    by_hand = await api.make("/v1/invoices", {"customer": owner, "subscription": subscription["id"]})
    assert (by_hand["total"], by_hand["subscription"]) == (70, subscription["id"])
    await item(api, owner, 80, subscription=subscription["id"])
    # A renewal takes both kinds.
    sandbox.clock.advance(days=31)
    renewal = (await api.get("/v1/invoices", query={"subscription": subscription["id"]})).body["data"][0]
    assert [line["amount"] for line in renewal["lines"]["data"]] == [1000, 6, 80]


@pytest.mark.parametrize(
    ("body", "status", "code", "param"),
    [
        ({"customer": None}, 400, "parameter_missing", "customer"),
        ({"customer": "cus_1"}, 404, "resource_missing", "customer"),
        ({"amount": None}, 400, "parameter_missing", "amount"),
        ({"currency": None}, 400, "parameter_missing", "currency"),
        ({"price": "price_1", "amount": None}, 404, "resource_missing", "price"),
        ({"price": "price_1"}, 400, "parameter_invalid", "amount"),
        ({"invoice": "in_1"}, 404, "resource_missing", "invoice"),
        ({"subscription": "sub_1"}, 404, "resource_missing", "subscription"),
        ({"period": {"start": NEW_YEAR}}, 400, "parameter_missing", "period[end]"),
        ({"period": {"end": NEW_YEAR}}, 400, "parameter_missing", "period[start]"),
        ({"period": {"start": NEW_YEAR, "end": NEW_YEAR - 1}}, 400, "parameter_invalid", "period[end]"),
    ],
)
async def test_what_create_refuses(
    api: Api, sandbox: Sandbox, body: dict[str, Any], status: int, code: str, param: str
) -> None:
    whole = {"customer": await customer(api, None), "amount": 100, "currency": "usd", **body}
    refused(await api.post("/v1/invoiceitems", whole), status, code, param)
    assert sandbox.store.all("invoiceitem") == []


async def test_not_for_another_customers_invoice_or_subscription(api: Api) -> None:
    subscription = await plain(api)
    owner = await customer(api, None)
    draft = await bill(api, subscription["customer"], 5)
    for name, id in (("invoice", draft["id"]), ("subscription", subscription["id"])):
        body = {"customer": owner, "amount": 1, "currency": "usd", name: id}
        refused(await api.post("/v1/invoiceitems", body), 400, "parameter_invalid", name)


async def test_not_for_an_invoice_that_is_no_draft_or_of_another_currency(api: Api) -> None:
    owner = await customer(api, None)
    invoice = await finalized(api, owner, 500)
    body = {"customer": owner, "amount": 1, "currency": "usd", "invoice": invoice["id"]}
    refused(await api.post("/v1/invoiceitems", body), 400, "invoice_unexpected_state")
    draft = await bill(api, owner, 500)
    body = {"customer": owner, "amount": 1, "currency": "eur", "invoice": draft["id"]}
    refused(await api.post("/v1/invoiceitems", body), 400, "parameter_invalid", "currency")


async def test_an_unknown_item_is_404(api: Api) -> None:
    refused(await api.get("/v1/invoiceitems/ii_1"), 404, "resource_missing")


async def test_what_waits_is_collected_with_the_invoice(api: Api) -> None:
    owner = await customer(api, None)
    await attach(api, owner)
    await item(api, owner, 400)
    invoice = await api.make("/v1/invoices", {"customer": owner})
    assert (await api.make(f"/v1/invoices/{invoice['id']}/pay"))["amount_paid"] == 400
