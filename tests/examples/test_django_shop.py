"""The shop in Django: migrated, served and bought from as its user does, on a database of its own."""

from __future__ import annotations

import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, OpenerDirector, Request, build_opener

import attrs
import pytest
from examples.serving import HERE, environment, free_port, running

from wooshpay import WooshPay
from wooshpay.sandbox import Sandbox, SyncSandbox, WebhookOptions

MANAGE = HERE / "django_shop" / "manage.py"

# Runs the shop's server, in which as many commits fail as a file says.
RUN_WITH_FAILING_COMMITS = """
import runpy, sys
from pathlib import Path
from django.db import OperationalError
from django.db.backends.base.base import BaseDatabaseWrapper
commit = BaseDatabaseWrapper._commit
_, manage, failing, address = sys.argv
def fail_or_commit(connection):
    left = int(Path(failing).read_text()) if Path(failing).exists() else 0
    if left:
        Path(failing).write_text(str(left - 1))
        raise OperationalError("disk I/O error")
    return commit(connection)
BaseDatabaseWrapper._commit = fail_or_commit
sys.path.insert(0, str(Path(manage).parent))
sys.argv = [manage, "runserver", "--noreload", address]
runpy.run_path(manage, run_name="__main__")
"""


class Customer:
    """A browser as far as forms, cookies and redirects go."""

    def __init__(self) -> None:
        self._opener: OpenerDirector = build_opener(HTTPCookieProcessor(CookieJar()))
        self.url = ""

    def go(self, url: str, form: dict[str, str] | None = None) -> str:
        """Open a page, or send a form; give the text of the page where it ends."""
        data = None if form is None else urlencode(form).encode()
        with self._opener.open(Request(url, data), timeout=30) as answer:
            self.url = answer.url
            text: str = answer.read().decode()
            return text


@attrs.frozen
class Shop:
    """The running shop."""

    url: str
    database: Path
    failing: Path

    def fail_commits(self, count: int) -> None:
        """Make the next transactions fail when they are committed."""
        self.failing.write_text(str(count))

    def order(self) -> dict[str, Any]:
        """The only order."""
        with closing(sqlite3.connect(self.database)) as connection:
            connection.row_factory = sqlite3.Row
            [row] = connection.execute("SELECT * FROM shop_order").fetchall()
            return dict(row)


@pytest.fixture
def sandbox() -> Iterator[SyncSandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def shop(sandbox: SyncSandbox, tmp_path: Path) -> Iterator[Shop]:
    port = free_port()
    url, database = f"http://127.0.0.1:{port}", tmp_path / "shop.db"
    with WooshPay(sandbox.api_key, base_url=sandbox.base_url) as client:
        endpoint = client.webhook_endpoints.create(
            url=f"{url}/webhooks", enabled_events=["payment_intent.succeeded", "payment_intent.canceled"]
        )
    settings = {
        "WOOSHPAY_API_KEY": sandbox.api_key,
        "WOOSHPAY_BASE_URL": sandbox.base_url,
        "WOOSHPAY_WEBHOOK_SECRET": endpoint.secret or "",
        "SHOP_DATABASE": str(database),
    }
    migrate: list[str | Path] = [sys.executable, MANAGE, "migrate", "--verbosity", "0"]
    subprocess.run(migrate, env=environment(**settings), cwd=tmp_path, check=True, timeout=60)
    # The models and the migrations say the same.
    changes: list[str | Path] = [sys.executable, MANAGE, "makemigrations", "--check", "--dry-run", "--verbosity", "0"]
    subprocess.run(changes, env=environment(**settings), cwd=tmp_path, check=True, timeout=60)
    failing = tmp_path / "failing"
    program = tmp_path / "program.py"
    program.write_text(RUN_WITH_FAILING_COMMITS)
    command: list[str | Path] = [sys.executable, program, MANAGE, failing, f"127.0.0.1:{port}"]
    with running(command, port, settings=settings, folder=tmp_path):
        yield Shop(url, database, failing)


def buy(customer: Customer, shop: Shop, key: str) -> str:
    """Press the button of an article; give the payment page."""
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', customer.go(shop.url))
    assert token is not None
    return customer.go(f"{shop.url}/buy/{key}", {"csrfmiddlewaretoken": token[1]})


def pay(sandbox: SyncSandbox, **how: str) -> Any:
    """Pay the newest session, and close the browser before it is sent anywhere; return what the customer sees."""
    session = sandbox.store.all("checkout.session")[-1]["id"]
    return sandbox.act("checkout.sessions.pay", session=session, **how)


def test_an_order_is_paid_through_the_webhook_once(shop: Shop, sandbox: SyncSandbox) -> None:
    sandbox.webhooks = WebhookOptions(duplicates=1)
    customer = Customer()
    assert "89.00 EUR" in buy(customer, shop, "lamp")
    assert customer.url.startswith(f"{sandbox.base_url}/pay/")
    assert pay(sandbox)["status"] == "paid"
    sandbox.settle()
    order = shop.order()
    assert (order["paid"], order["payment"], order["amount"]) == (1, sandbox.store.all("payment_intent")[0]["id"], 8900)
    assert [delivery.state for delivery in sandbox.deliveries] == ["delivered"] * 2
    assert "Thank you for your order" in customer.go(f"{shop.url}/orders/{order['number']}")


def test_an_order_whose_commit_failed_is_paid_through_the_redelivery(shop: Shop, sandbox: SyncSandbox) -> None:
    """With "done" and the order in two transactions, the redelivery was answered with 200, and the order never paid."""
    customer = Customer()
    buy(customer, shop, "lamp")
    shop.fail_commits(1)
    assert pay(sandbox)["status"] == "paid"
    sandbox.settle()
    [delivery] = sandbox.deliveries
    assert [attempt.status in (500, 503) for attempt in delivery.attempts] == [True]
    assert shop.order()["paid"] == 0
    sandbox.clock.advance(hours=1)
    sandbox.settle()
    assert delivery.state == "delivered"
    assert shop.order()["paid"] == 1


def test_a_card_with_3_d_secure_in_a_currency_without_decimals(shop: Shop, sandbox: SyncSandbox) -> None:
    customer = Customer()
    assert "3,400 JPY" in buy(customer, shop, "vase")
    intent = pay(sandbox, card="pm_card_3ds")["payment_intent"]["id"]
    assert shop.order()["paid"] == 0
    page = customer.go(sandbox.act("payment_intents.authenticate", payment_intent=intent)["url"])
    order = shop.order()
    assert customer.url == f"{shop.url}/orders/{order['number']}"
    assert "Thank you for your order" in page
    assert (order["paid"], order["amount"], order["currency"]) == (1, 3400, "JPY")


def test_coming_back_without_having_paid_proves_nothing(shop: Shop) -> None:
    customer = Customer()
    buy(customer, shop, "lamp")
    order = shop.order()
    assert "Waiting for the payment" in customer.go(f"{shop.url}/orders/{order['number']}")
    assert shop.order()["paid"] == 0
