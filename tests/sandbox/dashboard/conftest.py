from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest
from sandbox.dashboard.visitor import Visitor

from wooshpay.sandbox import Sandbox


@pytest.fixture
async def stranger(sandbox: Sandbox) -> AsyncIterator[Visitor]:
    """Somebody without the key."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        yield Visitor(session, sandbox.base_url)


@pytest.fixture
async def visitor(stranger: Visitor, sandbox: Sandbox) -> Visitor:
    """Somebody who opened the address with the key."""
    await stranger.enter(sandbox.dashboard_url)
    return stranger
