"""Payment methods: the rows of their table, what refuses them, and their lists."""

from __future__ import annotations

from typing import Any

import pytest
from sandbox.customers.helpers import SAVED_BUT_DECLINED, attached, customer, ids, method
from sandbox.rig import CHALLENGED, DECLINED, GOOD, Api, Reply, card, payment
from sandbox.test_shapes import check

from wooshpay.sandbox import Sandbox

PATH = "/v1/payment_methods"


def unexpected(reply: Reply) -> bool:
    return (reply.status, reply.error["code"]) == (400, "payment_method_unexpected_state")


# ---- (new) -> unattached


async def test_a_new_card_belongs_to_nobody_and_shows_only_what_may_be_shown(api: Api, sandbox: Sandbox) -> None:
    billing = {"name": "Ada", "address": {"line1": "1 St", "postal_code": "N1"}}
    made = await method(api, "4111 1111 1111 1111", billing_details=billing, metadata={"a": "1"})
    assert made["id"].startswith("pm_")
    assert (made["object"], made["type"], made["livemode"]) == ("payment_method", "card", False)
    assert "customer" not in made
    assert (made["billing_details"], made["metadata"]) == (billing, {"a": "1"})
    fingerprint = made["card"].pop("fingerprint")
    assert len(fingerprint) == 16
    checks = {"cvc_check": "pass", "address_line1_check": "pass", "address_zip_check": "pass"}
    assert made["card"] == {
        "brand": "visa",
        "last4": "1111",
        "exp_month": 12,
        "exp_year": 2090,
        "country": "US",
        "funding": "credit",
        "checks": checks,
    }
    assert (await method(api, GOOD))["card"]["fingerprint"] == fingerprint
    found = await api.find(f"{PATH}/{made['id']}")
    check(found)
    assert sandbox.store.events() == []


async def test_card_numbers_are_not_kept_anywhere(api: Api, sandbox: Sandbox) -> None:
    await method(api, "5555555555554444")
    records = sandbox._server.state.store["payment_method"]  # pyright: ignore[reportPrivateUsage]  # what no answer shows
    assert [(str(dict(record)) + str(record.private)).count("5555555555554444") for record in records] == [0]


async def test_a_wallet_is_made_of_its_type(api: Api) -> None:
    made = await api.make(PATH, {"type": "alipay"})
    assert (made["type"], "card" in made) == ("alipay", False)


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "type"),
        ({"type": "gold"}, "type"),
        ({"type": "card"}, "card"),
        ({"type": "card", "card": {"exp_month": 1, "exp_year": 2090}}, "card[number]"),
        ({"type": "card", "card": {"number": GOOD, "exp_year": 2090}}, "card[exp_month]"),
        ({"type": "card", "card": {"number": GOOD, "exp_month": 1}}, "card[exp_year]"),
        (card(exp_month="13"), "card[exp_month]"),
        (card(cvc="12"), "card[cvc]"),
    ],
)
async def test_create_refuses_what_is_missing_or_wrong(
    api: Api, sandbox: Sandbox, body: dict[str, Any], param: str
) -> None:
    reply = await api.post(PATH, body)
    assert (reply.status, reply.error["param"]) == (400, param)
    assert sandbox.store.count("payment_method") == 0


async def test_create_refuses_a_number_that_is_no_card_number(api: Api, sandbox: Sandbox) -> None:
    reply = await api.post(PATH, card("4111111111111112"))
    assert (reply.status, reply.error["type"]) == (402, "card_error")
    assert (reply.error["code"], reply.error["param"]) == ("incorrect_number", "card[number]")
    assert sandbox.store.count("payment_method") == 0


# ---- unattached -> attached


async def test_attach_gives_a_method_to_a_customer(api: Api) -> None:
    owner, made = await customer(api), await method(api)
    reply = await api.make(f"{PATH}/{made['id']}/attach", {"customer": owner})
    assert reply == {**made, "customer": owner}
    check(reply)
    assert await api.find(f"{PATH}/{made['id']}") == reply


@pytest.mark.parametrize("number", [CHALLENGED, SAVED_BUT_DECLINED, "4000000000000077", "4000000000000051"])
async def test_attach_takes_cards_whose_trouble_comes_with_a_payment(api: Api, number: str) -> None:
    owner = await customer(api)
    assert (await api.find(f"{PATH}/{await attached(api, owner, number)}"))["customer"] == owner


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (card(DECLINED), "card_declined"),
        (card("4000000000000127"), "incorrect_cvc"),
        (card("4000000000000069"), "expired_card"),
        (card(exp_year="2001"), "expired_card"),
    ],
)
async def test_attach_refuses_a_card_whose_check_fails(api: Api, data: dict[str, Any], code: str) -> None:
    owner, made = await customer(api), await api.make(PATH, data)
    reply = await api.post(f"{PATH}/{made['id']}/attach", {"customer": owner})
    assert (reply.status, reply.error["type"], reply.error["code"]) == (402, "card_error", code)
    assert await api.find(f"{PATH}/{made['id']}") == made


async def test_attach_needs_a_customer_and_a_method_that_exist(api: Api) -> None:
    owner, made = await customer(api), await method(api)
    reply = await api.post(f"{PATH}/{made['id']}/attach")
    assert (reply.status, reply.error["param"]) == (400, "customer")
    reply = await api.post(f"{PATH}/{made['id']}/attach", {"customer": "cus_1"})
    assert (reply.status, reply.error["param"]) == (404, "customer")
    assert (await api.post(f"{PATH}/pm_1/attach", {"customer": owner})).status == 404


async def test_attach_refuses_a_type_that_cannot_be_saved(api: Api) -> None:
    made = await api.make(PATH, {"type": "pix"})
    reply = await api.post(f"{PATH}/{made['id']}/attach", {"customer": await customer(api)})
    assert reply.status == 400
    assert "pix" in reply.error["message"]


# ---- attached


async def test_attaching_again_to_the_same_customer_changes_nothing(api: Api) -> None:
    owner = await customer(api)
    id = await attached(api, owner)
    before = await api.find(f"{PATH}/{id}")
    assert await api.make(f"{PATH}/{id}/attach", {"customer": owner}) == before


async def test_a_method_of_one_customer_is_not_attached_to_another(api: Api) -> None:
    owner, other = await customer(api), await customer(api)
    id = await attached(api, owner)
    assert unexpected(await api.post(f"{PATH}/{id}/attach", {"customer": other}))
    assert (await api.find(f"{PATH}/{id}"))["customer"] == owner


@pytest.mark.parametrize("with_other", [True, False])
async def test_a_method_of_one_customer_pays_for_nobody_else(api: Api, sandbox: Sandbox, with_other: bool) -> None:
    id = await attached(api, await customer(api))
    body = payment(payment_method=id, **({"customer": await customer(api)} if with_other else {}))
    for confirm in (True, False):
        reply = await api.post("/v1/payment_intents", {**body, "confirm": confirm})
        assert unexpected(reply)
        assert reply.error["param"] == "payment_method"
    assert sandbox.store.count("payment_intent") == 0


async def test_detach_takes_it_away_for_good(api: Api, sandbox: Sandbox) -> None:
    owner = await customer(api)
    id = await attached(api, owner)
    reply = await api.make(f"{PATH}/{id}/detach")
    assert "customer" not in reply
    assert ids(await api.find(f"/v1/customers/{owner}/payment_methods")) == []
    assert unexpected(await api.post(f"{PATH}/{id}/attach", {"customer": owner}))
    assert unexpected(await api.post(f"{PATH}/{id}/detach"))
    assert unexpected(await api.post(f"{PATH}/{id}", {"metadata": {"a": "1"}}))
    for body in (payment(payment_method=id, confirm=True, customer=owner), payment(payment_method=id, confirm=True)):
        assert unexpected(await api.post("/v1/payment_intents", body))
    setup = {"payment_method": id, "confirm": True, "customer": owner}
    assert unexpected(await api.post("/v1/setup_intents", setup))
    assert sandbox.store.count("payment_intent") == sandbox.store.count("setup_intent") == 0


async def test_detach_needs_an_attached_method(api: Api) -> None:
    made = await method(api)
    assert unexpected(await api.post(f"{PATH}/{made['id']}/detach"))
    assert (await api.post(f"{PATH}/pm_1/detach")).status == 404


async def test_an_intent_does_not_take_a_method_that_was_detached_meanwhile(api: Api) -> None:
    owner = await customer(api)
    id = await attached(api, owner)
    intent = await api.make("/v1/payment_intents", payment(payment_method=id, customer=owner))
    await api.make(f"{PATH}/{id}/detach")
    assert unexpected(await api.post(f"/v1/payment_intents/{intent['id']}/confirm"))
    assert await api.find(f"/v1/payment_intents/{intent['id']}") == intent


# ---- unattached -> spent


@pytest.mark.parametrize("owned", [True, False])
async def test_a_payment_that_does_not_save_its_method_uses_it_up(api: Api, owned: bool) -> None:
    fields = {"customer": await customer(api)} if owned else {}
    paid = await api.make("/v1/payment_intents", payment(GOOD, **fields))
    id = paid["payment_method"]
    assert "customer" not in await api.find(f"{PATH}/{id}")
    assert unexpected(await api.post("/v1/payment_intents", payment(payment_method=id, confirm=True, **fields)))
    assert unexpected(await api.post(f"{PATH}/{id}/attach", {"customer": await customer(api)}))


async def test_a_refused_payment_does_not_use_a_method_up(api: Api) -> None:
    made = await method(api, CHALLENGED)
    body = payment(payment_method=made["id"], confirm=True)
    assert (await api.post("/v1/payment_intents", {**body, "off_session": True})).status == 402
    assert (await api.make("/v1/payment_intents", body))["status"] == "requires_action"


# ---- update


async def test_update_changes_what_is_kept_with_a_customers_method(api: Api) -> None:
    id = await attached(api, await customer(api))
    before = await api.find(f"{PATH}/{id}")
    await api.make(f"{PATH}/{id}", {"billing_details": {"name": "Ada"}, "metadata": {"a": "1", "b": "2"}})
    change = {"billing_details": {"phone": "1"}, "metadata": {"b": ""}, "card": {"exp_month": "3", "exp_year": 2091}}
    after = await api.make(f"{PATH}/{id}", change)
    assert (after["billing_details"], after["metadata"]) == ({"name": "Ada", "phone": "1"}, {"a": "1"})
    assert after["card"] == {**before["card"], "exp_month": 3, "exp_year": 2091}
    check(after)


async def test_update_is_for_attached_methods_and_cards(api: Api) -> None:
    made = await method(api)
    assert unexpected(await api.post(f"{PATH}/{made['id']}", {"metadata": {"a": "1"}}))
    wallet = await api.make(PATH, {"type": "alipay"})
    await api.make(f"{PATH}/{wallet['id']}/attach", {"customer": await customer(api)})
    reply = await api.post(f"{PATH}/{wallet['id']}", {"card": {"exp_month": 1}, "metadata": {"a": "1"}})
    assert (reply.status, reply.error["param"]) == (400, "card")
    assert (await api.find(f"{PATH}/{wallet['id']}"))["metadata"] == {}
    assert (await api.post(f"{PATH}/pm_1", {"metadata": {"a": "1"}})).status == 404


async def test_a_renewed_expiry_makes_an_expired_card_good_again(api: Api, sandbox: Sandbox) -> None:
    owner = await customer(api)
    id = await attached(api, owner)
    year = 1970 + sandbox.clock.now // 31_556_952_000
    await api.make(f"{PATH}/{id}", {"card": {"exp_month": 12, "exp_year": year + 1}})
    sandbox.clock.advance(days=800)
    body = payment(payment_method=id, customer=owner, confirm=True)
    assert (await api.post("/v1/payment_intents", body)).error["code"] == "expired_card"
    await api.make(f"{PATH}/{id}", {"card": {"exp_year": year + 9}})
    assert (await api.make("/v1/payment_intents", body))["status"] == "succeeded"


# ---- retrieve and list


async def test_unknown_ids_are_not_found(api: Api) -> None:
    reply = await api.get(f"{PATH}/pm_1")
    assert (reply.status, reply.error["code"]) == (404, "resource_missing")


async def test_lists_filter_by_customer_and_type_and_turn_pages(api: Api) -> None:
    owner, other = await customer(api), await customer(api)
    mine = [await attached(api, owner) for _ in range(3)]
    wallet = (await api.make(PATH, {"type": "alipay"}))["id"]
    await api.make(f"{PATH}/{wallet}/attach", {"customer": owner})
    foreign = await attached(api, other)
    newest_first = [foreign, wallet, *reversed(mine)]
    assert ids(await api.find(PATH)) == newest_first
    assert ids((await api.get(PATH, query={"customer": owner})).body) == [wallet, *reversed(mine)]
    assert ids((await api.get(PATH, query={"customer": owner, "type": "card"})).body) == list(reversed(mine))
    assert ids((await api.get(PATH, {"type": "alipay"})).body) == [wallet]
    first = (await api.get(PATH, query={"customer": owner, "limit": "2"})).body
    assert (ids(first), first["has_more"]) == ([wallet, mine[2]], True)
    rest = (await api.get(PATH, query={"customer": owner, "limit": "2", "starting_after": mine[2]})).body
    assert (ids(rest), rest["has_more"]) == ([mine[1], mine[0]], False)
    assert (await api.get(PATH, query={"type": "gold"})).error["param"] == "type"


async def test_the_account_says_which_types_it_takes(api: Api) -> None:
    found = await api.find("/v1/accounts/payment_methods")
    types = {entry["type"]: entry for entry in found["data"]}
    assert {"card", "alipay", "pix"} <= types.keys()
    assert types["pix"] == {"type": "pix", "can_be_saved": False, "currencies": ["BRL"]}
