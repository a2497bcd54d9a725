"""The pytest plugin: a sandbox for a test, clients that talk to it, and what it was asked and has to tell.

def test_refund(wooshpay_client: WooshPay, wooshpay_sandbox: SyncSandbox) -> None:
    ...

Nothing but pytest is imported before a test asks for one of the fixtures.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from wooshpay import AsyncWooshPay, WooshPay
    from wooshpay.core.request import Next, Request, Response
    from wooshpay.sandbox import SyncSandbox
    from wooshpay.testing.requests import Requests
    from wooshpay.testing.webhooks import Webhooks


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the setting of the plugin to pytest's configuration."""
    parser.addini(
        "wooshpay_strict",
        "Let the sandbox of the fixtures refuse parameters that WooshPay does not know. Default: false.",
        type="bool",
        default=False,
    )


@pytest.fixture
def wooshpay_sandbox(pytestconfig: pytest.Config) -> Iterator[SyncSandbox]:
    """An offline WooshPay of the test's own, on a thread of its own: for plain and for asynchronous tests."""
    from wooshpay.sandbox import Sandbox

    with Sandbox(strict=pytestconfig.getini("wooshpay_strict")) as sandbox:
        yield sandbox


@pytest.fixture
def wooshpay_client(wooshpay_sandbox: SyncSandbox) -> Iterator[WooshPay]:
    """A client of the sandbox."""
    from wooshpay import WooshPay

    with WooshPay(wooshpay_sandbox.api_key, base_url=wooshpay_sandbox.base_url) as client:
        yield client


@pytest.fixture
def wooshpay_async_client(wooshpay_sandbox: SyncSandbox) -> Iterator[AsyncWooshPay]:
    """An asynchronous client of the sandbox, under pytest-asyncio, anyio or ``asyncio.run``."""
    import asyncio

    from wooshpay import AsyncWooshPay

    loops: set[asyncio.AbstractEventLoop] = set()

    async def note_loop(request: Request, call_next: Next) -> Response:
        loops.add(asyncio.get_running_loop())
        return await call_next(request)

    client = AsyncWooshPay(wooshpay_sandbox.api_key, base_url=wooshpay_sandbox.base_url, call_middlewares=[note_loop])
    yield client
    for loop in loops:
        # Connections close with their loop. One that serves several tests stands still between them.
        if not (loop.is_closed() or loop.is_running()):
            loop.run_until_complete(client.close())


@pytest.fixture
def wooshpay_webhooks(wooshpay_sandbox: SyncSandbox) -> Webhooks:
    """The sandbox's events as signed deliveries, to be posted with the app's own test client."""
    from wooshpay.testing.webhooks import Webhooks

    return Webhooks(wooshpay_sandbox)


@pytest.fixture
def wooshpay_requests(wooshpay_sandbox: SyncSandbox) -> Requests:
    """The calls that reached the sandbox, with assertions on them."""
    from wooshpay.testing.requests import Requests

    return Requests(wooshpay_sandbox)
