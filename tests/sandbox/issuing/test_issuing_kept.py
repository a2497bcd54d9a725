"""Issuing in a state file: a sandbox that starts again knows cards, holds, balances and what falls due."""

from __future__ import annotations

from pathlib import Path

import aiohttp
from sandbox.issuing.counter import AUTHORIZATIONS, CARDS, TRANSACTIONS, act, buy, make_card
from sandbox.rig import Api

from wooshpay.sandbox import Sandbox

CONTROLS = {"spending_limits": [{"amount": 1000, "interval": "all_time"}]}


async def test_everything_goes_on_after_a_restart(tmp_path: Path) -> None:
    file = tmp_path / "state"
    secrets = "?expand[]=issuing_card.number&expand[]=issuing_card.cvc"
    async with Sandbox(state=file) as sandbox, aiohttp.ClientSession() as session:
        api = Api(session, sandbox.base_url, sandbox.api_key)
        card = await make_card(api, spending_controls=CONTROLS)
        act(sandbox, "top_up", amount=5000, currency="usd")
        held, taken = buy(sandbox, card, 300), buy(sandbox, card, 200)
        captured = act(sandbox, "capture", authorization=taken["id"])
        before = [
            await api.find(path)
            for path in (f"{CARDS}/{card['id']}{secrets}", f"{CARDS}/{card['id']}/limits", AUTHORIZATIONS, TRANSACTIONS)
        ]

    async with Sandbox(state=file) as sandbox, aiohttp.ClientSession() as session:
        api = Api(session, sandbox.base_url, sandbox.api_key)
        after = [
            await api.find(path)
            for path in (f"{CARDS}/{card['id']}{secrets}", f"{CARDS}/{card['id']}/limits", AUTHORIZATIONS, TRANSACTIONS)
        ]
        assert after == before
        assert buy(sandbox, card, 501)["reason"] == "authorization_controls"
        assert act(sandbox, "refund", transaction=captured["id"], amount=50)["amount"] == 50
        sandbox.clock.advance(days=7)
        assert (await api.find(f"{AUTHORIZATIONS}/{held['id']}"))["status"] == "reversed"
        assert (await api.find(f"{CARDS}/{card['id']}/limits"))["limits"][0]["remaining"] == 800
        assert sandbox.store.get("USD")["amount"] == 5000 - 200 + 50
