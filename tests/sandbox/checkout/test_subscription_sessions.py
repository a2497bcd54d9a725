"""Checkout Sessions in subscription mode: rows of the table, trials, discounts, refusals."""

from __future__ import annotations

from typing import Any

import pytest
from sandbox.rig import CHALLENGED, DECLINED, GOOD, Api, card_form, order

from wooshpay.sandbox import Sandbox

SESSIONS, COUPONS, CODES = "/v1/checkout/sessions", "/v1/coupons", "/v1/promotion_code"
SLOW = "4000000000000077"


def plan(amount: int = 1000, interval: str = "month", quantity: int = 1, **recurring: Any) -> dict[str, Any]:
    data = {
        "currency": "USD",
        "unit_amount": amount,
        "product_data": {"name": "Plus plan"},
        "recurring": {"interval": interval, **recurring},
    }
    return {"price_data": data, "quantity": quantity}


def once(amount: int = 500) -> dict[str, Any]:
    return {"price_data": {"currency": "USD", "unit_amount": amount, "product_data": {"name": "Setup"}}, "quantity": 1}


def subscribing(*lines: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return order(mode="subscription", line_items=list(lines) or [plan()], **fields)


async def open_session(api: Api, *lines: dict[str, Any], **fields: Any) -> Any:
    return await api.make(SESSIONS, subscribing(*lines, **fields))


async def again(api: Api, session: Any) -> Any:
    return await api.find(f"{SESSIONS}/{session['id']}")


def status_of(session: Any) -> tuple[str, str]:
    return session["status"], session["payment_status"]


async def test_row_new_is_open_and_unpaid(api: Api, sandbox: Sandbox) -> None:
    session = await open_session(api, plan(quantity=2))
    assert (session["mode"], session["customer"], session["currency"]) == ("subscription", "", "USD")
    assert status_of(session) == ("open", "unpaid")
    assert (session["amount_subtotal"], session["amount_total"]) == (2000, 2000)
    assert not session.keys() & {"payment_intent", "setup_intent", "subscription"}
    assert session["line_items"]["data"][0]["price"]["type"] == "recurring"
    assert sandbox.store.events() == []


async def test_row_the_first_invoice_is_paid(api: Api, sandbox: Sandbox) -> None:
    session = await open_session(api, plan(quantity=2), subscription_data={"metadata": {"plan": "plus"}})
    status, _, location = await api.browse(session["url"], card_form(email="ada@example.com", name="Ada"))
    assert (status, location) == (303, session["success_url"])
    done = await again(api, session)
    assert status_of(done) == ("complete", "paid")
    subscription = await api.find(f"/v1/subscriptions/{done['subscription']}")
    assert (subscription["status"], subscription["metadata"]) == ("active", {"plan": "plus"})
    assert subscription["customer"] == done["customer"]
    customer = await api.find(f"/v1/customers/{done['customer']}")
    assert (customer["email"], customer["name"]) == ("ada@example.com", "Ada")
    assert (await api.find("/v1/balance"))["available"] == [{"amount": 2000, "currency": "usd"}]
    methods = await api.find(f"/v1/customers/{customer['id']}/payment_methods")
    assert [subscription["default_payment_method"]] == [method["id"] for method in methods["data"]]
    completed = sandbox.store.events("checkout.session.completed")
    assert [event["data"]["object"] for event in completed] == [done]
    assert "has started" in (await api.browse(session["url"]))[1]


async def test_the_next_month_is_charged_without_the_customer(api: Api, sandbox: Sandbox) -> None:
    session = await open_session(api)
    await api.browse(session["url"], card_form())
    sandbox.clock.advance(days=32)
    assert (await api.find("/v1/balance"))["available"] == [{"amount": 2000, "currency": "usd"}]
    assert len(sandbox.store.events("checkout.session.completed")) == 1


async def test_a_customer_of_the_merchant_is_kept(api: Api, sandbox: Sandbox) -> None:
    ada = await api.make("/v1/customers", {"email": "ada@example.com"})
    session = await open_session(api, customer=ada["id"])
    await api.browse(session["url"], card_form())
    assert (await again(api, session))["customer"] == ada["id"]
    assert sandbox.store.count("customer") == 1


async def test_row_refused_it_stays_open_and_the_same_subscription_is_paid_next(api: Api, sandbox: Sandbox) -> None:
    session = await open_session(api)
    status, text, _ = await api.browse(session["url"], card_form(DECLINED))
    assert (status, "The card was declined." in text) == (402, True)
    assert status_of(await again(api, session)) == ("open", "unpaid")
    assert "subscription" not in await again(api, session)
    assert "The card was declined." in (await api.browse(session["url"]))[1]
    await api.browse(session["url"], card_form())
    assert status_of(await again(api, session)) == ("complete", "paid")
    assert sandbox.store.count("subscription") == 1


@pytest.mark.parametrize(("outcome", "status"), [("authenticate", "complete"), ("fail", "open")])
async def test_row_the_customer_has_to_act(api: Api, outcome: str, status: str) -> None:
    session = await open_session(api)
    _, _, challenge = await api.browse(session["url"], card_form(CHALLENGED))
    assert "/3ds/challenge" in str(challenge)
    assert (await again(api, session))["status"] == "open"
    _, _, location = await api.browse(str(challenge), {"outcome": outcome})
    assert location == (session["success_url"] if status == "complete" else session["url"])
    assert (await again(api, session))["status"] == status


async def test_rows_processing_then_confirmed(api: Api, sandbox: Sandbox) -> None:
    session = await open_session(api)
    assert (await api.browse(session["url"], card_form(SLOW)))[2] == session["success_url"]
    done = await again(api, session)
    assert status_of(done) == ("complete", "unpaid")
    assert sandbox.store.get(done["subscription"])["status"] == "incomplete"
    sandbox.clock.advance(minutes=2)
    assert status_of(await again(api, session)) == ("complete", "paid")
    assert sandbox.store.get(done["subscription"])["status"] == "active"
    assert len(sandbox.store.events("checkout.session.completed")) == 1


async def test_row_a_trial_saves_the_card_and_takes_nothing(api: Api, sandbox: Sandbox) -> None:
    session = await open_session(api, subscription_data={"trial_period_days": 7})
    assert (session["amount_total"], session["line_items"]["data"][0]["amount_total"]) == (0, 0)
    _, text, _ = await api.browse(session["url"])
    for shown in ("Free for 7 days, then 10.00 USD per month.", "Start free trial", "0.00 USD"):
        assert shown in text
    assert (await api.browse(session["url"], card_form()))[2] == session["success_url"]
    done = await again(api, session)
    assert status_of(done) == ("complete", "no_payment_required")
    subscription = sandbox.store.get(done["subscription"])
    assert subscription["status"] == "trialing"
    assert len((await api.find(f"/v1/customers/{done['customer']}/payment_methods"))["data"]) == 1
    assert sandbox.store.count("charge") == 0
    sandbox.clock.advance(days=8)
    assert sandbox.store.get(done["subscription"])["status"] == "active"
    assert (await api.find("/v1/balance"))["available"] == [{"amount": 1000, "currency": "usd"}]
    assert status_of(await again(api, session)) == ("complete", "no_payment_required")


async def test_a_trial_with_a_refused_card_does_not_start(api: Api, sandbox: Sandbox) -> None:
    session = await open_session(api, subscription_data={"trial_period_days": 7})
    assert (await api.browse(session["url"], card_form(DECLINED)))[0] == 402
    assert "declined" in (await api.browse(session["url"]))[1]
    assert sandbox.store.count("subscription") == 0
    assert (await api.browse(session["url"], card_form()))[0] == 303
    assert (await again(api, session))["status"] == "complete"


async def test_a_trial_with_a_challenge_starts_when_it_is_passed(api: Api, sandbox: Sandbox) -> None:
    session = await open_session(api, subscription_data={"trial_period_days": 7})
    _, _, challenge = await api.browse(session["url"], card_form(CHALLENGED))
    assert sandbox.store.count("subscription") == 0
    assert (await api.browse(str(challenge), {"outcome": "authenticate"}))[2] == session["success_url"]
    assert status_of(await again(api, session)) == ("complete", "no_payment_required")


async def test_a_trial_with_a_slow_card_waits_for_the_bank(api: Api, sandbox: Sandbox) -> None:
    session = await open_session(api, subscription_data={"trial_period_days": 7})
    assert (await api.browse(session["url"], card_form(SLOW)))[2] == session["url"]
    assert "Your bank is checking" in (await api.browse(session["url"]))[1]
    status, text, _ = await api.browse(session["url"], card_form())
    assert (status, "is checking" in text) == (200, True)
    sandbox.clock.advance(minutes=2)
    assert status_of(await again(api, session)) == ("complete", "no_payment_required")
    assert sandbox.store.count("subscription") == 1


async def test_what_is_due_once_is_due_during_a_trial_too(api: Api, sandbox: Sandbox) -> None:
    session = await open_session(api, plan(), once(), subscription_data={"trial_period_days": 7})
    assert (session["amount_total"], [item["amount_total"] for item in session["line_items"]["data"]]) == (
        500,
        [0, 500],
    )
    await api.browse(session["url"], card_form())
    done = await again(api, session)
    assert status_of(done) == ("complete", "paid")
    assert sandbox.store.get(done["subscription"])["status"] == "trialing"
    assert (await api.find("/v1/balance"))["available"] == [{"amount": 500, "currency": "usd"}]


async def test_what_is_due_once_is_on_the_first_invoice_alone(api: Api, sandbox: Sandbox) -> None:
    session = await open_session(api, plan(), once())
    assert session["amount_total"] == 1500
    await api.browse(session["url"], card_form())
    sandbox.clock.advance(days=32)
    assert (await api.find("/v1/balance"))["available"] == [{"amount": 2500, "currency": "usd"}]


@pytest.mark.parametrize(("duration", "later"), [("once", 1000), ("forever", 750)])
async def test_a_discount_lasts_as_long_as_its_coupon_says(
    api: Api, sandbox: Sandbox, duration: str, later: int
) -> None:
    coupon = await api.make(COUPONS, {"percent_off": 25, "duration": duration})
    session = await open_session(api, discounts=[{"coupon": coupon["id"]}])
    assert session["amount_total"] == 750
    await api.browse(session["url"], card_form())
    assert (await api.find(f"{COUPONS}/{coupon['id']}"))["times_redeemed"] == 1
    discount = (await again(api, session))["line_items"]["data"][0]["discounts"][0]
    assert discount["subscription"] == (await again(api, session))["subscription"]
    sandbox.clock.advance(days=32)
    assert (await api.find("/v1/balance"))["available"] == [{"amount": 750 + later, "currency": "usd"}]


async def test_a_discount_holds_although_its_coupon_was_deleted(api: Api, sandbox: Sandbox) -> None:
    coupon = await api.make(COUPONS, {"percent_off": 25, "duration": "forever"})
    session = await open_session(api, discounts=[{"coupon": coupon["id"]}])
    await api.delete(f"{COUPONS}/{coupon['id']}")
    await api.browse(session["url"], card_form())
    sandbox.clock.advance(days=32)
    assert (await api.find("/v1/balance"))["available"] == [{"amount": 1500, "currency": "usd"}]


async def test_row_everything_taken_off_still_saves_the_card(api: Api, sandbox: Sandbox) -> None:
    coupon = await api.make(COUPONS, {"percent_off": 100, "duration": "once"})
    session = await open_session(api, discounts=[{"coupon": coupon["id"]}])
    assert ">Subscribe<" in (await api.browse(session["url"]))[1]
    await api.browse(session["url"], card_form())
    done = await again(api, session)
    assert status_of(done) == ("complete", "no_payment_required")
    assert sandbox.store.get(done["subscription"])["status"] == "active"
    sandbox.clock.advance(days=32)
    assert (await api.find("/v1/balance"))["available"] == [{"amount": 1000, "currency": "usd"}]


async def test_a_code_after_a_decline_starts_a_subscription_anew(api: Api, sandbox: Sandbox) -> None:
    coupon = await api.make(COUPONS, {"percent_off": 25})
    await api.make(CODES, {"coupon": coupon["id"], "code": "SPRING"})
    session = await open_session(api, allow_promotion_codes=True)
    await api.browse(session["url"], card_form(DECLINED))
    await api.browse(session["url"], {"promotion_code": "SPRING"})
    await api.browse(session["url"], card_form())
    done = await again(api, session)
    assert (done["amount_total"], *status_of(done)) == (750, "complete", "paid")
    assert (await api.find("/v1/balance"))["available"] == [{"amount": 750, "currency": "usd"}]
    others = [entry for entry in sandbox.store.all("subscription") if entry["id"] != done["subscription"]]
    assert [entry["status"] for entry in others] == ["incomplete_expired"] or [e["status"] for e in others] == [
        "canceled"
    ]
    assert sandbox.store.count("customer") == 1


async def test_row_expired_with_what_was_under_way(api: Api, sandbox: Sandbox) -> None:
    fresh, declined, trial = (
        await open_session(api),
        await open_session(api),
        await open_session(api, subscription_data={"trial_period_days": 7}),
    )
    await api.browse(declined["url"], card_form(DECLINED))
    await api.browse(trial["url"], card_form(CHALLENGED))
    for session in (fresh, declined, trial):
        ended = await api.make(f"{SESSIONS}/{session['id']}/expire")
        assert status_of(ended) == ("expired", "unpaid")
        assert (await api.browse(session["url"], card_form()))[0] == 410
    assert [entry["status"] for entry in sandbox.store.all("subscription")] == ["canceled"]
    assert [entry["status"] for entry in sandbox.store.all("setup_intent")] == ["canceled"]
    assert sandbox.store.count("charge") == 1


async def test_the_subscription_ran_out_before_the_session(api: Api, sandbox: Sandbox) -> None:
    session = await open_session(api)
    await api.browse(session["url"], card_form(DECLINED))
    sandbox.clock.advance(hours=23, minutes=30)
    assert (await api.browse(session["url"], card_form()))[2] == session["success_url"]
    assert status_of(await again(api, session)) == ("complete", "paid")


async def test_a_second_submit_of_a_finished_session_takes_no_money(api: Api) -> None:
    session = await open_session(api)
    for _ in range(2):
        await api.browse(session["url"], card_form())
    assert (await api.find("/v1/balance"))["available"] == [{"amount": 1000, "currency": "usd"}]


async def test_only_methods_that_can_be_charged_again_are_offered(api: Api) -> None:
    reply = await api.post(SESSIONS, subscribing(payment_method_types=["card", "wechat_pay"]))
    assert (reply.status, reply.error["param"]) == (400, "payment_method_types[1]")
    session = await open_session(api)
    assert "Alipay" in (await api.browse(session["url"]))[1]


async def test_a_wallet_can_be_subscribed_with(api: Api) -> None:
    session = await open_session(api)
    _, _, wallet = await api.browse(session["url"], {"method": "alipay"})
    await api.browse(str(wallet), {"outcome": "pay"})
    assert status_of(await again(api, session)) == ("complete", "paid")


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (subscribing(once()), "line_items"),
        (subscribing(plan(), plan(interval="year")), "line_items"),
        (subscribing(plan(), plan(interval_count=2)), "line_items"),
        (order(mode="subscription", line_items=None), "line_items"),
        (subscribing(subscription_data={"trial_period_days": 0}), "subscription_data[trial_period_days]"),
        (subscribing(payment_intent_data={"description": "x"}), "payment_intent_data"),
        (order(subscription_data={"trial_period_days": 5}), "subscription_data"),
        (order(line_items=[plan()]), "line_items[0][price_data][recurring]"),
    ],
)
async def test_a_refused_session_leaves_nothing(api: Api, sandbox: Sandbox, body: dict[str, Any], param: str) -> None:
    reply = await api.post(SESSIONS, body)
    assert (reply.status, reply.error["param"]) == (400, param)
    assert sandbox.store.kinds() == []


@pytest.mark.parametrize(
    ("line", "fields", "shown"),
    [
        (plan(), {}, "10.00 USD per month."),
        (plan(interval="month", interval_count=3, quantity=2), {}, "20.00 USD every 3 months."),
        (plan(), {"subscription_data": {"trial_period_days": 1}}, "Free for 1 day, then 10.00 USD per month."),
        (plan(), {"duration": "forever"}, "9.00 USD per month."),
        (plan(), {"duration": "once"}, "9.00 USD for the first month, then 10.00 USD per month."),
        (plan(), {"duration": "repeating"}, "9.00 USD per month while the discount lasts, then 10.00 USD per month."),
    ],
)
async def test_the_page_says_what_it_will_cost(
    api: Api, line: dict[str, Any], fields: dict[str, Any], shown: str
) -> None:
    given = dict(fields)
    duration = given.pop("duration", None)
    if duration is not None:
        coupon = await api.make(COUPONS, {"percent_off": 10, "duration": duration})
        given["discounts"] = [{"coupon": coupon["id"]}]
    session = await open_session(api, line, **given)
    assert f"<p>{shown}</p>" in (await api.browse(session["url"]))[1]


async def test_the_guide_sends_no_cancel_url(api: Api) -> None:
    price = await api.make(
        "/v1/prices",
        {
            "currency": "USD",
            "product_data": {"name": "Plus plan"},
            "unit_amount": 1000,
            "active": True,
            "recurring": {"interval": "month", "interval_count": 1},
        },
    )
    body = {
        "mode": "subscription",
        "success_url": "https://yourwebsite.example",
        "line_items": [{"price": price["id"], "quantity": 1}],
    }
    session = await api.make(SESSIONS, body)
    assert (session["mode"], session["status"], session["customer"]) == ("subscription", "open", "")
    assert (await api.browse(session["url"], card_form(GOOD)))[2] == "https://yourwebsite.example"
