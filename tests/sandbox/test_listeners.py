"""Listeners: an endpoint for a program that follows the attempts at delivery while it runs, over HTTP."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import aiohttp
import pytest
from sandbox.rig import Api, Shop, payment

from wooshpay import webhooks
from wooshpay.sandbox import Sandbox
from wooshpay.sandbox.webhooks.deliveries import attempt_offset

ENDPOINTS = "/v1/webhook_endpoints"
SECRET = "whsec_5WbX5kEWLlfzsGNjH64I8lOOqUB6e8FH"


async def listen(api: Api, url: str, **more: Any) -> Any:
    return await api.make("/sandbox/listeners", {"url": url, **more})


async def news(api: Api, position: str, **more: str) -> Any:
    return (await api.get("/sandbox/attempts", query={"after": position, **more})).body


async def test_a_listener_has_the_secret_of_the_account_and_follows_its_deliveries(
    api: Api, sandbox: Sandbox, shop: Shop
) -> None:
    """The secret is the one that `wooshpay sandbox` printed, so the program needs no other."""
    listener = await listen(api, shop.hook())
    assert listener["endpoint"]["secret"] == sandbox.webhook_secret
    assert (listener["owned"], listener["endpoint"]["enabled_events"]) == (True, ["*"])
    shop.answers, shop.says = [503, 200, 200], ("The database is away.", "text/plain")
    first = await api.make("/v1/payment_intents", payment())
    await sandbox.settle()
    page = await news(api, listener["position"], endpoint=listener["endpoint"]["id"])
    (attempt,) = page["data"]
    assert (attempt["status"], attempt["response"]) == (503, "The database is away.")
    assert (attempt["event_type"], attempt["about"]) == ("payment_intent.created", first["id"])
    assert attempt["next_at"] is not None
    sandbox.clock.advance(milliseconds=attempt_offset(1))
    second = await api.make("/v1/payment_intents", payment())
    await sandbox.settle()
    page = await news(api, page["position"])
    assert [(each["about"], each["status"], each["next_at"]) for each in page["data"]] == [
        (first["id"], 200, None),
        (second["id"], 200, None),
    ]
    assert (await news(api, page["position"]))["data"] == []
    webhooks.verify(shop.hooks[0].body, shop.hooks[0].headers, sandbox.webhook_secret)


async def test_attempts_come_in_pages(api: Api, sandbox: Sandbox, shop: Shop) -> None:
    listener = await listen(api, shop.hook())
    for _ in range(3):
        await api.make("/v1/payment_intents", payment())
    await sandbox.settle()
    page = await news(api, listener["position"], limit="2")
    assert (len(page["data"]), page["has_more"]) == (2, True)
    page = await news(api, page["position"], limit="2")
    assert (len(page["data"]), page["has_more"]) == (1, False)


async def test_a_restart_of_the_sandbox_loses_and_repeats_nothing(tmp_path: Path, shop: Shop) -> None:
    """The listener asks with a position of the run before, and gets what happened in the new one."""
    async with Sandbox(state=tmp_path / "s.db") as sandbox, aiohttp.ClientSession() as session:
        api = Api(session, sandbox.base_url, sandbox.api_key)
        listener = await listen(api, shop.hook(), secret=SECRET)
        await api.make("/v1/payment_intents", payment())
        await sandbox.settle()
        position = (await news(api, listener["position"]))["position"]
    async with Sandbox(state=tmp_path / "s.db") as sandbox, aiohttp.ClientSession() as session:
        api = Api(session, sandbox.base_url, sandbox.api_key)
        again = await listen(api, shop.hook(), secret=SECRET)
        assert again["endpoint"] == listener["endpoint"]
        assert again["owned"] is True
        made = await api.make("/v1/payment_intents", payment())
        await sandbox.settle()
        page = await news(api, position)
        assert [attempt["about"] for attempt in page["data"]] == [made["id"]]
    assert len(shop.hooks) == 2


async def test_an_endpoint_that_the_url_already_has_is_used(api: Api, sandbox: Sandbox, shop: Shop) -> None:
    """With a second one, every event would be delivered twice, and one of the two signatures would be refused."""
    endpoint = await api.make(ENDPOINTS, {"url": shop.hook(), "enabled_events": ["*"]})
    listener = await listen(api, shop.hook(), enabled_events=["refund.created"])
    assert (listener["endpoint"], listener["owned"]) == (endpoint, False)
    refused = await api.post("/sandbox/listeners", {"url": shop.hook(), "secret": SECRET})
    assert (refused.status, refused.error["param"]) == (400, "secret")
    assert "another secret" in refused.error["message"]
    assert sandbox.store.count("webhook_endpoint") == 1
    await api.make(f"{ENDPOINTS}/{endpoint['id']}", {"disabled": True})
    assert (await listen(api, shop.hook(), secret=SECRET))["owned"] is True, "a disabled endpoint gets nothing"


async def test_a_listener_that_was_killed_leaves_nothing_that_doubles_deliveries(
    api: Api, sandbox: Sandbox, shop: Shop
) -> None:
    first = await listen(api, shop.hook())
    second = await listen(api, shop.hook(), secret=SECRET, enabled_events=["refund.created"])
    assert second["endpoint"] == {
        **first["endpoint"], "secret": SECRET, "enabled_events": ["refund.created"]
    }  # fmt: skip
    assert (second["owned"], sandbox.store.count("webhook_endpoint")) == (True, 1)


async def test_the_attempts_of_an_endpoint_that_was_deleted_are_not_found(api: Api, shop: Shop) -> None:
    """So the listener learns that it has to register again."""
    listener = await listen(api, shop.hook())
    await api.delete(f"{ENDPOINTS}/{listener['endpoint']['id']}")
    reply = await api.get("/sandbox/attempts", query={"endpoint": listener["endpoint"]["id"]})
    assert reply.status == 404


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "url"),
        ({"url": "http://shop.example.com/x"}, "url"),
        ({"url": "https://a.example", "enabled_events": ["invoice.*"]}, "enabled_events[0]"),
        ({"url": "https://a.example", "secret": " whsec_a"}, "secret"),
        ({"url": "https://a.example", "secret": "sk_test_abcdefgh"}, "secret"),
        ({"url": "https://a.example", "secret": ""}, "secret"),
    ],
)
async def test_what_is_impossible_is_refused_by_its_name(
    api: Api, sandbox: Sandbox, body: dict[str, Any], param: str
) -> None:
    reply = await api.post("/sandbox/listeners", body)
    assert (reply.status, reply.error["param"]) == (400, param)
    assert sandbox.store.count("webhook_endpoint") == 0


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("http://127.0.0.1:9/x", "Connection refused: nothing listens at 127.0.0.1:9."),
        ("http://localhost:9/x", "Connection refused: nothing listens at localhost:9."),
        ("http://no-such-host.internal/x", "The host no-such-host.internal is not known."),
    ],
)
async def test_an_attempt_without_a_response_says_why(api: Api, sandbox: Sandbox, url: str, says: str) -> None:
    await listen(api, url)
    await api.make("/v1/payment_intents", payment())
    await sandbox.settle()
    assert sandbox.deliveries[0].attempts[0].error == says


async def test_a_listener_goes_on_after_a_reset(api: Api, sandbox: Sandbox, shop: Shop) -> None:
    """A position of before the reset would otherwise point at deliveries that are gone: an error of the sandbox."""
    listener = await listen(api, shop.hook())
    await api.make("/v1/payment_intents", payment())
    await sandbox.settle()
    position = listener["position"]
    await api.post("/sandbox/reset")
    assert (await news(api, position))["data"] == []
    await listen(api, shop.hook())
    made = await api.make("/v1/payment_intents", payment())
    await sandbox.settle()
    assert [each["about"] for each in (await news(api, position))["data"]] == [made["id"]]
