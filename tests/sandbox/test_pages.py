"""The pages over HTTP: what they show, what they take, where they lead."""

from __future__ import annotations

import re
from typing import Any

import pytest
from sandbox.rig import CHALLENGED, DECLINED, GOOD, Api, card_form, order, payment

from wooshpay.sandbox import Sandbox

PATH = "/v1/checkout/sessions"


async def open_session(api: Api, **fields: Any) -> dict[str, Any]:
    session: dict[str, Any] = await api.make(PATH, order(**fields))
    return session


# ---- hosted checkout


async def test_shows_what_is_sold_and_the_total(api: Api) -> None:
    session = await open_session(api)
    status, text, _ = await api.browse(session["url"])
    assert status == 200
    for shown in ("Tea", "Green, 100 g", "Quantity 2", "39.98 USD", 'href="https://shop.example/basket"'):
        assert shown in text


async def test_every_field_has_a_label_and_no_address_is_foreign(api: Api) -> None:
    session = await open_session(api)
    _, text, _ = await api.browse(session["url"])
    fields = set(re.findall(r'<input id="(\w+)"', text))
    assert fields == {"email", "number", "exp_month", "exp_year", "cvc", "name"}
    assert fields <= set(re.findall(r'<label for="(\w+)"', text))
    assert 'lang="en"' in text
    assert "width=device-width" in text
    assert re.findall(r'(?:src|href)="(?!data:)([^"]+)"', text) == ["https://shop.example/basket"]


async def test_amounts_without_decimals(api: Api) -> None:
    line = {"price_data": {"currency": "JPY", "unit_amount": 1200, "product_data": {"name": "Tea"}}, "quantity": 1}
    _, text, _ = await api.browse((await open_session(api, line_items=[line]))["url"])
    assert "1,200 JPY" in text


async def test_what_a_merchant_sends_is_shown_as_text(api: Api) -> None:
    product = {"name": "<script>alert(1)</script>", "description": '"><b>x'}
    line = {"price_data": {"currency": "USD", "unit_amount": 50, "product_data": product}, "quantity": 1}
    _, text, _ = await api.browse((await open_session(api, line_items=[line], customer_email='"><i>'))["url"])
    # The page's own script is there, but no other.
    assert "<script>alert" not in text
    assert "<b>" not in text
    assert "<i>" not in text


async def test_is_not_found_without_its_key(api: Api, sandbox: Sandbox) -> None:
    url = (await open_session(api))["url"]
    for wrong in (
        url.partition("?")[0],
        url[:-1],
        url.replace("cs_test_", "cs_"),
        re.sub(r"cs_test_\d+", "cs_test_1", url),
        f"{sandbox.base_url}/pay/cs_test_x?key={sandbox.publishable_key}",
    ):
        assert (await api.browse(wrong))[0] == 404
        assert (await api.browse(wrong, card_form()))[0] == 404


@pytest.mark.parametrize(
    ("fields", "where", "what"),
    [
        ({"number": ""}, "number", "Enter the card number"),
        ({"number": "4111111111111112"}, "number", "not a valid card number"),
        ({"number": "hello"}, "number", "not a valid card number"),
        ({"exp_month": "13"}, "expiry", "month and year"),
        ({"exp_year": ""}, "expiry", "month and year"),
        ({"cvc": "12"}, "cvc", "three or four digits"),
        ({"email": "ada"}, "email", "name@example.com"),
    ],
)
async def test_says_which_field_is_wrong(
    api: Api, sandbox: Sandbox, fields: dict[str, str], where: str, what: str
) -> None:
    session = await open_session(api)
    status, text, _ = await api.browse(session["url"], card_form(**{"name": "Ada Lovelace", **fields}))
    assert status == 400
    found = re.search(rf'id="{where}-error">([^<]+)<', text)
    assert found is not None
    assert what in found.group(1)
    assert f'aria-describedby="{where}-error"' in text
    assert 'value="Ada Lovelace"' in text
    assert sandbox.store.count("charge") == 0


@pytest.mark.parametrize(
    ("form", "shown"),
    [
        (card_form(DECLINED), "The card was declined."),
        (card_form("4000000000009995"), "insufficient funds"),
        (card_form("4000000000000069"), 'id="expiry-error">The card has expired.'),
        (card_form(exp_year="2001"), 'id="expiry-error">The card has expired.'),
        (card_form("4000000000000127"), 'id="cvc-error">The card&#39;s security code is wrong.'),
        (card_form("4000000000000119"), "Try again later"),
    ],
)
async def test_a_refusal_is_shown_with_the_form(api: Api, form: dict[str, str], shown: str) -> None:
    session = await open_session(api)
    status, text, location = await api.browse(session["url"], form)
    assert (status, location) == (402, None)
    assert shown in text
    assert '<input id="number"' in text


async def test_a_paid_or_expired_page_says_so(api: Api) -> None:
    paid, expired = await open_session(api), await open_session(api)
    await api.browse(paid["url"], card_form())
    await api.make(f"{PATH}/{expired['id']}/expire")
    for form in (None, card_form()):
        status, text, _ = await api.browse(paid["url"], form)
        assert (status, "is complete" in text) == (200, True)
        status, text, _ = await api.browse(expired["url"], form)
        assert (status, "has expired" in text) == (410, True)
    assert len((await api.find("/v1/charges/list"))["data"]) == 1


async def test_expires_at_the_very_moment(api: Api, sandbox: Sandbox) -> None:
    session = await open_session(api)
    sandbox.clock.advance(hours=24, seconds=1)
    assert (await api.browse(session["url"], card_form()))[0] == 410


async def test_without_a_cancel_url_there_is_no_cancel_link(api: Api) -> None:
    _, text, _ = await api.browse((await open_session(api, cancel_url=None))["url"])
    assert "Cancel" not in text


async def test_offers_the_methods_of_the_session(api: Api) -> None:
    wallets = await open_session(api, payment_method_types=["alipay", "wechat_pay"])
    _, text, _ = await api.browse(wallets["url"])
    assert '<input id="number"' not in text
    assert "WeChat Pay" in text
    cards = await open_session(api, payment_method_types=["card"])
    _, text, _ = await api.browse(cards["url"])
    assert "Alipay" not in text


async def test_a_form_with_an_unknown_method_is_refused(api: Api) -> None:
    status, text, _ = await api.browse((await open_session(api))["url"], {"method": "gold"})
    assert (status, "must be one of" in text) == (400, True)


# ---- 3-D Secure


async def test_a_challenge_that_is_passed_leads_to_the_success_page(api: Api, sandbox: Sandbox) -> None:
    session = await open_session(api)
    status, _, challenge = await api.browse(session["url"], card_form(CHALLENGED))
    assert (status, str(challenge).startswith(f"{sandbox.base_url}/3ds/challenge?")) == (303, True)
    status, text, _ = await api.browse(str(challenge))
    assert (status, "39.98 USD" in text, "3155" in text) == (200, True, True)
    status, _, location = await api.browse(str(challenge), {"outcome": "authenticate"})
    assert (status, location) == (303, session["success_url"])
    assert sandbox.store.get(session["id"])["status"] == "complete"


async def test_a_challenge_that_is_failed_leads_back_to_the_form(api: Api, sandbox: Sandbox) -> None:
    session = await open_session(api)
    _, _, challenge = await api.browse(session["url"], card_form(CHALLENGED))
    _, _, location = await api.browse(str(challenge), {"outcome": "fail"})
    assert location == session["url"]
    status, text, _ = await api.browse(session["url"])
    assert (status, "could not authenticate" in text) == (200, True)
    assert (await api.browse(session["url"], card_form(GOOD)))[2] == session["success_url"]
    assert len(sandbox.store.events("payment_intent.payment_failed")) == 1


async def test_a_card_may_be_declined_after_its_challenge(api: Api) -> None:
    session = await open_session(api)
    _, _, challenge = await api.browse(session["url"], card_form("4000008400001629"))
    _, _, location = await api.browse(str(challenge), {"outcome": "authenticate"})
    assert location == session["url"]
    assert "The card was declined." in (await api.browse(session["url"]))[1]


async def test_any_challenges_every_card(api: Api) -> None:
    options = {"card": {"request_three_d_secure": "any"}}
    session = await open_session(api, payment_method_options=options)
    assert "/3ds/challenge" in str((await api.browse(session["url"], card_form()))[2])


@pytest.mark.parametrize(("outcome", "status"), [("authenticate", "succeeded"), ("fail", "requires_payment_method")])
async def test_a_direct_payment_comes_back_to_its_return_url(api: Api, outcome: str, status: str) -> None:
    back = "https://shop.example/back?order=7"
    intent = await api.make("/v1/payment_intents", payment(CHALLENGED, return_url=back))
    url = intent["next_action"]["challenge_redirect"]["url"]
    assert (await api.browse(url, {"outcome": outcome}))[2] == back
    after = await api.find(f"/v1/payment_intents/{intent['id']}")
    assert after["status"] == status
    assert "next_action" not in after
    if status != "succeeded":
        assert after["last_payment_error"]["code"] == "payment_intent_authentication_failure"


async def test_without_a_return_url_the_page_says_how_it_ended(api: Api) -> None:
    for outcome, shown in (("authenticate", "went through"), ("fail", "did not go through")):
        intent = await api.make("/v1/payment_intents", payment(CHALLENGED))
        url = intent["next_action"]["challenge_redirect"]["url"]
        status, text, _ = await api.browse(url, {"outcome": outcome})
        assert (status, shown in text) == (200, True)


async def test_a_challenge_is_answered_once(api: Api, sandbox: Sandbox) -> None:
    intent = await api.make("/v1/payment_intents", payment(CHALLENGED))
    url = intent["next_action"]["challenge_redirect"]["url"]
    assert (await api.browse(url, {"outcome": "nonsense"}))[0] == 400
    for _ in range(2):
        await api.browse(url, {"outcome": "authenticate"})
    status, text, _ = await api.browse(url)
    assert (status, "is over" in text) == (200, True)
    assert sandbox.store.count("charge") == 1
    assert (await api.browse(url[:-1]))[0] == (await api.browse(url[:-1], {"outcome": "fail"}))[0] == 404


# ---- wallets


@pytest.mark.parametrize(
    ("outcome", "code"), [("pay", None), ("fail", "payment_failed"), ("cancel", "payment_canceled")]
)
async def test_a_wallet_of_a_session(api: Api, sandbox: Sandbox, outcome: str, code: str | None) -> None:
    session = await open_session(api)
    _, _, wallet = await api.browse(session["url"], {"method": "alipay"})
    assert "/paymentcode?type=alipay" in str(wallet)
    status, text, _ = await api.browse(str(wallet))
    assert (status, "Alipay" in text, "39.98 USD" in text) == (200, True, True)
    _, _, location = await api.browse(str(wallet), {"outcome": outcome})
    assert location == (session["success_url"] if code is None else session["url"])
    intent = sandbox.store.get(session["payment_intent"])
    assert intent.get("last_payment_error", {}).get("code") == code


async def test_a_challenge_is_no_wallet(api: Api) -> None:
    intent = await api.make("/v1/payment_intents", payment(CHALLENGED))
    url = intent["next_action"]["challenge_redirect"]["url"].replace("/3ds/challenge", "/paymentcode")
    assert (await api.browse(url))[0] == 404


async def test_the_page_of_an_expired_session_leads_nowhere(api: Api, sandbox: Sandbox) -> None:
    session = await open_session(api)
    _, _, wallet = await api.browse(session["url"], {"method": "alipay"})
    sandbox.clock.advance(hours=25)
    status, text, _ = await api.browse(str(wallet), {"outcome": "pay"})
    assert (status, "is over" in text) == (200, True)
    assert sandbox.store.count("charge") == 0
