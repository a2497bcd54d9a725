"""The shop in AWS Lambda: processes that are frozen between requests, behind a model of API Gateway."""

from __future__ import annotations

import json
from collections.abc import Iterator
from urllib.parse import urlsplit

import attrs
import psycopg
import pytest
from examples.customer import Customer
from examples.serving import HERE
from support.aws_lambda import Function, api_gateway, function, http_api

from wooshpay import WooshPay
from wooshpay.sandbox import Sandbox, SyncSandbox, WebhookOptions

SHOP = "https://shop.example"


@attrs.frozen
class Shop:
    """The deployed functions."""

    checkout: Function
    database: str
    sandbox: SyncSandbox

    def buy(self, amount: int) -> str:
        """Place an order. Returns the address of the payment page."""
        body = json.dumps({"amount": amount}).encode()
        response = self.checkout.invoke(http_api(body, {"Content-Type": "application/json"}))
        assert response["statusCode"] == 303
        page: str = response["headers"]["Location"]
        return page

    def orders(self) -> list[tuple[int, bool]]:
        """The amount of each order, and whether it is paid."""
        with psycopg.connect(self.database) as connection:
            return connection.execute("SELECT amount, paid_with IS NOT NULL FROM orders ORDER BY amount").fetchall()


@pytest.fixture
def database(postgres_url: str) -> str:
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("DROP DATABASE IF EXISTS lambda_shop WITH (FORCE)")
        connection.execute("CREATE DATABASE lambda_shop")
    return urlsplit(postgres_url)._replace(path="/lambda_shop").geturl()


@pytest.fixture
def shop(database: str) -> Iterator[Shop]:
    with Sandbox() as sandbox, WooshPay(sandbox.api_key, base_url=sandbox.base_url) as client:
        sandbox.webhooks = WebhookOptions(duplicates=1)
        endpoint = client.webhook_endpoints.create(
            url="https://api.example/webhooks", enabled_events=["payment_intent.succeeded"]
        )
        settings = {
            "WOOSHPAY_API_KEY": sandbox.api_key,
            "WOOSHPAY_BASE_URL": sandbox.base_url,
            "WOOSHPAY_WEBHOOK_SECRET": endpoint.secret or "",
            "DATABASE_URL": database,
            "SHOP_URL": SHOP,
        }
        folder = HERE / "lambda_shop"
        with (
            function("functions.checkout", folder=folder, **settings) as checkout,
            function("functions.webhooks", folder=folder, **settings) as webhooks,
            api_gateway(webhooks, http_api) as url,
        ):
            client.webhook_endpoints.update(endpoint.id, url=f"{url}/webhooks")
            yield Shop(checkout, database, sandbox)
            client.webhook_endpoints.delete(endpoint.id)


def test_every_order_that_was_paid_for_is_paid_once_although_the_functions_are_frozen_in_between(shop: Shop) -> None:
    customer = Customer(shop.sandbox)
    for number, amount in enumerate((1999, 4900, 1250), 1):
        page = shop.buy(amount)
        assert customer.visit(page).startswith(f"{SHOP}/orders/")
        shop.sandbox.settle()
        statuses = [[attempt.status for attempt in delivery.attempts] for delivery in shop.sandbox.deliveries]
        assert statuses == [[200]] * 2 * number
    shop.buy(800)
    assert shop.orders() == [(800, False), (1250, True), (1999, True), (4900, True)]
