"""Payment methods on pages: their names, why one is not offered, and all outcomes of a wallet."""

from __future__ import annotations

import base64
import hashlib
import html
import re
from typing import Any

import pytest
from sandbox.rig import Api, order, payment

from wooshpay.sandbox import CARDS, Sandbox
from wooshpay.sandbox.pages import card_list
from wooshpay.sandbox.rules.method_names import name_of
from wooshpay.sandbox.rules.methods import TYPES

SESSIONS = "/v1/checkout/sessions"


def line(amount: int, currency: str) -> dict[str, Any]:
    return {"price_data": {"currency": currency, "unit_amount": amount, "product_data": {"name": "Tea"}}, "quantity": 1}


async def refused(api: Api, sandbox: Sandbox, *types: str, **fields: Any) -> dict[str, str]:
    """Why a page does not offer methods, by their names. The API may refuse to create some of these sessions."""
    session = await api.make(SESSIONS, order(**fields))
    record = sandbox._server.state.need("checkout.session", session["id"])  # pyright: ignore[reportPrivateUsage]
    record["payment_method_types"] = list(types)
    _, text, _ = await api.browse(session["url"])
    return {name: html.unescape(why) for name, why in re.findall(r"<li><b>([^<]+)</b> ([^<]+)</li>", text)}


async def test_the_page_says_why_a_method_is_not_offered(api: Api, sandbox: Sandbox) -> None:
    """Without the reason, a page without methods is a dead end for the developer who tests it."""
    why = await refused(api, sandbox, "pix", "paynow", line_items=[line(500, "USD")])
    assert why == {"Pix": "does not take USD. It takes BRL.", "PayNow": "does not take USD. It takes SGD."}
    assert await refused(api, sandbox, "card", "pix", line_items=[line(200, "BRL")]) == {
        "Pix": "takes at least 3.00 BRL."
    }
    assert await refused(api, sandbox, "promptpay", line_items=[line(500_001, "THB")]) == {
        "PromptPay": "takes at most 5,000.00 THB."
    }
    assert await refused(api, sandbox, "card", "ovo", mode="setup", line_items=None) == {
        "OVO": "cannot be saved for later payments."
    }


async def test_a_page_without_any_method_says_so(api: Api, sandbox: Sandbox) -> None:
    session = await api.make(SESSIONS, order())
    record = sandbox._server.state.need("checkout.session", session["id"])  # pyright: ignore[reportPrivateUsage]
    record["payment_method_types"] = ["pix"]
    _, text, _ = await api.browse(session["url"])
    assert "None of the payment methods that this shop accepts can be used for this order." in text
    assert "<details" not in text
    assert '<input id="number"' not in text


async def test_a_page_that_offers_nothing_gives_the_reasons_of_the_usual_methods(api: Api, sandbox: Sandbox) -> None:
    """The merchant listed none: without the reasons nobody could find out that the usual ones do not fit."""
    session = await api.make(SESSIONS, order(line_items=[line(500, "JPY")]))
    record = sandbox._server.state.need("checkout.session", session["id"])  # pyright: ignore[reportPrivateUsage]
    record.private["offered"] = ["pix"]
    _, text, _ = await api.browse(session["url"])
    assert "<li><b>Pix</b> does not take JPY. It takes BRL.</li>" in text


async def test_what_is_offered_has_no_reason(api: Api) -> None:
    _, text, _ = await api.browse((await api.make(SESSIONS, order(payment_method_types=["card", "alipay"])))["url"])
    assert "not available" not in text


def test_every_method_has_a_name_for_people() -> None:
    for type in TYPES:
        assert name_of(type)[0].isalnum()
        assert "_" not in name_of(type)
    assert (name_of("wechat_pay"), name_of("p24"), name_of("klarna")) == ("WeChat Pay", "Przelewy24", "Klarna")


@pytest.mark.parametrize(
    ("amount", "currency", "written"),
    [(123_456, "USD", "1,234.56 USD"), (1200, "JPY", "1,200 JPY"), (1_234_567, "KWD", "1,234.567 KWD")],
)
async def test_a_wallet_shows_the_amount_and_all_outcomes(api: Api, amount: int, currency: str, written: str) -> None:
    body = {**payment(), "amount": amount, "currency": currency, "confirm": True}
    intent = await api.make("/v1/payment_intents", {**body, "payment_method_data": {"type": "klarna"}})
    _, text, _ = await api.browse(intent["next_action"]["klarna_handle_redirect"]["url"])
    assert f'<p class="total">{written}</p>' in text
    assert re.findall(r'name="outcome" value="(\w+)"', text) == ["pay", "fail", "cancel", "pay_later", "fail_later"]


async def test_all_test_cards_are_listed_beside_the_form(api: Api) -> None:
    _, text, _ = await api.browse((await api.make(SESSIONS, order()))["url"])
    for card in CARDS:
        assert f"<code>{card_list.spaced(card.number)}</code>" in text
        assert html.escape(card.does) in text


async def test_without_a_card_form_there_are_no_test_cards_and_no_script(api: Api) -> None:
    _, text, _ = await api.browse((await api.make(SESSIONS, order(payment_method_types=["alipay"])))["url"])
    assert "Test cards" not in text
    assert "<script" not in text


def test_each_card_is_in_the_group_of_its_outcome() -> None:
    groups = {group.name: (group.first, *group.more) for group in card_list.groups()}
    assert list(groups) == ["Succeeds", "3-D Secure", "Declined", "Other outcomes"]
    assert sorted(card.number for cards in groups.values() for card in cards) == sorted(card.number for card in CARDS)
    assert all(card.challenge for card in groups["3-D Secure"])
    assert all(card.decline is not None for card in groups["Declined"])
    assert all(card.decline is None for card in groups["Succeeds"])


async def test_only_the_pages_own_script_may_run(api: Api) -> None:
    """The policy names the script by its hash. If the script changed on its way into the page, it would not run."""
    url = (await api.make(SESSIONS, order()))["url"]
    async with api.session.get(url) as response:
        policy = response.headers["Content-Security-Policy"]
        found = re.search(r"<script>(.*?)</script>", await response.text(), re.DOTALL)
    assert found is not None
    digest = base64.b64encode(hashlib.sha256(found.group(1).encode()).digest()).decode()
    assert policy.split("; ")[0] == "default-src 'none'"
    assert [part for part in policy.split("; ") if part.startswith("script-src")] == [f"script-src 'sha256-{digest}'"]


async def test_the_filled_in_expiry_date_is_good_by_the_sandboxs_clock(api: Api, sandbox: Sandbox) -> None:
    sandbox.clock.freeze()
    sandbox.clock.advance(days=3650)
    _, text, _ = await api.browse((await api.make(SESSIONS, order()))["url"])
    found = re.search(r'data-month="(\d+)" data-year="(\d+)"', text)
    assert found is not None
    year = int(found.group(2))
    assert year * 31_557_600_000 - 1970 * 31_557_600_000 > sandbox.clock.now
