"""The guide "Direct API": a PaymentIntent made and confirmed in one call, without and with 3-D Secure."""

from __future__ import annotations

from typing import Any

from sandbox.guides.forms import (
    CARD,
    check_client_secret,
    check_event,
    check_head,
    check_id,
    check_no_nulls,
    check_signature,
    listen,
)
from sandbox.rig import Api, Shop

from wooshpay.sandbox import Sandbox


def body(three_d_secure: str) -> dict[str, Any]:
    """The request of the guide."""
    return {
        "amount": 2000,
        "currency": "USD",
        "confirm": True,
        "payment_method_data": {"type": "card", "card": CARD},
        "payment_method_options": {"card": {"request_three_d_secure": three_d_secure}},
        "return_url": "https://wooshpay.com",
    }


async def test_without_3d_secure_the_payment_succeeds_at_once(api: Api, sandbox: Sandbox, shop: Shop) -> None:
    secret = await listen(api, shop, "payment_intent.created", "payment_intent.succeeded")
    intent = await api.make("/v1/payment_intents", body("auto"))
    check_head(intent, "pi", "payment_intent")
    check_client_secret(intent)
    check_id(intent["payment_method"], "pm")
    check_id(intent["latest_charge"], "ch")
    check_no_nulls(intent)
    facts = {
        "status": "succeeded",
        "amount": 2000,
        "amount_received": 2000,
        "currency": "USD",
        "capture_method": "automatic",
        "confirmation_method": "automatic",
        "payment_method_types": ["card"],
        "payment_method_options": {"card": {"request_three_d_secure": "auto"}},
    }
    assert {name: intent[name] for name in facts} == facts
    assert "next_action" not in intent
    assert await api.find(f"/v1/payment_intents/{intent['id']}") == intent
    await sandbox.settle()
    assert sorted(shop.types()) == ["payment_intent.created", "payment_intent.succeeded"]
    [hook] = [hook for hook in shop.hooks if hook.event["type"] == "payment_intent.succeeded"]
    check_signature(hook, secret)
    check_event(hook, "payment_intent.succeeded", intent)


async def test_with_3d_secure_the_customer_is_challenged_and_comes_back(api: Api, sandbox: Sandbox, shop: Shop) -> None:
    await listen(api, shop, "payment_intent.requires_action", "payment_intent.succeeded")
    intent = await api.make("/v1/payment_intents", body("any"))
    check_no_nulls(intent)
    assert intent["status"] == "requires_action"
    assert intent["next_action"].keys() == {"type", "challenge_redirect"}
    assert intent["next_action"]["type"] == "challenge_redirect"
    challenge = intent["next_action"]["challenge_redirect"]
    assert challenge == {"url": challenge["url"], "return_url": "https://wooshpay.com"}
    assert f"clientSecret={intent['client_secret']}" in challenge["url"]

    # The browser is sent to the url, and comes back to return_url.
    status, text, _ = await api.browse(challenge["url"])
    assert status == 200
    assert "20.00 USD" in text
    status, _, location = await api.browse(challenge["url"], {"outcome": "authenticate"})
    assert status == 303
    assert str(location).startswith("https://wooshpay.com")

    after = await api.find(f"/v1/payment_intents/{intent['id']}")
    assert (after["status"], after["amount_received"]) == ("succeeded", 2000)
    assert "next_action" not in after
    await sandbox.settle()
    assert shop.types() == ["payment_intent.requires_action", "payment_intent.succeeded"]


async def test_a_failed_challenge_leaves_the_intent_in_want_of_a_method(api: Api) -> None:
    intent = await api.make("/v1/payment_intents", body("any"))
    await api.act("payment_intents.authenticate", payment_intent=intent["id"], outcome="failed")
    after = await api.find(f"/v1/payment_intents/{intent['id']}")
    assert after["status"] == "requires_payment_method"
    assert after["last_payment_error"]["type"] == "card_error"


async def test_create_first_and_confirm_then(api: Api) -> None:
    intent = await api.make("/v1/payment_intents", {"amount": 2000, "currency": "USD"})
    check_client_secret(intent)
    assert intent["status"] == "requires_payment_method"
    confirmed = await api.make(
        f"/v1/payment_intents/{intent['id']}/confirm",
        {"payment_method_data": {"type": "card", "card": CARD}, "return_url": "https://wooshpay.com"},
    )
    assert (confirmed["id"], confirmed["status"]) == (intent["id"], "succeeded")


async def test_only_a_part_is_shown_to_the_publishable_key(api: Api, sandbox: Sandbox) -> None:
    intent = await api.make("/v1/payment_intents", body("any"))
    public = Api(api.session, sandbox.base_url, sandbox.publishable_key)
    path = f"/v1/payment_intents/{intent['id']}"
    seen = (await public.get(path, query={"client_secret": intent["client_secret"]})).body
    assert (seen["id"], seen["status"], seen["next_action"]) == (intent["id"], "requires_action", intent["next_action"])
    assert "payment_method" not in seen
    assert (await public.get(path)).status == 403
