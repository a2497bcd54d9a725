"""Calls on a SetupIntent: updates, cancellations, lists, what a state does not allow, and what a setup is good for."""

from __future__ import annotations

from typing import Any

import pytest
from sandbox.customers.helpers import ALWAYS_ASKS, SAVED_BUT_DECLINED, attached, customer, ids
from sandbox.customers.setups import BACK, PATH, attempts, in_state, saving, statuses, types, unexpected
from sandbox.rig import CHALLENGED, GOOD, Api, card
from sandbox.test_shapes import check

from wooshpay.core.listing import ListObject
from wooshpay.sandbox import Sandbox
from wooshpay.sandbox.lifecycles import setups

# ---- update


async def test_update_with_a_method_waits_for_the_confirmation(api: Api) -> None:
    setup = await in_state(api, "requires_payment_method")
    owner = await customer(api)
    changed = await api.make(f"{PATH}/{setup['id']}", {"payment_method_data": card(), "customer": owner})
    assert (changed["status"], changed["customer"]) == ("requires_confirmation", owner)


async def test_update_with_a_method_ends_the_challenge(api: Api) -> None:
    setup = await in_state(api, "requires_action")
    changed = await api.make(f"{PATH}/{setup['id']}", {"payment_method_data": card()})
    assert (changed["status"], "next_action" in changed) == ("requires_confirmation", False)
    assert await statuses(api, setup) == ["abandoned"]


@pytest.mark.parametrize("state", ["processing", "succeeded"])
async def test_update_changes_only_notes_once_it_is_under_way(api: Api, state: str) -> None:
    setup = await in_state(api, state)
    changed = await api.make(f"{PATH}/{setup['id']}", {"description": "Tea", "metadata": {"a": "1"}})
    assert (changed["description"], changed["metadata"]) == ("Tea", {"a": "1"})
    reply = await api.post(f"{PATH}/{setup['id']}", {"payment_method_data": card()})
    assert unexpected(reply)
    assert "payment_method_data" in reply.error["message"]


async def test_update_of_a_customer_must_fit_the_method(api: Api) -> None:
    owner, other = await customer(api), await customer(api)
    setup = await api.make(PATH, {"customer": owner, "payment_method": await attached(api, owner)})
    assert (await api.post(f"{PATH}/{setup['id']}", {"customer": other})).status == 400
    assert await api.find(f"{PATH}/{setup['id']}") == setup


async def test_update_changes_nothing_on_a_canceled_intent(api: Api) -> None:
    setup = await in_state(api, "canceled")
    assert unexpected(await api.post(f"{PATH}/{setup['id']}", {"description": "Tea"}))


# ---- cancel


@pytest.mark.parametrize("state", ["requires_payment_method", "requires_confirmation", "requires_action"])
async def test_cancel(api: Api, sandbox: Sandbox, state: str) -> None:
    setup = await in_state(api, state)
    ended = await api.make(f"{PATH}/{setup['id']}/cancel", {"cancellation_reason": "abandoned"})
    assert (ended["status"], ended["cancellation_reason"]) == ("canceled", "abandoned")
    assert "next_action" not in ended
    assert await statuses(api, setup) == (["abandoned"] if state == "requires_action" else [])
    assert types(sandbox)[-1] == "setup_intent.canceled"
    check(ended)


async def test_cancel_takes_known_reasons_only(api: Api) -> None:
    setup = await in_state(api, "requires_payment_method")
    reply = await api.post(f"{PATH}/{setup['id']}/cancel", {"cancellation_reason": "bored"})
    assert (reply.status, reply.error["param"]) == (400, "cancellation_reason")


@pytest.mark.parametrize("state", ["processing", "succeeded", "canceled"])
async def test_calls_that_the_state_does_not_allow(api: Api, state: str) -> None:
    setup = await in_state(api, state)
    for reply in (
        await api.post(f"{PATH}/{setup['id']}/cancel"),
        await api.post(f"{PATH}/{setup['id']}/confirm", {"payment_method_data": card(), "return_url": BACK}),
    ):
        assert unexpected(reply)
        assert state in reply.error["message"]
    assert await api.find(f"{PATH}/{setup['id']}") == setup


async def test_the_intent_of_a_session_belongs_to_it(api: Api, sandbox: Sandbox) -> None:
    server = sandbox._server  # pyright: ignore[reportPrivateUsage]  # what checkout does when it opens a session
    with server.lock:
        setup = server.state.view(setups.make(server.state, {}, session="cs_1"))
    path = f"{PATH}/{setup['id']}"
    for reply in (
        await api.post(f"{path}/cancel"),
        await api.post(f"{path}/confirm", {"payment_method_data": card(), "return_url": BACK}),
        await api.post(path, {"payment_method_data": card()}),
    ):
        assert unexpected(reply)
        assert "Checkout Session" in reply.error["message"]
    assert (await api.make(path, {"metadata": {"a": "1"}}))["metadata"] == {"a": "1"}


# ---- retrieve and list


async def test_unknown_ids_are_not_found(api: Api) -> None:
    for reply in (
        await api.get(f"{PATH}/seti_1"),
        await api.post(f"{PATH}/seti_1", {}),
        await api.post(f"{PATH}/seti_1/confirm", {"return_url": BACK}),
        await api.post(f"{PATH}/seti_1/cancel"),
    ):
        assert (reply.status, reply.error["code"]) == (404, "resource_missing")


async def test_the_secret_key_is_needed(api: Api, sandbox: Sandbox) -> None:
    setup = await in_state(api, "requires_payment_method")
    public = Api(api.session, sandbox.base_url, sandbox.publishable_key)
    path = f"{PATH}/{setup['id']}"
    assert (await public.get(path, query={"client_secret": setup["client_secret"]})).status == 403


async def test_lists_filter_and_turn_pages(api: Api, sandbox: Sandbox) -> None:
    owner = await customer(api)
    first = await in_state(api, "succeeded", customer=owner)
    second = await in_state(api, "requires_confirmation", customer=owner)
    sandbox.clock.advance(minutes=10)
    third = await in_state(api, "requires_payment_method")
    everything = [setup["id"] for setup in (third, second, first)]
    for path in (PATH, f"{PATH}/list"):
        assert ids(await api.find(path)) == everything
    check(await api.find(PATH), ListObject[Any])
    assert ids((await api.get(PATH, query={"customer": owner})).body) == everything[1:]
    assert ids((await api.get(PATH, {"payment_method": first["payment_method"]})).body) == [first["id"]]
    assert ids((await api.get(PATH, query={"created[gte]": str(third["created"])})).body) == [third["id"]]
    page = (await api.get(PATH, query={"limit": "1", "starting_after": third["id"]})).body
    assert (ids(page), page["has_more"]) == ([second["id"]], True)
    assert ids((await api.get(PATH, query={"ending_before": second["id"]})).body) == [third["id"]]


async def test_attempts_filter_by_intent_and_time_and_turn_pages(api: Api, sandbox: Sandbox) -> None:
    first, second = await in_state(api, "succeeded"), await in_state(api, "requires_action")
    sandbox.clock.advance(minutes=10)
    await api.make(f"{PATH}/{second['id']}/confirm", {"payment_method_data": card(), "return_url": BACK})
    path = "/v1/setup_attempts/list"
    newest, abandoned = await attempts(api, second)
    [other] = await attempts(api, first)
    assert ids(await api.find(path)) == [newest["id"], abandoned["id"], other["id"]]
    assert ids((await api.get("/v1/setup_attempts", query={"setup_intent": first["id"]})).body) == [other["id"]]
    bounds = {"setup_intent": second["id"], "created": {"lt": str(newest["created"])}}
    assert ids((await api.get(path, bounds)).body) == [abandoned["id"]]
    page = (await api.get(path, {"limit": 1, "starting_after": newest["id"]})).body
    assert (ids(page), page["has_more"]) == ([abandoned["id"]], True)


# ---- what a setup is good for


@pytest.mark.parametrize(
    ("number", "usage", "outcome"),
    [
        (CHALLENGED, "off_session", "succeeded"),
        (CHALLENGED, "on_session", "authentication_required"),
        (ALWAYS_ASKS, "off_session", "authentication_required"),
        (GOOD, "on_session", "succeeded"),
        (SAVED_BUT_DECLINED, "off_session", "generic_decline"),
    ],
)
async def test_what_a_card_that_was_set_up_does_off_session(api: Api, number: str, usage: str, outcome: str) -> None:
    owner = await customer(api)
    setup = await api.make(PATH, saving(number, customer=owner, usage=usage))
    if setup["status"] == "requires_action":
        await api.act("setup_intents.authenticate", setup_intent=setup["id"])
        setup = await api.find(f"{PATH}/{setup['id']}")
    assert setup["status"] == "succeeded"
    body = {
        "amount": 2000,
        "currency": "USD",
        "confirm": True,
        "off_session": True,
        "customer": owner,
        "payment_method": setup["payment_method"],
    }
    reply = await api.post("/v1/payment_intents", body)
    assert (reply.body.get("status") or reply.error["decline_code"]) == outcome
    on_session = await api.post("/v1/payment_intents", {**body, "off_session": False})
    asks = number in {CHALLENGED, ALWAYS_ASKS}
    assert (on_session.body.get("status") == "requires_action") is asks
