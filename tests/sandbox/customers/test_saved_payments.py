"""Payments that save their method, and later payments with it, with and without the customer."""

from __future__ import annotations

from typing import Any

import pytest
from sandbox.customers.helpers import ALWAYS_ASKS, SAVED_BUT_DECLINED, attached, customer, ids, method
from sandbox.rig import CHALLENGED, DECLINED, GOOD, Api, payment
from sandbox.test_shapes import check

from wooshpay.sandbox import Sandbox

PATH = "/v1/payment_intents"


async def saved(api: Api, owner: str) -> list[str]:
    return ids(await api.find(f"/v1/customers/{owner}/payment_methods"))


async def finish(api: Api, intent: dict[str, Any], outcome: str) -> dict[str, Any]:
    """Act as the customer on the page of an intent; give the intent as it is then."""
    [shape] = [shape for name, shape in intent["next_action"].items() if name != "type"]
    await api.browse(shape["url"], {"outcome": outcome})
    after: dict[str, Any] = await api.find(f"{PATH}/{intent['id']}")
    return after


def later(owner: str, id: str, **fields: Any) -> dict[str, Any]:
    return payment(customer=owner, payment_method=id, confirm=True, **fields)


# ---- saving


@pytest.mark.parametrize("fields", [{}, {"capture_method": "manual"}])
@pytest.mark.parametrize("usage", ["on_session", "off_session"])
async def test_an_accepted_payment_saves_its_method_for_the_customer(
    api: Api, usage: str, fields: dict[str, Any]
) -> None:
    owner = await customer(api)
    paid = await api.make(PATH, payment(GOOD, customer=owner, setup_future_usage=usage, **fields))
    assert await saved(api, owner) == [paid["payment_method"]]
    again = await api.make(PATH, later(owner, paid["payment_method"], off_session=True))
    assert (again["status"], again["payment_method_types"]) == ("succeeded", ["card"])


async def test_the_card_option_saves_it_too(api: Api) -> None:
    owner = await customer(api)
    options = {"card": {"setup_future_usage": "off_session"}}
    paid = await api.make(PATH, payment(GOOD, customer=owner, payment_method_options=options))
    assert await saved(api, owner) == [paid["payment_method"]]
    check(paid)


async def test_without_setup_future_usage_nothing_is_saved(api: Api) -> None:
    owner = await customer(api)
    await api.make(PATH, payment(GOOD, customer=owner))
    assert await saved(api, owner) == []


async def test_without_a_customer_the_method_can_be_attached_later(api: Api, sandbox: Sandbox) -> None:
    paid = await api.make(PATH, payment(GOOD, setup_future_usage="off_session"))
    assert sandbox.store.count("customer") == 0
    owner = await customer(api)
    await api.make(f"/v1/payment_methods/{paid['payment_method']}/attach", {"customer": owner})
    assert await saved(api, owner) == [paid["payment_method"]]


async def test_it_is_saved_when_the_payment_is_accepted_and_not_before(api: Api, sandbox: Sandbox) -> None:
    owner = await customer(api)
    asked = await api.make(PATH, payment(CHALLENGED, customer=owner, setup_future_usage="off_session"))
    processing = await api.make(PATH, payment("4000000000000077", customer=owner, setup_future_usage="off_session"))
    await api.post(PATH, payment(DECLINED, customer=owner, setup_future_usage="off_session"))
    assert await saved(api, owner) == []
    await finish(api, asked, "authenticate")
    assert await saved(api, owner) == [asked["payment_method"]]
    sandbox.clock.advance(seconds=61)
    assert await saved(api, owner) == [processing["payment_method"], asked["payment_method"]]


async def test_a_method_that_was_given_away_during_the_challenge_stays_there(api: Api) -> None:
    first, second = await customer(api), await customer(api)
    made = await method(api, CHALLENGED)
    body = payment(customer=first, payment_method=made["id"], confirm=True, setup_future_usage="off_session")
    intent = await api.make(PATH, body)
    await api.make(f"/v1/payment_methods/{made['id']}/attach", {"customer": second})
    assert (await finish(api, intent, "authenticate"))["status"] == "succeeded"
    assert (await saved(api, first), await saved(api, second)) == ([], [made["id"]])


@pytest.mark.parametrize("confirm", [True, False])
async def test_a_type_that_cannot_be_saved_is_refused(api: Api, sandbox: Sandbox, confirm: bool) -> None:
    body = payment(currency="BRL", payment_method_data={"type": "pix"}, setup_future_usage="on_session")
    reply = await api.post(PATH, {**body, "confirm": confirm})
    assert (reply.status, reply.error["param"]) == (400, "setup_future_usage")
    assert sandbox.store.kinds() == []


# ---- paying again


@pytest.mark.parametrize(
    ("number", "usage", "outcome"),
    [
        (CHALLENGED, "off_session", "succeeded"),
        (CHALLENGED, "on_session", "authentication_required"),
        (ALWAYS_ASKS, "off_session", "authentication_required"),
    ],
)
async def test_off_session_only_a_card_saved_for_it_is_not_asked(
    api: Api, number: str, usage: str, outcome: str
) -> None:
    owner = await customer(api)
    first = await api.make(PATH, payment(number, customer=owner, setup_future_usage=usage))
    paid = await finish(api, first, "authenticate")
    assert paid["status"] == "succeeded"
    reply = await api.post(PATH, later(owner, paid["payment_method"], off_session=True))
    assert (reply.body.get("status") or reply.error["decline_code"]) == outcome
    assert (await api.make(PATH, later(owner, paid["payment_method"])))["status"] == "requires_action"


async def test_a_card_that_was_only_attached_is_declined_off_session_and_can_be_authenticated_then(api: Api) -> None:
    owner = await customer(api)
    id = await attached(api, owner, CHALLENGED)
    reply = await api.post(PATH, later(owner, id, off_session=True))
    assert (reply.status, reply.error["code"]) == (402, "card_declined")
    assert reply.error["decline_code"] == "authentication_required"
    refused = reply.error["payment_intent"]
    check(refused)
    assert (refused["status"], refused["last_payment_error"]["payment_method"]) == ("requires_payment_method", id)
    asked = await api.make(f"{PATH}/{refused['id']}/confirm", {"payment_method": id})
    assert (await finish(api, asked, "authenticate"))["status"] == "succeeded"


async def test_saving_off_session_gives_no_consent(api: Api) -> None:
    owner = await customer(api)
    id = await attached(api, owner)
    body = later(owner, id, off_session=True, setup_future_usage="off_session")
    assert (await api.make(PATH, body))["status"] == "succeeded"
    options = {"card": {"request_three_d_secure": "any"}}
    reply = await api.post(PATH, later(owner, id, off_session=True, payment_method_options=options))
    assert reply.error["decline_code"] == "authentication_required"


async def test_a_card_that_can_be_saved_but_not_charged(api: Api) -> None:
    owner = await customer(api)
    id = await attached(api, owner, SAVED_BUT_DECLINED)
    for off_session in (True, False):
        reply = await api.post(PATH, later(owner, id, off_session=off_session))
        assert (reply.status, reply.error["decline_code"]) == (402, "generic_decline")
    assert await saved(api, owner) == [id]


async def test_a_wallet_saved_for_it_is_charged_without_its_page(api: Api) -> None:
    owner = await customer(api)
    data = {"type": "alipay"}
    first = await api.make(
        PATH, payment(confirm=True, customer=owner, payment_method_data=data, setup_future_usage="off_session")
    )
    paid = await finish(api, first, "pay")
    assert await saved(api, owner) == [paid["payment_method"]]
    again = await api.make(PATH, later(owner, paid["payment_method"]))
    assert (again["status"], "next_action" in again) == ("succeeded", False)


@pytest.mark.parametrize("flag", ["off_session", "off-session"])
async def test_a_wallet_that_was_not_saved_for_it_is_refused_off_session(api: Api, flag: str) -> None:
    body = {**payment(confirm=True, payment_method_data={"type": "alipay"}), flag: True}
    reply = await api.post(PATH, body)
    assert (reply.status, reply.error["decline_code"]) == (402, "authentication_required")


async def test_confirm_takes_the_customers_method_and_no_other(api: Api) -> None:
    owner = await customer(api)
    mine, foreign = await attached(api, owner), await attached(api, await customer(api))
    intent = await api.make(PATH, payment(customer=owner))
    path = f"{PATH}/{intent['id']}"
    for reply in (
        await api.post(f"{path}/confirm", {"payment_method": foreign, "return_url": "https://shop.example"}),
        await api.post(path, {"payment_method": foreign, "description": "Tea"}),
    ):
        assert (reply.status, reply.error["code"]) == (400, "payment_method_unexpected_state")
        assert reply.error["param"] == "payment_method"
    assert await api.find(path) == intent
    held = await api.make(path, {"payment_method": mine})
    assert held["status"] == "requires_confirmation"
    assert (await api.post(path, {"customer": await customer(api)})).status == 400
    assert await api.find(path) == held
    assert (await api.make(f"{path}/confirm"))["status"] == "succeeded"


async def test_a_replay_of_a_saved_payment_charges_once(api: Api, sandbox: Sandbox) -> None:
    owner = await customer(api)
    body = later(owner, await attached(api, owner), off_session=True)
    first, again = [await api.post(PATH, body, key="order-7") for _ in range(2)]
    assert first.body == again.body
    assert sandbox.store.count("charge") == 1
