"""Addresses of shops that cannot exist: a browser is sent to a page of the sandbox, programs to the address itself."""

from __future__ import annotations

import html
import re
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from sandbox.pages.test_start_page import BROWSER
from sandbox.rig import CHALLENGED, Api, card_form, order, payment

from wooshpay.sandbox.pages.shop import cannot_exist

SUCCESS = "https://shop.example/thanks?session={CHECKOUT_SESSION_ID}&order=7"


async def go(api: Api, url: str, form: dict[str, str] | None = None) -> tuple[int, str, str]:
    """Open a page as a browser does: status, text, and where it leads."""
    verb = "GET" if form is None else "POST"
    where = api.base_url + url if url.startswith("/") else url
    async with api.session.request(
        verb, where, data=form, headers={"Accept": BROWSER}, allow_redirects=False
    ) as response:
        return response.status, await response.text(), response.headers.get("Location", "")


def shown(location: str) -> str:
    """The shop's address that the sandbox's page stands for."""
    parts = urlsplit(location)
    assert parts.path == "/shop"
    (url,) = parse_qs(parts.query)["url"]
    return url


async def session_of(api: Api, **fields: Any) -> dict[str, Any]:
    session: dict[str, Any] = await api.make("/v1/checkout/sessions", order(success_url=SUCCESS, **fields))
    return session


async def test_after_paying_a_browser_sees_the_address_that_would_open(api: Api) -> None:
    """Without this a newcomer pays in the first program and sees "This site can't be reached"."""
    session = await session_of(api)
    status, _, location = await go(api, session["url"], card_form())
    assert (status, shown(location)) == (303, SUCCESS)
    status, text, _ = await go(api, location)
    assert status == 200
    assert f"<code>{html.escape(SUCCESS)}</code>" in text
    assert "reserved for examples" in text
    assert 'href="https://shop.example' not in text


async def test_the_api_and_programs_see_the_merchants_own_address(api: Api) -> None:
    session = await session_of(api)
    assert session["success_url"] == SUCCESS
    assert (await api.browse(session["url"], card_form()))[2] == SUCCESS
    assert (await api.find(f"/v1/checkout/sessions/{session['id']}"))["success_url"] == SUCCESS


async def test_a_shop_that_may_exist_is_opened_itself(api: Api) -> None:
    for url in ("http://127.0.0.1:9/thanks", "https://example.com/thanks", "http://shop.test/thanks"):
        session = await api.make("/v1/checkout/sessions", order(success_url=url, cancel_url=url))
        assert f'href="{url}"' in (await go(api, session["url"]))[1]
        assert (await go(api, session["url"], card_form()))[2] == url


async def test_the_link_to_cancel_leads_there_too(api: Api) -> None:
    _, text, _ = await go(api, (await session_of(api))["url"])
    found = re.search(r'<a class="cancel" href="([^"]+)"', text)
    assert found is not None
    assert shown(html.unescape(found.group(1))) == "https://shop.example/basket"


async def test_after_a_challenge_and_after_a_wallet(api: Api) -> None:
    back = "https://shop.example/back"
    intent = await api.make("/v1/payment_intents", payment(CHALLENGED, return_url=back))
    url = intent["next_action"]["challenge_redirect"]["url"]
    assert shown((await go(api, url, {"outcome": "authenticate"}))[2]) == back
    session = await session_of(api)
    _, _, wallet = await go(api, session["url"], {"method": "alipay"})
    assert shown((await go(api, wallet, {"outcome": "pay"}))[2]) == SUCCESS


@pytest.mark.parametrize(
    "text",
    [
        "https://call 0800 your bank.example/",
        "https://shop.example/ your account is locked",
        "https://shop.example/\nyour account is locked",
        "https://<b>.example/",
        "https://.example/",
        f"https://{'a' * 300}.example/",
    ],
)
async def test_the_page_shows_no_text_that_is_not_an_address(api: Api, text: str) -> None:
    """Otherwise anybody can write a sentence into a link, and the page of the sandbox shows it as its own."""
    status, page, _ = await go(api, f"/shop?{urlencode({'url': text})}")
    assert (status, "Page not found" in page) == (404, True)


@pytest.mark.parametrize(
    ("url", "location"),
    [
        ("https://shop.com:99999/é", "https://shop.com:99999/%C3%A9"),
        ("https://a\u200d/x", "https://a%E2%80%8D/x"),
        ("https://shop.com\\é?a={b}", "https://shop.com\\%C3%A9?a={b}"),
    ],
)
async def test_a_customer_who_paid_is_sent_on_also_to_a_host_that_is_not_valid(
    api: Api, url: str, location: str
) -> None:
    """The payment had succeeded, and then the page answered with the status 500."""
    session = await api.make("/v1/checkout/sessions", order(success_url=url))
    status, _, where = await go(api, session["url"], card_form())
    assert (status, where) == (303, location)
    assert (await api.find(f"/v1/checkout/sessions/{session['id']}"))["payment_status"] == "paid"


@pytest.mark.parametrize(
    "url", ["", "https://evil.com/", "javascript:alert(1)//shop.example", "//shop.example/x", "http://[shop.example"]
)
async def test_the_page_stands_for_no_other_address(api: Api, url: str) -> None:
    status, text, _ = await go(api, f"/shop?url={url}")
    assert (status, "Page not found" in text) == (404, True)


async def test_what_stands_in_the_address_is_shown_as_text(api: Api) -> None:
    status, text, _ = await go(api, "/shop?url=https://shop.example/%3Cscript%3Ealert(1)%3C/script%3E")
    assert (status, "<script>" in text, "&lt;script&gt;alert(1)" in text) == (200, False, True)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://shop.example/thanks", True),
        ("HTTPS://SHOP.EXAMPLE", True),
        ("http://a.b.invalid:8000/x?y#z", True),
        ("https://shop.example./", True),
        ("https://user@shop.example/", True),
        # Browsers read the ideographic full stop as a dot, and a backslash as a slash.
        ("https://shop\u3002example/", True),
        ("https://evil.com\\.example/", False),
        ("https://example/", False),
        ("https://example.com/", False),
        ("https://shop.test/", False),
        ("http://shop.localhost/", False),
        ("https://shopexample/", False),
        ("https://evil.com/shop.example", False),
        ("https://shop.example@evil.com/", False),
        ("ftp://shop.example/", False),
        ("https://[::1", False),
    ],
)
def test_which_hosts_cannot_exist(url: str, expected: bool) -> None:
    assert cannot_exist(url) is expected
