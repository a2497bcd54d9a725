from __future__ import annotations

import gc
from collections.abc import AsyncIterator, Iterator

import aiohttp
import pytest
from sandbox.rig import Api, Shop

from wooshpay.sandbox import Sandbox


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
