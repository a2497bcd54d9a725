"""Event loops come and go, as with `asyncio.run` or async views under WSGI: their connections go with them."""

from __future__ import annotations

import asyncio
import gc
import os
from collections.abc import Awaitable
from pathlib import Path
from typing import Any

import pytest
from webhooks.inbox.stores import make_place

from wooshpay.core.loops import PerLoop
from wooshpay.webhooks.inbox import postgres_connections


def descriptors() -> int:
    gc.collect()
    return len(os.listdir("/proc/self/fd"))


@pytest.mark.parametrize("store", ["redis", "postgres"])
def test_a_loop_that_ends_leaves_no_connection_behind(
    store: str, tmp_path: Path, request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture
) -> None:
    """Otherwise a process that runs one loop for each delivery runs out of descriptors."""
    inbox = make_place(store, tmp_path, request.getfixturevalue).open()

    async def claim(event_id: str) -> None:
        assert not isinstance(await inbox.claim(event_id), str)

    asyncio.run(claim("evt_0"))
    before = descriptors()
    for number in range(1, 11):
        asyncio.run(claim(f"evt_{number}"))
    # A pool whose loop ends while it connects logs an exception that refers to the connection. pytest keeps the record.
    caplog.clear()
    # A connection that was still being opened may need a moment more; ten loops would leave ten.
    assert descriptors() < before + 5


class Made:
    def __init__(self) -> None:
        self.closed = False


async def make() -> Made:
    return Made()


async def close(made: Made) -> None:
    made.closed = True


def test_the_object_of_a_loop_is_closed_with_it() -> None:
    kept: PerLoop[Made] = PerLoop(make, close)
    found: list[Made] = []

    async def use() -> None:
        found.extend([await kept.get(), await kept.get()])

    asyncio.run(use())
    assert found[0] is found[1]
    assert found[0].closed


def test_a_loop_that_was_closed_without_its_generators_is_forgotten() -> None:
    kept: PerLoop[Made] = PerLoop(make, close)
    for _ in range(3):
        loop = asyncio.new_event_loop()
        loop.run_until_complete(kept.get())
        loop.close()
    asyncio.run(_use(kept.get()))
    assert vars(kept)["_held"] == {}


async def _use(got: Awaitable[Made]) -> None:
    await got


async def test_an_object_that_could_not_be_made_is_made_by_the_next_call() -> None:
    failures = [OSError("not now")]

    async def sometimes() -> Made:
        if failures:
            raise failures.pop()
        return Made()

    kept: PerLoop[Made] = PerLoop(sometimes, close)
    with pytest.raises(OSError, match="not now"):
        await kept.get()
    made = await kept.get()
    await kept.close()
    assert made.closed
    await kept.close()


class Connecting:
    """A task of psycopg's pool that takes its cancellation for a failed attempt to connect."""

    async def run(self) -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            pass


async def test_a_worker_of_the_pool_that_is_cancelled_while_it_connects_ends() -> None:
    """`asyncio.run` cancels it at the end of the loop, and would wait for it forever."""
    queue: asyncio.Queue[Connecting] = asyncio.Queue()
    queue.put_nowait(Connecting())
    pool: Any = vars(postgres_connections)["_pool_class"]()
    worker = asyncio.create_task(pool.worker(queue))
    await asyncio.sleep(0.01)
    worker.cancel()
    await asyncio.wait([worker], timeout=10)
    assert worker.cancelled()
