"""Checkout Sessions in setup mode: a card is saved, nothing is paid."""

from __future__ import annotations

from typing import Any

import pytest
from sandbox.rig import CHALLENGED, DECLINED, Api, card_form, payment

from wooshpay.sandbox import Sandbox

SESSIONS = "/v1/checkout/sessions"


def saving(**fields: Any) -> dict[str, Any]:
    urls = {"success_url": "https://shop.example/saved", "cancel_url": "https://shop.example/account"}
    return {**urls, "payment_method_types": ["card"], **fields}


async def again(api: Api, session: Any) -> Any:
    return await api.find(f"{SESSIONS}/{session['id']}")


async def saved(api: Api, session: Any) -> list[Any]:
    found: list[Any] = (await api.find(f"/v1/customers/{session['customer']}/payment_methods"))["data"]
    return found


async def test_row_new_without_mode_and_lines_saves_a_card(api: Api, sandbox: Sandbox) -> None:
    ada = await api.make("/v1/customers", {"email": "ada@example.com", "name": "Ada"})
    session = await api.make(SESSIONS, saving(customer=ada["id"]))
    assert (session["mode"], session["status"], session["payment_status"]) == ("setup", "open", "no_payment_required")
    assert session["setup_intent"].startswith("seti_")
    assert session["customer_details"].items() >= {"id": ada["id"], "object": "customer", "name": "Ada"}.items()
    assert (session["livemode"], session["live_mode"]) == (False, True)
    assert not session.keys() & {"currency", "amount_total", "amount_subtotal", "payment_intent"}
    assert session["line_items"]["data"] == []
    assert [event["type"] for event in sandbox.store.events()] == ["setup_intent.created"]


async def test_a_customer_is_made_when_none_is_given(api: Api) -> None:
    session = await api.make(SESSIONS, saving(mode="setup", customer_email="ada@example.com"))
    assert (await api.find(f"/v1/customers/{session['customer']}"))["email"] == "ada@example.com"
    assert session["customer_details"]["id"] == session["customer"]


async def test_row_the_card_is_saved(api: Api, sandbox: Sandbox) -> None:
    session = await api.make(SESSIONS, saving())
    _, text, _ = await api.browse(session["url"])
    for shown in ("Save a payment method", "Save card", "Nothing is charged now"):
        assert shown in text
    assert "Your order" not in text
    assert (await api.browse(session["url"], card_form()))[2] == "https://shop.example/saved"
    done = await again(api, session)
    assert (done["status"], done["payment_status"]) == ("complete", "no_payment_required")
    assert [event["type"] for event in sandbox.store.events()] == [
        "setup_intent.created",
        "setup_intent.succeeded",
        "checkout.session.completed",
    ]
    methods = await saved(api, session)
    setup = await api.find(f"/v1/setup_intents/{session['setup_intent']}")
    assert (setup["status"], setup["payment_method"]) == ("succeeded", methods[0]["id"])
    assert sandbox.store.count("charge") == 0
    assert "is saved" in (await api.browse(session["url"]))[1]


async def test_the_saved_card_can_be_charged_without_the_customer(api: Api) -> None:
    session = await api.make(SESSIONS, saving())
    await api.browse(session["url"], card_form())
    method = (await saved(api, session))[0]["id"]
    body = payment(customer=session["customer"], payment_method=method, confirm=True, off_session=True)
    assert (await api.make("/v1/payment_intents", body))["status"] == "succeeded"


async def test_row_refused_it_stays_open(api: Api) -> None:
    session = await api.make(SESSIONS, saving())
    status, text, _ = await api.browse(session["url"], card_form(DECLINED))
    assert (status, "The card was declined." in text) == (402, True)
    assert (await again(api, session))["status"] == "open"
    assert "The card was declined." in (await api.browse(session["url"]))[1]
    assert await saved(api, session) == []
    assert (await api.browse(session["url"], card_form()))[2] == "https://shop.example/saved"


@pytest.mark.parametrize(("outcome", "status", "count"), [("authenticate", "complete", 1), ("fail", "open", 0)])
async def test_row_the_customer_has_to_act(api: Api, outcome: str, status: str, count: int) -> None:
    session = await api.make(SESSIONS, saving())
    _, _, challenge = await api.browse(session["url"], card_form(CHALLENGED))
    assert (await again(api, session))["status"] == "open"
    _, _, location = await api.browse(str(challenge), {"outcome": outcome})
    assert location == (session["success_url"] if count else session["url"])
    assert (await again(api, session))["status"] == status
    assert len(await saved(api, session)) == count


async def test_a_slow_card_completes_it_later(api: Api, sandbox: Sandbox) -> None:
    session = await api.make(SESSIONS, saving())
    assert (await api.browse(session["url"], card_form("4000000000000077")))[2] == session["url"]
    assert "Your bank is checking" in (await api.browse(session["url"]))[1]
    assert (await again(api, session))["status"] == "open"
    sandbox.clock.advance(minutes=2)
    assert (await again(api, session))["status"] == "complete"


async def test_a_wallet_can_be_saved(api: Api) -> None:
    session = await api.make(SESSIONS, saving(payment_method_types=["card", "alipay"]))
    assert "or save" in (await api.browse(session["url"]))[1]
    _, _, wallet = await api.browse(session["url"], {"method": "alipay"})
    await api.browse(str(wallet), {"outcome": "pay"})
    assert (await again(api, session))["status"] == "complete"


async def test_row_expired_with_its_setup(api: Api, sandbox: Sandbox) -> None:
    session = await api.make(SESSIONS, saving())
    sandbox.clock.advance(hours=25)
    ended = await again(api, session)
    assert (ended["status"], ended["payment_status"]) == ("expired", "no_payment_required")
    assert sandbox.store.get(session["setup_intent"])["status"] == "canceled"
    assert (await api.browse(session["url"], card_form()))[0] == 410


async def test_expired_while_the_bank_checks_it_does_not_complete(api: Api, sandbox: Sandbox) -> None:
    session = await api.make(SESSIONS, saving())
    await api.browse(session["url"], card_form("4000000000000077"))
    await api.make(f"{SESSIONS}/{session['id']}/expire")
    sandbox.clock.advance(minutes=2)
    assert (await again(api, session))["status"] == "expired"
    assert sandbox.store.events("checkout.session.completed") == []


async def test_row_complete_a_second_submit_saves_nothing(api: Api) -> None:
    session = await api.make(SESSIONS, saving())
    for _ in range(2):
        await api.browse(session["url"], card_form())
    assert len(await saved(api, session)) == 1
    reply = await api.post(f"{SESSIONS}/{session['id']}/expire")
    assert (reply.status, reply.error["code"]) == (400, "checkout_session_unexpected_state")


@pytest.mark.parametrize(
    ("fields", "status", "param"),
    [
        ({"success_url": None}, 400, "success_url"),
        ({"payment_method_types": ["wechat_pay"]}, 400, "payment_method_types[0]"),
        ({"customer": "cus_1"}, 404, "customer"),
        ({"discounts": [{"coupon": "a"}]}, 400, "discounts"),
        ({"allow_promotion_codes": True}, 400, "allow_promotion_codes"),
        ({"subscription_data": {"trial_period_days": 5}}, 400, "subscription_data"),
    ],
)
async def test_a_refused_session_leaves_nothing(
    api: Api, sandbox: Sandbox, fields: dict[str, Any], status: int, param: str
) -> None:
    reply = await api.post(SESSIONS, saving(**fields))
    assert (reply.status, reply.error["param"]) == (status, param)
    assert sandbox.store.kinds() == []
