from __future__ import annotations

from collections.abc import Iterator

import pytest
from webhooks import servers

from wooshpay.sandbox import Sandbox, SyncSandbox


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """A running Redis."""
    with servers.redis_url() as url:
        yield url


@pytest.fixture
def sandbox() -> Iterator[SyncSandbox]:
    """A running sandbox."""
    with Sandbox() as sandbox:
        yield sandbox
