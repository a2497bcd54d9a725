"""The same calls in both worlds: awaited, or plain ones in a worker thread."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import ParamSpec, TypeAlias, TypeVar, cast

import attrs

from wooshpay import ApiResponse, AsyncWooshPay, WooshPay
from wooshpay.core.declaration import AsyncOperation, SyncOperation
from wooshpay.sandbox import Sandbox

P = ParamSpec("P")
T = TypeVar("T")

Operation: TypeAlias = AsyncOperation[P, T] | SyncOperation[P, T]


@attrs.frozen(kw_only=True)
class World:
    """A client, and how its operations are called.

    Attributes:
        client: The client.
        how: How a user of this client calls it, in words.
        awaits: Whether its operations are awaited.
    """

    client: AsyncWooshPay | WooshPay
    how: str
    awaits: bool

    @property
    def name(self) -> str:
        """The client's name."""
        return type(self.client).__name__

    async def call(self, operation: Operation[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call an operation of the client, and give its result."""
        if self.awaits:
            return await cast("AsyncOperation[P, T]", operation)(*args, **kwargs)
        return await asyncio.to_thread(cast("SyncOperation[P, T]", operation), *args, **kwargs)

    async def call_with_response(self, operation: Operation[P, T], *args: P.args, **kwargs: P.kwargs) -> ApiResponse[T]:
        """Call an operation of the client, and give its result with the facts of the answer."""
        if self.awaits:
            return await cast("AsyncOperation[P, T]", operation).with_response(*args, **kwargs)
        return await asyncio.to_thread(cast("SyncOperation[P, T]", operation).with_response, *args, **kwargs)


@asynccontextmanager
async def async_world(sandbox: Sandbox) -> AsyncGenerator[World]:
    """The world of `AsyncWooshPay`."""
    async with AsyncWooshPay(sandbox.api_key, base_url=sandbox.base_url) as client:
        yield World(client=client, how="every call awaited", awaits=True)


@asynccontextmanager
async def sync_world(sandbox: Sandbox) -> AsyncGenerator[World]:
    """The world of `WooshPay`."""
    with WooshPay(sandbox.api_key, base_url=sandbox.base_url) as client:
        yield World(client=client, how="plain calls in a worker thread", awaits=False)
