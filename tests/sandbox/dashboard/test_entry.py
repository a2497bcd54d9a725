"""Who gets into the dashboard, and what other web pages in the same browser can do to it: nothing."""

from __future__ import annotations

import re

import aiohttp
import pytest
from sandbox.dashboard.visitor import Visitor

from wooshpay.sandbox import Sandbox

LOOKS = ["", "objects", "requests", "events", "webhooks", "clock", "faults", "outcomes", "acts", "changes", "find?id=x"]


@pytest.mark.parametrize("path", LOOKS)
async def test_without_the_key_nothing_is_shown(stranger: Visitor, path: str) -> None:
    sight = await stranger.look(path)
    assert sight.status == 403
    assert "locked" in sight.text


@pytest.mark.parametrize("key", ["", "x", "pk_test_1", "é"])
async def test_a_wrong_key_does_not_open(stranger: Visitor, key: str) -> None:
    assert (await stranger.look(f"?key={key}".replace("?", "/dashboard?"))).status == 403


async def test_the_api_key_does_not_open(stranger: Visitor, sandbox: Sandbox) -> None:
    assert (await stranger.look(f"/dashboard?key={sandbox.api_key}")).status == 403


async def test_the_key_becomes_a_cookie_that_scripts_and_other_sites_never_get(
    stranger: Visitor, sandbox: Sandbox
) -> None:
    async with stranger.session.get(sandbox.dashboard_url, allow_redirects=False) as response:
        cookie = response.headers["Set-Cookie"]
        assert (response.status, response.headers["Location"]) == (303, "/dashboard")
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert "Path=/dashboard" in cookie
    key = sandbox.dashboard_url.partition("key=")[2]
    assert key not in cookie
    assert (await stranger.look()).status == 200


async def test_the_key_opens_at_no_other_place(stranger: Visitor, sandbox: Sandbox) -> None:
    key = sandbox.dashboard_url.partition("key=")[2]
    async with stranger.session.post(f"{sandbox.base_url}/dashboard/clock/freeze?key={key}") as response:
        assert response.status == 403
    assert not sandbox.clock.frozen


async def test_the_cookie_of_one_sandbox_does_not_open_another(visitor: Visitor) -> None:
    async with Sandbox() as other:
        assert (await Visitor(visitor.session, other.base_url).look()).status == 403
    assert (await visitor.look()).status == 200


@pytest.mark.parametrize("path", ["clock/freeze", "clock/advance", "faults", "faults/clear", "reveal", "acts/x"])
async def test_a_form_without_the_token_changes_nothing(visitor: Visitor, sandbox: Sandbox, path: str) -> None:
    for token in ("", "0" * 64):
        sight = await visitor.send(path, token=token, step="1 days", kind="refuse")
        assert (sight.status, "This form has expired" in sight.text) == (403, True)
    assert not sandbox.clock.frozen
    assert len(sandbox.faults) == 0


async def test_a_form_from_somebody_without_the_cookie_is_refused(visitor: Visitor, sandbox: Sandbox) -> None:
    found = (await visitor.look("clock")).text.partition('name="token" value="')[2].partition('"')[0]
    async with aiohttp.ClientSession() as session:
        sight = await Visitor(session, sandbox.base_url).send("clock/freeze", token=found)
    assert sight.status == 403
    assert not sandbox.clock.frozen


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "192.168.0.7", "[", ""])
async def test_a_name_that_only_points_here_is_not_served(visitor: Visitor, host: str) -> None:
    sight = await visitor.look(headers={"Host": host})
    assert sight.status in {400, 403}
    assert "Balance" not in sight.text


@pytest.mark.parametrize("host", ["localhost:99", "app.localhost", "127.0.0.1", "127.9.9.9:1", "[::1]:80"])
async def test_every_name_of_this_machine_is_served(visitor: Visitor, host: str) -> None:
    headers = {"Host": host, "Cookie": "; ".join(f"{c.key}={c.value}" for c in visitor.session.cookie_jar)}
    assert (await visitor.look(headers=headers)).status == 200


async def test_pages_run_their_own_script_only_and_are_kept_nowhere(visitor: Visitor) -> None:
    sight = await visitor.look()
    policy = sight.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert (sight.headers["Cache-Control"], sight.headers["Referrer-Policy"]) == ("no-store", "no-referrer")
    assert "<style" not in sight.text
    assert "style=" not in sight.text
    assert sight.text.count("<script") == 1


async def test_nothing_comes_from_elsewhere(visitor: Visitor, sandbox: Sandbox) -> None:
    texts = [(await visitor.look(path)).text for path in LOOKS if path not in {"changes", ""}]
    for name in ("dashboard.css", "dashboard.js"):
        asset = await visitor.look(f"assets/{name}")
        assert asset.status == 200
        texts.append(asset.text)
    for text in texts:
        # Comments of the script aside, two slashes would begin an address.
        assert re.findall(r"//(?! )[^\s\"]*", text.replace(sandbox.base_url, "")) == []
    assert (await visitor.look("assets/other")).status == 404


async def test_a_place_that_does_not_exist_is_said_to_be_none(visitor: Visitor) -> None:
    for path in ("nowhere", "objects/gold", "object/pi_1", "requests/req_1", "webhooks/we_1", "acts/none.such"):
        sight = await visitor.look(path)
        assert (sight.status, "no such page" in sight.text) == (404, True)
    for path in ("events/evt_1/resend", "faults/fault_9/remove", "acts/none.such", "object/pi_1/reveal"):
        assert (await visitor.send(path)).status == 404


async def test_looking_leaves_no_trace_in_the_request_log(visitor: Visitor, sandbox: Sandbox) -> None:
    await visitor.look()
    await visitor.send("clock/freeze")
    await visitor.look("nowhere")
    assert len(sandbox.requests) == 0


def test_the_key_is_in_no_repr() -> None:
    sandbox = Sandbox(seed=1)
    with sandbox as running:
        key = running.dashboard_url.partition("key=")[2]
        assert key not in repr(running)
        assert key not in repr(sandbox._server.state.account)  # pyright: ignore[reportPrivateUsage]  # nowhere public
