"""The guides that are web apps: served as they say, and bought from."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path

import pytest
from examples.customer import Customer
from examples.guides import ROOT, Guide
from examples.serving import free_port, running

from wooshpay import WooshPay
from wooshpay.sandbox import Sandbox, SyncSandbox, WebhookOptions

GUIDES = ROOT / "wooshpay" / "api" / "guides"
FASTAPI = Guide(GUIDES / "checkout_fastapi" / "README.md")
DJANGO = Guide(GUIDES / "checkout_django" / "README.md")
# What a new project has anyway.
SETTINGS = "SECRET_KEY = 'x'\nROOT_URLCONF = 'urls'\nALLOWED_HOSTS = ['*']\n"


@pytest.fixture
def sandbox() -> Iterator[SyncSandbox]:
    with Sandbox() as sandbox:
        sandbox.webhooks = WebhookOptions(duplicates=1)
        yield sandbox


def settings(sandbox: SyncSandbox, url: str) -> dict[str, str]:
    """The environment that the sandbox prints, with a webhook endpoint at the app."""
    with WooshPay(sandbox.api_key, base_url=sandbox.base_url) as client:
        events = ["payment_intent.succeeded"]
        endpoint = client.webhook_endpoints.create(url=f"{url}/webhooks", enabled_events=events)
    return {
        "WOOSHPAY_API_KEY": sandbox.api_key,
        "WOOSHPAY_BASE_URL": sandbox.base_url,
        "WOOSHPAY_WEBHOOK_SECRET": endpoint.secret or "",
    }


def ask(port: int, method: str, path: str) -> tuple[int, str, str]:
    """Status, text and where it leads."""
    with closing(HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode(), answer.headers.get("Location", "")


def test_checkout_in_fastapi(sandbox: SyncSandbox, tmp_path: Path) -> None:
    FASTAPI.save(tmp_path)
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    # The guide's own command, on another port.
    command = next(line for line in FASTAPI.commands.splitlines() if line.startswith("uvicorn ")).replace(
        "8000", str(port)
    )
    with running([sys.executable, "-m", *command.split()], port, settings=settings(sandbox, url), folder=tmp_path):
        status, _, page = ask(port, "POST", "/buy")
        assert status == 303
        order = sandbox.store.all("checkout.session")[0]["client_reference_id"]
        assert json.loads(ask(port, "GET", f"/orders/{order}")[1]) == {"paid": False}
        assert Customer(sandbox).visit(page) == f"{url}/orders/{order}"
        sandbox.settle()
        assert [delivery.state for delivery in sandbox.deliveries] == ["delivered"] * 2
        before = len(list(sandbox.requests))
        assert json.loads(ask(port, "GET", f"/orders/{order}")[1]) == {"paid": True}
        assert len(list(sandbox.requests)) == before, "the webhook alone must have made it paid"
        assert ask(port, "GET", "/orders/none")[0] == 404


def test_checkout_in_django(sandbox: SyncSandbox, tmp_path: Path) -> None:
    DJANGO.save(tmp_path)
    (tmp_path / "settings.py").write_text(SETTINGS)
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "django", "runserver", "--noreload", f"127.0.0.1:{port}"]
    environ = {**settings(sandbox, url), "DJANGO_SETTINGS_MODULE": "settings"}
    with running(command, port, settings=environ, folder=tmp_path) as printed:
        status, _, page = ask(port, "POST", "/orders/17/buy")
        assert status == 302
        assert ask(port, "GET", "/orders/17")[1] == "Waiting for the payment."
        assert Customer(sandbox).visit(page) == f"{url}/orders/17"
        sandbox.settle()
        assert ask(port, "GET", "/orders/17")[1] == "Thank you."
        assert [delivery.state for delivery in sandbox.deliveries] == ["delivered"] * 2
    assert printed().count("ship 17 8900 EUR\n") == 1
