"""A real browser for the tests of pages: Debian's chromium, driven by Playwright.

The fixtures ``browser`` and ``page`` are in ``conftest.py``. A module of such tests has ``pytestmark = needs_browser``.
"""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sandbox.rig import GOOD
from webhooks.servers import SKIP_NOTHING

if TYPE_CHECKING:
    from playwright.async_api import Browser, Page

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
DESKTOP = (1280, 900)
PHONE = (375, 740)

on_both_screens = pytest.mark.parametrize("page", [DESKTOP, PHONE], indirect=True, ids=["desktop", "phone"])


def may_skip(environment: Mapping[str, str]) -> bool:
    """Return whether a test may be skipped if its browser is missing. In CI it fails instead."""
    return environment.get("CI") != "true" and not environment.get(SKIP_NOTHING)


needs_browser = pytest.mark.skipif(
    not CHROMIUM.exists() and may_skip(os.environ), reason="chromium is not installed: apt install chromium"
)


@asynccontextmanager
async def open_tab(browser: Browser, size: tuple[int, int] = DESKTOP) -> AsyncGenerator[Page]:
    """Open a tab that fails the test on any error in its console."""
    context = await browser.new_context(viewport={"width": size[0], "height": size[1]})
    page = await context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    # A form that comes back with its errors has the status 400 or 402, which chromium notes as an error.
    expected = ("status of 400", "status of 402")
    page.on(
        "console",
        lambda message: (
            problems.append(message.text)
            if message.type == "error" and not any(text in message.text for text in expected)
            else None
        ),
    )
    yield page
    await context.close()
    assert problems == []


async def fill(page: Page, number: str = GOOD) -> None:
    """Type a card into the hosted page."""
    await page.get_by_label("Card number").fill(number)
    await page.get_by_label("Month").fill("12")
    await page.get_by_label("Year").fill("2090")
    await page.get_by_label("Security code (CVC)").fill("123")


async def keep_picture(page: Page, name: str) -> None:
    """Keep a screenshot where a developer asked for them."""
    folder = os.environ.get("WOOSHPAY_SCREENSHOTS")
    if folder:
        width = (page.viewport_size or {"width": 0})["width"]
        await page.screenshot(path=f"{folder}/{name}-{width}.png", full_page=True)


async def fits(page: Page) -> bool:
    """Whether nothing sticks out sideways."""
    found: bool = await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    return found
