from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import pytest
from sandbox.browsing import open_tab
from sandbox.conftest import browser as browser
from webhooks.conftest import postgres_url as postgres_url

if TYPE_CHECKING:
    from playwright.async_api import Browser, Page


@pytest.fixture
async def page(browser: Browser) -> AsyncIterator[Page]:
    """A tab for pages that are not the sandbox's: that of its tests would start a sandbox that is not needed."""
    async with open_tab(browser) as page:
        yield page
