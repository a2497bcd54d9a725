"""The shop in FastAPI with SQLAlchemy, through uvicorn, with a sandbox that delivers webhooks to it."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import attrs
import pytest
from examples.customer import Customer
from examples.serving import HERE, free_port, running
from webhooks.inbox.sqlalchemy_stores import execute
from webhooks.inbox.stores import make_place

from wooshpay import WooshPay
from wooshpay.sandbox import Sandbox, SyncSandbox, WebhookOptions


@attrs.frozen
class Shop:
    """The running shop."""

    url: str
    database: str
    sandbox: SyncSandbox

    def ask(self, path: str, method: str = "GET") -> Any:
        """Send a request, and return the JSON of the response."""
        with urlopen(Request(f"{self.url}{path}", method=method), timeout=30) as response:
            return json.load(response)

    def pay(self, page: str) -> None:
        """Pay on a payment page, as a customer does, and wait until the webhooks are delivered."""
        Customer(self.sandbox).visit(page)
        self.sandbox.settle()


@pytest.fixture
def sandbox() -> Iterator[SyncSandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture(params=["sqlalchemy aiosqlite", "sqlalchemy psycopg async"])
def shop(request: pytest.FixtureRequest, sandbox: SyncSandbox, tmp_path: Path) -> Iterator[Shop]:
    """The shop on a database, and a webhook endpoint for it."""
    database = make_place(request.param, tmp_path, request.getfixturevalue).address
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with WooshPay(sandbox.api_key, base_url=sandbox.base_url) as client:
        endpoint = client.webhook_endpoints.create(url=f"{url}/webhooks", enabled_events=["payment_intent.succeeded"])
    settings = {
        "WOOSHPAY_API_KEY": sandbox.api_key,
        "WOOSHPAY_BASE_URL": sandbox.base_url,
        "WOOSHPAY_WEBHOOK_SECRET": endpoint.secret or "",
        "SHOP_DATABASE_URL": database,
    }
    command: list[str | Path] = [sys.executable, "-m", "uvicorn", "--factory", "fastapi_sqlalchemy.app:create_app"]
    command += ["--app-dir", HERE, "--port", str(port)]
    with running(command, port, settings=settings, folder=tmp_path):
        yield Shop(url, database, sandbox)


def test_an_order_is_paid_once_however_often_its_event_is_delivered(shop: Shop) -> None:
    shop.sandbox.webhooks = WebhookOptions(duplicates=2)
    order = shop.ask("/orders", "POST")
    assert shop.ask(f"/orders/{order['id']}")["status"] == "open"
    shop.pay(order["page"])
    assert [delivery.state for delivery in shop.sandbox.deliveries] == ["delivered"] * 3
    assert shop.ask(f"/orders/{order['id']}")["status"] == "paid"
    assert execute(shop.database, "SELECT order_id FROM shipments") == [(order["id"],)]
    assert execute(shop.database, "SELECT count(*) FROM wooshpay_webhook_events WHERE done") == [(1,)]


def test_a_failed_handler_leaves_nothing_behind_and_the_redelivery_ships(shop: Shop) -> None:
    """The order changes first and the shipment fails: without one transaction, the order would stay paid unshipped."""
    order = shop.ask("/orders", "POST")
    execute(shop.database, "ALTER TABLE shipments RENAME TO elsewhere")
    shop.pay(order["page"])
    assert shop.ask(f"/orders/{order['id']}")["status"] == "open"
    execute(shop.database, "ALTER TABLE elsewhere RENAME TO shipments")
    shop.sandbox.clock.advance(hours=1)
    shop.sandbox.settle()
    assert shop.ask(f"/orders/{order['id']}")["status"] == "paid"
    assert execute(shop.database, "SELECT order_id FROM shipments") == [(order["id"],)]


def test_a_payment_is_a_response_model_without_secrets(shop: Shop) -> None:
    """FastAPI refused the class when the app was imported. A response must not hold what can confirm the payment."""
    order = shop.ask("/orders", "POST")
    with pytest.raises(HTTPError, match="404"):
        shop.ask(f"/orders/{order['id']}/payment")
    shop.pay(order["page"])
    payment = shop.ask(f"/orders/{order['id']}/payment")
    assert (payment["object"], payment["status"], payment["amount"]) == ("payment_intent", "succeeded", 4900)
    assert payment["merchant_order_id"] == order["id"]
    assert payment.get("client_secret") is None
    assert "PaymentIntent" in json.dumps(shop.ask("/openapi.json"))
