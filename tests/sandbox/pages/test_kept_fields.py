"""What a page still holds after a refusal, and what of a card is kept nowhere."""

from __future__ import annotations

import html
import re
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from sandbox.billing.desk import customer, finalized
from sandbox.pages.test_start_page import BROWSER
from sandbox.rig import CHALLENGED, DECLINED, Api, card_form, order

from wooshpay.sandbox import Sandbox

SPACED = " ".join(DECLINED[place : place + 4] for place in range(0, 16, 4))
TYPED = {"email": "ada@example.com", "name": 'Ada "the first" Lovelace', "exp_month": "3", "exp_year": "2091"}
CVC = "987"


def values(text: str) -> dict[str, str]:
    """What stands in the fields of a page."""
    found = re.findall(r'<input id="(\w+)"[^>]*? value="([^"]*)"', text)
    return {name: html.unescape(value) for name, value in found}


async def session_of(api: Api, **fields: Any) -> dict[str, Any]:
    session: dict[str, Any] = await api.make("/v1/checkout/sessions", order(**fields))
    return session


def saving() -> dict[str, Any]:
    return {"mode": "setup", "line_items": None}


def plan() -> dict[str, Any]:
    price = {
        "currency": "USD",
        "unit_amount": 1000,
        "product_data": {"name": "Plus"},
        "recurring": {"interval": "month"},
    }
    return {"mode": "subscription", "line_items": [{"price_data": price, "quantity": 1}]}


@pytest.mark.parametrize("fields", [{}, saving(), plan()], ids=["payment", "setup", "subscription"])
@pytest.mark.parametrize(
    "wrong", [{}, {"cvc": "1"}, {"exp_month": "13"}, {"email": "ada"}], ids=["declined", "cvc", "expiry", "e-mail"]
)
async def test_a_refusal_keeps_what_was_typed_except_the_security_code(
    api: Api, fields: dict[str, Any], wrong: dict[str, str]
) -> None:
    """Without this a customer types everything again because of one wrong digit."""
    session = await session_of(api, **fields)
    typed = {**TYPED, "number": SPACED, "cvc": CVC, **wrong}
    status, text, _ = await api.browse(session["url"], card_form(**typed))
    assert status in {400, 402}
    expected = {name: value for name, value in typed.items() if name != "cvc"}
    assert values(text) == {**expected, "cvc": ""}
    assert f'"{CVC}"' not in text


@pytest.mark.parametrize("fields", [{}, saving(), plan()], ids=["payment", "setup", "subscription"])
async def test_after_a_failed_challenge_all_is_there_but_the_number_and_the_security_code(
    api: Api, fields: dict[str, Any]
) -> None:
    session = await session_of(api, **fields)
    _, _, challenge = await api.browse(session["url"], card_form(CHALLENGED, **TYPED, cvc=CVC))
    _, _, back = await api.browse(str(challenge), {"outcome": "fail"})
    assert back == session["url"]
    _, text, _ = await api.browse(session["url"])
    assert "could not authenticate" in text
    assert values(text) == {**TYPED, "number": "", "cvc": ""}


async def test_after_a_canceled_wallet_the_e_mail_is_there(api: Api) -> None:
    session = await session_of(api)
    form = {"method": "alipay", "email": "ada@example.com", "name": "Ada", "number": CHALLENGED[:6], "cvc": ""}
    _, _, wallet = await api.browse(session["url"], form)
    await api.browse(str(wallet), {"outcome": "cancel"})
    _, text, _ = await api.browse(session["url"])
    assert (values(text)["email"], values(text)["name"], values(text)["number"]) == ("ada@example.com", "Ada", "")


async def test_the_page_of_an_invoice_does_the_same(api: Api) -> None:
    url = (await finalized(api, await customer(api, None), 500))["hosted_invoice_url"]
    typed = {name: value for name, value in TYPED.items() if name != "email"}
    _, text, _ = await api.browse(url, card_form(SPACED, **typed, cvc=CVC))
    assert values(text) == {**typed, "number": SPACED, "cvc": ""}
    _, _, challenge = await api.browse(url, card_form(CHALLENGED, **typed, cvc=CVC))
    await api.browse(str(challenge), {"outcome": "fail"})
    _, text, _ = await api.browse(url)
    assert values(text) == {**typed, "number": "", "cvc": ""}


async def test_a_page_that_is_opened_for_the_first_time_is_empty(api: Api) -> None:
    _, text, _ = await api.browse((await session_of(api))["url"])
    assert set(values(text).values()) == {""}


async def test_a_response_with_a_card_number_is_not_cached(api: Api) -> None:
    session = await session_of(api)
    async with api.session.post(session["url"], data=card_form(DECLINED)) as response:
        assert DECLINED in await response.text()
        assert response.headers["Cache-Control"] == "no-store"


async def test_no_card_number_reaches_the_state_file_the_log_the_dashboard_or_an_address(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A number that somebody typed by mistake must be gone when the response is sent."""
    caplog.set_level("DEBUG")
    number, cvc = "5555555555554444", "8642"
    file = tmp_path / "sandbox.db"
    async with Sandbox(state=file) as sandbox, aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as http:
        api = Api(http, sandbox.base_url, sandbox.api_key)
        session = await session_of(api, payment_method_options={"card": {"request_three_d_secure": "any"}})
        forms = [card_form(number, cvc="1", name="Ada"), card_form(number, cvc=cvc, name="Ada")]
        places = [await api.browse(session["url"], form) for form in forms]
        challenge = str(places[-1][2])
        assert "/3ds/challenge" in challenge
        await api.browse(challenge, {"outcome": "fail"})
        invoice = await finalized(api, await customer(api, None), 500)
        await api.browse(invoice["hosted_invoice_url"], card_form(number, cvc=cvc))
        seen = [(await api.browse(session["url"]))[1], *(str(where) for _, _, where in places)]
        paths = ["", "/requests", "/events", "/objects/payment_method", f"/object/{session['payment_intent']}"]
        for path in paths:
            async with http.get(
                sandbox.dashboard_url if not path else f"{sandbox.base_url}/dashboard{path}",
                headers={"Accept": BROWSER},
            ) as response:
                assert response.status == 200
                seen.append(await response.text())
        seen.extend(f"{request} {request.answer}" for request in sandbox.requests)
        seen.extend(str(sandbox.store.all(kind)) for kind in sandbox.store.kinds())
    stored = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert session["id"].encode() in stored
    spellings = [number, " ".join(number[place : place + 4] for place in range(0, 16, 4))]
    for spelling in spellings:
        assert spelling.encode() not in stored
        assert spelling not in caplog.text
        assert not [text for text in seen if spelling in text]
    assert f'"{cvc}"'.encode() not in stored
