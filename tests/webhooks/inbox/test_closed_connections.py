"""A server ends the connections of an inbox between two deliveries: the next one must not be the one that finds out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import closing
from typing import Any, Final

import pytest
from webhooks.inbox.closing import end_postgres_connections, end_redis_connections, named

from wooshpay.webhooks import PostgresInbox, RedisInbox
from wooshpay.webhooks.inbox.contract import Claim, Inbox

STORES: Final[dict[str, tuple[Callable[[str], Inbox], Callable[[str], int]]]] = {
    "postgres": (
        lambda url: PostgresInbox(named(url, "closed")),
        lambda url: end_postgres_connections(url, "closed"),
    ),
    "redis": (RedisInbox, end_redis_connections),
}


@pytest.fixture(params=list(STORES))
def store(request: pytest.FixtureRequest) -> tuple[Inbox, Callable[[], int]]:
    url: str = request.getfixturevalue(f"{request.param}_url")
    make, end = STORES[request.param]
    return make(url), lambda: end(url)


@pytest.fixture
def standing() -> Iterator[Callable[[Coroutine[Any, Any, Any]], Any]]:
    """An event loop that runs only while something is awaited."""
    with closing(asyncio.new_event_loop()) as loop:
        yield loop.run_until_complete
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.run_until_complete(loop.shutdown_default_executor())


def test_on_an_event_loop_that_stood_still(
    store: tuple[Inbox, Callable[[], int]], standing: Callable[[Coroutine[Any, Any, Any]], Any]
) -> None:
    """The loop has not read the end of the connection when the next delivery begins, as after a freeze."""
    inbox, end_connections = store
    for number in range(4):
        assert isinstance(standing(inbox.claim(f"evt_standing_{number}")), Claim)
        assert end_connections() > 0
    standing(inbox.close())


async def test_on_an_event_loop_that_runs_on(store: tuple[Inbox, Callable[[], int]]) -> None:
    inbox, end_connections = store
    for number in range(4):
        assert isinstance(await inbox.claim(f"evt_running_{number}"), Claim)
        assert await asyncio.to_thread(end_connections) > 0
    await inbox.close()


async def test_several_deliveries_at_once_after_that(store: tuple[Inbox, Callable[[], int]]) -> None:
    """Each has a connection of its own, and every one of them was ended."""
    inbox, end_connections = store
    for number in range(3):
        claims = await asyncio.gather(*(inbox.claim(f"evt_many_{number}_{index}") for index in range(4)))
        assert all(isinstance(claim, Claim) for claim in claims)
        assert await asyncio.to_thread(end_connections) > 0
    await inbox.close()
