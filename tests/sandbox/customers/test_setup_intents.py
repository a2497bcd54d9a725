"""The SetupIntent's states, row by row, and its attempts."""

from __future__ import annotations

from typing import Any

import pytest
from sandbox.customers.helpers import SAVED_BUT_DECLINED, attached, customer, ids, method
from sandbox.customers.setups import BACK, PATH, attempts, in_state, page_of, saving, statuses, types
from sandbox.rig import CHALLENGED, DECLINED, GOOD, Api, card
from sandbox.test_shapes import check

from wooshpay.sandbox import Sandbox

# ---- (new)


async def test_create_waits_for_a_method(api: Api, sandbox: Sandbox) -> None:
    setup = await api.make(PATH, {"description": "Tea", "metadata": {"a": "1"}})
    assert setup["id"].startswith("seti_")
    assert setup["client_secret"].startswith(f"{setup['id']}_secret_")
    assert (setup["status"], setup["usage"]) == ("requires_payment_method", "off_session")
    assert (setup["payment_method_types"], setup["metadata"]) == (["card"], {"a": "1"})
    assert setup.keys().isdisjoint({"customer", "payment_method", "next_action", "latest_attempt"})
    assert types(sandbox) == ["setup_intent.created"]
    check(setup)
    assert await api.find(f"{PATH}/{setup['id']}") == setup


async def test_create_with_a_method_waits_for_the_confirmation(api: Api) -> None:
    setup = await in_state(api, "requires_confirmation")
    assert setup["payment_method"].startswith("pm_")
    assert await statuses(api, setup) == []


async def test_create_and_confirm_at_once(api: Api, sandbox: Sandbox) -> None:
    owner = await customer(api)
    setup = await in_state(api, "succeeded", customer=owner, usage="on_session")
    assert (setup["customer"], setup["usage"]) == (owner, "on_session")
    assert types(sandbox) == ["setup_intent.created", "setup_intent.succeeded"]
    assert sandbox.store.events()[-1]["data"]["object"] == setup


@pytest.mark.parametrize(
    ("body", "status", "param"),
    [
        ({"confirm": True}, 400, "payment_method_data"),
        ({"customer": "cus_1"}, 404, "customer"),
        ({"payment_method": "pm_1"}, 404, "payment_method"),
        ({"usage": "sometimes"}, 400, "usage"),
        ({"payment_method_types": ["gold"]}, 400, "payment_method_types[0]"),
        ({"payment_method_types": ["card", "pix"]}, 400, "payment_method_types[1]"),
        ({"payment_method_data": {"type": "pix"}}, 400, "payment_method_data[type]"),
        ({"payment_method_data": card(cvc="x")}, 400, "payment_method_data[card][cvc]"),
        ({"return_url": "ftp://x"}, 400, "return_url"),
    ],
)
async def test_create_refuses_and_leaves_nothing(
    api: Api, sandbox: Sandbox, body: dict[str, Any], status: int, param: str
) -> None:
    reply = await api.post(PATH, body)
    assert (reply.status, reply.error["param"]) == (status, param)
    assert sandbox.store.kinds() == []


# ---- confirm


async def test_confirm_accepted_attaches_the_method_to_the_customer(api: Api, sandbox: Sandbox) -> None:
    owner = await customer(api)
    setup = await in_state(api, "requires_confirmation", customer=owner)
    assert "customer" not in await api.find(f"/v1/payment_methods/{setup['payment_method']}")
    done = await api.make(f"{PATH}/{setup['id']}/confirm", {"return_url": BACK})
    assert (done["status"], done["payment_method"]) == ("succeeded", setup["payment_method"])
    assert ids(await api.find(f"/v1/customers/{owner}/payment_methods")) == [setup["payment_method"]]
    [entry] = await attempts(api, done)
    assert entry["id"].startswith("setatt_")
    assert (entry["id"], entry["status"], entry["usage"]) == (done["latest_attempt"], "succeeded", "off_session")
    assert (entry["customer"], entry["payment_method"]) == (owner, setup["payment_method"])
    assert entry["payment_method_details"]["card"]["last4"] == "1111"
    assert "setup_error" not in entry
    assert sandbox.store.count("charge") == 0


async def test_confirm_without_a_customer_makes_none_and_the_method_can_be_attached_later(
    api: Api, sandbox: Sandbox
) -> None:
    setup = await in_state(api, "succeeded")
    assert sandbox.store.count("customer") == 0
    owner = await customer(api)
    made = await api.make(f"/v1/payment_methods/{setup['payment_method']}/attach", {"customer": owner})
    assert made["customer"] == owner


async def test_confirm_may_bring_method_customer_and_notes(api: Api) -> None:
    owner = await customer(api)
    setup = await in_state(api, "requires_payment_method")
    body = {"payment_method_data": card(), "return_url": BACK, "customer": owner, "usage": "on_session"}
    notes = {"description": "Tea", "metadata": {"a": "1"}}
    done = await api.make(f"{PATH}/{setup['id']}/confirm", {**body, **notes})
    assert (done["status"], done["customer"], done["usage"]) == ("succeeded", owner, "on_session")
    assert (done["description"], done["metadata"], done["return_url"]) == ("Tea", {"a": "1"}, BACK)


async def test_confirm_that_needs_the_customer(api: Api, sandbox: Sandbox) -> None:
    setup = await in_state(api, "requires_action")
    action = setup["next_action"]
    assert action["type"] == "challenge_redirect"
    assert action["challenge_redirect"]["return_url"] == BACK
    assert action["challenge_redirect"]["url"].startswith(f"{sandbox.base_url}/3ds/challenge?clientSecret=seti_")
    assert types(sandbox)[-1] == "setup_intent.requires_action"
    assert await statuses(api, setup) == ["requires_action"]
    options = {"card": {"request_three_d_secure": "any"}}
    assert (await api.make(PATH, saving(GOOD, payment_method_options=options)))["status"] == "requires_action"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (card(DECLINED), "card_declined"),
        (card("4000000000000127"), "incorrect_cvc"),
        (card("4111111111111112"), "incorrect_number"),
        (card(exp_year="2001"), "expired_card"),
    ],
)
async def test_confirm_refused(api: Api, sandbox: Sandbox, data: dict[str, Any], code: str) -> None:
    owner = await customer(api)
    setup = await in_state(api, "requires_payment_method", customer=owner)
    body = {"payment_method_data": data, "return_url": BACK}
    reply = await api.post(f"{PATH}/{setup['id']}/confirm", body)
    assert (reply.status, reply.error["type"], reply.error["code"]) == (402, "card_error", code)
    after = await api.find(f"{PATH}/{setup['id']}")
    check(after)
    assert reply.error["setup_intent"] == after
    assert (after["status"], after["last_setup_error"]["code"]) == ("requires_payment_method", code)
    assert "payment_method" not in after
    [entry] = await attempts(api, setup)
    assert (entry["status"], entry["setup_error"]) == ("failed", after["last_setup_error"])
    assert types(sandbox)[-1] == "setup_intent.setup_failed"
    assert ids(await api.find(f"/v1/customers/{owner}/payment_methods")) == []

    done = await api.make(f"{PATH}/{setup['id']}/confirm", {"payment_method_data": card(), "return_url": BACK})
    assert done["status"] == "succeeded"
    assert "last_setup_error" not in done
    assert await statuses(api, setup) == ["succeeded", "failed"]


async def test_a_card_whose_payments_are_declined_is_set_up_all_the_same(api: Api) -> None:
    assert (await api.make(PATH, saving(SAVED_BUT_DECLINED)))["status"] == "succeeded"


async def test_confirm_whose_outcome_comes_later_ends_well_after_a_minute(api: Api, sandbox: Sandbox) -> None:
    owner = await customer(api)
    setup = await in_state(api, "processing", customer=owner)
    assert await statuses(api, setup) == ["processing"]
    assert ids(await api.find(f"/v1/customers/{owner}/payment_methods")) == []
    sandbox.clock.advance(seconds=61)
    assert (await api.find(f"{PATH}/{setup['id']}"))["status"] == "succeeded"
    assert await statuses(api, setup) == ["succeeded"]
    assert ids(await api.find(f"/v1/customers/{owner}/payment_methods")) == [setup["payment_method"]]


async def test_processing_may_end_in_a_refusal(api: Api, sandbox: Sandbox) -> None:
    setup = await api.make(PATH, saving("4000000000000051"))
    assert setup["status"] == "processing"
    sandbox.clock.advance(seconds=61)
    after = await api.find(f"{PATH}/{setup['id']}")
    assert (after["status"], after["last_setup_error"]["code"]) == ("requires_payment_method", "card_declined")
    assert await statuses(api, setup) == ["failed"]
    assert types(sandbox)[-1] == "setup_intent.setup_failed"


@pytest.mark.parametrize(
    ("body", "status", "param"),
    [
        ({"payment_method_data": card()}, 400, "return_url"),
        ({"return_url": BACK}, 400, "payment_method_data"),
        ({"return_url": BACK, "payment_method": "pm_1"}, 404, "payment_method"),
        ({"return_url": BACK, "payment_method_data": card(), "customer": "cus_1"}, 404, "customer"),
        ({"return_url": BACK, "payment_method_data": card(cvc="1")}, 400, "payment_method_data[card][cvc]"),
    ],
)
async def test_confirm_refuses_and_changes_nothing(
    api: Api, sandbox: Sandbox, body: dict[str, Any], status: int, param: str
) -> None:
    setup = await in_state(api, "requires_payment_method")
    reply = await api.post(f"{PATH}/{setup['id']}/confirm", {"description": "Tea", **body})
    assert (reply.status, reply.error["param"]) == (status, param)
    assert await api.find(f"{PATH}/{setup['id']}") == setup
    assert sandbox.store.count("payment_method") == sandbox.store.count("setup_attempt") == 0


async def test_a_method_of_another_customer_is_refused(api: Api, sandbox: Sandbox) -> None:
    id = await attached(api, await customer(api))
    other = await customer(api)
    reply = await api.post(PATH, {"customer": other, "payment_method": id, "confirm": True})
    assert (reply.status, reply.error["code"]) == (400, "payment_method_unexpected_state")
    assert sandbox.store.count("setup_intent") == 0
    setup = await in_state(api, "requires_confirmation", customer=other)
    reply = await api.post(f"{PATH}/{setup['id']}/confirm", {"payment_method": id, "return_url": BACK})
    assert (reply.status, reply.error["param"]) == (400, "payment_method")
    assert await api.find(f"{PATH}/{setup['id']}") == setup


async def test_a_method_given_away_during_the_challenge_is_not_taken_back(api: Api) -> None:
    first, second = await customer(api), await customer(api)
    made = await method(api, CHALLENGED)
    setup = await api.make(PATH, {"confirm": True, "customer": first, "payment_method": made["id"], "return_url": BACK})
    await api.make(f"/v1/payment_methods/{made['id']}/attach", {"customer": second})
    await api.act("setup_intents.authenticate", setup_intent=setup["id"])
    assert (await api.find(f"/v1/payment_methods/{made['id']}"))["customer"] == second
    assert (await api.find(f"{PATH}/{setup['id']}"))["last_setup_error"]["code"] == "setup_failed"


# ---- requires_action


async def test_the_customer_authenticates(api: Api) -> None:
    owner = await customer(api)
    setup = await in_state(api, "requires_action", customer=owner)
    status, text, _ = await api.browse(page_of(setup))
    assert (status, "3155" in text, "Nothing is charged" in text) == (200, True, True)
    assert (await api.browse(page_of(setup), {"outcome": "authenticate"}))[2] == BACK
    after = await api.find(f"{PATH}/{setup['id']}")
    assert (after["status"], "next_action" in after) == ("succeeded", False)
    assert await statuses(api, setup) == ["succeeded"]
    assert ids(await api.find(f"/v1/customers/{owner}/payment_methods")) == [after["payment_method"]]


async def test_the_customer_fails(api: Api, sandbox: Sandbox) -> None:
    setup = await in_state(api, "requires_action")
    assert (await api.browse(page_of(setup), {"outcome": "fail"}))[2] == BACK
    after = await api.find(f"{PATH}/{setup['id']}")
    assert (after["status"], "next_action" in after) == ("requires_payment_method", False)
    assert after["last_setup_error"]["code"] == "setup_intent_authentication_failure"
    assert await statuses(api, setup) == ["failed"]
    assert types(sandbox)[-1] == "setup_intent.setup_failed"
    check(after)


async def test_a_card_may_be_declined_after_its_challenge(api: Api) -> None:
    setup = await api.make(PATH, saving("4000008400001629"))
    await api.act("setup_intents.authenticate", setup_intent=setup["id"])
    assert (await api.find(f"{PATH}/{setup['id']}"))["last_setup_error"]["code"] == "card_declined"


@pytest.mark.parametrize(
    ("outcome", "status", "code"),
    [
        ("pay", "succeeded", None),
        ("fail", "requires_payment_method", "setup_failed"),
        ("cancel", "requires_payment_method", "setup_canceled"),
    ],
)
async def test_a_wallet_is_saved_on_its_page(api: Api, outcome: str, status: str, code: str | None) -> None:
    owner = await customer(api)
    setup = await api.make(PATH, {"confirm": True, "customer": owner, "payment_method_data": {"type": "alipay"}})
    assert setup["next_action"]["type"] == "alipay_handle_redirect"
    _, text, _ = await api.browse(page_of(setup))
    assert "Save Alipay" in text
    done = await api.browse(page_of(setup), {"outcome": outcome})
    assert (done[0], ("was saved" in done[1]) is (code is None)) == (200, True)
    after = await api.find(f"{PATH}/{setup['id']}")
    assert (after["status"], after.get("last_setup_error", {}).get("code")) == (status, code)


@pytest.mark.parametrize(
    ("outcome", "status", "attempt"),
    [("pay_later", "succeeded", "succeeded"), ("fail_later", "requires_payment_method", "failed")],
)
async def test_the_banks_outcome_may_come_later(
    api: Api, sandbox: Sandbox, outcome: str, status: str, attempt: str
) -> None:
    setup = await api.make(PATH, {"confirm": True, "payment_method_data": {"type": "gcash"}})
    _, text, _ = await api.browse(page_of(setup), {"outcome": outcome})
    assert "confirms this in a minute" in text
    assert (await api.find(f"{PATH}/{setup['id']}"))["status"] == "processing"
    sandbox.clock.advance(seconds=61)
    assert (await api.find(f"{PATH}/{setup['id']}"))["status"] == status
    assert await statuses(api, setup) == [attempt]


async def test_another_attempt_abandons_the_one_that_waits(api: Api) -> None:
    setup = await in_state(api, "requires_action")
    done = await api.make(f"{PATH}/{setup['id']}/confirm", {"payment_method_data": card(), "return_url": BACK})
    assert (done["status"], "next_action" in done) == ("succeeded", False)
    assert await statuses(api, setup) == ["succeeded", "abandoned"]
    assert "is over" in (await api.browse(page_of(setup), {"outcome": "authenticate"}))[1]
