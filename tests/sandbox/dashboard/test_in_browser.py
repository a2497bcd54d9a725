"""The dashboard in a real browser: live, at both sizes, by keyboard, with an empty console."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sandbox.browsing import DESKTOP, fits, keep_picture, needs_browser, on_both_screens
from sandbox.rig import CHALLENGED, DECLINED, GOOD, Api, Shop, order, payment

from wooshpay.sandbox import Sandbox

if TYPE_CHECKING:
    from playwright.async_api import Browser, Page

pytestmark = needs_browser


async def mark(page: Page) -> None:
    """Leave a mark that only a reload wipes out."""
    await page.evaluate("window.unloaded = false")


async def was_not_reloaded(page: Page) -> bool:
    found: bool = await page.evaluate("window.unloaded === false")
    return found


async def make_busy(api: Api, shop: Shop, sandbox: Sandbox) -> dict[str, str]:
    """A sandbox in which a good deal has happened; give ids of some objects."""
    endpoint = await api.make("/v1/webhook_endpoints", {"url": shop.hook(), "enabled_events": ["*"]})
    await api.make("/v1/webhook_endpoints", {"url": "http://127.0.0.1:9/hook", "enabled_events": ["refund.created"]})
    paid = await api.make("/v1/payment_intents", payment(GOOD, description="Order 7: " + "tea " * 40))
    await api.post("/v1/payment_intents", payment(DECLINED))
    waiting = await api.make("/v1/payment_intents", payment(CHALLENGED))
    await api.make("/v1/payment_intents", payment(GOOD, capture_method="manual"))
    session = await api.make("/v1/checkout/sessions", order())
    await api.make("/v1/refunds", {"payment_intent": paid["id"], "amount": 500})
    sandbox.faults.add("rate_limit", operation="refunds.create", probability=0.25)
    await sandbox.settle()
    return {"pi": paid["id"], "waiting": waiting["id"], "cs": session["id"], "we": endpoint["id"]}


@on_both_screens
async def test_every_page_fits_and_is_named(page: Page, api: Api, shop: Shop, sandbox: Sandbox) -> None:
    ids = await make_busy(api, shop, sandbox)
    event = sandbox.store.events("payment_intent.succeeded")[0]["id"]
    await page.goto(sandbox.dashboard_url)
    assert page.url == f"{sandbox.base_url}/dashboard"
    for name, path in {
        "overview": "",
        "kinds": "/objects",
        "kind": "/objects/payment_intent",
        "object": f"/object/{ids['waiting']}",
        "event": f"/object/{event}",
        "requests": "/requests",
        "request": f"/requests/{sandbox.requests[2].id}",
        "events": "/events",
        "webhooks": "/webhooks",
        "endpoint": f"/webhooks/{ids['we']}",
        "clock": "/clock",
        "faults": "/faults",
        "outcomes": "/outcomes",
        "acts": "/acts",
        "act": f"/acts/disputes.create?parameter.payment_intent={ids['pi']}",
        "paid": f"/object/{ids['pi']}",
        "refund": f"/operations/refunds.create?parameter.payment_intent={ids['pi']}",
        "session": f"/object/{ids['cs']}",
        "filtered": "/objects/payment_intent?status=succeeded&order=17",
    }.items():
        await page.goto(f"{sandbox.base_url}/dashboard{path}")
        await page.get_by_text("Connected", exact=True).wait_for()
        await keep_picture(page, f"dashboard-{name}")
        assert await fits(page), name
        assert await page.get_by_role("heading", level=1).count() == 1, name
        # Every field has a label, every table head a scope, and where we are is marked.
        fields = page.locator("input:not([type=hidden]), select, textarea")
        for field in await fields.all():
            assert await field.evaluate("field => field.labels.length > 0"), (name, await field.get_attribute("name"))
        assert await page.locator("th:not([scope])").count() == 0, name
        assert await page.locator("nav [aria-current=page]").count() == 1, name


@on_both_screens
async def test_what_the_api_does_appears_without_a_reload(page: Page, api: Api, sandbox: Sandbox) -> None:
    await page.goto(sandbox.dashboard_url)
    await page.get_by_text("Connected", exact=True).wait_for()
    await mark(page)
    intent = await api.make("/v1/payment_intents", payment(GOOD))
    await page.get_by_text("20.00 USD").wait_for()
    await page.get_by_role("link", name="1 Payment intent").wait_for()
    await page.get_by_role("link", name="POST /v1/payment_intents").wait_for()
    assert await was_not_reloaded(page)
    await page.goto(f"{sandbox.base_url}/dashboard/object/{intent['id']}")
    await page.get_by_text("Connected", exact=True).wait_for()
    await mark(page)
    await api.make("/v1/refunds", {"payment_intent": intent["id"]})
    await api.make(f"/v1/payment_intents/{intent['id']}", {"metadata": {"note": "written later"}})
    await page.get_by_text("written later").wait_for()
    assert await was_not_reloaded(page)


async def test_an_update_leaves_alone_what_the_reader_does(page: Page, api: Api, shop: Shop, sandbox: Sandbox) -> None:
    for number in range(30):
        await api.make("/v1/webhook_endpoints", {"url": shop.hook(f"n{number}"), "enabled_events": ["a.b", "c.d"]})
    await page.goto(sandbox.dashboard_url)
    await page.goto(f"{sandbox.base_url}/dashboard/webhooks")
    await page.get_by_text("Connected", exact=True).wait_for()
    await page.get_by_text("2 types").nth(20).click()
    await page.get_by_label("Find an object").fill("half an i")
    await page.get_by_role("link", name=shop.hook("n5"), exact=True).focus()
    await page.evaluate("window.scrollTo(0, 400)")
    await mark(page)
    await api.make("/v1/webhook_endpoints", {"url": shop.hook("fresh"), "enabled_events": ["*"]})
    await page.get_by_role("link", name=shop.hook("fresh"), exact=True).wait_for()
    assert await page.locator("details[open]").count() == 1
    assert await page.get_by_text("c.d").locator("visible=true").count() == 1
    assert await page.get_by_label("Find an object").input_value() == "half an i"
    assert await page.evaluate("document.activeElement.textContent") == shop.hook("n5")
    assert await page.evaluate("window.scrollY") >= 400
    assert await was_not_reloaded(page)
    assert await page.locator("#said").inner_text() == "Updated."


async def test_what_is_typed_into_a_form_survives_an_update(page: Page, api: Api, sandbox: Sandbox) -> None:
    await page.goto(sandbox.dashboard_url)
    await page.goto(f"{sandbox.base_url}/dashboard/faults")
    await page.get_by_text("Connected", exact=True).wait_for()
    await page.get_by_label("Seed").fill("77")
    await page.get_by_label("Fault", exact=True).select_option("slow")
    sandbox.faults.add("bad_gateway")
    await page.get_by_role("button", name="Remove 502 in HTML").wait_for()
    assert await page.get_by_label("Seed").input_value() == "77"
    assert await page.get_by_label("Fault", exact=True).input_value() == "slow"


@on_both_screens
async def test_advance_moves_the_clock_and_what_is_due_happens(page: Page, api: Api, sandbox: Sandbox) -> None:
    session = await api.make("/v1/checkout/sessions", order())
    await page.goto(sandbox.dashboard_url)
    await page.goto(f"{sandbox.base_url}/dashboard/clock")
    await page.get_by_text("Expire a session").wait_for()
    before = sandbox.clock.now
    await page.get_by_role("button", name="Advance 31 days").click()
    await page.get_by_text("Nothing is scheduled").wait_for()
    assert sandbox.clock.now - before >= 31 * 86_400_000
    assert sandbox.store.get(session["id"])["status"] == "expired"
    await page.get_by_role("button", name="Freeze").click()
    await page.get_by_text("The clock is frozen at").wait_for()
    shown = await page.locator("#now").inner_text()
    await page.get_by_label("Advance by", exact=True).fill("90")
    await page.get_by_label("Unit").select_option("minutes")
    await page.get_by_role("button", name="Advance", exact=True).click()
    await page.get_by_role("button", name="Resume").wait_for()
    assert await page.locator("#now").inner_text() > shown
    await page.get_by_role("button", name="Resume").click()
    await page.get_by_text("The clock is running.").wait_for()


async def test_the_shown_time_goes_on_and_follows_the_clock(page: Page, sandbox: Sandbox) -> None:
    await page.goto(sandbox.dashboard_url)
    await page.get_by_text("Connected", exact=True).wait_for()
    shown = await page.locator("#now").inner_text()
    await page.wait_for_function("shown => document.getElementById('now').textContent !== shown", arg=shown)
    sandbox.clock.advance(days=400)
    await page.wait_for_function(
        "year => document.getElementById('now').textContent > year", arg=str(int(shown[:4]) + 1)
    )


async def test_a_fault_switched_on_hits_the_next_call(page: Page, api: Api, sandbox: Sandbox) -> None:
    await page.goto(sandbox.dashboard_url)
    await page.get_by_role("link", name="Faults").click()
    await page.get_by_label("Fault", exact=True).select_option("rate_limit")
    await page.get_by_label("Requests", exact=True).select_option("balance.retrieve")
    await page.get_by_role("button", name="Switch on").click()
    await page.get_by_role("link", name="Faults 1 switched on").wait_for()
    await mark(page)
    assert (await api.get("/v1/balance")).status == 429
    await page.get_by_text("No fault is switched on").wait_for()
    assert await was_not_reloaded(page)


async def test_resend_delivers_again(page: Page, api: Api, shop: Shop, sandbox: Sandbox) -> None:
    await api.make("/v1/webhook_endpoints", {"url": shop.hook(), "enabled_events": ["payment_intent.created"]})
    await api.make("/v1/payment_intents", payment())
    await sandbox.settle()
    await page.goto(sandbox.dashboard_url)
    await page.get_by_role("link", name="Webhooks").click()
    await page.get_by_role("button", name="Resend payment_intent.created").click()
    await page.get_by_text("2 delivered", exact=True).wait_for()
    assert shop.types() == ["payment_intent.created"] * 2


async def test_revealed_secrets_stay_until_they_are_hidden(page: Page, api: Api, sandbox: Sandbox) -> None:
    await page.goto(sandbox.dashboard_url)
    await page.get_by_role("button", name="Reveal the keys").click()
    await page.get_by_text(sandbox.api_key).wait_for()
    await api.make("/v1/customers")
    await page.get_by_text("This page does not update").wait_for()
    await page.get_by_role("link", name="Hide the keys").click()
    await page.get_by_text("sk_test_[hidden]").wait_for()
    assert await page.get_by_text(sandbox.api_key).count() == 0


async def test_a_hosted_page_opens_from_its_object(page: Page, api: Api, sandbox: Sandbox) -> None:
    session = await api.make("/v1/checkout/sessions", order())
    await page.goto(sandbox.dashboard_url)
    await page.get_by_label("Find an object").fill(session["id"])
    await page.keyboard.press("Enter")
    async with page.expect_popup() as opening:
        await page.get_by_role("link", name="Open the payment page").click()
    hosted = await opening.value
    await hosted.get_by_role("heading", name="Your order").wait_for()


@pytest.mark.parametrize("page", [DESKTOP], indirect=True)
async def test_the_time_column_is_in_sight(page: Page, api: Api, shop: Shop, sandbox: Sandbox) -> None:
    """Long paths, keys and errors stand beside it; at this width nobody should have to scroll for the time."""
    await make_busy(api, shop, sandbox)
    intent = await api.make("/v1/payment_intents", payment(GOOD, capture_method="manual"))
    await api.post(f"/v1/payment_intents/{intent['id']}/capture", {"amount_to_capture": 10**9}, key="k" * 200)
    await api.post(f"/v1/payment_intents/{intent['id']}/capture", {"amount_to_capture": 10**9}, key="k" * 200)
    sandbox.faults.add("server_error")
    await api.post(f"/v1/checkout/sessions/{'x' * 200}/expire", key="l" * 200)
    await sandbox.settle()
    await page.goto(sandbox.dashboard_url)
    for path in ("", "/requests", "/events", "/webhooks", f"/object/{intent['id']}"):
        await page.goto(f"{sandbox.base_url}/dashboard{path}")
        await keep_picture(page, f"dashboard-times{path.replace('/', '-')[:9]}")
        times = await page.locator("td.time").all()
        assert times
        for time in times:
            box = await time.bounding_box()
            assert box is not None
            assert box["x"] + box["width"] <= DESKTOP[0], path
        # Nothing but the page itself is as wide as it can be, so no other column is out of sight either.
        for region in await page.locator(".scroll").all():
            assert await region.evaluate("region => region.scrollWidth <= region.clientWidth"), path


@on_both_screens
async def test_a_refund_with_its_amount(page: Page, api: Api, sandbox: Sandbox) -> None:
    """Button, form, mistake beside its field, success: without a word of JSON."""
    paid = await api.make("/v1/payment_intents", payment(GOOD))
    await page.goto(sandbox.dashboard_url)
    await page.goto(f"{sandbox.base_url}/dashboard/object/{paid['id']}")
    await page.get_by_role("button", name="Refund…").click()
    await page.get_by_label("Amount").fill("5000")
    await page.get_by_role("combobox", name="Reason").select_option("fraudulent")
    await page.get_by_role("button", name="Refund").click()
    await page.get_by_text("This was refused").wait_for()
    await keep_picture(page, "dashboard-refund-refused")
    amount = page.get_by_label("Amount")
    assert await amount.get_attribute("aria-invalid") == "true"
    assert await amount.input_value() == "5000"
    assert await fits(page)
    await amount.fill("700")
    await page.get_by_role("button", name="Refund").click()
    await page.get_by_role("heading", name="re_").wait_for()
    refund = sandbox.store.all("refund")[-1]
    assert (refund["amount"], refund["reason"]) == (700, "fraudulent")
    await page.get_by_text("7.00 USD").wait_for()


@on_both_screens
async def test_a_bank_acts_at_the_press_of_a_button(page: Page, api: Api, sandbox: Sandbox) -> None:
    paid = await api.make("/v1/payment_intents", payment("4000000000007726"))
    refund = await api.make("/v1/refunds", {"payment_intent": paid["id"]})
    await page.goto(sandbox.dashboard_url)
    await page.goto(f"{sandbox.base_url}/dashboard/object/{refund['id']}")
    await keep_picture(page, "dashboard-pending-refund")
    await page.get_by_role("button", name="Let it fail").click()
    await page.get_by_text("The action was carried out").wait_for()
    await keep_picture(page, "dashboard-done")
    assert await fits(page)
    await page.get_by_role("link", name=f"Go to {refund['id']}").click()
    await page.get_by_text("failed", exact=True).first.wait_for()
    assert await page.get_by_role("heading", name="Next steps").count() == 0


@on_both_screens
async def test_filters_narrow_the_table_and_are_cleared(page: Page, api: Api, sandbox: Sandbox) -> None:
    await api.make("/v1/payment_intents", payment(GOOD, merchant_order_id="17"))
    other = await api.make("/v1/payment_intents", payment(merchant_order_id="18"))
    await page.goto(sandbox.dashboard_url)
    await page.goto(f"{sandbox.base_url}/dashboard/objects/payment_intent")
    await page.get_by_label("Status").select_option("succeeded")
    await page.get_by_label("Order").fill("18")
    await page.get_by_role("button", name="Filter").click()
    await page.get_by_text("Nothing matches these filters").wait_for()
    await keep_picture(page, "dashboard-nothing-matches")
    assert await page.get_by_label("Order").input_value() == "18"
    await page.get_by_label("Status").select_option("")
    await page.get_by_role("button", name="Filter").click()
    await page.get_by_role("link", name=other["id"]).wait_for()
    assert await page.locator("tbody tr").count() == 1
    await page.get_by_role("link", name="Clear the filters").click()
    await page.locator("tbody tr").nth(1).wait_for()


@on_both_screens
async def test_an_endpoint_is_added_tested_and_deleted(page: Page, shop: Shop, sandbox: Sandbox) -> None:
    await page.goto(sandbox.dashboard_url)
    await page.goto(f"{sandbox.base_url}/dashboard/webhooks")
    await page.get_by_label("URL").fill("http://shop.example.com/x")
    await page.get_by_role("button", name="Add the endpoint").click()
    await page.get_by_role("alert").wait_for()
    assert await page.get_by_label("URL").input_value() == "http://shop.example.com/x"
    await page.get_by_label("URL").fill(shop.hook())
    await page.get_by_role("button", name="Add the endpoint").click()
    await page.get_by_role("button", name="Send the test event").click()
    await page.get_by_text("1 delivered", exact=True).wait_for()
    assert shop.types() == ["payment_intent.created"]
    await page.get_by_role("button", name="Reveal the secret").click()
    await page.get_by_text(sandbox.store.all("webhook_endpoint")[0]["secret"]).wait_for()
    await page.get_by_role("link", name="Hide the secret").click()
    await page.get_by_text("Delete this endpoint").click()
    assert await fits(page)
    await page.get_by_role("button", name="Delete the endpoint").click()
    await page.get_by_text("There are no webhook endpoints yet").wait_for()
    assert sandbox.store.all("webhook_endpoint") == []


@on_both_screens
async def test_a_customer_pays_and_passes_the_challenge_by_buttons(page: Page, api: Api, sandbox: Sandbox) -> None:
    """No hosted page has to be opened to bring a session to its end."""
    session = await api.make("/v1/checkout/sessions", order())
    await page.goto(sandbox.dashboard_url)
    await page.goto(f"{sandbox.base_url}/dashboard/object/{session['id']}")
    await keep_picture(page, "dashboard-open-session")
    await page.get_by_role("button", name="Choose the method and the outcome…").click()
    await page.get_by_label("Card").fill("pm_card_3ds")
    await page.get_by_role("combobox", name="Outcome").select_option("unfinished")
    await keep_picture(page, "dashboard-pay-form")
    assert await fits(page)
    await page.get_by_role("button", name="Carry out").click()
    await page.get_by_text("What the customer sees").wait_for()
    await keep_picture(page, "dashboard-challenge")
    assert await fits(page)
    intent = sandbox.store.all("payment_intent")[-1]["id"]
    await page.goto(f"{sandbox.base_url}/dashboard/object/{intent}")
    await page.get_by_role("button", name="Pass the authentication").click()
    link = page.get_by_role("link", name="https://shop.example/thanks")
    assert await link.is_visible()
    await keep_picture(page, "dashboard-paid")
    assert await fits(page)
    assert sandbox.store.get(session["id"])["payment_status"] == "paid"


async def test_by_keyboard_alone(page: Page, api: Api, sandbox: Sandbox) -> None:
    await page.goto(sandbox.dashboard_url)
    await page.keyboard.press("Tab")
    assert await page.evaluate("document.activeElement.textContent") == "Skip to the content"
    await page.keyboard.press("Enter")
    assert await page.evaluate("document.activeElement.id") == "main"
    await page.goto(f"{sandbox.base_url}/dashboard/acts/balance.top_up")
    await page.get_by_label("Amount").focus()
    await page.keyboard.type("-1")
    await page.keyboard.press("Tab")
    await page.keyboard.type("eur")
    await page.keyboard.press("Enter")
    await page.get_by_role("alert").wait_for()
    await page.get_by_label("Amount").focus()
    await page.keyboard.press("Control+A")
    await page.keyboard.type("100")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Tab")
    outline = await page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    await page.keyboard.press("Enter")
    await page.get_by_text("The action was carried out").wait_for()
    assert outline == "solid"
    assert (await api.find("/v1/balance"))["available"] == [{"amount": 100, "currency": "eur"}]


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_text_has_enough_contrast(browser: Browser, api: Api, shop: Shop, sandbox: Sandbox, scheme: str) -> None:
    ids = await make_busy(api, shop, sandbox)
    context = await browser.new_context(color_scheme="dark" if scheme == "dark" else "light")
    page = await context.new_page()
    await page.goto(sandbox.dashboard_url)
    for path in (
        *("", f"/object/{ids['waiting']}", "/webhooks", "/requests", "/faults", "/outcomes", "/clock", "/acts"),
        *(f"/webhooks/{ids['we']}", "/objects/payment_intent?status=succeeded", "/acts/issuing.authorize"),
    ):
        await page.goto(f"{sandbox.base_url}/dashboard{path}")
        await keep_picture(page, f"dashboard-{scheme}{path.partition('?')[0].replace('/', '-')[:16]}")
        assert await page.evaluate(_TOO_FAINT) == [], path
    sandbox.faults.clear()  # one of them hits by chance, and would refuse the refund first
    await page.goto(f"{sandbox.base_url}/dashboard/operations/refunds.create?parameter.payment_intent={ids['pi']}")
    await page.get_by_label("Amount").fill("9999")
    await page.get_by_role("button", name="Refund").click()
    await page.get_by_text("This was refused").wait_for()
    await keep_picture(page, f"dashboard-{scheme}-refused")
    assert await page.evaluate(_TOO_FAINT) == []
    await page.goto(f"{sandbox.base_url}/dashboard/acts/checkout.sessions.pay?parameter.session={ids['cs']}")
    await page.get_by_role("button", name="Carry out").click()
    await page.get_by_text("What the customer sees").wait_for()
    await keep_picture(page, f"dashboard-{scheme}-paid")
    assert await page.evaluate(_TOO_FAINT) == []
    await context.close()


# The texts whose contrast with what is behind them is below 4.5, as WCAG reckons it.
_TOO_FAINT = """() => {
  const numbers = (color) => color.match(/[0-9.]+/g).map(Number);
  const light = (color) => {
    const [r, g, b] = numbers(color).slice(0, 3).map((part) => {
      const share = part / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const color = getComputedStyle(at).backgroundColor;
      if (numbers(color)[3] !== 0) return color;
    }
    return "rgb(255, 255, 255)";
  };
  const faint = [];
  for (const element of document.querySelectorAll("body *")) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    if (!own || !element.checkVisibility() || ["SCRIPT", "NOSCRIPT"].includes(element.tagName)) continue;
    const [a, b] = [light(getComputedStyle(element).color), light(behind(element))].sort((x, y) => y - x);
    if ((a + 0.05) / (b + 0.05) < 4.5) faint.push(`${element.tagName} ${element.className} ${element.textContent}`);
  }
  return faint;
}"""


async def test_without_script_links_and_forms_do_it_all(browser: Browser, api: Api, sandbox: Sandbox) -> None:
    context = await browser.new_context(java_script_enabled=False)
    page = await context.new_page()
    await page.goto(sandbox.dashboard_url)
    await api.make("/v1/customers")
    await page.reload()
    await page.get_by_role("link", name="1 Customer").click()
    await page.get_by_role("link", name="cus_").click()
    await page.get_by_role("heading", name="cus_").wait_for()
    await page.get_by_role("link", name="Clock").click()
    await page.get_by_role("button", name="Freeze").click()
    await page.get_by_text("The clock is frozen at").wait_for()
    assert sandbox.clock.frozen
    await context.close()
