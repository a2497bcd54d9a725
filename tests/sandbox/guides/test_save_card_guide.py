"""The guides on saving a card or a wallet: without a payment, during one, and the later payment with it."""

from __future__ import annotations

from typing import Any

from sandbox.guides.forms import (
    CARD,
    check_client_secret,
    check_event,
    check_head,
    check_id,
    check_no_nulls,
    check_page_url,
    listen,
)
from sandbox.rig import Api, Shop, card_form

from wooshpay.sandbox import Sandbox


async def new_customer(api: Api) -> dict[str, Any]:
    made: dict[str, Any] = await api.make("/v1/customers", {"email": "ada@example.com"})
    check_head(made, "cus", "customer")
    return made


async def saved(api: Api, customer: str, type: str = "card") -> list[dict[str, Any]]:
    """The customer's payment methods of a type."""
    found = await api.get(f"/v1/customers/{customer}/payment_methods", query={"type": type})
    data: list[dict[str, Any]] = found.body["data"]
    for method in data:
        check_head(method, "pm", "payment_method")
    return data


async def test_save_a_card_without_a_payment(api: Api, sandbox: Sandbox, shop: Shop) -> None:
    """The guide "Save a card without a payment, Direct API"."""
    await listen(api, shop, "setup_intent.created", "setup_intent.succeeded")
    customer = (await new_customer(api))["id"]

    # 1. A SetupIntent, confirmed at once. The guide's card asks for 3-D Secure.
    setup = await api.make(
        "/v1/setup_intents",
        {
            "confirm": True,
            "customer": customer,
            "payment_method_types": ["card"],
            "payment_method_data": {"type": "card", "card": {**CARD, "number": "4761344136141390"}},
            "usage": "on_session",
            "return_url": "https://wooshpay.com",
        },
    )
    check_head(setup, "seti", "setup_intent")
    check_client_secret(setup)
    check_no_nulls(setup)
    assert (setup["status"], setup["usage"], setup["customer"]) == ("requires_action", "on_session", customer)
    assert setup["next_action"]["type"] == "challenge_redirect"
    challenge = setup["next_action"]["challenge_redirect"]
    assert challenge == {"url": challenge["url"], "return_url": "https://wooshpay.com"}
    assert await saved(api, customer) == []

    # 2. The shopper is sent there, and comes back to return_url.
    _, _, location = await api.browse(challenge["url"], {"outcome": "authenticate"})
    assert str(location).startswith("https://wooshpay.com")

    # 3. setup_intent.succeeded tells that the card is saved.
    after = await api.find(f"/v1/setup_intents/{setup['id']}")
    assert (after["status"], after["payment_method"]) == ("succeeded", setup["payment_method"])
    [method] = await saved(api, customer)
    assert (method["id"], method["customer"], method["card"]["last4"]) == (after["payment_method"], customer, "1390")
    await sandbox.settle()
    assert shop.types() == ["setup_intent.created", "setup_intent.succeeded"]
    check_event(shop.hooks[1], "setup_intent.succeeded", after)


async def test_save_a_card_during_a_payment_and_pay_with_it_again(api: Api, sandbox: Sandbox, shop: Shop) -> None:
    """The guide "Save payment details during payment, Direct API"."""
    await listen(api, shop, "payment_intent.succeeded")
    customer = (await new_customer(api))["id"]

    # 1. A PaymentIntent with the customer and setup_future_usage.
    intent = await api.make(
        "/v1/payment_intents",
        {
            "amount": 2000,
            "currency": "USD",
            "confirm": True,
            "customer": customer,
            "payment_method_data": {"type": "card", "card": CARD},
            "setup_future_usage": "on_session",
            "return_url": "https://wooshpay.com",
        },
    )
    check_no_nulls(intent)
    assert (intent["status"], intent["setup_future_usage"]) == ("succeeded", "on_session")

    # 2. payment_intent.succeeded also means that the card is on the customer.
    await sandbox.settle()
    check_event(shop.hooks[0], "payment_intent.succeeded", intent)
    [method] = await saved(api, customer)
    assert (method["id"], method["card"]["last4"]) == (intent["payment_method"], "1111")

    # 3. Later the merchant takes a payment with it.
    again = {"amount": 700, "currency": "USD", "confirm": True, "customer": customer, "payment_method": method["id"]}
    later = await api.make("/v1/payment_intents", again)
    assert (later["status"], later["amount_received"], later["payment_method"]) == ("succeeded", 700, method["id"])
    assert [entry["id"] for entry in await saved(api, customer)] == [method["id"]]


async def test_a_refused_payment_saves_nothing(api: Api) -> None:
    customer = (await new_customer(api))["id"]
    reply = await api.post(
        "/v1/payment_intents",
        {
            "amount": 2000,
            "currency": "USD",
            "confirm": True,
            "customer": customer,
            "payment_method_data": {"type": "card", "card": {**CARD, "number": "4000000000000002"}},
            "setup_future_usage": "on_session",
        },
    )
    assert (reply.status, reply.error["type"]) == (402, "card_error")
    assert reply.error["payment_intent"]["status"] == "requires_payment_method"
    assert await saved(api, customer) == []


async def test_save_a_wallet_during_a_payment_and_charge_it_off_session(api: Api) -> None:
    """The guide "Save payment method during payment"."""
    customer = (await new_customer(api))["id"]
    intent = await api.make(
        "/v1/payment_intents",
        {
            "amount": 2000,
            "currency": "USD",
            "confirm": True,
            "customer": customer,
            "payment_method_data": {"type": "alipay"},
            "payment_method_options": {"alipay": {"terminal_type": "WEB"}},
            "setup_future_usage": "off_session",
            "return_url": "https://wooshpay.com",
        },
    )
    assert (intent["status"], intent["next_action"]["type"]) == ("requires_action", "alipay_handle_redirect")
    check_id(intent["payment_method"], "pm")
    await api.act("payment_intents.pay", payment_intent=intent["id"])
    [method] = await saved(api, customer, "alipay")
    assert (method["id"], method["type"]) == (intent["payment_method"], "alipay")

    # Later: amount, currency, confirm, customer and payment_method are enough.
    again = {"amount": 500, "currency": "USD", "confirm": True, "customer": customer, "payment_method": method["id"]}
    assert (await api.make("/v1/payment_intents", again))["status"] == "succeeded"


async def test_save_a_card_on_the_hosted_page(api: Api, sandbox: Sandbox, shop: Shop) -> None:
    """The guide "Save card with WooshPay Checkout"."""
    await listen(api, shop, "setup_intent.created", "setup_intent.succeeded")
    customer = (await new_customer(api))["id"]

    # 1. A session without mode and line items: it is one of mode setup.
    body = {
        "cancel_url": "https://shop.example/card",
        "success_url": "https://shop.example/saved",
        "payment_method_types": ["card"],
        "customer": customer,
        "metadata": {"shelf": "7"},
    }
    session = await api.make("/v1/checkout/sessions", body)
    check_head(session, "cs", "checkout.session")
    check_page_url(session, sandbox)
    check_id(session["setup_intent"], "seti")
    assert (session["mode"], session["status"], session["customer"]) == ("setup", "open", customer)
    assert session["customer_details"]["email"] == "ada@example.com"
    assert abs(session["expires_at"] - session["created"] - 86_400_000) <= 1000
    assert not session.keys() & {"currency", "payment_intent", "amount_total"}

    # 2. The shopper enters the card.
    assert (await api.browse(session["url"]))[0] == 200
    _, _, location = await api.browse(session["url"], card_form())
    assert location == "https://shop.example/saved"
    assert (await api.find(f"/v1/checkout/sessions/{session['id']}"))["status"] == "complete"

    # 3. The pair of customer and payment method comes with setup_intent.succeeded, and the session's metadata too.
    await sandbox.settle()
    assert shop.types() == ["setup_intent.created", "setup_intent.succeeded"]
    told = shop.hooks[1].event["data"]["object"]
    assert (told["id"], told["customer"], told["metadata"]) == (session["setup_intent"], customer, {"shelf": "7"})
    [method] = await saved(api, customer)
    assert method["id"] == told["payment_method"]

    # 4. A payment with it later, off session.
    again = {"amount": 700, "currency": "USD", "confirm": True, "customer": customer, "payment_method": method["id"]}
    paid = await api.make("/v1/payment_intents", {**again, "off-session": True})
    assert paid["status"] == "succeeded"


async def test_giving_up_on_the_hosted_page_saves_nothing(api: Api, sandbox: Sandbox) -> None:
    customer = (await new_customer(api))["id"]
    body = {
        "cancel_url": "https://shop.example/card",
        "success_url": "https://shop.example/saved",
        "payment_method_types": ["card"],
        "customer": customer,
    }
    session = await api.make("/v1/checkout/sessions", body)
    assert 'href="https://shop.example/card"' in (await api.browse(session["url"]))[1]
    sandbox.clock.advance(hours=24)
    assert (await api.find(f"/v1/checkout/sessions/{session['id']}"))["status"] == "expired"
    assert (await api.find(f"/v1/setup_intents/{session['setup_intent']}"))["status"] == "canceled"
    assert await saved(api, customer) == []


async def test_the_hosted_page_makes_a_customer_where_none_was_sent(api: Api) -> None:
    body = {
        "cancel_url": "https://shop.example/card",
        "success_url": "https://shop.example/saved",
        "payment_method_types": ["card"],
    }
    session = await api.make("/v1/checkout/sessions", body)
    await api.act("checkout.sessions.pay", session=session["id"], email="eva@example.com")
    after = await api.find(f"/v1/checkout/sessions/{session['id']}")
    check_id(after["customer"], "cus")
    assert len(await saved(api, after["customer"])) == 1
