"""What a browser finds at the base URL and at addresses without a page, and what programs get there."""

from __future__ import annotations

import asyncio
import html
import os
import re
import subprocess
import sys

import aiohttp
import pytest
from sandbox.rig import Api
from support.children import HANGS, environment

from wooshpay.sandbox import CARDS, Sandbox

# What Chromium and Firefox send when somebody opens an address.
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"


async def ask(
    api: Api, path: str, *, method: str = "GET", accept: str | None = BROWSER, key: bool = False
) -> tuple[int, str, str]:
    """Ask for a path: status, content type and text."""
    headers = {"Accept": accept} if accept is not None else {}
    if key:
        headers["Authorization"] = api.authorization
    async with api.session.request(method, api.base_url + path, headers=headers) as response:
        return response.status, response.content_type, await response.text()


async def test_a_browser_sees_how_to_connect(api: Api, sandbox: Sandbox) -> None:
    status, kind, text = await ask(api, "/")
    assert (status, kind) == (200, "text/html")
    for shown in ("The WooshPay sandbox is running", sandbox.base_url, 'href="/dashboard"', 'href="/openapi.json"'):
        assert shown in text
    for card in CARDS:
        assert f"{card.number[:4]} {card.number[4:8]} " in text


async def test_the_start_page_holds_no_key(api: Api, sandbox: Sandbox) -> None:
    """Whoever reaches the port can read it, also other users of the machine: a key there would open the dashboard."""
    _, _, text = await ask(api, "/")
    dashboard_key = sandbox.dashboard_url.partition("key=")[2]
    for secret in (sandbox.api_key, sandbox.publishable_key, sandbox.webhook_secret, dashboard_key):
        assert secret not in text


async def test_the_link_to_the_dashboard_opens_it_only_for_who_has_opened_it_with_the_key(
    api: Api, sandbox: Sandbox
) -> None:
    assert (await ask(api, "/dashboard"))[0] == 403
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as browser:
        async with browser.get(sandbox.dashboard_url, headers={"Accept": BROWSER}) as response:
            assert response.status == 200
        async with browser.get(f"{sandbox.base_url}/dashboard", headers={"Accept": BROWSER}) as response:
            assert response.status == 200


async def test_the_python_program_on_the_page_runs(api: Api, sandbox: Sandbox) -> None:
    """A newcomer copies it: it must work as it stands, with the two variables that the page names."""
    _, _, text = await ask(api, "/")
    found = re.search(r'<code id="python">(.*?)</code>', text, re.DOTALL)
    assert found is not None
    given = {"WOOSHPAY_API_KEY": sandbox.api_key, "WOOSHPAY_BASE_URL": sandbox.base_url}
    assert f"WOOSHPAY_BASE_URL={sandbox.base_url}" in text
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", html.unescape(found.group(1))],
        env={**environment(), **given},
        capture_output=True,
        text=True,
        timeout=HANGS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == sandbox.store.all("checkout.session")[0]["url"]


@pytest.mark.skipif(os.name == "nt", reason="the page's command is for a Unix shell")
async def test_the_curl_command_on_the_page_sends_a_request_that_the_api_takes(api: Api) -> None:
    _, _, text = await ask(api, "/")
    found = re.search(r"<code id=\"curl\">.*?/v1/payment_intents.*?-d '(.*?)'</code>", text, re.DOTALL)
    assert found is not None
    reply = await api.send("POST", "/v1/payment_intents", data=html.unescape(found.group(1)).encode())
    assert (reply.status, reply.body["amount"]) == (200, 1999)


@pytest.mark.parametrize("accept", [None, "*/*", "application/json"])
@pytest.mark.parametrize("path", ["/", "/nothing"])
async def test_programs_get_the_error_as_json(api: Api, accept: str | None, path: str) -> None:
    status, kind, text = await ask(api, path, accept=accept)
    assert (status, kind) == (401, "application/json")
    assert "invalid_api_key" in text


@pytest.mark.parametrize(
    ("path", "key"), [("/v1/charges/list", False), ("/v1/nothing", False), ("/", True), ("/sandbox/nothing", False)]
)
async def test_a_program_that_asks_for_html_too_still_gets_json(api: Api, path: str, key: bool) -> None:
    """Java's HttpURLConnection does so by default: a page in place of an error would break its client."""
    _, kind, _ = await ask(api, path, accept="text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2", key=key)
    assert kind == "application/json"


async def test_an_unknown_address_in_a_browser_leads_to_the_start_page(api: Api, sandbox: Sandbox) -> None:
    for path in ("/nothing", "/pay", "/%0A", "//", "/<script>"):
        status, kind, text = await ask(api, path)
        assert (status, kind) == (404, "text/html"), path
        assert "Page not found" in text
        assert 'href="/"' in text
    # Somebody who looks around is no client of the API.
    assert len(sandbox.requests) == 0


async def test_head_and_other_verbs(api: Api) -> None:
    assert (await ask(api, "/", method="HEAD"))[:2] == (200, "text/html")
    assert (await ask(api, "/", method="POST"))[:2] == (401, "application/json")


async def test_the_name_of_another_site_is_not_taken_over(api: Api, sandbox: Sandbox) -> None:
    """A Host header is whatever somebody sends. The page shows the sandbox's own address."""
    headers = {"Accept": BROWSER, "Host": "evil.test"}
    async with api.session.get(f"{sandbox.base_url}/", headers=headers) as response:
        assert "evil.test" not in await response.text()
