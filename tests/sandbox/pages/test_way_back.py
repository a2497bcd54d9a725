"""Pages on which nothing is left to do say who the merchant is, what happened, and lead back to the shop."""

from __future__ import annotations

import html
import re
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from sandbox.billing.desk import customer, finalized
from sandbox.rig import CHALLENGED, GOOD, Api, card_form, order, payment

from wooshpay.sandbox import AccountOptions, Sandbox

SUCCESS = "https://shop.example/thanks?session={CHECKOUT_SESSION_ID}"
CANCEL = "https://shop.example/basket"
SESSIONS = "/v1/checkout/sessions"


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    """A sandbox of a merchant with a name."""
    async with Sandbox(account=AccountOptions(business_name="Tea & Co")) as sandbox:
        yield sandbox


async def links(api: Api, url: str, form: dict[str, str] | None = None) -> tuple[str, dict[str, str]]:
    """The heading of a page, and the addresses of its links by their texts."""
    _, text, _ = await api.browse(url, form)
    (title,) = re.findall(r"<h1[^>]*>\s*([^<]+?)\s*<", text)
    found = re.findall(r'<a [^>]*href="([^"]+)"[^>]*>([^<]+)</a>', text)
    return html.unescape(title), {html.unescape(name): html.unescape(where) for where, name in found}


async def session_of(api: Api, **fields: Any) -> dict[str, Any]:
    session: dict[str, Any] = await api.make(
        SESSIONS, order(**{"success_url": SUCCESS, "cancel_url": CANCEL, **fields})
    )
    return session


async def test_a_paid_session_leads_on_to_the_shop(api: Api) -> None:
    session = await session_of(api)
    await api.browse(session["url"], card_form())
    assert await links(api, session["url"]) == ("This payment is complete", {"Continue to Tea & Co": SUCCESS})


async def test_an_expired_session_leads_back_to_the_shop(api: Api) -> None:
    session = await session_of(api)
    await api.make(f"{SESSIONS}/{session['id']}/expire")
    assert await links(api, session["url"]) == ("This page has expired", {"Back to Tea & Co": CANCEL})


async def test_an_expired_session_without_a_cancel_url_leads_nowhere(api: Api) -> None:
    """Its success_url would thank a customer who has not paid."""
    session = await session_of(api, cancel_url=None)
    await api.make(f"{SESSIONS}/{session['id']}/expire")
    assert (await links(api, session["url"]))[1] == {}


async def test_a_payment_that_is_processing_is_not_called_complete(api: Api, sandbox: Sandbox) -> None:
    session = await session_of(api)
    await api.browse(session["url"], card_form("4000000000000077"))
    title, found = await links(api, session["url"])
    assert title == "Your payment is being processed"
    assert found == {"Check again": session["url"], "Continue to Tea & Co": SUCCESS}
    sandbox.clock.advance(minutes=2)
    assert (await links(api, session["url"]))[0] == "This payment is complete"


async def test_a_payment_that_failed_later_says_so_and_leads_back(api: Api, sandbox: Sandbox) -> None:
    """The page said "This payment is complete. Thank you." although nothing was paid."""
    session = await session_of(api)
    await api.browse(session["url"], card_form("4000000000000051"))
    sandbox.clock.advance(minutes=2)
    assert await links(api, session["url"]) == ("The payment failed", {"Back to Tea & Co": CANCEL})


async def test_a_subscription_whose_first_payment_is_processing_and_fails(api: Api, sandbox: Sandbox) -> None:
    price = {
        "currency": "USD",
        "unit_amount": 1000,
        "product_data": {"name": "Plus"},
        "recurring": {"interval": "month"},
    }
    session = await session_of(api, mode="subscription", line_items=[{"price_data": price, "quantity": 1}])
    await api.browse(session["url"], card_form("4000000000000051"))
    assert (await links(api, session["url"]))[0] == "Your payment is being processed"
    sandbox.clock.advance(minutes=2)
    assert (await links(api, session["url"]))[0] == "The payment failed"


async def test_an_authorized_payment_is_not_called_complete(api: Api) -> None:
    session = await session_of(api, payment_intent_data={"capture_method": "manual"})
    await api.browse(session["url"], card_form())
    assert await links(api, session["url"]) == ("Your payment is authorized", {"Continue to Tea & Co": SUCCESS})


async def test_a_card_that_the_bank_checks_can_be_looked_at_again(api: Api) -> None:
    session = await session_of(api, mode="setup", line_items=None)
    await api.browse(session["url"], card_form("4000000000000077"))
    title, found = await links(api, session["url"])
    assert title == "Your bank is checking the card"
    assert found == {"Check again": session["url"], "Back to Tea & Co": CANCEL}


@pytest.mark.parametrize("redirects", [True, False])
async def test_a_payment_link(api: Api, redirects: bool) -> None:
    line = {"price_data": {"currency": "USD", "unit_amount": 1500, "product_data": {"name": "Cake"}}, "quantity": 1}
    after = {"type": "redirect", "redirect": {"url": SUCCESS}} if redirects else {"type": "hosted_confirmation"}
    link = await api.make("/v1/payment_links", {"line_items": [line], "after_completion": after})
    _, _, paid = await api.browse(link["url"])
    await api.browse(str(paid), card_form())
    assert (await links(api, str(paid)))[1] == ({"Continue to Tea & Co": SUCCESS} if redirects else {})
    _, _, left = await api.browse(link["url"])
    (session,) = [one for one in (await api.find(f"{SESSIONS}/list"))["data"] if one["status"] == "open"]
    await api.make(f"{SESSIONS}/{session['id']}/expire")
    assert await links(api, str(left)) == ("This page has expired", {"Start again": link["url"]})
    # A link that is switched off would only say so.
    await api.make(f"/v1/payment_links/{link['id']}", {"active": False})
    assert (await links(api, str(left)))[1] == {}
    assert (await links(api, link["url"]))[0] == "This link was switched off"


async def test_a_challenge_and_a_wallet_that_are_over_lead_on(api: Api) -> None:
    session = await session_of(api)
    _, _, challenge = await api.browse(session["url"], card_form(CHALLENGED))
    await api.browse(str(challenge), {"outcome": "fail"})
    assert await links(api, str(challenge)) == ("This step is over", {"Continue": session["url"]})
    _, _, wallet = await api.browse(session["url"], {"method": "alipay"})
    await api.browse(str(wallet), {"outcome": "pay"})
    assert await links(api, str(wallet)) == ("This step is over", {"Continue": SUCCESS})
    intent = await api.make("/v1/payment_intents", payment(CHALLENGED))
    url = intent["next_action"]["challenge_redirect"]["url"]
    await api.browse(url, {"outcome": "authenticate"})
    assert await links(api, url) == ("This step is over", {})


async def test_an_invoice_that_is_processing_can_be_looked_at_again(api: Api) -> None:
    invoice = await finalized(api, await customer(api, None), 500)
    url = invoice["hosted_invoice_url"]
    await api.browse(url, card_form("4000000000000077"))
    _, found = await links(api, url)
    assert url.endswith(found["Check again"])


async def test_every_page_names_the_merchant(api: Api) -> None:
    """A customer checks whom they pay. The default is "Sandbox shop"."""
    session = await session_of(api)
    _, _, challenge = await api.browse(session["url"], card_form(CHALLENGED))
    _, _, wallet = await api.browse((await session_of(api))["url"], {"method": "alipay"})
    paid = await session_of(api)
    await api.browse(paid["url"], card_form(GOOD))
    invoice = await finalized(api, await customer(api, None), 500)
    shop = f"{api.base_url}/shop?url=https://shop.example/"
    for url in (session["url"], str(challenge), str(wallet), paid["url"], invoice["hosted_invoice_url"], shop):
        _, text, _ = await api.browse(url)
        assert '<span class="name">Tea &amp; Co</span>' in text, url
        assert re.search(r"<title>[^<]+ · Tea &amp; Co · WooshPay sandbox</title>", text), url
    async with Sandbox() as other, aiohttp.ClientSession() as http:
        theirs = Api(http, other.base_url, other.api_key)
        assert "Sandbox shop" in (await theirs.browse((await session_of(theirs))["url"]))[1]


def test_a_merchant_has_a_name() -> None:
    with pytest.raises(ValueError, match="business_name is empty"):
        AccountOptions(business_name="  ")
