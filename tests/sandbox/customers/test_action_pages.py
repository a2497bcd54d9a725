"""The pages of wallets, banks and challenges in a real browser, for payments and for setups."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sandbox.browsing import fits, keep_picture, needs_browser, on_both_screens
from sandbox.rig import CHALLENGED, Api, Shop, card, payment

from wooshpay.sandbox import Sandbox

if TYPE_CHECKING:
    from playwright.async_api import Page

pytestmark = needs_browser


@on_both_screens
async def test_a_wallet_with_a_code(page: Page, api: Api, sandbox: Sandbox, shop: Shop) -> None:
    back = f"{shop.base_url}/back"
    body = payment(confirm=True, currency="THB", payment_method_data={"type": "promptpay"}, return_url=back)
    intent = await api.make("/v1/payment_intents", body)
    await page.goto(intent["next_action"]["promptpay_handle_redirect"]["url"])
    assert await page.get_by_role("heading", name="Pay with PromptPay").is_visible()
    assert await page.get_by_label("The QR code of this payment, as text").inner_text() != ""
    buttons = [await button.inner_text() for button in await page.get_by_role("button").all()]
    assert buttons == [
        "Pay",
        "Fail",
        "Cancel",
        "Pay later (bank confirms in a minute)",
        "Fail later (bank refuses in a minute)",
    ]
    assert await fits(page)
    await keep_picture(page, "wallet-with-code")
    await page.get_by_role("button", name="Pay later").click()
    await page.wait_for_url(back)
    assert sandbox.store.get(intent["id"])["status"] == "processing"


@on_both_screens
async def test_the_challenge_of_a_setup(page: Page, api: Api, sandbox: Sandbox, shop: Shop) -> None:
    back = f"{shop.base_url}/back"
    body = {"confirm": True, "payment_method_data": card(CHALLENGED), "return_url": back}
    setup = await api.make("/v1/setup_intents", body)
    await page.goto(setup["next_action"]["challenge_redirect"]["url"])
    assert await page.get_by_role("heading", name="Your bank asks you to confirm").is_visible()
    assert await page.get_by_text("Nothing is charged now.").is_visible()
    assert await fits(page)
    await keep_picture(page, "challenge-of-a-setup")
    await page.get_by_role("button", name="Authenticate").click()
    await page.wait_for_url(back)
    assert sandbox.store.get(setup["id"])["status"] == "succeeded"


@pytest.mark.parametrize(("name", "heading"), [("Save", "Done"), ("Cancel", "Not saved"), ("Save later", "Under way")])
async def test_the_wallet_of_a_setup_by_keyboard(page: Page, api: Api, name: str, heading: str) -> None:
    setup = await api.make("/v1/setup_intents", {"confirm": True, "payment_method_data": {"type": "alipay"}})
    await page.goto(setup["next_action"]["alipay_handle_redirect"]["url"])
    assert await page.get_by_role("heading", name="Save Alipay").is_visible()
    await keep_picture(page, "wallet-of-a-setup")
    wanted = page.get_by_role("button", name=name, exact=name == "Save").first
    for _ in range(10):
        await page.keyboard.press("Tab")
        if await wanted.evaluate("button => button === document.activeElement"):
            break
    await page.keyboard.press("Enter")
    await page.get_by_role("heading", name=heading).wait_for()
    await keep_picture(page, f"ending-{heading.lower().replace(' ', '-')}")
