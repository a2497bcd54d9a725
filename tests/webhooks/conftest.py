from __future__ import annotations

from collections.abc import Iterator

import pytest
from webhooks import servers


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """A running Redis."""
    with servers.redis_url() as url:
        yield url


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A running PostgreSQL."""
    with servers.postgres_url() as url:
        yield url


@pytest.fixture(scope="session")
def mariadb_url() -> Iterator[str]:
    """A running MariaDB. Its tests create a database of their own in it."""
    with servers.mariadb_url() as url:
        yield url
