"""Setups in every state, and their attempts, for the tests of this folder."""

from __future__ import annotations

from typing import Any

from sandbox.rig import CHALLENGED, GOOD, Api, Reply, card
from sandbox.test_shapes import check

from wooshpay.sandbox import Sandbox

PATH = "/v1/setup_intents"
BACK = "https://shop.example/back"


def saving(number: str | None = None, **fields: Any) -> dict[str, Any]:
    """The parameters of a setup; with a card number it is confirmed at once."""
    if number is None:
        return fields
    return {"confirm": True, "payment_method_data": card(number), "return_url": BACK, **fields}


async def in_state(api: Api, state: str, **fields: Any) -> dict[str, Any]:
    """An intent in a state."""
    bodies = {
        "requires_payment_method": saving(),
        "requires_confirmation": {"payment_method_data": card()},
        "requires_action": saving(CHALLENGED),
        "processing": saving("4000000000000077"),
        "succeeded": saving(GOOD),
        "canceled": saving(),
    }
    setup: dict[str, Any] = await api.make(PATH, {**bodies[state], **fields})
    if state == "canceled":
        setup = await api.make(f"{PATH}/{setup['id']}/cancel")
    assert setup["status"] == state
    check(setup)
    return setup


async def attempts(api: Api, setup: dict[str, Any]) -> list[dict[str, Any]]:
    """The attempts of an intent, newest first."""
    found = await api.get("/v1/setup_attempts/list", {"setup_intent": setup["id"]})
    data: list[dict[str, Any]] = found.body["data"]
    for entry in data:
        check(entry)
    return data


async def statuses(api: Api, setup: dict[str, Any]) -> list[str]:
    return [entry["status"] for entry in await attempts(api, setup)]


def page_of(setup: dict[str, Any]) -> str:
    [shape] = [shape for name, shape in setup["next_action"].items() if name != "type"]
    return str(shape["url"])


def types(sandbox: Sandbox) -> list[str]:
    return [event["type"] for event in sandbox.store.events()]


def unexpected(reply: Reply) -> bool:
    return (reply.status, reply.error["code"]) == (400, "setup_intent_unexpected_state")
