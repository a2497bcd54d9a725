"""Requests as programs that merchants wrote for the real WooshPay send them, and what those programs rely on."""

from __future__ import annotations

from typing import Any

import pytest
from sandbox.rig import Api, order, payment

from wooshpay.api.payment_intents import PaymentIntent
from wooshpay.sandbox import Sandbox

SESSIONS, INTENTS, LINKS = "/v1/checkout/sessions", "/v1/payment_intents", "/v1/payment_links"
BACK = "https://shop.example/back"

# Names that programs in use send; each with a currency that the sandbox takes for it.
NAMES_IN_USE = {
    "momo": "VND",
    "vietcombank": "VND",
    "zalo": "VND",
    "bank_transfer_vn": "VND",
    "atome": "SGD",
    "gopay": "IDR",
    "akulaku": "IDR",
    "touchngo": "MYR",
    "ovo": "IDR",
    "applepay": "USD",
    "googlepay": "USD",
    "mobile_money": "RWF",
    "unionpay": "USD",
}


def one_item(currency: str, amount: int = 5000, **fields: Any) -> dict[str, Any]:
    """The body of a session, as several programs build it."""
    data = {"currency": currency, "unit_amount": amount, "product_data": {"name": "Order 1042"}}
    lines = [{"price_data": data, "quantity": 1}]
    return {"mode": "payment", "success_url": BACK, "cancel_url": BACK, "line_items": lines, **fields}


async def intent_of(api: Api, session: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = await api.find(f"{INTENTS}/{session['payment_intent']}")
    return found


def page_to_pay(intent: dict[str, Any]) -> str:
    url = PaymentIntent.from_dict(intent).action_url
    assert url is not None
    return url


# ---- client_reference_id


async def test_the_intent_of_a_session_carries_its_client_reference_id(api: Api, sandbox: Sandbox) -> None:
    """A program finds its order by `merchant_order_id` when payment_intent.succeeded arrives; else it ignores it."""
    session = await api.make(SESSIONS, one_item("CNY", client_reference_id="LP-20260501-7"))
    await api.browse(session["url"], {"method": "alipay"})
    intent = await intent_of(api, session)
    await api.browse(page_to_pay(intent), {"outcome": "pay"})
    [event] = [event for event in sandbox.store.events() if event["type"] == "payment_intent.succeeded"]
    assert event["data"]["object"]["merchant_order_id"] == "LP-20260501-7"
    found = await api.get(f"{INTENTS}/search", query={"query": "merchant_order_id:'LP-20260501-7'"})
    assert [entry["id"] for entry in found.body["data"]] == [session["payment_intent"]]


async def test_an_order_number_that_was_given_for_the_intent_counts_more(api: Api) -> None:
    given = {"merchant_order_id": "order-9"}
    session = await api.make(SESSIONS, order(client_reference_id="user|course", payment_intent_data=given))
    assert (await intent_of(api, session))["merchant_order_id"] == "order-9"
    assert session["client_reference_id"] == "user|course"


async def test_without_a_reference_the_intent_has_no_order_number(api: Api) -> None:
    session = await api.make(SESSIONS, order())
    assert "merchant_order_id" not in await intent_of(api, session)


# ---- the methods that programs name


async def test_unionpay_is_paid_in_dollars_and_refunded(api: Api) -> None:
    session = await api.make(SESSIONS, one_item("USD", payment_method_types=["unionpay"]))
    status, page, _ = await api.browse(session["url"])
    assert (status, 'value="unionpay"' in page) == (200, True)
    await api.browse(session["url"], {"method": "unionpay"})
    await api.browse(page_to_pay(await intent_of(api, session)), {"outcome": "pay"})
    body = {"payment_intent": session["payment_intent"], "amount": 2000, "reason": "requested_by_customer"}
    refund = await api.make("/v1/refunds", body)
    assert (refund["amount"], refund["currency"]) == (2000, "USD")


@pytest.mark.parametrize("type", ["momo", "vietcombank", "zalo"])
async def test_vietnamese_methods_answer_as_a_bank_transfer_in_vietnam(api: Api, type: str) -> None:
    """A program reads url and qrcode under this key alone, and shows nothing to the customer without it."""
    body = {
        "amount": 250000,
        "currency": "VND",
        "confirm": True,
        "payment_method_data": {"type": type},
        "return_url": BACK,
    }
    intent = await api.make(INTENTS, body)
    assert intent["status"] == "requires_action"
    action = intent["next_action"]
    assert action.keys() == {"type", "bank_transfer_vn_handle_redirect"}
    assert action["bank_transfer_vn_handle_redirect"].keys() == {"url", "qrcode"}
    read = PaymentIntent.from_dict(intent)
    assert read.action_url == action["bank_transfer_vn_handle_redirect"]["url"]
    assert read.action_qr == action["bank_transfer_vn_handle_redirect"]["qrcode"]
    status, page, _ = await api.browse(str(read.action_url))
    assert (status, str(read.action_qr) in page) == (200, True)


@pytest.mark.parametrize("type", NAMES_IN_USE)
async def test_a_method_that_programs_name_is_paid_on_the_hosted_page(api: Api, type: str) -> None:
    session = await api.make(SESSIONS, one_item(NAMES_IN_USE[type], payment_method_types=[type]))
    status, page, _ = await api.browse(session["url"])
    assert (status, f'value="{type}"' in page) == (200, True)
    await api.browse(session["url"], {"method": type})
    status, page, _ = await api.browse(page_to_pay(await intent_of(api, session)))
    assert (status, 'value="pay"' in page) == (200, True)
    await api.browse(page_to_pay(await intent_of(api, session)), {"outcome": "pay"})
    paid = await api.find(f"{SESSIONS}/{session['id']}")
    assert (paid["status"], paid["payment_status"]) == ("complete", "paid")


@pytest.mark.parametrize("type", NAMES_IN_USE)
async def test_a_method_that_programs_name_is_paid_by_an_intent(api: Api, type: str) -> None:
    body = payment(amount=5000, currency=NAMES_IN_USE[type], confirm=True, payment_method_data={"type": type})
    intent = await api.make(INTENTS, body)
    await api.browse(page_to_pay(intent), {"outcome": "pay"})
    assert (await api.find(f"{INTENTS}/{intent['id']}"))["status"] == "succeeded"


# ---- refunds


async def test_a_refund_asked_for_by_the_merchant(api: Api) -> None:
    intent = await api.make(INTENTS, payment(confirm=True, payment_method="pm_card_visa"))
    body = {"payment_intent": intent["id"], "amount": 500, "reason": "requested_by_merchant"}
    refund = await api.make("/v1/refunds", body)
    assert refund["reason"] == "requested_by_merchant"


# ---- return_url


CARD = {"payment_method": "pm_card_visa"}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (INTENTS, payment(return_url=BACK)),
        (INTENTS, payment(return_url=BACK, confirm=False, **CARD)),
        ("/v1/setup_intents", {"return_url": BACK}),
        ("/v1/setup_intents", {"return_url": BACK, "confirm": False, **CARD}),
    ],
    ids=["intent", "intent with confirm false", "setup", "setup with confirm false"],
)
async def test_a_return_url_goes_with_confirm_only(api: Api, sandbox: Sandbox, path: str, body: dict[str, Any]) -> None:
    """The reference says so. A program that gets away with it here would be refused by WooshPay."""
    reply = await api.post(path, body)
    assert (reply.status, reply.error["code"], reply.error["param"]) == (400, "parameter_invalid", "return_url")
    assert "confirm" in reply.error["message"]
    assert sandbox.store.count("payment_intent") + sandbox.store.count("setup_intent") == 0
    assert (await api.post(path, {**body, **CARD, "confirm": True})).status == 200


# ---- methods that cannot be used


@pytest.mark.parametrize(
    ("path", "body", "param", "why"),
    [
        (SESSIONS, one_item("USD", payment_method_types=["ideal"]), "payment_method_types", "ideal does not take USD"),
        (
            SESSIONS,
            one_item("THB", 900_000, payment_method_types=["promptpay", "pix"]),
            "payment_method_types",
            "promptpay takes at most 500000",
        ),
        (INTENTS, payment(payment_method_types=["pix"]), "payment_method_types", "pix does not take USD"),
    ],
    ids=["currency", "amount", "intent"],
)
async def test_nothing_is_opened_that_no_listed_method_can_pay(
    api: Api, sandbox: Sandbox, path: str, body: dict[str, Any], param: str, why: str
) -> None:
    """The customer would come to a page without any way to pay, and the merchant would not know why."""
    reply = await api.post(path, body)
    assert (reply.status, reply.error["code"]) == (400, "payment_method_not_usable")
    assert reply.error["param"] == param
    assert why in reply.error["message"]
    assert [sandbox.store.count(kind) for kind in ("checkout.session", "payment_intent", "price")] == [0, 0, 0]


async def test_a_list_with_one_usable_method_is_accepted(api: Api) -> None:
    """A program sends all methods that it knows, in any currency. The page offers what can be used, and says why
    the others are missing."""
    types = ["googlepay", "alipay_hk", "dana", "gcash", "paynow", "unionpay", "card"]
    session = await api.make(SESSIONS, one_item("SGD", payment_method_types=types))
    assert session["payment_method_types"] == types
    _, page, _ = await api.browse(session["url"])
    assert [type for type in types if f'value="{type}"' in page] == ["googlepay", "alipay_hk", "paynow", "card"]
    assert "<b>DANA</b> does not take SGD. It takes IDR." in page
    assert "<b>GCash</b> does not take SGD. It takes PHP." in page


async def test_an_intent_cannot_be_changed_to_a_currency_that_its_methods_do_not_take(api: Api) -> None:
    intent = await api.make(INTENTS, payment(currency="BRL", payment_method_types=["pix"]))
    reply = await api.post(f"{INTENTS}/{intent['id']}", {"currency": "USD"})
    assert (reply.status, reply.error["code"]) == (400, "payment_method_not_usable")
    assert (await api.find(f"{INTENTS}/{intent['id']}"))["currency"] == "BRL"


async def test_a_promotion_code_that_leaves_too_little_for_every_method(api: Api) -> None:
    """The total is only known then, so the page itself has to say it."""
    coupon = await api.make("/v1/coupons", {"amount_off": 4800, "currency": "BRL", "duration": "once"})
    await api.make("/v1/promotion_code", {"coupon": coupon["id"], "code": "ALMOST"})
    session = await api.make(SESSIONS, one_item("BRL", payment_method_types=["pix"], allow_promotion_codes=True))
    await api.browse(session["url"], {"promotion_code": "ALMOST"})
    _, page, _ = await api.browse(session["url"])
    assert "<b>Pix</b> takes at least 3.00 BRL." in page
