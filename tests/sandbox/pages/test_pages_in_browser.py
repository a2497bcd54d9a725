"""The start page, the test cards, the way back and the shop's page in a real browser."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox.billing.desk import customer, finalized
from sandbox.browsing import fill, keep_picture, needs_browser, on_both_screens
from sandbox.pages.looking import check, is_outlined
from sandbox.rig import CHALLENGED, DECLINED, GOOD, Api, Shop, order

from wooshpay.sandbox import Sandbox

if TYPE_CHECKING:
    from playwright.async_api import Page

pytestmark = needs_browser


async def session_of(api: Api, **fields: Any) -> dict[str, Any]:
    session: dict[str, Any] = await api.make("/v1/checkout/sessions", order(**fields))
    return session


async def look(page: Page, name: str) -> None:
    """Check a page, and keep pictures of it in light and in dark where a developer asked for them."""
    await check(page, name)
    await keep_picture(page, f"pages-{name}")
    await page.emulate_media(color_scheme="dark")
    await keep_picture(page, f"pages-{name}-dark")
    await page.emulate_media(color_scheme="light")


@on_both_screens
async def test_every_page_fits_can_be_read_and_is_labelled(page: Page, api: Api, sandbox: Sandbox) -> None:
    await page.goto(sandbox.base_url)
    await look(page, "start")
    session = await session_of(api, payment_method_types=["card", "alipay", "wechat_pay", "pix"])
    await page.goto(session["url"])
    await look(page, "checkout")
    await page.get_by_role("button", name="Pay 39.98 USD").click()
    await look(page, "errors")
    await fill(page, DECLINED)
    await page.get_by_role("button", name="Pay 39.98 USD").click()
    for summary in await page.locator("summary").all():
        await summary.click()
    await look(page, "declined")
    await fill(page, CHALLENGED)
    await page.get_by_role("button", name="Pay 39.98 USD").click()
    await look(page, "challenge")
    await page.get_by_role("button", name="Fail").click()
    await page.get_by_role("button", name="Alipay").click()
    await look(page, "wallet")
    await page.get_by_role("button", name="Pay later").click()
    await look(page, "shop")
    await page.goto(session["url"])
    await look(page, "processing")
    sandbox.clock.advance(minutes=2)
    await page.goto(session["url"])
    await look(page, "paid")
    setup = await session_of(api, mode="setup", line_items=None, payment_method_types=["card", "alipay"])
    await page.goto(setup["url"])
    await look(page, "setup")
    owner = await customer(api, None)
    invoice = await finalized(api, owner, 24_000, description="Tea for March")
    await page.goto(invoice["hosted_invoice_url"])
    await look(page, "invoice")


@on_both_screens
async def test_a_click_fills_in_a_test_card(page: Page, api: Api, shop: Shop) -> None:
    session = await session_of(api, success_url=f"{shop.base_url}/thanks")
    await page.goto(session["url"])
    await page.get_by_label("E-mail").fill("ada@example.com")
    cards = page.get_by_role("region", name="Test cards")
    await cards.get_by_role("button", name="Use the card 4000 0000 0000 0002").click()
    assert await page.get_by_label("Card number").input_value() == "4000 0000 0000 0002"
    assert await page.get_by_label("Month").input_value() == "12"
    assert len(await page.get_by_label("Year").input_value()) == 4
    assert await page.get_by_label("Security code (CVC)").input_value() == "123"
    assert await page.get_by_label("E-mail").input_value() == "ada@example.com"
    assert "4000 0000 0000 0002" in await cards.get_by_role("status").inner_text()
    await keep_picture(page, "pages-filled-in")
    # The button to pay has the focus, and can be seen.
    assert await page.evaluate("document.activeElement.id") == "pay"
    await page.keyboard.press("Enter")
    await page.get_by_role("alert").wait_for()
    assert await page.get_by_label("Card number").input_value() == "4000 0000 0000 0002"
    await cards.get_by_text("9 more").click()
    await cards.get_by_role("button", name="insufficient_funds").click()
    await page.keyboard.press("Enter")
    await page.get_by_text("insufficient funds").first.wait_for()
    await cards.get_by_role("button", name="Use the card 4111 1111 1111 1111").click()
    await page.keyboard.press("Enter")
    await page.wait_for_url(f"{shop.base_url}/thanks")


async def test_the_test_cards_by_keyboard_alone(page: Page, api: Api, shop: Shop) -> None:
    session = await session_of(api, success_url=f"{shop.base_url}/thanks")
    await page.goto(session["url"])
    wanted = page.get_by_role("button", name="Use the card 4111 1111 1111 1111")
    for _ in range(20):
        await page.keyboard.press("Tab")
        assert await is_outlined(page)
        if await wanted.evaluate("button => button === document.activeElement"):
            break
    await page.keyboard.press("Enter")
    await page.keyboard.press("Enter")
    await page.wait_for_url(f"{shop.base_url}/thanks")


async def test_the_test_cards_fill_in_the_form_of_an_invoice(page: Page, api: Api) -> None:
    url = (await finalized(api, await customer(api, None), 500))["hosted_invoice_url"]
    await page.goto(url)
    await page.get_by_role("button", name="Use the card 4111 1111 1111 1111").click()
    await page.keyboard.press("Enter")
    await page.get_by_text("This invoice is paid. Thank you.").wait_for()


@on_both_screens
async def test_where_the_test_cards_are(page: Page, api: Api) -> None:
    """On a desktop they are beside the form, on a phone below it."""
    await page.goto((await session_of(api))["url"])
    form = await page.get_by_role("region", name="Payment", exact=True).bounding_box()
    cards = await page.get_by_role("region", name="Test cards").bounding_box()
    assert form is not None
    assert cards is not None
    if (page.viewport_size or {"width": 0})["width"] > 1000:
        assert cards["x"] + cards["width"] < form["x"]
        assert cards["y"] < form["y"] + form["height"]
    else:
        assert cards["y"] > form["y"] + form["height"]


async def test_without_javascript_the_numbers_can_be_read_and_no_button_is_dead(page: Page, api: Api) -> None:
    browser = page.context.browser
    assert browser is not None
    context = await browser.new_context(java_script_enabled=False)
    plain = await context.new_page()
    await plain.goto((await session_of(api))["url"])
    assert await plain.get_by_text("4111 1111 1111 1111", exact=True).is_visible()
    assert await plain.get_by_role("button", name="Use").count() == 0
    await plain.get_by_text("9 more").click()
    assert await plain.get_by_text("4000 0000 0000 9995", exact=True).is_visible()
    await context.close()


@on_both_screens
async def test_a_newcomer_who_pays_does_not_land_on_an_error_of_the_network(page: Page, api: Api) -> None:
    session = await session_of(api)
    await page.goto(session["url"])
    await fill(page, GOOD)
    await page.get_by_role("button", name="Pay 39.98 USD").click()
    await page.get_by_role("heading", name="Your shop's page would open here").wait_for()
    assert await page.get_by_text(session["success_url"]).is_visible()


async def test_from_the_start_page_to_the_dashboard(page: Page, sandbox: Sandbox) -> None:
    await page.goto(sandbox.dashboard_url)
    await page.goto(f"{sandbox.base_url}/")
    await page.get_by_role("link", name="Open the dashboard").click()
    await page.wait_for_url(f"{sandbox.base_url}/dashboard")
    assert await page.get_by_role("navigation", name="Dashboard").is_visible()


async def test_a_failed_challenge_keeps_what_was_typed(page: Page, api: Api) -> None:
    await page.goto((await session_of(api))["url"])
    await page.get_by_label("E-mail").fill("ada@example.com")
    await page.get_by_label("Name on card").fill("Ada")
    await fill(page, CHALLENGED)
    await page.get_by_role("button", name="Pay 39.98 USD").click()
    await page.get_by_role("button", name="Fail").click()
    await page.get_by_role("alert").wait_for()
    for label, value in {
        "E-mail": "ada@example.com",
        "Name on card": "Ada",
        "Month": "12",
        "Year": "2090",
        "Card number": "",
        "Security code (CVC)": "",
    }.items():
        assert await page.get_by_label(label).input_value() == value, label
