"""The pytest plugin: a sandbox for a test, and clients that talk to it.

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
    from wooshpay.sandbox import SyncSandbox


@pytest.fixture
def wooshpay_sandbox() -> Iterator[SyncSandbox]:
    """An offline WooshPay of the test's own, on a thread of its own: for plain and for asynchronous tests."""
    from wooshpay.sandbox import Sandbox

    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def wooshpay_client(wooshpay_sandbox: SyncSandbox) -> Iterator[WooshPay]:
    """A client of the sandbox."""
    from wooshpay import WooshPay

    with WooshPay(wooshpay_sandbox.api_key, base_url=wooshpay_sandbox.base_url) as client:
        yield client


@pytest.fixture
def wooshpay_async_client(wooshpay_sandbox: SyncSandbox) -> AsyncWooshPay:
    """An asynchronous client of the sandbox, under pytest-asyncio, anyio or ``asyncio.run``.

    Its connections close with the event loop that used them, so there is nothing to wait for.
    """
    from wooshpay import AsyncWooshPay

    return AsyncWooshPay(wooshpay_sandbox.api_key, base_url=wooshpay_sandbox.base_url)
