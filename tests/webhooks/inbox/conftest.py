from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
from webhooks.inbox import pgbouncer
from webhooks.inbox.sqlalchemy_stores import Opened


@pytest.fixture(scope="session")
def pgbouncer_url(postgres_url: str) -> Iterator[str]:
    """An empty database behind a running PgBouncer in transaction mode."""
    with pgbouncer.pgbouncer_url(postgres_url) as url:
        yield url


@pytest.fixture
async def opened() -> AsyncIterator[Opened]:
    opened = Opened()
    yield opened
    await opened.close()
