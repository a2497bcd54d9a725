"""The webhook apps of the guides, run without changes. The sandbox delivers the events of a payment to them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from typing import Final

import pytest
from examples.guides import ROOT, Guide
from examples.serving import free_port, running
from support.aws_lambda import api_gateway, function, http_api

from wooshpay import WooshPay
from wooshpay.api.webhook_endpoints import WebhookEndpoint
from wooshpay.sandbox import Sandbox, SyncSandbox, WebhookOptions

WEBHOOKS: Final = Guide(ROOT / "wooshpay" / "webhooks" / "README.md")
INTEGRATIONS: Final = Guide(ROOT / "wooshpay" / "integrations" / "README.md")


@pytest.fixture
def sandbox() -> Iterator[SyncSandbox]:
    with Sandbox() as sandbox:
        sandbox.webhooks = WebhookOptions(duplicates=1)
        yield sandbox


@pytest.fixture
def client(sandbox: SyncSandbox) -> Iterator[WooshPay]:
    with WooshPay(sandbox.api_key, base_url=sandbox.base_url) as client:
        yield client


def endpoint(client: WooshPay) -> WebhookEndpoint:
    """A webhook endpoint whose address is not known yet."""
    return client.webhook_endpoints.create(
        url="https://shop.example/webhooks", enabled_events=["payment_intent.succeeded"]
    )


def settings(sandbox: SyncSandbox, endpoint: WebhookEndpoint) -> dict[str, str]:
    return {
        "WOOSHPAY_API_KEY": sandbox.api_key,
        "WOOSHPAY_BASE_URL": sandbox.base_url,
        "WOOSHPAY_WEBHOOK_SECRET": endpoint.secret or "",
    }


def pay(client: WooshPay, sandbox: SyncSandbox) -> list[int | None]:
    """Take a payment. Returns the statuses of its deliveries, of which the second is a duplicate."""
    client.payment_intents.create(
        amount=1999,
        currency="USD",
        confirm=True,
        payment_method_data={
            "type": "card",
            "card": {"number": "4111111111111111", "exp_month": "12", "exp_year": "2090", "cvc": "123"},
        },
    )
    sandbox.settle()
    return [attempt.status for delivery in sandbox.deliveries for attempt in delivery.attempts]


def test_fastapi(client: WooshPay, sandbox: SyncSandbox, tmp_path: Path) -> None:
    WEBHOOKS.save(tmp_path)
    port, hook = free_port(), endpoint(client)
    command = [sys.executable, "-m", "uvicorn", "fastapi_webhooks:app", "--port", str(port)]
    with running(command, port, settings=settings(sandbox, hook), folder=tmp_path):
        client.webhook_endpoints.update(hook.id, url=f"http://127.0.0.1:{port}/webhooks")
        assert pay(client, sandbox) == [200, 200]
        assert len(sandbox.requests.of("payment_intents.retrieve")) == 1, "the handler has used the client, once"
        client.webhook_endpoints.delete(hook.id)


def test_flask(client: WooshPay, sandbox: SyncSandbox, tmp_path: Path) -> None:
    WEBHOOKS.save(tmp_path)
    port, hook = free_port(), endpoint(client)
    command = [sys.executable, "-m", "flask", "--app", "flask_webhooks", "run", "--port", str(port)]
    environ = {**settings(sandbox, hook), "PAYOUTS_WEBHOOK_SECRET": "whsec_other"}
    with running(command, port, settings=environ, folder=tmp_path):
        for path, statuses in (("payments", [200, 200]), ("payouts", [400, 400])):
            client.webhook_endpoints.update(hook.id, url=f"http://127.0.0.1:{port}/webhooks/{path}")
            assert pay(client, sandbox)[-2:] == statuses
        client.webhook_endpoints.delete(hook.id)


def test_lambda(client: WooshPay, sandbox: SyncSandbox, postgres_url: str, tmp_path: Path) -> None:
    WEBHOOKS.save(tmp_path)
    hook = endpoint(client)
    environ = {**settings(sandbox, hook), "DATABASE_URL": postgres_url}
    with (
        function("lambda_webhooks.handler", folder=tmp_path, **environ) as deployed,
        api_gateway(deployed, http_api) as url,
    ):
        client.webhook_endpoints.update(hook.id, url=f"{url}/webhooks")
        assert pay(client, sandbox) == [200, 200]
        assert len(sandbox.requests.of("payment_intents.retrieve")) == 1, "the handler has used the client, once"
        client.webhook_endpoints.delete(hook.id)


def test_the_client_in_fastapi(client: WooshPay, sandbox: SyncSandbox, tmp_path: Path) -> None:
    INTEGRATIONS.save(tmp_path)
    port = free_port()
    payment = client.payment_intents.create(amount=1999, currency="USD")
    environ = {"WOOSHPAY_API_KEY": sandbox.api_key, "WOOSHPAY_BASE_URL": sandbox.base_url}
    command = [sys.executable, "-m", "uvicorn", "payments_api:app", "--port", str(port)]
    with running(command, port, settings=environ, folder=tmp_path):
        with closing(HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
            connection.request("GET", f"/payments/{payment.id}")
            with connection.getresponse() as response:
                assert (response.status, response.read()) == (200, f'"{payment.status}"'.encode())


ROWS: Final = [
    line.split("|")[2].strip().strip("`")
    for line in WEBHOOKS.text.splitlines()
    if line.startswith("| ") and "(receiver)" in line
]


def test_every_row_of_the_table_of_adapters_is_valid(tmp_path: Path) -> None:
    """Each row is what a reader copies."""
    assert len(ROWS) >= 7
    program = (
        "from unittest.mock import Mock\n"
        "from django.urls import path\n"
        "from starlette.routing import Route\n"
        "from wooshpay.webhooks import WebhookReceiver\n"
        "from wooshpay.webhooks.adapters import *\n"
        "app, receiver = Mock(), WebhookReceiver('whsec_x')\n" + "\n".join(ROWS)
    )
    subprocess.run([sys.executable, "-W", "error", "-c", program], check=True, timeout=60)
