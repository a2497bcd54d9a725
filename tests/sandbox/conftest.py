from __future__ import annotations

import gc
import os
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING

import aiohttp
import pytest
from sandbox.browsing import ARGUMENTS, CHROMIUM, DESKTOP, may_skip, open_tab
from sandbox.rig import Api, Shop

from wooshpay.sandbox import Sandbox

if TYPE_CHECKING:
    from playwright.async_api import Browser, Page


@pytest.fixture(scope="module", autouse=True)
def _quick_collections() -> Iterator[None]:
    """Every test ends with a search for leaks: what was there before need not be searched each time."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    """A running sandbox."""
    async with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
async def api(sandbox: Sandbox) -> AsyncIterator[Api]:
    """Plain HTTP with the secret key."""
    async with aiohttp.ClientSession() as session:
        yield Api(session, sandbox.base_url, sandbox.api_key)


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    """A merchant's site."""
    async with Shop() as shop:
        yield shop


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    """A running chromium."""
    if may_skip(os.environ):
        pytest.importorskip("playwright", reason="playwright is not installed: pip install 'wooshpay[dev]'")
    from playwright.async_api import async_playwright

    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        yield browser
        await browser.close()


@pytest.fixture
async def page(browser: Browser, sandbox: Sandbox, request: pytest.FixtureRequest) -> AsyncIterator[Page]:
    """A tab that fails the test on any error in its console.

    It is closed before the sandbox: an open page of the dashboard connects again and again, and notes each refusal.
    """
    async with open_tab(browser, getattr(request, "param", DESKTOP)) as page:
        yield page
