"""Discounts on Checkout Sessions in payment mode: sums, sessions with nothing to pay, codes typed on the page."""

from __future__ import annotations

from typing import Any

import pytest
from sandbox.rig import CHALLENGED, DECLINED, Api, card_form, order

from wooshpay.sandbox import Sandbox

SESSIONS, COUPONS, CODES = "/v1/checkout/sessions", "/v1/coupons", "/v1/promotion_code"


def line(name: str, amount: int, quantity: int = 1) -> dict[str, Any]:
    data = {"currency": "USD", "unit_amount": amount, "product_data": {"name": name}}
    return {"price_data": data, "quantity": quantity}


async def discounted(api: Api, lines: list[dict[str, Any]] | None = None, **coupon: Any) -> Any:
    made = await api.make(COUPONS, coupon)
    fields: dict[str, Any] = {} if lines is None else {"line_items": lines}
    return await api.make(SESSIONS, order(discounts=[{"coupon": made["id"]}], **fields))


async def open_to_codes(api: Api, **code: Any) -> tuple[Any, Any]:
    coupon = await api.make(COUPONS, {"percent_off": 25, "name": "Spring"})
    made = await api.make(CODES, {"coupon": coupon["id"], "code": "SPRING", **code})
    return await api.make(SESSIONS, order(allow_promotion_codes=True)), made


def intent_amount(sandbox: Sandbox, session: Any) -> int:
    return int(sandbox.store.get(session["payment_intent"])["amount"])


async def test_a_percentage_is_split_over_the_lines_and_they_add_up(api: Api, sandbox: Sandbox) -> None:
    session = await discounted(api, [line("A", 333), line("B", 333), line("C", 100, 3)], percent_off=50)
    items = session["line_items"]["data"]
    assert (session["amount_subtotal"], session["amount_total"]) == (966, 483)
    assert [item["amount_subtotal"] for item in items] == [333, 333, 300]
    assert sum(item["amount_discount"] for item in items) == 483
    assert sum(item["amount_total"] for item in items) == 483
    assert all(item["amount_subtotal"] - item["amount_discount"] == item["amount_total"] for item in items)
    assert intent_amount(sandbox, session) == 483


async def test_a_line_tells_of_its_discount(api: Api) -> None:
    session = await discounted(api, amount_off=998, currency="usd", name="Welcome")
    discount = session["line_items"]["data"][0]["discounts"][0]
    assert (discount["object"], discount["checkout_session"]) == ("discount", session["id"])
    assert (discount["coupon"]["amount_off"], discount["coupon"]["name"]) == (998, "Welcome")
    assert session["amount_total"] == 3000


async def test_a_coupon_for_one_product_leaves_the_other_lines(api: Api) -> None:
    price = await api.make("/v1/prices", {"currency": "USD", "unit_amount": 1000, "product_data": {"name": "A"}})
    coupon = await api.make(
        COUPONS, {"amount_off": 1500, "currency": "USD", "applies_to": {"products": [price["product"]["id"]]}}
    )
    lines = [line("B", 2000), {"price": price["id"], "quantity": 1}]
    session = await api.make(SESSIONS, order(line_items=lines, discounts=[{"coupon": coupon["id"]}]))
    first, second = session["line_items"]["data"]
    assert (first["amount_discount"], first["discounts"]) == (0, [])
    assert (second["amount_discount"], len(second["discounts"])) == (1000, 1)
    assert session["amount_total"] == 2000


async def test_what_is_paid_is_the_total(api: Api, sandbox: Sandbox) -> None:
    session = await discounted(api, percent_off=10)
    _, text, _ = await api.browse(session["url"])
    for shown in ("Subtotal", "39.98 USD", "10% off", "-4.00 USD", "Pay 35.98 USD"):
        assert shown in text
    assert "Remove the promotion code" not in text
    await api.browse(session["url"], card_form())
    assert (await api.find("/v1/balance"))["available"] == [{"amount": 3598, "currency": "usd"}]
    done = sandbox.store.get(session["id"])
    assert (done["status"], done["payment_status"], done["amount_total"]) == ("complete", "paid", 3598)


@pytest.mark.parametrize(
    ("discounts", "status", "param"),
    [
        ([{"coupon": "coupon_1"}], 404, "discounts[0][coupon]"),
        ([{"promotion_code": "promo_1"}], 404, "discounts[0][promotion_code]"),
        ([{"coupon": ""}], 400, "discounts[0][coupon]"),
        ([{"coupon": "a"}, {"coupon": "b"}], 400, "discounts"),
        ([{"coupon": "a", "promotion_code": "b"}], 400, "discounts[0][promotion_code]"),
    ],
)
async def test_a_refused_discount_leaves_nothing(
    api: Api, sandbox: Sandbox, discounts: list[dict[str, str]], status: int, param: str
) -> None:
    reply = await api.post(SESSIONS, order(discounts=discounts))
    assert (reply.status, reply.error["param"]) == (status, param)
    assert sandbox.store.kinds() == []


async def test_a_discount_of_the_merchant_shuts_out_codes(api: Api) -> None:
    coupon = await api.make(COUPONS, {"percent_off": 5})
    reply = await api.post(SESSIONS, order(discounts=[{"coupon": coupon["id"]}], allow_promotion_codes=True))
    assert (reply.status, reply.error["param"]) == (400, "discounts")
    session = await discounted(api, percent_off=5)
    status, text, _ = await api.browse(session["url"], {"promotion_code": "SPRING"})
    assert (status, "takes no promotion codes" in text) == (400, True)
    assert (await api.browse(session["url"], {"remove_code": "1"}))[0] == 303
    assert (await api.find(f"{SESSIONS}/{session['id']}"))["amount_total"] == session["amount_total"]


# ---- rows: nothing to pay


async def test_row_with_everything_taken_off_there_is_no_intent(api: Api, sandbox: Sandbox) -> None:
    session = await discounted(api, percent_off=100)
    assert (session["amount_total"], session["status"], session["payment_status"]) == (0, "open", "unpaid")
    assert "payment_intent" not in session
    assert sandbox.store.count("payment_intent") == 0


async def test_row_nothing_to_pay_is_confirmed_on_the_page(api: Api, sandbox: Sandbox) -> None:
    session = await discounted(api, percent_off=100)
    _, text, _ = await api.browse(session["url"])
    assert "Complete order" in text
    assert "Card number" not in text
    status, text, _ = await api.browse(session["url"], {"email": "ada"})
    assert (status, "name@example.com" in text) == (400, True)
    _, _, location = await api.browse(session["url"], {"email": "ada@example.com"})
    assert location == session["success_url"]
    done = sandbox.store.get(session["id"])
    assert (done["status"], done["payment_status"]) == ("complete", "no_payment_required")
    assert done["customer_details"] == {"email": "ada@example.com"}
    assert [event["type"] for event in sandbox.store.events()] == ["checkout.session.completed"]
    assert "Your order is complete" in (await api.browse(session["url"]))[1]


async def test_a_free_price_needs_no_payment(api: Api) -> None:
    session = await api.make(SESSIONS, order(line_items=[line("Sample", 0)]))
    assert (session["amount_total"], "payment_intent" in session) == (0, False)
    assert (await api.browse(session["url"], {"email": ""}))[0] == 303


# ---- row: a promotion code is entered or taken away


async def test_row_a_code_typed_on_the_page_changes_what_is_due(api: Api, sandbox: Sandbox) -> None:
    session, code = await open_to_codes(api)
    assert "Promotion code" in (await api.browse(session["url"]))[1]
    status, _, location = await api.browse(session["url"], {"promotion_code": " spring "})
    assert (status, location) == (303, session["url"])
    _, text, _ = await api.browse(session["url"])
    for shown in ("Spring (25% off)", "-10.00 USD", "Pay 29.98 USD", "Remove the promotion code"):
        assert shown in text
    changed = await api.find(f"{SESSIONS}/{session['id']}")
    assert (changed["amount_subtotal"], changed["amount_total"], changed["status"]) == (3998, 2998, "open")
    assert changed["line_items"]["data"][0]["discounts"][0]["promotion_code"] == code["id"]
    assert intent_amount(sandbox, session) == 2998
    await api.browse(session["url"], card_form())
    assert sandbox.store.get(session["payment_intent"])["amount_received"] == 2998
    assert sandbox.store.get(code["id"])["times_redeemed"] == 1


async def test_row_a_code_taken_away_puts_everything_back(api: Api, sandbox: Sandbox) -> None:
    session, code = await open_to_codes(api)
    await api.browse(session["url"], {"promotion_code": "SPRING"})
    await api.browse(session["url"], {"remove_code": "1"})
    assert await api.find(f"{SESSIONS}/{session['id']}") == session
    assert intent_amount(sandbox, session) == 3998
    await api.browse(session["url"], card_form())
    assert sandbox.store.get(code["id"])["times_redeemed"] == 0
    assert sandbox.store.count("discount") == 0


@pytest.mark.parametrize(
    ("word", "code", "shown"),
    [
        ("", {}, "Enter a promotion code."),
        ("SUMMER", {}, "There is no such promotion code."),
        ("SPRING", {"active": False}, "There is no such promotion code."),
        (
            "SPRING",
            {"restrictions": {"minimum_amount": 9999, "minimum_amount_currency": "USD"}},
            "needs an order of at least",
        ),
    ],
)
async def test_a_code_that_does_not_hold_is_explained_at_its_field(
    api: Api, word: str, code: dict[str, Any], shown: str
) -> None:
    session, _ = await open_to_codes(api, **code)
    status, text, _ = await api.browse(session["url"], {"promotion_code": word})
    assert (status, shown in text) == (400, True)
    assert 'aria-describedby="promotion_code-error"' in text
    assert "Please check the marked fields" not in text
    assert await api.find(f"{SESSIONS}/{session['id']}") == session


async def test_a_code_of_ones_own_comes_before_one_for_everybody(api: Api) -> None:
    ada = await api.make("/v1/customers")
    small, large = [await api.make(COUPONS, {"percent_off": percent}) for percent in (10, 50)]
    await api.make(CODES, {"coupon": small["id"], "code": "HELLO"})
    await api.make(CODES, {"coupon": large["id"], "code": "HELLO", "customer": ada["id"]})
    for fields, total in (({"customer": ada["id"]}, 1999), ({}, 3598)):
        session = await api.make(SESSIONS, order(allow_promotion_codes=True, **fields))
        await api.browse(session["url"], {"promotion_code": "hello"})
        assert (await api.find(f"{SESSIONS}/{session['id']}"))["amount_total"] == total


async def test_after_a_decline_a_code_can_still_be_entered(api: Api, sandbox: Sandbox) -> None:
    session, _ = await open_to_codes(api)
    await api.browse(session["url"], card_form(DECLINED))
    await api.browse(session["url"], {"promotion_code": "SPRING"})
    assert 'role="alert"' not in (await api.browse(session["url"]))[1]
    assert (await api.browse(session["url"], card_form()))[2] == session["success_url"]
    assert intent_amount(sandbox, session) == 2998


async def test_a_challenge_for_the_old_amount_is_over(api: Api) -> None:
    session, _ = await open_to_codes(api)
    _, _, challenge = await api.browse(session["url"], card_form(CHALLENGED))
    await api.browse(session["url"], {"promotion_code": "SPRING"})
    _, text, _ = await api.browse(str(challenge), {"outcome": "authenticate"})
    assert "This step is over" in text
    assert (await api.find(f"{SESSIONS}/{session['id']}"))["status"] == "open"


async def test_a_code_for_everything_leaves_no_intent_behind(api: Api, sandbox: Sandbox) -> None:
    coupon = await api.make(COUPONS, {"percent_off": 100})
    await api.make(CODES, {"coupon": coupon["id"], "code": "FREE"})
    session = await api.make(SESSIONS, order(allow_promotion_codes=True))
    await api.browse(session["url"], {"promotion_code": "FREE"})
    assert (await api.browse(session["url"], {"email": ""}))[2] == session["success_url"]
    done = await api.find(f"{SESSIONS}/{session['id']}")
    assert (done["status"], done["payment_status"], "payment_intent" in done) == (
        "complete",
        "no_payment_required",
        False,
    )
    assert sandbox.store.get(session["payment_intent"])["status"] == "canceled"


async def test_a_finished_session_takes_no_code(api: Api) -> None:
    session, code = await open_to_codes(api)
    await api.browse(session["url"], card_form())
    status, text, _ = await api.browse(session["url"], {"promotion_code": "SPRING"})
    assert (status, "is complete" in text) == (200, True)
    assert (await api.find(f"{SESSIONS}/{session['id']}"))["amount_total"] == 3998
    assert code["times_redeemed"] == 0


# ---- methods that the page offers


async def test_a_method_that_does_not_take_the_currency_is_not_offered(api: Api) -> None:
    yen = {"price_data": {"currency": "JPY", "unit_amount": 100, "product_data": {"name": "Tea"}}, "quantity": 1}
    session = await api.make(SESSIONS, order(line_items=[yen]))
    _, text, _ = await api.browse(session["url"])
    assert "Alipay" not in text
    status, text, _ = await api.browse(session["url"], {"method": "alipay"})
    assert (status, "must be one of card" in text) == (400, True)
    # A session without any usable method is not opened: see test_real_programs_payments.
    only = await api.post(SESSIONS, order(line_items=[yen], payment_method_types=["ideal"]))
    assert only.error["code"] == "payment_method_not_usable"


async def test_a_method_that_the_session_does_not_take_is_refused(api: Api, sandbox: Sandbox) -> None:
    session = await api.make(SESSIONS, order(payment_method_types=["card"]))
    assert (await api.browse(session["url"], {"method": "alipay"}))[0] == 400
    assert sandbox.store.count("payment_method") == 0


async def test_a_card_that_is_saved_gets_a_customer(api: Api, sandbox: Sandbox) -> None:
    options = {"card": {"setup_future_usage": "off_session"}}
    session = await api.make(SESSIONS, order(payment_method_options=options))
    await api.browse(session["url"], card_form(email="ada@example.com"))
    done = sandbox.store.get(session["id"])
    methods = await api.find(f"/v1/customers/{done['customer']}/payment_methods")
    intent = sandbox.store.get(session["payment_intent"])
    assert [method["id"] for method in methods["data"]] == [intent["payment_method"]]
    assert intent["customer"] == done["customer"]
