"""The guide "WooshPay Checkout", step by step over plain HTTP."""

from __future__ import annotations

from sandbox.guides.forms import (
    check_client_secret,
    check_event,
    check_head,
    check_id,
    check_no_nulls,
    check_page_url,
    check_signature,
    listen,
)
from sandbox.rig import Api, Shop, card_form

from wooshpay.sandbox import Sandbox

DAY = 86_400_000


async def test_sell_something_on_the_hosted_page(api: Api, sandbox: Sandbox, shop: Shop) -> None:
    secret = await listen(api, shop, "payment_intent.succeeded")
    # What one call makes has one time: no second may pass in the midst of it.
    sandbox.clock.freeze()

    # 1. The server makes a session of line items, success_url and cancel_url.
    example = {"name": "example product", "description": "very delicious"}
    session = await api.make(
        "/v1/checkout/sessions",
        {
            "mode": "payment",
            "cancel_url": "www.example.com",
            "success_url": "www.wooshpay.com",
            "line_items": [
                {"price_data": {"currency": "GBP", "unit_amount": 5, "product_data": example}, "quantity": 1}
            ],
        },
    )
    check_head(session, "cs", "checkout.session")
    check_id(session["payment_intent"], "pi")
    check_no_nulls(session)
    check_page_url(session, sandbox)
    # `created` is the second of creation, `expires_at` the millisecond 24 hours after it.
    assert abs(session["expires_at"] - session["created"] - DAY) <= 1000
    facts = {
        "mode": "payment",
        "status": "open",
        "payment_status": "unpaid",
        "currency": "GBP",
        "customer": "",
        "billing_address_collection": "auto",
        "amount_subtotal": 5,
        "amount_total": 5,
        "cancel_url": "www.example.com",
        "success_url": "www.wooshpay.com",
    }
    assert {name: session[name] for name in facts} == facts
    assert not session.keys() & {"shipping", "client_reference_id", "customer_email", "payment_method_types"}

    # The line items, their prices and products come in full.
    assert session["line_items"]["object"] == "list"
    [item] = session["line_items"]["data"]
    check_id(item["id"], "li")
    facts = {
        "object": "item",
        "currency": "GBP",
        "description": "example product",
        "quantity": 1,
        "amount_subtotal": 5,
        "amount_total": 5,
    }
    assert {name: item[name] for name in facts} == facts
    price = item["price"]
    check_head(price, "price", "price")
    assert (price["type"], price["unit_amount"], price["active"]) == ("one_time", 5, True)
    product = price["product"]
    check_head(product, "prod", "product")
    assert (product["name"], product["description"]) == ("example product", "very delicious")
    assert product["updated"] == product["created"] == price["created"] == session["created"]
    made = [session["id"], item["id"], price["id"], product["id"], session["payment_intent"]]
    digits = [id.rpartition("_")[2] for id in made]
    assert digits == sorted(digits)

    # 2. The customer is sent to the url, pays, and lands at success_url.
    assert (await api.browse(session["url"]))[0] == 200
    status, _, location = await api.browse(session["url"], card_form())
    assert (status, location) == (303, "https://www.wooshpay.com")

    # 3. The result is read from the session and its intent, or from the webhook; not from the visit to success_url.
    after = await api.find(f"/v1/checkout/sessions/{session['id']}")
    assert (after["status"], after["payment_status"]) == ("complete", "paid")
    intent = await api.find(f"/v1/payment_intents/{session['payment_intent']}")
    check_head(intent, "pi", "payment_intent")
    check_client_secret(intent)
    check_no_nulls(intent)
    assert (intent["status"], intent["amount"], intent["currency"]) == ("succeeded", 5, "GBP")
    assert (intent["capture_method"], intent["confirmation_method"]) == ("automatic", "automatic")
    await sandbox.settle()
    [hook] = shop.hooks
    check_signature(hook, secret)
    check_event(hook, "payment_intent.succeeded", intent)


async def test_a_session_of_the_cards_guide(api: Api, sandbox: Sandbox) -> None:
    price = {
        "currency": "USD",
        "unit_amount": 2000,
        "product": None,
        "billing_scheme": "testscheme",
        "lookup_key": "test_lookup_key",
        "product_data": {"name": "apple"},
    }
    session = await api.make(
        "/v1/checkout/sessions",
        {
            "mode": "payment",
            "payment_method_types": ["card"],
            "success_url": "https://shop.example/thanks",
            "cancel_url": "https://shop.example/basket",
            "line_items": [{"price_data": price, "quantity": 1}],
        },
    )
    check_page_url(session, sandbox)
    assert (session["payment_method_types"], session["amount_total"]) == (["card"], 2000)
    made = session["line_items"]["data"][0]["price"]
    # A billing scheme that there is not is kept as per_unit.
    assert (made["billing_scheme"], made["lookup_key"]) == ("per_unit", "test_lookup_key")
    assert made["product"]["name"] == "apple"


async def test_a_session_lives_for_24_hours(api: Api, sandbox: Sandbox, shop: Shop) -> None:
    await listen(api, shop, "checkout.session.expired", "payment_intent.canceled")
    line = {"price_data": {"currency": "GBP", "unit_amount": 5, "product_data": {"name": "Tea"}}, "quantity": 1}
    session = await api.make(
        "/v1/checkout/sessions", {"success_url": "www.wooshpay.com", "cancel_url": "www.a.com", "line_items": [line]}
    )
    sandbox.clock.advance(hours=24)
    assert (await api.find(f"/v1/checkout/sessions/{session['id']}"))["status"] == "expired"
    assert (await api.find(f"/v1/payment_intents/{session['payment_intent']}"))["status"] == "canceled"
    assert (await api.browse(session["url"]))[0] == 410
    await sandbox.settle()
    assert sorted(shop.types()) == ["checkout.session.expired", "payment_intent.canceled"]
