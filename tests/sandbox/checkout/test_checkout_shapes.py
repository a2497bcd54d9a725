"""Every object of this group, in every state, is as documented."""

from __future__ import annotations

from typing import Any

from sandbox.rig import CHALLENGED, DECLINED, Api, card_form, order
from sandbox.test_shapes import check

from wooshpay.core.catalog import load
from wooshpay.core.listing import ListObject
from wooshpay.sandbox import Sandbox

SESSIONS = "/v1/checkout/sessions"
KINDS = (
    "product",
    "price",
    "coupon",
    "promotion_code",
    "discount",
    "item",
    "checkout.session",
    "payment_link",
    "event",
)


async def test_every_object_in_every_state_is_as_documented(api: Api, sandbox: Sandbox) -> None:
    product = await api.make(
        "/v1/products",
        {
            "name": "Tea",
            "description": "x",
            "images": ["https://a.example"],
            "url": "a.example",
            "metadata": {"a": "1"},
        },
    )
    await api.make(f"/v1/products/{product['id']}", {"name": "Black tea"})
    monthly = await api.make(
        "/v1/prices",
        {
            "currency": "USD",
            "unit_amount": 1000,
            "product": product["id"],
            "recurring": {"interval": "month"},
            "lookup_key": "k",
            "nickname": "n",
        },
    )
    tiers = [{"up_to": 5, "unit_amount": 10, "flat_amount": 1}, {"unit_amount": 5}]
    await api.make(
        "/v1/prices",
        {"currency": "USD", "product_data": {"name": "x"}, "billing_scheme": "tiered", "tiers": tiers},
    )
    sums = await api.make(
        "/v1/coupons",
        {
            "amount_off": 5,
            "currency": "USD",
            "duration": "repeating",
            "duration_in_months": 2,
            "duration_in_weeks": 1,
            "duration_in_days": 3,
            "applies_to": {"products": [product["id"]]},
            "max_redemptions": 7,
            "redeem_by": sandbox.clock.now + 10_000_000,
            "name": "n",
            "metadata": {"a": "1"},
        },
    )
    check(sums)
    half = await api.make("/v1/coupons", {"percent_off": 12.5, "duration": "forever"})
    gone = await api.make("/v1/coupons", {"percent_off": 5})
    customer = await api.make("/v1/customers", {"email": "ada@example.com"})
    code = await api.make(
        "/v1/promotion_code",
        {
            "coupon": half["id"],
            "code": "SPRING",
            "customer": customer["id"],
            "expires_at": sandbox.clock.now + 10_000_000,
            "max_redemptions": 5,
            "restrictions": {
                "first_time_transaction": True,
                "minimum_amount": 1,
                "minimum_amount_currency": "USD",
            },
        },
    )
    await api.make("/v1/promotion_code", {"coupon": gone["id"]})
    deleted = await api.delete(f"/v1/coupons/{gone['id']}")
    check(deleted.body, load("DeletedCoupon"))

    recurring = [{"price": monthly["id"], "quantity": 1}]
    subscribing = {"mode": "subscription", "line_items": recurring}
    by_code = {"discounts": [{"promotion_code": code["id"]}], "customer": customer["id"]}
    sessions = [
        await api.make(SESSIONS, order(**fields))
        for fields in (
            by_code,
            {**subscribing, "discounts": [{"coupon": sums["id"]}]},
            {**subscribing, "subscription_data": {"trial_period_days": 3, "metadata": {"a": "1"}}},
            {**subscribing, "allow_promotion_codes": True},
        )
    ]
    setup = {"success_url": "https://a.example", "payment_method_types": ["card"], "customer": customer["id"]}
    sessions += [await api.make(SESSIONS, setup) for _ in range(3)]
    for session in sessions:
        check(session)
    for session, number in zip(
        sessions, ("4111111111111111",) * 3 + (DECLINED, "4111111111111111", CHALLENGED), strict=False
    ):
        await api.browse(session["url"], card_form(number, name="Ada", email="ada@example.com"))
    await api.make(f"{SESSIONS}/{sessions[-1]['id']}/expire")

    after = {"type": "hosted_confirmation", "hosted_confirmation": {"custom_message": "x"}}
    link = await api.make(
        "/v1/payment_links",
        {
            "line_items": recurring,
            "after_completion": after,
            "phone_number_collection": {"enabled": True},
            "shipping_address_collection": {"allowed_countries": ["GB"]},
            "metadata": {"a": "1"},
        },
    )
    await api.browse(link["url"])
    for kind in KINDS:
        assert sandbox.store.count(kind) > 0, kind
        for data in sandbox.store.all(kind):
            check(data)
    for path in ("/v1/products", "/v1/payment_links", f"/v1/payment_links/{link['id']}/line_items", f"{SESSIONS}/list"):
        check(await api.find(path), ListObject[Any])
