from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from sandbox.billing.desk import NEW_YEAR

from wooshpay.sandbox import Sandbox


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    """A sandbox that begins with the year 2026, and whose time moves only where a test moves it."""
    async with Sandbox(now=lambda: NEW_YEAR) as sandbox:
        yield sandbox
