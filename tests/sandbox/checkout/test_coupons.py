"""Coupons and promotion codes over the API: rows of the two tables, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from sandbox.rig import Api, card_form, order

from wooshpay.sandbox import Sandbox

COUPONS, CODES, SESSIONS = "/v1/coupons", "/v1/promotion_code", "/v1/checkout/sessions"


async def coupon(api: Api, **fields: Any) -> Any:
    made = await api.make(COUPONS, {"percent_off": 25, **fields})
    return await api.find(f"{COUPONS}/{made['id']}")


async def code(api: Api, coupon: Any, **fields: Any) -> Any:
    return await api.make(CODES, {"coupon": coupon["id"], **fields})


async def use(api: Api, **discount: str) -> Any:
    return await api.post(SESSIONS, order(discounts=[discount]))


async def buy(api: Api, **discount: str) -> None:
    session = (await use(api, **discount)).body
    assert (await api.browse(session["url"], card_form()))[0] == 303


# ---- coupons


async def test_the_first_answer_has_ten_fields_and_retrieve_all(api: Api) -> None:
    sent = {"amount_off": 500, "currency": "usd", "duration": "forever", "name": "Spring", "metadata": {"k": "v"}}
    made = await api.make(COUPONS, sent)
    assert made.keys() == {
        *("id", "object", "amount_off", "created", "currency", "duration", "livemode", "metadata", "name"),
    }
    assert (made["amount_off"], made["currency"], made["duration"]) == (500, "USD", "forever")
    whole = await api.find(f"{COUPONS}/{made['id']}")
    assert whole == {**made, "times_redeemed": 0, "valid": True}


@pytest.mark.parametrize("percent", [10, 12.5, "33.3", "7", 100])
async def test_a_percentage_may_be_a_decimal(api: Api, percent: Any) -> None:
    made = await api.make(COUPONS, {"percent_off": percent, "amount_off": None, "currency": None})
    assert made["percent_off"] == float(percent)
    assert made["duration"] == "once"


async def test_a_repeating_coupon_may_say_for_how_long(api: Api) -> None:
    made = await coupon(api, duration="repeating", duration_in_months=3)
    assert (made["duration"], made["duration_in_months"]) == ("repeating", 3)
    weeks = await coupon(api, duration="repeating", duration_in_weeks=6)
    assert weeks["duration_in_weeks"] == "6"
    assert (await coupon(api, duration="repeating"))["duration"] == "repeating"


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        ({}, "parameter_missing", "percent_off"),
        ({"percent_off": 5, "amount_off": 5, "currency": "USD"}, "parameter_invalid", "amount_off"),
        ({"amount_off": 5}, "parameter_missing", "currency"),
        ({"amount_off": 0, "currency": "USD"}, "parameter_invalid_integer", "amount_off"),
        ({"percent_off": 0}, "parameter_invalid", "percent_off"),
        ({"percent_off": 100.1}, "parameter_invalid", "percent_off"),
        ({"percent_off": -1}, "parameter_invalid", "percent_off"),
        ({"percent_off": True}, "parameter_invalid", "percent_off"),
        ({"percent_off": "ten"}, "parameter_invalid", "percent_off"),
        ({"percent_off": 5, "duration": "always"}, "parameter_invalid", "duration"),
        ({"percent_off": 5, "duration_in_months": 5}, "parameter_invalid", "duration_in_months"),
        ({"percent_off": 5, "redeem_by": 1}, "parameter_invalid", "redeem_by"),
        ({"percent_off": 5, "max_redemptions": 0}, "parameter_invalid_integer", "max_redemptions"),
    ],
)
async def test_a_refused_coupon_leaves_nothing(
    api: Api, sandbox: Sandbox, body: dict[str, Any], code: str, param: str
) -> None:
    reply = await api.post(COUPONS, body)
    assert (reply.status, reply.error["code"], reply.error["param"]) == (400, code, param)
    assert sandbox.store.kinds() == []


async def test_a_coupon_for_an_unknown_product_is_refused(api: Api) -> None:
    reply = await api.post(COUPONS, {"percent_off": 5, "applies_to": {"products": ["prod_1"]}})
    assert (reply.status, reply.error["param"]) == (404, "applies_to[products][0]")


async def test_row_valid_until_redeem_by_passes(api: Api, sandbox: Sandbox) -> None:
    made = await coupon(api, redeem_by=sandbox.clock.now + 3_600_000)
    assert made["valid"] is True
    assert (await use(api, coupon=made["id"])).status == 200
    sandbox.clock.advance(hours=2)
    assert (await api.find(f"{COUPONS}/{made['id']}"))["valid"] is False
    reply = await use(api, coupon=made["id"])
    assert (reply.status, reply.error["code"], reply.error["param"]) == (400, "coupon_expired", "discounts[0][coupon]")


async def test_row_valid_until_redeemed_often_enough(api: Api) -> None:
    made = await coupon(api, max_redemptions=2)
    for times in (1, 2):
        await buy(api, coupon=made["id"])
        assert (await api.find(f"{COUPONS}/{made['id']}"))["times_redeemed"] == times
    assert (await api.find(f"{COUPONS}/{made['id']}"))["valid"] is False
    assert (await use(api, coupon=made["id"])).error["code"] == "coupon_expired"


async def test_a_session_that_is_not_completed_redeems_nothing(api: Api) -> None:
    made = await coupon(api, max_redemptions=1)
    session = (await use(api, coupon=made["id"])).body
    await api.make(f"{SESSIONS}/{session['id']}/expire")
    assert (await api.find(f"{COUPONS}/{made['id']}"))["times_redeemed"] == 0


async def test_row_deleted_it_is_gone_and_a_session_keeps_its_discount(api: Api, sandbox: Sandbox) -> None:
    made = await coupon(api)
    session = (await use(api, coupon=made["id"])).body
    reply = await api.delete(f"{COUPONS}/{made['id']}")
    assert reply.body == {"id": made["id"], "object": "coupon", "deleted": True}
    for gone in (await api.get(f"{COUPONS}/{made['id']}"), await api.delete(f"{COUPONS}/{made['id']}")):
        assert (gone.status, gone.error["code"]) == (404, "resource_missing")
    assert (await use(api, coupon=made["id"])).status == 404
    assert (await api.browse(session["url"], card_form()))[0] == 303
    assert sandbox.store.get(session["payment_intent"])["amount_received"] == 2998


# ---- promotion codes


async def test_a_code_embeds_its_coupon(api: Api) -> None:
    made = await coupon(api)
    spring = await code(api, made, code="Spring-25", metadata={"k": "v"}, max_redemptions=5)
    assert spring["id"].startswith("promo_")
    assert (spring["code"], spring["active"], spring["coupon"], spring["times_redeemed"]) == (
        "Spring-25",
        True,
        made,
        0,
    )
    assert (spring["metadata"], spring["max_redemptions"], spring["restrictions"]) == ({"k": "v"}, 5, {})


async def test_a_code_is_made_up_when_none_is_given(api: Api) -> None:
    made = await coupon(api)
    one, other = await code(api, made), await code(api, made)
    assert one["code"].isalnum()
    assert one["code"] == one["code"].upper()
    assert one["code"] != other["code"]


async def test_a_word_is_taken_while_a_code_of_it_is_active(api: Api) -> None:
    made = await coupon(api)
    customer = await api.make("/v1/customers")
    spring = await code(api, made, code="SPRING")
    reply = await api.post(CODES, {"coupon": made["id"], "code": "spring"})
    assert (reply.status, reply.error["code"], reply.error["param"]) == (400, "promotion_code_taken", "code")
    await code(api, made, code="Spring", customer=customer["id"])
    await api.make(f"{CODES}/{spring['id']}", {"active": False})
    await code(api, made, code="spring")
    reply = await api.post(f"{CODES}/{spring['id']}", {"active": True})
    assert (reply.status, reply.error["code"]) == (400, "promotion_code_taken")


@pytest.mark.parametrize(
    ("body", "status", "param"),
    [
        ({"coupon": None}, 400, "coupon"),
        ({"coupon": "coupon_1"}, 404, "coupon"),
        ({"customer": "cus_1"}, 404, "customer"),
        ({"code": "two words"}, 400, "code"),
        ({"expires_at": "1"}, 400, "expires_at"),
        ({"expires_at": "soon"}, 400, "expires_at"),
        ({"max_redemptions": 0}, 400, "max_redemptions"),
        ({"restrictions": {"minimum_amount": 100}}, 400, "restrictions[minimum_amount_currency]"),
        ({"restrictions": {"first_time_transaction": "never"}}, 400, "restrictions[first_time_transaction]"),
    ],
)
async def test_a_refused_code_leaves_nothing(
    api: Api, sandbox: Sandbox, body: dict[str, Any], status: int, param: str
) -> None:
    made = await coupon(api)
    reply = await api.post(CODES, {"coupon": made["id"], **body})
    assert (reply.status, reply.error["param"]) == (status, param)
    assert sandbox.store.kinds() == ["coupon"]


async def test_row_active_inactive_and_back(api: Api) -> None:
    spring = await code(api, await coupon(api), code="SPRING", active=False)
    assert spring["active"] is False
    assert (await use(api, promotion_code=spring["id"])).error["code"] == "promotion_code_expired"
    path = f"{CODES}/{spring['id']}"
    on = await api.make(path, {"active": True, "metadata": {"a": "1"}})
    assert (on["active"], on["metadata"]) == (True, {"a": "1"})
    assert (await use(api, promotion_code=spring["id"])).status == 200
    assert (await api.make(path, {"active": False}))["active"] is False
    assert (await api.post(f"{CODES}/promo_1", {"active": True})).status == 404


async def test_row_expired_for_good(api: Api, sandbox: Sandbox) -> None:
    spring = await code(api, await coupon(api), expires_at=str(sandbox.clock.now + 60_000))
    sandbox.clock.advance(minutes=2)
    reply = await use(api, promotion_code=spring["id"])
    assert (reply.error["code"], reply.error["param"]) == ("promotion_code_expired", "discounts[0][promotion_code]")
    reply = await api.post(f"{CODES}/{spring['id']}", {"active": True})
    assert (reply.status, reply.error["code"]) == (400, "promotion_code_unexpected_state")
    assert (await api.make(f"{CODES}/{spring['id']}", {"metadata": {}}))["active"] is False


async def test_row_redeemed_often_enough(api: Api) -> None:
    made = await coupon(api)
    spring = await code(api, made, max_redemptions=1)
    await buy(api, promotion_code=spring["id"])
    after = await api.make(f"{CODES}/{spring['id']}", {})
    assert (after["times_redeemed"], after["active"]) == (1, False)
    assert (after["coupon"]["times_redeemed"], after["coupon"]["valid"]) == (1, True)
    assert (await use(api, promotion_code=spring["id"])).error["code"] == "promotion_code_expired"


async def test_row_its_coupon_is_gone(api: Api) -> None:
    made = await coupon(api)
    spring = await code(api, made)
    await api.delete(f"{COUPONS}/{made['id']}")
    after = await api.make(f"{CODES}/{spring['id']}", {})
    assert (after["active"], after["coupon"]) == (False, {**made, "valid": False})
    assert (await use(api, promotion_code=spring["id"])).error["code"] == "promotion_code_expired"
    assert (await api.post(CODES, {"coupon": made["id"]})).status == 404


async def test_a_code_of_a_coupon_that_ran_out_is_refused(api: Api, sandbox: Sandbox) -> None:
    made = await coupon(api, redeem_by=sandbox.clock.now + 60_000)
    sandbox.clock.advance(minutes=2)
    reply = await api.post(CODES, {"coupon": made["id"]})
    assert (reply.status, reply.error["code"], reply.error["param"]) == (400, "coupon_expired", "coupon")


# ---- who may use a code, and for what


async def test_a_code_of_one_customer_is_for_nobody_else(api: Api) -> None:
    ada, bob = [await api.make("/v1/customers") for _ in range(2)]
    own = await code(api, await coupon(api), customer=ada["id"])
    discounts = [{"promotion_code": own["id"]}]
    assert (await api.post(SESSIONS, order(discounts=discounts, customer=ada["id"]))).status == 200
    for customer in (bob["id"], None):
        reply = await api.post(SESSIONS, order(discounts=discounts, customer=customer))
        assert (reply.status, reply.error["code"]) == (400, "promotion_code_customer_mismatch")


async def test_a_code_for_the_first_purchase_is_for_no_second(api: Api) -> None:
    ada = await api.make("/v1/customers")
    first = await code(api, await coupon(api), restrictions={"first_time_transaction": True})
    body = order(discounts=[{"promotion_code": first["id"]}], customer=ada["id"])
    session = await api.make(SESSIONS, body)
    await api.browse(session["url"], card_form())
    reply = await api.post(SESSIONS, body)
    assert (reply.status, reply.error["code"]) == (400, "promotion_code_not_first_time")


@pytest.mark.parametrize(("minimum", "currency", "status"), [(3998, "usd", 200), (3999, "usd", 400), (1, "EUR", 400)])
async def test_a_code_may_need_an_order_of_some_size(api: Api, minimum: int, currency: str, status: int) -> None:
    restrictions = {"minimum_amount": minimum, "minimum_amount_currency": currency}
    large = await code(api, await coupon(api), restrictions=restrictions)
    assert large["restrictions"] == {**restrictions, "minimum_amount_currency": currency.upper()}
    reply = await use(api, promotion_code=large["id"])
    assert reply.status == status
    assert status == 200 or reply.error["code"] == "promotion_code_minimum_not_met"


async def test_restrictions_are_updated_one_by_one(api: Api) -> None:
    large = await code(api, await coupon(api), restrictions={"minimum_amount": 5, "minimum_amount_currency": "USD"})
    changed = await api.make(f"{CODES}/{large['id']}", {"restrictions": {"minimum_amount": 7}})
    assert changed["restrictions"] == {"minimum_amount": 7, "minimum_amount_currency": "USD"}


async def test_a_sum_in_another_currency_is_refused(api: Api) -> None:
    made = await coupon(api, percent_off=None, amount_off=100, currency="EUR")
    reply = await use(api, coupon=made["id"])
    assert (reply.status, reply.error["code"]) == (400, "coupon_currency_mismatch")
