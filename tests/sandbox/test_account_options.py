"""What differs between the accounts of merchants: enabled payment methods, smallest amounts, unknown currencies."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from sandbox.rig import Api, card, order, payment

from wooshpay.sandbox import AccountOptions, Sandbox

SESSIONS, INTENTS, LINKS = "/v1/checkout/sessions", "/v1/payment_intents", "/v1/payment_links"
VISA = "pm_card_visa"


@asynccontextmanager
async def account(**options: Any) -> AsyncGenerator[Api]:
    """A sandbox of an account with these options."""
    async with Sandbox(account=AccountOptions(**options)) as sandbox, aiohttp.ClientSession() as session:
        yield Api(session, sandbox.base_url, sandbox.api_key)


def item(currency: str, amount: int, **fields: Any) -> dict[str, Any]:
    price = {"currency": currency, "unit_amount": amount, "product_data": {"name": "Tea"}}
    return {"line_items": [{"price_data": price, "quantity": 1}], **fields}


# ---- enabled payment methods


DISABLED: list[tuple[str, dict[str, Any], str]] = [
    (INTENTS, payment(currency="CNY", payment_method_types=["card", "alipay"]), "payment_method_types[1]"),
    (INTENTS, payment(currency="CNY", payment_method_data={"type": "alipay"}), "payment_method_data[type]"),
    (INTENTS, payment(currency="CNY", confirm=True, payment_method_types=["alipay"]), "payment_method_types[0]"),
    (SESSIONS, order(payment_method_types=["alipay"]), "payment_method_types[0]"),
    ("/v1/setup_intents", {"payment_method_types": ["alipay"]}, "payment_method_types[0]"),
    ("/v1/payment_methods", {"type": "alipay"}, "type"),
]


@pytest.mark.parametrize(("path", "body", "param"), DISABLED, ids=[param for _, _, param in DISABLED])
async def test_a_type_that_is_not_enabled_is_refused(path: str, body: dict[str, Any], param: str) -> None:
    async with account(payment_methods=("card", "promptpay")) as api:
        reply = await api.post(path, body)
        assert (reply.status, reply.error["code"]) == (400, "payment_method_not_enabled")
        assert reply.error["param"] == param
        assert "alipay is not enabled for this account. Use one of card, promptpay" in reply.error["message"]
    async with account() as api:
        assert (await api.post(path, body)).status == 200


async def test_a_page_offers_all_enabled_types_if_the_session_lists_none() -> None:
    async with account(payment_methods=("card", "promptpay", "unionpay")) as api:
        session = await api.make(SESSIONS, order())
        _, page, _ = await api.browse(session["url"])
        offered = [type for type in ("card", "promptpay", "unionpay", "alipay") if f'value="{type}"' in page]
        assert offered == ["card", "unionpay"]
        assert (await api.browse(session["url"], {"method": "alipay"}))[0] == 400


async def test_without_cards_no_card_can_be_used() -> None:
    async with account(payment_methods=("promptpay",)) as api:
        for body in (payment(payment_method_data=card()), payment(confirm=True, payment_method=VISA)):
            reply = await api.post(INTENTS, {**body, "currency": "THB"})
            assert (reply.status, reply.error["code"]) == (400, "payment_method_not_enabled")
        intent = await api.make(INTENTS, payment(currency="THB"))
        assert intent["payment_method_types"] == ["promptpay"]


@pytest.mark.parametrize(("path", "body"), [(SESSIONS, order()), (LINKS, item("USD", 500)), (INTENTS, payment())])
async def test_nothing_is_opened_that_no_enabled_method_can_pay(path: str, body: dict[str, Any]) -> None:
    """Otherwise the merchant sends customers to a page on which they cannot pay."""
    async with account(payment_methods=("promptpay",)) as api:
        reply = await api.post(path, body)
        assert (reply.status, reply.error["code"]) == (400, "payment_method_not_usable")
        assert "promptpay does not take USD" in reply.error["message"]


async def test_a_session_that_saves_a_method_needs_an_enabled_type_that_can_be_saved() -> None:
    async with account(payment_methods=("promptpay",)) as api:
        body = {"mode": "setup", "success_url": "https://shop.example"}
        assert (await api.post(SESSIONS, body)).error["code"] == "payment_method_not_usable"


async def test_a_link_cannot_be_changed_to_what_nobody_can_pay() -> None:
    async with account(payment_methods=("promptpay",)) as api:
        link = await api.make(LINKS, item("THB", 300_000))
        change = {"line_items": [{"id": link["line_items"]["data"][0]["id"], "quantity": 2}]}
        reply = await api.post(f"{LINKS}/{link['id']}", change)
        assert reply.error["code"] == "payment_method_not_usable"
        assert (await api.find(f"{LINKS}/{link['id']}"))["line_items"]["data"][0]["quantity"] == 1


async def test_the_account_lists_what_is_enabled() -> None:
    async with account(payment_methods=("card", "promptpay")) as api:
        found = await api.find("/v1/accounts/payment_methods")
        assert [entry["type"] for entry in found["data"]] == ["card", "promptpay"]


async def test_a_saved_method_of_a_type_that_was_switched_off_is_refused(tmp_path: Any) -> None:
    """A state file outlives the options: the account may have lost a payment method since."""
    file = tmp_path / "sandbox.db"
    async with Sandbox(state=file) as sandbox, aiohttp.ClientSession() as session:
        api = Api(session, sandbox.base_url, sandbox.api_key)
        made = await api.make("/v1/payment_methods", {"type": "alipay"})
    options = AccountOptions(payment_methods=("card",))
    async with Sandbox(state=file, account=options) as sandbox, aiohttp.ClientSession() as session:
        api = Api(session, sandbox.base_url, sandbox.api_key)
        reply = await api.post(INTENTS, payment(currency="CNY", confirm=True, payment_method=made["id"]))
        assert (reply.status, reply.error["code"]) == (400, "payment_method_not_enabled")


# ---- smallest amounts


SMALL: list[tuple[str, Callable[[str, int], dict[str, Any]], str]] = [
    (INTENTS, lambda currency, amount: {"currency": currency, "amount": amount}, "amount"),
    (
        SESSIONS,
        lambda currency, amount: item(currency, amount, mode="payment", success_url="https://a.b"),
        "line_items",
    ),
    (LINKS, item, "line_items"),
]


@pytest.mark.parametrize(("path", "body", "param"), SMALL, ids=["intent", "session", "link"])
async def test_the_smallest_payment_in_dollars(
    api: Api, path: str, body: Callable[[str, int], dict[str, Any]], param: str
) -> None:
    """0.50 USD, as the reference documents it; a shop that sells a sticker for 0.25 USD learns it here."""
    reply = await api.post(path, body("usd", 49))
    assert (reply.status, reply.error["code"], reply.error["param"]) == (400, "amount_too_small", param)
    assert "0.50 USD" in reply.error["message"]
    assert "0.49 USD" in reply.error["message"]
    assert (await api.post(path, body("USD", 50))).status == 200
    assert (await api.post(path, body("EUR", 1))).status == 200


async def test_an_intent_cannot_be_changed_to_less(api: Api) -> None:
    intent = await api.make(INTENTS, payment())
    assert (await api.post(f"{INTENTS}/{intent['id']}", {"amount": 49})).error["code"] == "amount_too_small"
    assert (await api.find(f"{INTENTS}/{intent['id']}"))["amount"] == 2000
    yen = await api.make(INTENTS, {"amount": 40, "currency": "JPY"})
    assert (await api.post(f"{INTENTS}/{yen['id']}", {"currency": "USD"})).error["code"] == "amount_too_small"
    assert (await api.post(f"{INTENTS}/{yen['id']}", {"description": "Tea"})).status == 200


@pytest.mark.parametrize(("off", "status"), [(3948, 200), (3949, 400), (3997, 400), (3998, 200)])
async def test_a_discount_counts(api: Api, off: int, status: int) -> None:
    """The order costs 39.98 USD. If the discount takes everything, no payment is needed, so no minimum applies."""
    coupon = await api.make("/v1/coupons", {"amount_off": off, "currency": "USD", "duration": "once"})
    reply = await api.post(SESSIONS, order(discounts=[{"coupon": coupon["id"]}]))
    assert reply.status == status, reply.body


async def test_a_promotion_code_that_leaves_less_is_refused_on_the_page(api: Api) -> None:
    coupon = await api.make("/v1/coupons", {"amount_off": 3990, "currency": "USD", "duration": "once"})
    await api.make("/v1/promotion_code", {"coupon": coupon["id"], "code": "ALMOST"})
    session = await api.make(SESSIONS, order(allow_promotion_codes=True))
    status, page, _ = await api.browse(session["url"], {"promotion_code": "ALMOST"})
    assert (status, "0.50 USD" in page) == (400, True)
    assert (await api.find(f"{SESSIONS}/{session['id']}"))["amount_total"] == 3998


async def test_the_minimums_of_an_account() -> None:
    async with account(minimum_amounts={"eur": 100}) as api:
        reply = await api.post(INTENTS, {"amount": 99, "currency": "EUR"})
        assert (reply.status, reply.error["code"]) == (400, "amount_too_small")
        assert (await api.post(INTENTS, {"amount": 1, "currency": "USD"})).status == 200


# ---- unknown currencies


UNKNOWN: list[tuple[str, dict[str, Any], str]] = [
    (INTENTS, payment(currency="XYZ"), "currency"),
    (SESSIONS, {"success_url": "https://a.b", **item("xyz", 500)}, "line_items[0][price_data][currency]"),
    ("/v1/prices", {"currency": "XYZ", "unit_amount": 5, "product_data": {"name": "Tea"}}, "currency"),
]


@pytest.mark.parametrize(("path", "body", "param"), UNKNOWN, ids=[path for path, _, _ in UNKNOWN])
async def test_an_unknown_currency_is_refused_by_option(path: str, body: dict[str, Any], param: str) -> None:
    async with account() as api:
        assert (await api.post(path, body)).status == 200
    async with account(unknown_currencies="refused") as api:
        reply = await api.post(path, body)
        assert (reply.status, reply.error["code"], reply.error["param"]) == (400, "currency_unknown", param)
        assert "XYZ" in reply.error["message"]
        assert (await api.post(INTENTS, payment(currency="usd"))).status == 200


# ---- the options themselves


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"payment_methods": ("crad",)}, "'crad' is not a type of payment method. Did you mean card?"),
        ({"payment_methods": ("zzz",)}, "'zzz' is not a type of payment method. The types are"),
        ({"payment_methods": ()}, "payment_methods is empty"),
        ({"payment_methods": ("card", "card")}, "lists a type twice"),
        ({"minimum_amounts": {"USD": -1}}, "-1 is not a valid amount for USD"),
        ({"minimum_amounts": {"USD": 0.5}}, "0.5 is not a valid amount for USD"),
        ({"minimum_amounts": {"USD": True}}, "True is not a valid amount for USD"),
        ({"minimum_amounts": {"dollars": 50}}, "'DOLLARS' is not a currency code"),
        ({"unknown_currencies": "ignored"}, "unknown_currencies: 'ignored' is not a valid value"),
        ({"plan_changes": "later"}, "plan_changes: 'later' is not a valid value"),
        ({"error_bodies": "xml"}, "error_bodies: 'xml' is not a valid value. Use one of nested, flat."),
    ],
)
def test_a_wrong_option_is_refused_with_what_to_use(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        AccountOptions(**options)


def test_options_cannot_change_behind_the_sandbox() -> None:
    given = {"USD": 70}
    options = AccountOptions(minimum_amounts=given, payment_methods=["card"])
    given["USD"] = 0
    assert (options.minimum_amounts["USD"], options.payment_methods) == (70, ("card",))
