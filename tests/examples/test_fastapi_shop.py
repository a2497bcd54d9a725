"""The shop in FastAPI, bought from in a real browser, against a sandbox that tells it by webhook."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import pytest
from examples.serving import HERE, free_port, running
from sandbox.browsing import DESKTOP, PHONE, fill, fits, keep_picture, needs_browser
from sandbox.rig import CHALLENGED, DECLINED

from wooshpay import WooshPay
from wooshpay.sandbox import Sandbox, SyncSandbox, WebhookOptions

if TYPE_CHECKING:
    from playwright.async_api import Page

pytestmark = needs_browser


@attrs.frozen
class Shop:
    """The running shop."""

    url: str
    database: Path
    sandbox: SyncSandbox

    def order(self) -> Mapping[str, Any]:
        """The only order."""
        [row] = self.rows("SELECT * FROM orders")
        return dict(row)

    def shipped(self) -> list[str]:
        """What was shipped."""
        return [row["product"] for row in self.rows("SELECT product FROM shipments")]

    def rows(self, query: str) -> list[sqlite3.Row]:
        with closing(sqlite3.connect(self.database)) as connection:
            connection.row_factory = sqlite3.Row
            return connection.execute(query).fetchall()


@pytest.fixture
def sandbox() -> Iterator[SyncSandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def shop(sandbox: SyncSandbox, tmp_path: Path) -> Iterator[Shop]:
    """The shop, and a webhook endpoint for it."""
    port = free_port()
    url, database = f"http://127.0.0.1:{port}", tmp_path / "shop.db"
    events = ["payment_intent.succeeded", "checkout.session.expired"]
    with WooshPay(sandbox.api_key, base_url=sandbox.base_url) as client:
        endpoint = client.webhook_endpoints.create(url=f"{url}/webhooks", enabled_events=events)
    settings = {
        "WOOSHPAY_API_KEY": sandbox.api_key,
        "WOOSHPAY_BASE_URL": sandbox.base_url,
        "WOOSHPAY_WEBHOOK_SECRET": endpoint.secret or "",
        "SHOP_DATABASE": str(database),
    }
    command: list[str | Path] = [sys.executable, "-m", "uvicorn", "--factory", "fastapi_shop.app:create_app"]
    command += ["--app-dir", HERE, "--port", str(port)]
    with running(command, port, settings=settings, folder=tmp_path):
        yield Shop(url, database, sandbox)


@pytest.fixture
def no_webhooks(shop: Shop) -> None:
    with WooshPay(shop.sandbox.api_key, base_url=shop.sandbox.base_url) as client:
        for endpoint in client.webhook_endpoints.list():
            client.webhook_endpoints.delete(endpoint.id)


async def take(page: Page, shop: Shop, article: str) -> None:
    """Press the button of an article, and arrive at the payment page."""
    await page.goto(shop.url)
    await page.get_by_role("button", name=f"Buy the {article}").click()
    await page.wait_for_url(f"{shop.sandbox.base_url}/pay/**")


async def look(page: Page, name: str) -> None:
    """Look at a page on a desktop and on a phone."""
    for width, height in (PHONE, DESKTOP):
        await page.set_viewport_size({"width": width, "height": height})
        assert await fits(page)
        await keep_picture(page, name)


async def thanked(page: Page) -> None:
    await page.get_by_role("heading", name="Thank you, it is on its way").wait_for()


async def test_a_purchase(page: Page, shop: Shop) -> None:
    await page.goto(shop.url)
    await look(page, "shop-window")
    # Two clicks are one order.
    await page.get_by_role("button", name="Buy the teapot").dblclick()
    # The second click may end the navigation of the first one, which `wait_for_url` reports as an error.
    await page.get_by_label("Card number").wait_for()
    assert page.url.startswith(f"{shop.sandbox.base_url}/pay/")
    assert shop.sandbox.store.count("checkout.session") == 1
    await fill(page)
    await page.get_by_role("button", name="Pay 49.00 USD").click()
    await thanked(page)
    await look(page, "shop-paid")
    shop.sandbox.settle()
    order = shop.order()
    assert (order["status"], order["amount"], order["currency"]) == ("paid", 4900, "USD")
    assert shop.shipped() == ["Teapot"]


async def test_the_webhook_alone_makes_an_order_paid_once(page: Page, shop: Shop) -> None:
    """The customer pays and never comes back; the event comes three times, and the teapot goes out once."""
    shop.sandbox.webhooks = WebhookOptions(duplicates=2)
    await take(page, shop, "teapot")
    paid = shop.sandbox.act("checkout.sessions.pay", session=shop.sandbox.store.all("checkout.session")[-1]["id"])
    shop.sandbox.settle()
    order = shop.order()
    assert paid["url"] == f"{shop.url}/orders/{order['id']}"
    assert (order["status"], order["told_by"], order["payment"][:3]) == ("paid", "webhook", "pi_")
    assert [delivery.state for delivery in shop.sandbox.deliveries] == ["delivered"] * 3
    assert shop.shipped() == ["Teapot"]
    await page.goto(paid["url"])
    await thanked(page)


async def test_a_card_with_3_d_secure(page: Page, shop: Shop) -> None:
    await take(page, shop, "cup")
    await fill(page, CHALLENGED)
    await page.get_by_role("button", name="Pay 12.50 USD").click()
    await page.get_by_role("button", name="Authenticate").click()
    await thanked(page)
    shop.sandbox.settle()
    assert (shop.order()["status"], shop.shipped()) == ("paid", ["Cup"])


async def test_a_declined_card_and_then_another(page: Page, shop: Shop) -> None:
    await take(page, shop, "sencha")
    await fill(page, DECLINED)
    await page.get_by_role("button", name="Pay 19.99 USD").click()
    assert "The card was declined." in await page.get_by_role("alert").inner_text()
    assert (shop.order()["status"], shop.shipped()) == ("open", [])
    await fill(page)
    await page.get_by_role("button", name="Pay 19.99 USD").click()
    await thanked(page)
    shop.sandbox.settle()
    assert (shop.order()["status"], shop.shipped()) == ("paid", ["Sencha"])


@pytest.mark.usefixtures("no_webhooks")
async def test_the_page_waits_for_a_payment_that_takes_time_although_no_webhook_comes(page: Page, shop: Shop) -> None:
    await take(page, shop, "cup")
    await fill(page, "4000000000000077")
    await page.get_by_role("button", name="Pay 12.50 USD").click()
    await page.get_by_role("heading", name="Waiting for the payment").wait_for()
    await look(page, "shop-waiting")
    assert shop.shipped() == []
    shop.sandbox.clock.advance(minutes=2)
    await thanked(page)
    order = shop.order()
    assert (order["status"], order["told_by"], shop.shipped()) == ("paid", "return page", ["Cup"])


async def test_a_customer_who_gives_up_comes_back_to_the_same_payment_page(page: Page, shop: Shop) -> None:
    await take(page, shop, "teapot")
    paying = page.url
    await page.get_by_role("link", name="Cancel").click()
    await page.get_by_role("heading", name="Not paid yet").wait_for()
    await look(page, "shop-canceled")
    await page.get_by_role("button", name="Go to the payment page").click()
    await page.wait_for_url(paying)
    assert shop.sandbox.store.count("checkout.session") == 1
    shop.sandbox.clock.advance(hours=25)
    await page.goto(f"{shop.url}/orders/{shop.order()['id']}")
    await page.get_by_role("heading", name="This order has expired").wait_for()
    assert (shop.order()["status"], shop.shipped()) == ("expired", [])
