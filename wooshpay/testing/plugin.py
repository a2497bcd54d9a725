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
    from wooshpay.core.request import Next, Request, Response
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
