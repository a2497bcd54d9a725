"""Checkout Sessions over the API: what they hold, how they end."""

from __future__ import annotations

from typing import Any

import pytest
from sandbox.rig import CHALLENGED, DECLINED, GOOD, Api, card_form, order

from wooshpay.sandbox import Sandbox

PATH = "/v1/checkout/sessions"
DAY = 86_400_000


async def pay(api: Api, session: dict[str, Any], number: str = GOOD) -> tuple[int, str, str | None]:
    return await api.browse(session["url"], card_form(number))


async def test_open_with_a_page_and_an_intent(api: Api, sandbox: Sandbox) -> None:
    session = await api.make(PATH, order())
    digits = session["id"].removeprefix("cs_")
    assert len(digits) == 19
    assert session["url"] == f"{sandbox.base_url}/pay/cs_test_{digits}?key={sandbox.publishable_key}"
    assert (session["status"], session["payment_status"], session["mode"]) == ("open", "unpaid", "payment")
    assert (session["amount_subtotal"], session["amount_total"], session["currency"]) == (3998, 3998, "USD")
    assert (session["customer"], session["billing_address_collection"]) == ("", "auto")
    assert session["created"] % 1000 == 0
    assert -500 <= session["expires_at"] - DAY - session["created"] < 500
    assert session["success_url"] == "https://shop.example/thanks?session={CHECKOUT_SESSION_ID}"
    intent = sandbox.store.get(session["payment_intent"])
    assert (intent["amount"], intent["currency"], intent["status"]) == (3998, "USD", "requires_payment_method")
    assert await api.find(f"{PATH}/{session['id']}") == session


async def test_inline_prices_become_a_price_and_a_product(api: Api) -> None:
    session = await api.make(PATH, order())
    item = session["line_items"]["data"][0]
    price, product = item["price"], item["price"]["product"]
    assert (item["id"][:3], item["object"], item["quantity"], item["description"]) == ("li_", "item", 2, "Tea")
    assert (item["amount_subtotal"], item["amount_total"], item["amount_discount"]) == (3998, 3998, 0)
    assert (price["id"][:6], price["unit_amount"], price["currency"], price["type"]) == (
        "price_",
        1999,
        "USD",
        "one_time",
    )
    assert (product["id"][:5], product["name"], product["description"]) == ("prod_", "Tea", "Green, 100 g")
    ids = [session["id"], item["id"], price["id"], product["id"], session["payment_intent"]]
    numbers = [int(id.rpartition("_")[2]) for id in ids]
    assert numbers == sorted(numbers)
    lines = await api.find(f"{PATH}/{session['id']}/line_items")
    assert lines["data"] == [item]


async def test_a_price_can_be_used_again(api: Api) -> None:
    price = (await api.make(PATH, order()))["line_items"]["data"][0]["price"]
    session = await api.make(PATH, order(line_items=[{"price": price["id"], "quantity": 3}]))
    assert session["amount_total"] == 3 * 1999
    assert session["line_items"]["data"][0]["price"] == price


async def test_what_the_merchant_keeps_with_it(api: Api, sandbox: Sandbox) -> None:
    customer = await api.make("/v1/customers", {"email": "ada@example.com"})
    data = {"merchant_order_id": "A-1", "metadata": {"k": "v"}, "description": "Tea", "capture_method": "manual"}
    session = await api.make(
        PATH,
        order(
            client_reference_id="ref-1",
            metadata={"basket": "7"},
            customer=customer["id"],
            payment_intent_data=data,
            payment_method_types=["card", "alipay"],
            unknown_parameter=5,
        ),
    )
    assert (session["client_reference_id"], session["metadata"]) == ("ref-1", {"basket": "7"})
    assert (session["customer"], session["payment_method_types"]) == (customer["id"], ["card", "alipay"])
    intent = sandbox.store.get(session["payment_intent"])
    assert {name: intent[name] for name in data} == data
    assert intent["customer"] == customer["id"]


async def test_urls_without_a_scheme_are_taken(api: Api) -> None:
    session = await api.make(PATH, order(success_url="www.wooshpay.com", cancel_url="localhost:3000/basket"))
    assert (await pay(api, session))[2] == "https://www.wooshpay.com"


async def test_one_currency_and_a_total_that_can_be_paid(api: Api, sandbox: Sandbox) -> None:
    def line(currency: str, amount: int) -> dict[str, Any]:
        return {
            "price_data": {"currency": currency, "unit_amount": amount, "product_data": {"name": "Tea"}},
            "quantity": 1,
        }

    mixed = await api.post(PATH, order(line_items=[line("USD", 5), line("EUR", 5)]))
    assert (mixed.status, mixed.error["param"]) == (400, "line_items")
    large = await api.post(PATH, order(line_items=[line("USD", 99_999_999), line("USD", 1)]))
    assert (large.status, large.error["code"]) == (400, "amount_too_large")
    assert sandbox.store.kinds() == []


# ---- its end


async def test_paid_on_its_page_it_is_complete(api: Api, sandbox: Sandbox) -> None:
    session = await api.make(PATH, order())
    status, _, location = await pay(api, session)
    # The placeholder comes back as it was: whether WooshPay fills it in is not known.
    assert (status, location) == (303, "https://shop.example/thanks?session={CHECKOUT_SESSION_ID}")
    done = await api.find(f"{PATH}/{session['id']}")
    assert (done["status"], done["payment_status"]) == ("complete", "paid")
    assert sandbox.store.get(session["payment_intent"])["status"] == "succeeded"
    assert [event["type"] for event in sandbox.store.events()] == [
        "payment_intent.created",
        "payment_intent.succeeded",
        "checkout.session.completed",
    ]
    assert sandbox.store.events()[-1]["data"]["object"] == done


async def test_a_refused_card_leaves_it_open(api: Api) -> None:
    session = await api.make(PATH, order())
    assert (await pay(api, session, DECLINED))[0] == 402
    assert (await api.find(f"{PATH}/{session['id']}"))["status"] == "open"
    assert (await pay(api, session))[0] == 303


async def test_with_manual_capture_it_is_paid_when_captured(api: Api) -> None:
    session = await api.make(PATH, order(payment_intent_data={"capture_method": "manual"}))
    await pay(api, session)
    done = await api.find(f"{PATH}/{session['id']}")
    assert (done["status"], done["payment_status"]) == ("complete", "unpaid")
    await api.make(f"/v1/payment_intents/{session['payment_intent']}/capture")
    assert (await api.find(f"{PATH}/{session['id']}"))["payment_status"] == "paid"


async def test_with_a_slow_payment_it_is_paid_later(api: Api, sandbox: Sandbox) -> None:
    session = await api.make(PATH, order())
    await pay(api, session, "4000000000000077")
    assert sandbox.store.get(session["id"])["payment_status"] == "unpaid"
    sandbox.clock.advance(minutes=2)
    assert sandbox.store.get(session["id"])["payment_status"] == "paid"
    assert len(sandbox.store.events("checkout.session.completed")) == 1


async def test_a_slow_payment_that_fails_leaves_it_complete_and_unpaid(api: Api, sandbox: Sandbox) -> None:
    session = await api.make(PATH, order())
    await pay(api, session, "4000000000000051")
    sandbox.clock.advance(minutes=2)
    after = sandbox.store.get(session["id"])
    assert (after["status"], after["payment_status"]) == ("complete", "unpaid")
    assert sandbox.store.get(session["payment_intent"])["status"] == "requires_payment_method"


async def test_a_customer_is_made_when_asked_for(api: Api, sandbox: Sandbox) -> None:
    session = await api.make(PATH, order(customer_creation="always"))
    await api.act("checkout.sessions.pay", session=session["id"], email="ada@example.com", name="Ada")
    done = sandbox.store.get(session["id"])
    assert done["customer_details"] == {"email": "ada@example.com", "name": "Ada"}
    assert sandbox.store.get(done["customer"])["email"] == "ada@example.com"


async def test_expire(api: Api, sandbox: Sandbox) -> None:
    session = await api.make(PATH, order())
    ended = await api.make(f"{PATH}/{session['id']}/expire")
    assert (ended["status"], ended["payment_status"]) == ("expired", "unpaid")
    assert sandbox.store.get(session["payment_intent"])["status"] == "canceled"
    types = [event["type"] for event in sandbox.store.events()]
    assert types[1:] == ["payment_intent.canceled", "checkout.session.expired"]
    assert (await pay(api, session))[0] == 410


async def test_expire_only_what_is_open(api: Api) -> None:
    paid, expired = await api.make(PATH, order()), await api.make(PATH, order())
    await pay(api, paid)
    await api.make(f"{PATH}/{expired['id']}/expire")
    for session, status in ((paid, "complete"), (expired, "expired")):
        reply = await api.post(f"{PATH}/{session['id']}/expire")
        assert (reply.status, reply.error["code"]) == (400, "checkout_session_unexpected_state")
        assert status in reply.error["message"]


async def test_expires_by_itself_after_24_hours(api: Api, sandbox: Sandbox) -> None:
    session, paid, busy = [await api.make(PATH, order()) for _ in range(3)]
    await pay(api, paid)
    await pay(api, busy, CHALLENGED)
    sandbox.clock.advance(hours=23, minutes=59)
    assert sandbox.store.get(session["id"])["status"] == "open"
    sandbox.clock.advance(minutes=2)
    assert sandbox.store.get(session["id"])["status"] == "expired"
    assert sandbox.store.get(paid["id"])["status"] == "complete"
    assert sandbox.store.get(busy["payment_intent"])["status"] == "canceled"
    event = sandbox.store.events("checkout.session.expired")[0]
    # It happened when it was due, not when the clock arrived.
    assert abs(event["created"] - session["expires_at"]) <= 500


@pytest.mark.parametrize("in_seconds", [True, False])
async def test_may_expire_earlier(api: Api, sandbox: Sandbox, in_seconds: bool) -> None:
    moment = (sandbox.clock.now // 1000 + 3600) * 1000
    session = await api.make(PATH, order(expires_at=moment // 1000 if in_seconds else moment))
    assert session["expires_at"] == moment
    sandbox.clock.advance(hours=2)
    assert sandbox.store.get(session["id"])["status"] == "expired"
