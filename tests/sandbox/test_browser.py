"""The pages in a real browser: Debian's chromium, driven by Playwright."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox.browsing import fill, fits, keep_picture, needs_browser, on_both_screens
from sandbox.rig import CHALLENGED, DECLINED, GOOD, Api, Shop, order, payment

from wooshpay.sandbox import Sandbox

if TYPE_CHECKING:
    from playwright.async_api import Page

pytestmark = needs_browser


async def session_of(api: Api, shop: Shop) -> dict[str, Any]:
    session: dict[str, Any] = await api.make(
        "/v1/checkout/sessions",
        order(success_url=f"{shop.base_url}/thanks", cancel_url=f"{shop.base_url}/basket"),
    )
    return session


@on_both_screens
async def test_a_declined_card_then_a_good_one(page: Page, api: Api, sandbox: Sandbox, shop: Shop) -> None:
    session = await session_of(api, shop)
    await page.goto(session["url"])
    await keep_picture(page, "checkout")
    assert await fits(page)
    await page.get_by_role("button", name="Pay 39.98 USD").click()
    assert await page.get_by_text("Enter the card number.").is_visible()
    await keep_picture(page, "errors")
    assert await fits(page)
    await page.get_by_label("E-mail").fill("ada@example.com")
    await fill(page, DECLINED)
    await page.get_by_role("button", name="Pay").first.click()
    assert "The card was declined." in await page.get_by_role("alert").inner_text()
    assert await page.get_by_label("E-mail").input_value() == "ada@example.com"
    assert await page.get_by_label("Card number").input_value() == DECLINED
    assert await page.get_by_label("Security code (CVC)").input_value() == ""
    await keep_picture(page, "declined")
    await fill(page, GOOD)
    await page.get_by_role("button", name="Pay").first.click()
    await page.wait_for_url(f"{shop.base_url}/thanks")
    assert sandbox.store.get(session["id"])["payment_status"] == "paid"
    await page.goto(session["url"])
    assert await page.get_by_role("heading", name="This payment is complete").is_visible()
    await keep_picture(page, "complete")


@on_both_screens
async def test_a_challenge(page: Page, api: Api, sandbox: Sandbox, shop: Shop) -> None:
    session = await session_of(api, shop)
    await page.goto(session["url"])
    await fill(page, CHALLENGED)
    await page.get_by_role("button", name="Pay").first.click()
    assert await page.get_by_role("heading", name="Your bank asks you to confirm").is_visible()
    await keep_picture(page, "challenge")
    assert await fits(page)
    await page.get_by_role("button", name="Fail").click()
    assert "could not authenticate" in await page.get_by_role("alert").inner_text()
    await fill(page, CHALLENGED)
    await page.get_by_role("button", name="Pay").first.click()
    await page.get_by_role("button", name="Authenticate").click()
    await page.wait_for_url(f"{shop.base_url}/thanks")
    assert sandbox.store.get(session["id"])["status"] == "complete"


async def test_a_direct_payment_and_a_wallet(page: Page, api: Api, sandbox: Sandbox, shop: Shop) -> None:
    back = f"{shop.base_url}/back"
    intent = await api.make("/v1/payment_intents", payment(CHALLENGED, return_url=back))
    await page.goto(intent["next_action"]["challenge_redirect"]["url"])
    await page.get_by_role("button", name="Authenticate").click()
    await page.wait_for_url(back)
    assert sandbox.store.get(intent["id"])["status"] == "succeeded"

    session = await session_of(api, shop)
    await page.goto(session["url"])
    await page.get_by_role("button", name="Alipay").click()
    assert await page.get_by_role("heading", name="Pay with Alipay").is_visible()
    await keep_picture(page, "wallet")
    assert await fits(page)
    await page.get_by_role("button", name="Pay", exact=True).click()
    await page.wait_for_url(f"{shop.base_url}/thanks")


async def test_by_keyboard_alone(page: Page, api: Api, sandbox: Sandbox, shop: Shop) -> None:
    session = await session_of(api, shop)
    await page.goto(session["url"])
    for text in ("ada@example.com", GOOD, "12", "2090", "123", "Ada"):
        await page.keyboard.press("Tab")
        await page.keyboard.type(text)
    await keep_picture(page, "filled")
    await page.keyboard.press("Enter")
    await page.wait_for_url(f"{shop.base_url}/thanks")
    assert sandbox.store.get(session["id"])["customer_details"] == {"email": "ada@example.com", "name": "Ada"}


async def test_giving_up_leads_back_to_the_shop(page: Page, api: Api, sandbox: Sandbox, shop: Shop) -> None:
    session = await session_of(api, shop)
    await page.goto(session["url"])
    await page.get_by_role("link", name="Cancel").click()
    await page.wait_for_url(f"{shop.base_url}/basket")
    assert sandbox.store.get(session["id"])["status"] == "open"
