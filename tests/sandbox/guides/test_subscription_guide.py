"""The guide "Build subscriptions integration", step by step over plain HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from sandbox.guides.forms import check_head, check_id, check_no_nulls, check_page_url, listen
from sandbox.guides.subscribing import APRIL, MARCH, balance, invoices_of, make_price
from sandbox.rig import Api, Shop

from wooshpay.sandbox import Sandbox


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    """A sandbox whose time moves only where the test moves it."""
    async with Sandbox(now=lambda: MARCH) as sandbox:
        yield sandbox


async def subscribe(api: Api, price: dict[str, Any]) -> dict[str, Any]:
    """2. A session with mode subscription, paid on its page; the subscription that comes of it."""
    lines = [{"quantity": 1, "price": price["id"]}]
    body = {"mode": "subscription", "success_url": "https://yourwebsite.com", "line_items": lines}
    session = await api.make("/v1/checkout/sessions", body)
    await api.act("checkout.sessions.pay", session=session["id"], email="ada@example.com")
    paid = await api.find(f"/v1/checkout/sessions/{session['id']}")
    assert (paid["status"], paid["payment_status"]) == ("complete", "paid")
    subscription: dict[str, Any] = await api.find(f"/v1/subscriptions/{paid['subscription']}")
    return subscription


async def test_the_price_of_the_guide(api: Api) -> None:
    price = await make_price(api, "Plus plan", 1000)
    check_head(price, "price", "price")
    check_no_nulls(price)
    assert (price["type"], price["billing_scheme"], price["unit_amount"]) == ("recurring", "per_unit", 1000)
    # usage_type is filled in by the server.
    assert price["recurring"] == {"interval": "month", "interval_count": 1, "usage_type": "licensed"}
    product = price["product"]
    check_head(product, "prod", "product")
    assert (product["name"], product["active"], product["updated"]) == ("Plus plan", True, product["created"])
    assert not price.keys() & {"nickname", "lookup_key"}


async def test_the_session_of_the_guide(api: Api, sandbox: Sandbox) -> None:
    price = await make_price(api, "Plus plan", 1000)
    lines = [{"quantity": 1, "price": price["id"]}]
    body = {"mode": "subscription", "success_url": "https://yourwebsite.com", "line_items": lines}
    session = await api.make("/v1/checkout/sessions", body)
    check_head(session, "cs", "checkout.session")
    check_no_nulls(session)
    check_page_url(session, sandbox)
    facts = {"mode": "subscription", "status": "open", "customer": "", "currency": "USD", "amount_total": 1000}
    assert {name: session[name] for name in facts} == facts
    assert not session.keys() & {"cancel_url", "payment_intent"}


async def test_the_buyer_pays_and_the_subscription_is_active(api: Api, sandbox: Sandbox, shop: Shop) -> None:
    await listen(api, shop, "checkout.session.completed", "invoice.paid", "customer.subscription.updated")
    subscription = await subscribe(api, await make_price(api, "Plus plan", 1000))
    check_id(subscription["id"], "sub")
    check_no_nulls(subscription)
    assert (subscription["status"], subscription["currency"]) == ("active", "USD")
    assert (subscription["current_period_start"], subscription["current_period_end"]) == (MARCH, APRIL)
    assert subscription["cancel_at_period_end"] is False
    # The items are a plain array, not a list with an envelope.
    [item] = subscription["items"]
    check_id(item["id"], "si")
    assert (item["quantity"], item["price"]["unit_amount"]) == (1, 1000)

    [invoice] = await invoices_of(api, subscription)
    check_id(invoice["id"], "in")
    facts = {"status": "paid", "total": 1000, "amount_paid": 1000, "billing_reason": "subscription_create"}
    assert {name: invoice[name] for name in facts} == facts
    assert await balance(api) == [{"amount": 1000, "currency": "usd"}]
    await sandbox.settle()
    assert {"checkout.session.completed", "invoice.paid"} <= set(shop.types())
