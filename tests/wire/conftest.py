"""The wire tests' own tools."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from typing import Any
from unittest.mock import Mock

import aioresponses.core
import pytest
from support.wire import Both


@pytest.fixture
def mocked(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """aioresponses, adapted to aiohttp 3.14.

    aioresponses 0.7.9 builds its answers without the ``stream_writer`` that aiohttp's class requires since
    3.14 (its issue 289). Giving it one here keeps aiohttp, and its security fixes, at the newest.
    """
    core: Any = aioresponses.core
    real = core.ClientResponse

    def build(*args: Any, **kwargs: Any) -> Any:
        return real(*args, **{"stream_writer": Mock(output_size=0), **kwargs})

    monkeypatch.setattr(core, "ClientResponse", build)
    with core.aioresponses() as mock:
        yield mock


@pytest.fixture(scope="module")
def both() -> Iterator[Both]:
    """Both clients and a peer, for all tests of a module; nothing of them is left behind."""
    before = set(threading.enumerate())
    with Both() as both:
        yield both
    gc.collect()
    assert set(threading.enumerate()) <= before
