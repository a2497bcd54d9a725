from __future__ import annotations

from collections.abc import Iterator

import pytest
from webhooks.inbox import pgbouncer


@pytest.fixture(scope="session")
def pgbouncer_url(postgres_url: str) -> Iterator[str]:
    """An empty database behind a running PgBouncer in transaction mode."""
    with pgbouncer.pgbouncer_url(postgres_url) as url:
        yield url
