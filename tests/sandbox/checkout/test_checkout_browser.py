"""The hosted pages in a real browser: promotion codes, subscriptions, saving a card, payment links."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox.browsing import fill, fits, keep_picture, needs_browser, on_both_screens
from sandbox.rig import CHALLENGED, DECLINED, GOOD, Api, Shop, order

from wooshpay.sandbox import Sandbox

if TYPE_CHECKING:
    from playwright.async_api import Page

pytestmark = needs_browser

SESSIONS = "/v1/checkout/sessions"


def plan(**fields: Any) -> dict[str, Any]:
    product = {"name": "Plus plan", "description": "Everything, for one person"}
    price = {"currency": "USD", "unit_amount": 1000, "product_data": product, "recurring": {"interval": "month"}}
    return {"mode": "subscription", "line_items": [{"price_data": price, "quantity": 1}], **fields}


async def session_of(api: Api, shop: Shop, **fields: Any) -> dict[str, Any]:
    urls = {"success_url": f"{shop.base_url}/thanks", "cancel_url": f"{shop.base_url}/basket"}
    session: dict[str, Any] = await api.make(SESSIONS, order(**urls, **fields))
    return session


@on_both_screens
async def test_a_promotion_code(page: Page, api: Api, sandbox: Sandbox, shop: Shop) -> None:
    coupon = await api.make("/v1/coupons", {"percent_off": 25, "name": "Spring sale"})
    await api.make("/v1/promotion_code", {"coupon": coupon["id"], "code": "SPRING"})
    session = await session_of(api, shop, allow_promotion_codes=True)
    await page.goto(session["url"])
    await keep_picture(page, "code-field")
    assert await fits(page)
    await page.get_by_label("Promotion code").fill("SUMMER")
    await page.get_by_role("button", name="Apply code").click()
    assert await page.get_by_text("There is no such promotion code.").is_visible()
    assert await page.get_by_label("Promotion code").input_value() == "SUMMER"
    assert await page.get_by_label("Promotion code").get_attribute("aria-invalid") == "true"
    await keep_picture(page, "code-wrong")
    await page.get_by_label("Promotion code").fill("spring")
    await page.keyboard.press("Enter")
    await page.get_by_role("button", name="Pay 29.98 USD").wait_for()
    assert await page.get_by_text("Spring sale (25% off)").is_visible()
    await keep_picture(page, "code-applied")
    assert await fits(page)
    await page.get_by_role("button", name="Remove the promotion code").click()
    await page.get_by_role("button", name="Pay 39.98 USD").wait_for()
    await page.get_by_label("Promotion code").fill("SPRING")
    await page.get_by_role("button", name="Apply code").click()
    await fill(page, GOOD)
    await page.get_by_role("button", name="Pay 29.98 USD").click()
    await page.wait_for_url(f"{shop.base_url}/thanks")
    assert sandbox.store.get(session["payment_intent"])["amount_received"] == 2998


@on_both_screens
async def test_a_subscription_after_a_declined_card(page: Page, api: Api, sandbox: Sandbox, shop: Shop) -> None:
    session = await session_of(api, shop, **plan())
    await page.goto(session["url"])
    assert await page.get_by_text("10.00 USD per month.").is_visible()
    await keep_picture(page, "subscription")
    assert await fits(page)
    await fill(page, DECLINED)
    await page.get_by_role("button", name="Pay 10.00 USD and subscribe").click()
    assert "The card was declined." in await page.get_by_role("alert").inner_text()
    await keep_picture(page, "subscription-declined")
    await fill(page, CHALLENGED)
    await page.get_by_role("button", name="Pay 10.00 USD and subscribe").click()
    await page.get_by_role("button", name="Authenticate").click()
    await page.wait_for_url(f"{shop.base_url}/thanks")
    done = sandbox.store.get(session["id"])
    assert sandbox.store.get(done["subscription"])["status"] == "active"
    await page.goto(session["url"])
    assert await page.get_by_role("heading", name="Your subscription has started").is_visible()


@on_both_screens
async def test_a_trial(page: Page, api: Api, sandbox: Sandbox, shop: Shop) -> None:
    session = await session_of(api, shop, **plan(subscription_data={"trial_period_days": 7}))
    await page.goto(session["url"])
    assert await page.get_by_text("Free for 7 days, then 10.00 USD per month.").is_visible()
    await keep_picture(page, "trial")
    assert await fits(page)
    await fill(page, GOOD)
    await page.get_by_role("button", name="Start free trial").click()
    await page.wait_for_url(f"{shop.base_url}/thanks")
    done = sandbox.store.get(session["id"])
    assert sandbox.store.get(done["subscription"])["status"] == "trialing"


@on_both_screens
async def test_saving_a_card_by_keyboard(page: Page, api: Api, sandbox: Sandbox, shop: Shop) -> None:
    session = await api.make(SESSIONS, {"success_url": f"{shop.base_url}/saved", "payment_method_types": ["card"]})
    await page.goto(session["url"])
    assert await page.get_by_role("heading", name="Save a payment method").is_visible()
    await keep_picture(page, "setup")
    assert await fits(page)
    for text in ("ada@example.com", GOOD, "12", "2090", "123", "Ada"):
        await page.keyboard.press("Tab")
        await page.keyboard.type(text)
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await page.wait_for_url(f"{shop.base_url}/saved")
    assert sandbox.store.get(session["setup_intent"])["status"] == "succeeded"


async def test_nothing_to_pay(page: Page, api: Api, sandbox: Sandbox, shop: Shop) -> None:
    coupon = await api.make("/v1/coupons", {"percent_off": 100})
    session = await session_of(api, shop, discounts=[{"coupon": coupon["id"]}])
    await page.goto(session["url"])
    await keep_picture(page, "free")
    await page.get_by_label("E-mail").fill("ada@example.com")
    await page.get_by_role("button", name="Complete order").click()
    await page.wait_for_url(f"{shop.base_url}/thanks")
    assert sandbox.store.get(session["id"])["payment_status"] == "no_payment_required"


@on_both_screens
async def test_a_payment_link(page: Page, api: Api, sandbox: Sandbox) -> None:
    line = {"price_data": {"currency": "USD", "unit_amount": 1500, "product_data": {"name": "Cake"}}, "quantity": 2}
    message = {"custom_message": "Your cake is on its way."}
    after = {"type": "hosted_confirmation", "hosted_confirmation": message}
    link = await api.make("/v1/payment_links", {"line_items": [line], "after_completion": after})
    await page.goto(link["url"])
    assert "/pay/cs_test_" in page.url
    assert await page.get_by_text("Quantity 2").is_visible()
    await keep_picture(page, "link")
    await fill(page, GOOD)
    await page.get_by_role("button", name="Pay 30.00 USD").click()
    await page.get_by_text("Your cake is on its way.").wait_for()
    await keep_picture(page, "link-confirmation")
    assert [session["payment_link"] for session in sandbox.store.all("checkout.session")] == [link["id"]]


async def test_a_link_that_was_switched_off(page: Page, api: Api) -> None:
    line = {"price_data": {"currency": "USD", "unit_amount": 1500, "product_data": {"name": "Cake"}}, "quantity": 1}
    link = await api.make("/v1/payment_links", {"line_items": [line]})
    await api.make(f"/v1/payment_links/{link['id']}", {"active": False})
    answer = await page.request.get(link["url"])
    assert answer.status == 410
    await page.set_content(await answer.text())
    assert await page.get_by_role("heading", name="This link was switched off").is_visible()
    await keep_picture(page, "link-off")
