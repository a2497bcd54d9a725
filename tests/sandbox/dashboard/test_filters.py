"""The filters of the tables of objects: by status, by order and by e-mail address, in the address of the page."""

from __future__ import annotations

import re
from urllib.parse import urlencode

import pytest
from sandbox.dashboard.visitor import Sight, Visitor
from sandbox.rig import DECLINED, GOOD, Api, order, payment

from wooshpay.api import TAGS
from wooshpay.sandbox import Sandbox

HOSTILE = "\"'><script>alert(1)</script>{{ 7 * 7 }}&%"


async def filtered(visitor: Visitor, kind: str, **filters: str) -> list[str]:
    return (await visitor.look(f"objects/{kind}?{urlencode(filters)}")).rows()


def link(sight: Sight, text: str) -> str:
    return sight.link(text).replace("&amp;", "&")


async def test_objects_are_filtered_by_status_order_and_email(visitor: Visitor, api: Api) -> None:
    ada = await api.make("/v1/customers", {"email": "Ada@example.com"})
    first = await api.make("/v1/payment_intents", payment(GOOD, merchant_order_id="order-17", customer=ada["id"]))
    second = await api.make("/v1/payment_intents", payment(metadata={"order": "order-18"}))
    third = await api.make("/v1/payment_intents", payment(metadata={"order_id": "x"}, receipt_email="bob@example.org"))
    refund = await api.make("/v1/refunds", {"payment_intent": first["id"], "amount": 100})
    for filters, expected in (
        ({}, [third, second, first]),
        ({"status": "succeeded"}, [first]),
        ({"status": "requires_payment_method"}, [third, second]),
        ({"order": "order-1"}, [second, first]),
        ({"order": "ORDER-18"}, [second]),
        ({"email": "ada@"}, [first]),
        ({"email": "bob@example.org", "order": ""}, [third]),
        ({"status": "succeeded", "order": "order", "email": "example.com"}, [first]),
        ({"status": "succeeded", "order": "order-18"}, []),
        ({"status": "no such status"}, []),
    ):
        found = await filtered(visitor, "payment_intent", **filters)
        assert found == [intent["id"] for intent in expected], filters
    # What belongs to a payment is found by the order of the payment and the customer of it.
    assert await filtered(visitor, "refund", order="order-17") == [refund["id"]]
    assert await filtered(visitor, "refund", email="ada") == [refund["id"]]
    assert await filtered(visitor, "refund", order="order-18") == []
    assert await filtered(visitor, "charge", order="order-17", email="ada@example.com") != []
    assert await filtered(visitor, "customer", email="ADA") == [ada["id"]]


async def test_sessions_are_found_by_their_reference(visitor: Visitor, api: Api) -> None:
    session = await api.make("/v1/checkout/sessions", order(client_reference_id="A-7", customer_email="eve@x.example"))
    await api.make("/v1/checkout/sessions", order(client_reference_id="B-8"))
    assert await filtered(visitor, "checkout.session", order="a-7") == [session["id"]]
    assert await filtered(visitor, "checkout.session", email="eve@") == [session["id"]]


async def test_the_form_keeps_the_filters_and_offers_the_statuses_that_there_are(visitor: Visitor, api: Api) -> None:
    await api.make("/v1/payment_intents", payment(GOOD))
    await api.post("/v1/payment_intents", payment(DECLINED))
    text = (await visitor.look("objects/payment_intent?status=succeeded&order=a+b&email=c")).text
    assert re.findall(r'<option value="(\w*)"', text) == ["", "requires_payment_method", "succeeded"]
    assert '<option value="succeeded" selected>' in text
    assert 'name="order" type="search" value="a b"' in text
    assert 'name="email" type="search" value="c"' in text
    assert "Clear the filters" in text
    assert "Clear the filters" not in (await visitor.look("objects/payment_intent")).text


async def test_active_and_inactive_count_as_statuses(visitor: Visitor, api: Api) -> None:
    kept = await api.make("/v1/products", {"name": "Tea"})
    old = await api.make("/v1/products", {"name": "Soup", "active": False})
    assert await filtered(visitor, "product", status="active") == [kept["id"]]
    assert await filtered(visitor, "product", status="inactive") == [old["id"]]
    text = (await visitor.look("objects/product")).text
    assert 'name="email"' not in text
    assert 'name="order"' not in text


async def test_an_empty_result_says_how_to_clear_the_filters(visitor: Visitor, api: Api) -> None:
    await api.make("/v1/customers")
    sight = await visitor.look("objects/customer?email=nobody")
    assert sight.status == 200
    assert "Nothing matches these filters" in sight.text
    assert "to see all 1 customer." in sight.text
    assert sight.link("Clear the filters") == "/dashboard/objects/customer"


async def test_pages_keep_the_filters(visitor: Visitor, api: Api, sandbox: Sandbox) -> None:
    for number in range(110):
        await api.make("/v1/customers", {"email": f"c{number}@{'even' if number % 2 == 0 else 'odd'}.example"})
    for _ in range(2):
        await api.make("/v1/customers")
    wanted = [customer["id"] for customer in sandbox.store.all("customer") if "@even" in (customer.get("email") or "")]
    first = await visitor.look("objects/customer?email=%40even")
    second = await visitor.look(link(first, "Older"))
    assert first.rows() + second.rows() == wanted[::-1]
    assert (await visitor.look(link(second, "Newer"))).rows() == first.rows()
    assert (await visitor.look(link(second, "Newest"))).rows() == first.rows()
    assert "email=%40even" in link(second, "Newest")


@pytest.mark.parametrize("name", ["status", "order", "email", "after", "before", "other"])
async def test_hostile_filters_are_text(visitor: Visitor, api: Api, name: str) -> None:
    await api.make("/v1/payment_intents", payment(metadata={"order": HOSTILE}))
    for query in (urlencode({name: HOSTILE}), f"{name}=%ff%00%ed%a0%80", f"{name}={'a' * 5000}"):
        sight = await visitor.look(f"objects/payment_intent?{query}")
        assert sight.status == 200
        assert "<script>" not in sight.text
        assert "49}" not in sight.text
    assert len(await filtered(visitor, "payment_intent", order=HOSTILE)) == 1


# ---- kinds


async def test_no_counter_of_the_sandbox_is_among_the_objects(visitor: Visitor, api: Api, sandbox: Sandbox) -> None:
    """The balances and the last number of an invoice are records of the sandbox, but no objects of the API."""
    await api.make("/v1/payment_intents", payment(GOOD))
    await api.make("/sandbox/acts/issuing.top_up", {"amount": 1000, "currency": "USD"})
    customer = await api.make("/v1/customers")
    invoice = await api.make("/v1/invoices", {"customer": customer["id"], "currency": "usd"})
    lines = [{"amount": 500, "description": "Tea"}]
    await api.make(f"/v1/invoices/{invoice['id']}/add_lines", {"lines": lines})
    await api.make(f"/v1/invoices/{invoice['id']}/finalize")
    state = sandbox._server.state  # pyright: ignore[reportPrivateUsage]  # nowhere public
    internal = set(state.store.kinds()) - TAGS.keys()
    assert internal == {"balance.amount", "invoice.numbers", "issuing.balance"}
    sight = await visitor.look("objects")
    assert not internal & set(re.findall(r"/dashboard/objects/([^\"]+)", sight.text))
    for kind in internal:
        assert (await visitor.look(f"objects/{kind}")).status == 404
        for record in state.store[kind]:
            assert (await visitor.look(f"object/{record.id}")).status == 404


async def test_one_object_is_not_several(visitor: Visitor, api: Api) -> None:
    await api.make("/v1/customers")
    assert "<b>1</b> Customer<" in (await visitor.look("objects")).text
    await api.make("/v1/customers")
    for path in ("objects", ""):
        assert "<b>2</b> Customers<" in (await visitor.look(path)).text
