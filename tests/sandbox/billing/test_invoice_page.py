"""The hosted page of an invoice: over plain HTTP, and in a real browser."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.billing.desk import balance, bill, customer, finalized, fresh, newest_invoice, plain, price
from sandbox.browsing import fill, fits, keep_picture, needs_browser, on_both_screens
from sandbox.rig import CHALLENGED, DECLINED, GOOD, Api, card_form

from wooshpay.sandbox import Sandbox

if TYPE_CHECKING:
    from playwright.async_api import Page


# ---- over plain HTTP


async def test_what_the_page_of_an_open_invoice_says(api: Api) -> None:
    owner = await customer(api)
    invoice = await finalized(
        api,
        owner,
        123_456,
        -456,
        description="Tea for March",
        footer="Thank you for the order",
        collection_method="send_invoice",
    )
    status, text, _ = await api.browse(invoice["hosted_invoice_url"])
    assert status == 200
    for words in (
        f"Invoice {invoice['number']}",
        "Open",
        "Ada, ada@example.com",
        "1 January 2026",
        "31 January 2026",
        "Tea for March",
        "Sum of 123456",
        "1,234.56 USD",
        "-4.56 USD",
        "1,230.00 USD",
        "Pay 1,230.00 USD",
        "Thank you for the order",
    ):
        assert words in text, words


async def test_quantities_periods_discounts_and_credit_are_shown(api: Api) -> None:
    subscription = await plain(api, None)
    owner = subscription["customer"]
    first = await newest_invoice(api, subscription)
    _, text, _ = await api.browse(first["hosted_invoice_url"])
    assert "1 January 2026 to 1 February 2026" in text
    await finalized(api, owner, -300)
    draft = await bill(api, owner)
    lines = [{"price": await price(api, 250, "once"), "quantity": 4}]
    await api.make(f"/v1/invoices/{draft['id']}/add_lines", {"lines": lines})
    invoice = await api.make(f"/v1/invoices/{draft['id']}/finalize")
    _, text, _ = await api.browse(invoice["hosted_invoice_url"])
    for words in ("Quantity 4", "Subtotal", "10.00 USD", "Credit", "-3.00 USD", "Pay 7.00 USD"):
        assert words in text, words


async def test_what_is_left_as_credit_is_shown(api: Api) -> None:
    invoice = await finalized(api, await customer(api), -300)
    _, text, _ = await api.browse(invoice["hosted_invoice_url"])
    assert "Kept as credit" in text
    assert "3.00 USD" in text


async def test_paying_on_the_page(api: Api) -> None:
    invoice = await finalized(api, await customer(api, None), 500)
    url = invoice["hosted_invoice_url"]
    status, text, _ = await api.browse(url, {"number": "", "cvc": "1"})
    assert (status, "Enter the card number." in text) == (400, True)
    status, text, _ = await api.browse(url, card_form(DECLINED))
    assert (status, "The card was declined. Try again" in text) == (402, True)
    status, text, _ = await api.browse(url, card_form("4000000000000127"))
    assert (status, 'id="cvc-error"' in text) == (402, True)
    status, _, where = await api.browse(url, card_form())
    assert (status, where) == (303, url)
    assert ((await fresh(api, invoice))["status"], await balance(api)) == ("paid", 500)
    _, text, _ = await api.browse(url)
    assert "This invoice is paid. Thank you." in text
    assert "<form" not in text
    # A form that was sent twice charges once.
    assert (await api.browse(url, card_form()))[0] == 200
    assert await balance(api) == 500


async def test_a_challenge_leads_back_to_the_page(api: Api) -> None:
    invoice = await finalized(api, await customer(api, None), 500)
    url = invoice["hosted_invoice_url"]
    for outcome, words in (("fail", "could not authenticate"), ("authenticate", "This invoice is paid")):
        status, _, challenge = await api.browse(url, card_form(CHALLENGED))
        assert status == 303
        assert challenge is not None
        _, _, back = await api.browse(challenge, {"outcome": outcome})
        assert back == url
        assert words in (await api.browse(url))[1]


async def test_a_payment_under_way_is_not_asked_for_twice(api: Api, sandbox: Sandbox) -> None:
    invoice = await finalized(api, await customer(api, None), 500)
    url = invoice["hosted_invoice_url"]
    await api.browse(url, card_form("4000000000000077"))
    _, text, _ = await api.browse(url)
    assert "is being processed" in text
    assert "<form" not in text
    assert (await api.browse(url, card_form()))[0] == 400
    sandbox.clock.advance(minutes=1)
    assert "This invoice is paid" in (await api.browse(url))[1]


async def test_a_voided_invoice_asks_for_nothing(api: Api) -> None:
    invoice = await finalized(api, await customer(api), 500)
    await api.make(f"/v1/invoices/{invoice['id']}/void")
    status, text, _ = await api.browse(invoice["hosted_invoice_url"], card_form())
    assert (status, "This invoice was canceled" in text, "<form" in text) == (200, True, False)
    assert await balance(api) == 0


async def test_a_draft_has_no_page_yet_and_a_wrong_key_none_at_all(api: Api, sandbox: Sandbox) -> None:
    owner = await customer(api)
    draft = await bill(api, owner, 500)
    assert "hosted_invoice_url" not in draft
    url: str = (await finalized(api, owner, 500))["hosted_invoice_url"]
    for wrong in (url[:-1], url.partition("?")[0], f"{sandbox.base_url}/invoice/in_1?key=x"):
        assert (await api.browse(wrong))[0] == 404
        assert (await api.browse(wrong, card_form()))[0] == 404


async def test_the_page_says_nothing_of_what_failed_while_the_customer_was_away(api: Api) -> None:
    invoice = await finalized(api, await customer(api, CHALLENGED), 500)
    await api.post(f"/v1/invoices/{invoice['id']}/pay", {"off_session": True})
    _, text, _ = await api.browse(invoice["hosted_invoice_url"])
    assert 'role="alert"' not in text


async def test_a_page_pays_a_first_invoice_and_the_card_is_kept(api: Api, sandbox: Sandbox) -> None:
    subscription = await plain(api, None)
    invoice = await newest_invoice(api, subscription)
    await api.browse(invoice["hosted_invoice_url"], card_form())
    assert (await fresh(api, subscription))["status"] == "active"
    sandbox.clock.advance(days=31)
    assert (await newest_invoice(api, subscription))["status"] == "paid"


async def test_text_of_the_merchant_is_no_markup(api: Api) -> None:
    invoice = await finalized(api, await customer(api, name="<b>Ada"), 500, description="<script>x</script>")
    _, text, _ = await api.browse(invoice["hosted_invoice_url"])
    assert "&lt;b&gt;Ada" in text
    assert "<script>x" not in text


# ---- in a browser


async def rich_invoice(api: Api) -> tuple[str, str]:
    """The id and the page of an invoice with all that a page can show."""
    owner = await customer(api, None, name="Augusta Ada King, Countess of Lovelace")
    await finalized(api, owner, -1500)
    fields = {
        "description": "Delivered to London on 3 January.",
        "footer": "Tea Company Ltd, 1 Leaf Street, London. Payable within 14 days.",
        "collection_method": "send_invoice",
        "days_until_due": 14,
    }
    draft = await bill(api, owner, 8950, -450, **fields)
    lines = [
        {
            "price": await price(api, 1250, "once", product_data={"name": "Darjeeling first flush, 100 g"}),
            "quantity": 12,
        },
    ]
    await api.make(f"/v1/invoices/{draft['id']}/add_lines", {"lines": lines})
    await api.make(
        "/v1/invoiceitems",
        {
            "customer": owner,
            "invoice": draft["id"],
            "amount": 2000,
            "currency": "usd",
            "description": "Tea club membership",
            "period": {"start": 1_767_225_600_000, "end": 1_769_904_000_000},
        },
    )
    invoice = await api.make(f"/v1/invoices/{draft['id']}/finalize")
    return invoice["id"], invoice["hosted_invoice_url"]


@needs_browser
@on_both_screens
async def test_looked_at_declined_and_paid(page: Page, api: Api, sandbox: Sandbox) -> None:
    id, url = await rich_invoice(api)
    await page.goto(url)
    await keep_picture(page, "invoice")
    assert await fits(page)
    await page.get_by_role("button", name="Pay 240.00 USD").click()
    assert await page.get_by_text("Enter the card number.").is_visible()
    # The form is below the invoice on a phone: it is what the customer sees.
    assert await page.get_by_role("heading", name="Pay with a card").evaluate(
        "element => element.getBoundingClientRect().top < window.innerHeight"
    )
    await keep_picture(page, "invoice-errors")
    assert await fits(page)
    await fill(page, DECLINED)
    await page.get_by_role("button", name="Pay").click()
    assert "The card was declined." in await page.get_by_role("alert").inner_text()
    await fill(page, GOOD)
    await page.get_by_role("button", name="Pay").click()
    await page.get_by_text("This invoice is paid. Thank you.").wait_for()
    assert sandbox.store.get(id)["status"] == "paid"
    await keep_picture(page, "invoice-paid")
    assert await fits(page)
    await page.emulate_media(media="print")
    assert not await page.get_by_text("Sandbox: no real money moves here.").is_visible()
    await keep_picture(page, "invoice-print")


@needs_browser
@on_both_screens
async def test_voided_and_still_to_be_printed(page: Page, api: Api) -> None:
    id, url = await rich_invoice(api)
    await page.goto(url)
    await page.emulate_media(media="print")
    assert not await page.get_by_role("button", name="Pay").is_visible()
    await keep_picture(page, "invoice-open-print")
    await page.emulate_media(media="screen")
    await api.make(f"/v1/invoices/{id}/void")
    await page.goto(url)
    await keep_picture(page, "invoice-void")
    assert await page.get_by_text("This invoice was canceled.").is_visible()
    assert await fits(page)


@needs_browser
async def test_a_challenge_by_keyboard_alone(page: Page, api: Api, sandbox: Sandbox) -> None:
    id, url = await rich_invoice(api)
    await page.goto(url)
    for text in (CHALLENGED, "12", "2090", "123", "Ada"):
        await page.keyboard.press("Tab")
        await page.keyboard.type(text)
    await page.keyboard.press("Enter")
    await page.get_by_role("button", name="Authenticate").wait_for()
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await page.get_by_text("This invoice is paid. Thank you.").wait_for()
    assert sandbox.store.get(id)["status"] == "paid"


@needs_browser
async def test_what_a_screen_reader_hears(page: Page, api: Api) -> None:
    _, url = await rich_invoice(api)
    await page.goto(url)
    assert await page.get_by_role("heading", level=1).count() == 1
    assert await page.get_by_role("region", name="Pay with a card").is_visible()
    assert await page.get_by_role("table", name="What this invoice is for").is_visible()
    assert await page.get_by_role("rowheader", name="Amount due").is_visible()
    await fill(page, GOOD)
    await page.get_by_label("Security code (CVC)").fill("1")
    await page.get_by_role("button", name="Pay").click()
    field = page.get_by_label("Security code (CVC)")
    assert await field.get_attribute("aria-invalid") == "true"
    described = await field.get_attribute("aria-describedby")
    assert await page.locator(f"#{described}").inner_text() == "Enter the three or four digits of the security code."
    # The number is what the customer has just typed. The security code never comes back.
    assert await page.get_by_label("Card number").input_value() == GOOD
    assert await field.input_value() == ""
