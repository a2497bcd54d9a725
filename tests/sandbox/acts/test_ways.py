"""The ways to a simulated action: from async code, from sync code, over HTTP, and what is left behind by it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from sandbox.rig import Api, Shop, order

from wooshpay.sandbox import Sandbox, SandboxError, SyncSandbox


async def test_from_async_code_and_over_http(api: Api, sandbox: Sandbox) -> None:
    """A tester in another language gets the same result as one in Python."""
    first, second = [await api.make("/v1/checkout/sessions", order()) for _ in range(2)]
    here = sandbox.act("checkout.sessions.pay", session=first["id"], outcome="declined")
    there = await api.act("checkout.sessions.pay", session=second["id"], outcome="declined")
    assert {name: here[name] for name in ("object", "status", "message", "url")} == {
        "object": "sandbox.page",
        "status": "declined",
        "message": "The card was declined. Try again or use another payment method.",
        "url": None,
    }
    assert here.keys() == there.keys()
    assert here["session"] == await api.find(f"/v1/checkout/sessions/{first['id']}")
    assert there["payment_intent"] == await api.find(f"/v1/payment_intents/{second['payment_intent']}")


async def test_a_refusal_over_http_is_an_error_as_the_api_has_them(api: Api) -> None:
    session = await api.make("/v1/checkout/sessions", order())
    await api.make(f"/v1/checkout/sessions/{session['id']}/expire")
    reply = await api.post("/sandbox/acts/checkout.sessions.pay", {"session": session["id"]})
    assert (reply.status, reply.error["code"]) == (400, "checkout_session_unexpected_state")
    assert "its status is expired; it must be open" in reply.error["message"]


def test_the_pytest_fixture_has_both(wooshpay_sandbox: SyncSandbox) -> None:
    assert "checkout.sessions.pay" in [action.name for action in wooshpay_sandbox.acts()]
    with pytest.raises(SandboxError, match="did you mean session"):
        wooshpay_sandbox.act("checkout.sessions.pay", sesion="cs_1")


async def test_the_webhooks_of_an_action_are_delivered(api: Api, sandbox: Sandbox, shop: Shop) -> None:
    """That a customer paid reaches the shop by its webhook, as it does after a payment on the page."""
    types = ["payment_intent.succeeded", "checkout.session.completed"]
    await api.make("/v1/webhook_endpoints", {"url": shop.hook(), "enabled_events": types})
    session = await api.make("/v1/checkout/sessions", order())
    await api.act("checkout.sessions.pay", session=session["id"], method="alipay")
    await sandbox.settle()
    assert sorted(shop.types()) == sorted(types)


async def test_a_card_number_is_never_kept_or_shown(api: Api, sandbox: Sandbox) -> None:
    """Card data in an action is treated as on the page: an issue that quotes a log must not hold a number."""
    session = await api.make("/v1/checkout/sessions", order())
    number = "4000000000009995"
    result = await api.act("checkout.sessions.pay", session=session["id"], card=number)
    reply = await api.post("/sandbox/acts/checkout.sessions.pay", {"session": session["id"], "card": number[:-1] + "4"})
    everything: list[Any] = [sandbox.store.all(kind) for kind in sandbox.store.kinds()]
    for text in (str(result), str(reply.body), str(everything), str(list(sandbox.requests))):
        assert number[:-1] not in text


def test_what_an_action_did_is_in_the_state_file(tmp_path: Path) -> None:
    """A sandbox that is killed after an action resumes with what the action did."""

    async def run(*, pay: bool) -> Any:
        async with Sandbox(state=tmp_path / "sandbox.db") as sandbox:
            if pay:
                async with aiohttp.ClientSession() as session:
                    api = Api(session, sandbox.base_url, sandbox.api_key)
                    made = await api.make("/v1/checkout/sessions", order())
                    sandbox.act("checkout.sessions.pay", session=made["id"])
            return sandbox.store.all("checkout.session")

    paid = asyncio.run(run(pay=True))
    assert paid[0]["payment_status"] == "paid"
    assert asyncio.run(run(pay=False)) == paid
