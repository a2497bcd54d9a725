"""The URL under which others reach the sandbox, and the host names that it answers to: nobody else's."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sandbox.rig import CHALLENGED, Api, order, payment

from wooshpay.core.json import Json, is_array, is_object
from wooshpay.sandbox import Sandbox, SandboxError
from wooshpay.sandbox.engine.addresses import OwnNames, read_public_url

EVERYWHERE = "0.0.0.0"


def port_of(sandbox: Sandbox) -> int:
    """The port that it listens on, which need not be that of its public URL."""
    return sandbox._server._facts.port  # pyright: ignore[reportPrivateUsage]  # it is public nowhere else


def urls(value: Json) -> Iterator[str]:
    """Every URL in a response of the API."""
    if is_object(value):
        for item in value.values():
            yield from urls(item)
    elif is_array(value):
        for item in value:
            yield from urls(item)
    elif isinstance(value, str) and re.match("https?://", value):
        yield value


# ---- what the sandbox gives out


@pytest.mark.parametrize("public", ["http://sandbox:4242", "https://pay.shop.example", "http://[fd00::7]:8080"])
async def test_every_url_that_the_sandbox_gives_out_begins_with_the_public_url(public: str) -> None:
    """One that names the address it listens on leads a customer's browser, or another container, nowhere."""
    async with Sandbox(public_url=f"{public}/") as sandbox, aiohttp.ClientSession() as session:
        assert sandbox.base_url == public
        assert sandbox.dashboard_url.startswith(f"{public}/dashboard?key=")
        port = port_of(sandbox)
        api = Api(session, f"http://127.0.0.1:{port}", sandbox.api_key)
        checkout = await api.make("/v1/checkout/sessions", order())
        price = await api.make("/v1/prices", {"currency": "USD", "unit_amount": 500, "product_data": {"name": "Tea"}})
        link = await api.make("/v1/payment_links", {"line_items": [{"price": price["id"], "quantity": 1}]})
        challenged = await api.make("/v1/payment_intents", payment(CHALLENGED))
        wallet = await api.make(
            "/v1/payment_intents",
            {"amount": 500, "currency": "USD", "confirm": True, "payment_method_data": {"type": "alipay"}},
        )
        customer = await api.make("/v1/customers", {"email": "ada@example.com"})
        await api.make("/v1/invoiceitems", {"customer": customer["id"], "price": price["id"], "quantity": 1})
        invoice = await api.make("/v1/invoices", {"customer": customer["id"], "collection_method": "send_invoice"})
        invoice = await api.make(f"/v1/invoices/{invoice['id']}/finalize")
        overview = await api.find("/sandbox")
        given = [checkout["url"], link["url"], *urls(challenged["next_action"]), *urls(wallet["next_action"])]
        given += [invoice["hosted_invoice_url"], overview["base_url"], *urls(overview["links"])]
        assert len(given) >= 9
        assert [url for url in given if not url.startswith(f"{public}/") and url != public] == []
        document = await api.find("/openapi.json")
        assert [server["url"] for server in document["servers"]] == [public]
        # The customer who follows a link is sent to the session's page, under the same URL.
        _, _, location = await api.browse(api.base_url + link["url"].removeprefix(public))
        assert (location or "").startswith(f"{public}/pay/")
        # Pages lead on by paths of their own, so that they work under any name.
        _, text, _ = await api.browse(api.base_url + checkout["url"].removeprefix(public))
        assert "127.0.0.1" not in text


async def test_the_url_of_a_file_is_public() -> None:
    async with Sandbox(public_url="http://sandbox:4242") as sandbox, aiohttp.ClientSession() as session:
        port = port_of(sandbox)
        form = aiohttp.FormData({"purpose": "dispute_evidence"})
        form.add_field("file", b"%PDF-1.4", filename="receipt.pdf", content_type="application/pdf")
        login = aiohttp.encode_basic_auth(sandbox.api_key, "")
        async with session.post(
            f"http://127.0.0.1:{port}/v1/files", data=form, headers={"Authorization": login}
        ) as response:
            assert (await response.json())["url"].startswith("http://sandbox:4242/v1/files/")


@pytest.mark.parametrize(("host", "expected"), [("0.0.0.0", "127.0.0.1"), ("0", "127.0.0.1"), ("::", "[::1]")])
async def test_a_sandbox_that_listens_everywhere_calls_itself_by_an_address_that_works(
    host: str, expected: str
) -> None:
    """No client, browser or webhook can use http://0.0.0.0."""
    async with Sandbox(host=host) as sandbox:
        assert re.fullmatch(rf"http://{re.escape(expected)}:\d+", sandbox.base_url)
        # aiohttp keeps no cookies of IP addresses by itself.
        async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
            async with session.get(sandbox.dashboard_url) as response:
                assert response.status == 200


async def test_payments_under_way_follow_a_sandbox_that_resumes_under_another_url(tmp_path: Path) -> None:
    """The customer of a challenge would be sent to a container that is gone."""
    file = tmp_path / "state.db"
    async with Sandbox(state=file, public_url="http://old:1") as sandbox, aiohttp.ClientSession() as session:
        port = port_of(sandbox)
        api = Api(session, f"http://127.0.0.1:{port}", sandbox.api_key)
        intent = await api.make("/v1/payment_intents", payment(CHALLENGED, return_url="http://old:1/thanks"))
    async with Sandbox(state=file, public_url="http://new:2") as sandbox:
        action = sandbox.store.get(intent["id"])["next_action"]["challenge_redirect"]
        assert action["url"].startswith("http://new:2/3ds/challenge?")
        assert action["return_url"] == "http://old:1/thanks", "it is the merchant's, not ours"
    async with Sandbox(state=file, public_url="http://new:2") as sandbox:
        kept = sandbox.store.get(intent["id"])["next_action"]["challenge_redirect"]
        assert kept == action


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://proxy.example/wooshpay", "must not have a path"),
        ("https://sandbox/v1", "must not have a path"),
        ("http://sandbox?x=1", "must not have a path, a query"),
        ("http://sandbox#x", "must not have a path, a query or a fragment"),
        ("http://me:hunter2@sandbox", "user name or a password"),
        ("http://@sandbox", "user name or a password"),
        ("http://0.0.0.0:4242", "no browser or client can connect to"),
        ("http://[::]:4242", "no browser or client can connect to"),
        ("sandbox:4242", "not a valid URL"),
        ("ftp://sandbox", "not a valid URL"),
        ("http://", "not a valid URL"),
        ("http://sandbox:0", "not a valid URL"),
        ("http://sandbox:99999", "not a valid URL"),
        ("http://sandbox:", "not a valid URL"),
        ("http://sand box", "not a valid URL"),
        ("http://a..b", "not a valid URL"),
        ("http://[::1].evil.com", "not a valid URL"),
        ("http://sandbox\r\nX: y", "not a valid URL"),
        ("", "not a valid URL"),
    ],
)
def test_a_public_url_that_cannot_work_is_refused_with_a_sentence(url: str, words: str) -> None:
    with pytest.raises(SandboxError, match=words) as caught:
        Sandbox(public_url=url)
    assert caught.value.param == "public_url"
    assert "hunter2" not in caught.value.message


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("http://sandbox:4242/", "http://sandbox:4242"),
        ("HTTPS://Sandbox.Shop.example", "https://sandbox.shop.example"),
        ("http://münchen.example", "http://xn--mnchen-3ya.example"),
        ("http://[fd00::7]:80", "http://[fd00::7]:80"),
    ],
)
def test_a_public_url_is_kept_in_the_form_in_which_browsers_send_it(url: str, kept: str) -> None:
    assert read_public_url(url) == kept


# ---- whose requests the dashboard answers


async def opened(sandbox: Sandbox, host: str, **headers: str) -> tuple[int, bool]:
    """Open the dashboard with its key under a host name: the status, and whether a cookie came back."""
    port = port_of(sandbox)
    key = sandbox.dashboard_url.partition("?")[2]
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        async with session.get(
            f"http://127.0.0.1:{port}/dashboard?{key}", headers={"Host": host, **headers}, allow_redirects=False
        ) as response:
            return response.status, "Set-Cookie" in response.headers


ATTACKERS = [
    "evil.example",
    "evil.example:4242",
    "sandbox.evil.example",
    "sandbox:4242.evil.example",
    "evil-sandbox",
    "sandbox.evil",
    "127.0.0.1.evil.example",
    "localhost.evil.example",
    "127.0.0.1@evil.example",
    "evil.example#127.0.0.1",
    "evil.example/127.0.0.1",
    "evil.example?127.0.0.1",
    "0.0.0.0.evil.example",
    "[::1].evil.example",
    "[",
    "",
]


@pytest.mark.parametrize("host", ATTACKERS)
@pytest.mark.parametrize("listens", ["127.0.0.1", EVERYWHERE])
@pytest.mark.parametrize("public", [None, "http://sandbox:4242", "https://pay.shop.example"])
async def test_a_name_that_somebody_else_points_here_never_opens_the_dashboard(
    host: str, listens: str, public: str | None
) -> None:
    """With DNS rebinding, a web page would read the keys and move the clock, whatever the public URL is."""
    async with Sandbox(host=listens, public_url=public) as sandbox:
        for headers in ({}, {"X-Forwarded-Host": "127.0.0.1"}, {"Forwarded": "host=localhost"}):
            status, cookie = await opened(sandbox, host, **headers)
            assert status in {400, 403}
            assert not cookie


@pytest.mark.parametrize("host", ["localhost", "localhost.:1", "127.1:80", "[::ffff:127.0.0.1]:1", "SANDBOX:4242"])
async def test_its_own_names_open_the_dashboard(host: str) -> None:
    async with Sandbox(public_url="http://sandbox:4242") as sandbox:
        assert await opened(sandbox, host) == (303, True)


async def test_an_ip_address_opens_only_a_sandbox_that_listens_on_it() -> None:
    async with Sandbox() as sandbox:
        assert await opened(sandbox, "192.168.0.7") == (403, False)
    async with Sandbox(public_url="http://192.168.0.7:4242") as sandbox:
        assert await opened(sandbox, "192.168.0.7:4242") == (303, True)
        assert await opened(sandbox, "192.168.0.8:4242") == (403, False)
    async with Sandbox(host=EVERYWHERE) as sandbox:
        assert await opened(sandbox, "192.168.0.7:4242") == (303, True)
        assert await opened(sandbox, "sandbox:4242") == (403, False), "that name takes --public-url"


async def test_the_refusal_says_how_to_add_a_name() -> None:
    async with Sandbox() as sandbox, aiohttp.ClientSession() as session:
        async with session.get(f"{sandbox.base_url}/dashboard", headers={"Host": "sandbox:4242"}) as response:
            assert "--public-url" in await response.text()


async def test_behind_a_tls_proxy_the_cookie_never_travels_in_the_clear() -> None:
    """Over http on this machine it must not be marked secure, as browsers would not send it back."""
    async with Sandbox(public_url="https://pay.shop.example") as sandbox:
        port = port_of(sandbox)
        url = f"http://127.0.0.1:{port}/dashboard?{sandbox.dashboard_url.partition('?')[2]}"
        found: list[bool] = []
        async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
            for host in ("pay.shop.example", f"127.0.0.1:{port}"):
                async with session.get(url, headers={"Host": host}, allow_redirects=False) as response:
                    cookie = response.headers["Set-Cookie"]
                    assert "SameSite=Strict" in cookie
                    found.append("Secure" in cookie)
    assert found == [True, False]


async def test_another_origin_can_change_nothing_whatever_the_public_url_is() -> None:
    """A cross-site form has neither the cookie, as it is SameSite=Strict, nor the token."""
    async with Sandbox(public_url="http://sandbox:4242") as sandbox:
        port = port_of(sandbox)
        base = f"http://127.0.0.1:{port}"
        headers = {"Host": "sandbox:4242", "Origin": "http://evil.example"}
        async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
            key = sandbox.dashboard_url.partition("?")[2]
            async with session.get(f"{base}/dashboard?{key}", allow_redirects=False):
                pass
            for path in ("clock/freeze", "faults/clear", "reveal"):
                async with session.post(f"{base}/dashboard/{path}", headers=headers) as response:
                    assert response.status == 403
                    assert "Access-Control-Allow-Origin" not in response.headers
        assert not sandbox.clock.frozen


async def test_the_api_works_under_any_name_since_it_needs_the_key() -> None:
    """Containers reach it by names that the sandbox need not know; a browser never sends the key by itself."""
    async with Sandbox() as sandbox, aiohttp.ClientSession() as session:
        api = Api(session, sandbox.base_url, sandbox.api_key)
        reply = await api.send("POST", "/v1/payment_intents", payment(), headers={"Host": "sandbox:4242"})
        assert reply.status == 200
        assert "Access-Control-Allow-Origin" not in reply.headers


@given(st.text(max_size=30))
def test_no_host_header_breaks_the_check(header: str) -> None:
    assert isinstance(OwnNames.of("0.0.0.0", "0.0.0.0", "http://sandbox:4242").include(header), bool)


@given(st.from_regex(r"[a-z0-9][a-z0-9.\-]{0,15}", fullmatch=True))
def test_no_name_under_a_public_domain_is_the_sandboxs_own(start: str) -> None:
    own = OwnNames.of("0.0.0.0", "0.0.0.0", "http://sandbox:4242")
    for beginning in (start, f"localhost.{start}", f"sandbox.{start}", f"127.0.0.1.{start}"):
        for end in (".com", ".example", ".evil.com:4242"):
            assert not own.include(beginning + end)
