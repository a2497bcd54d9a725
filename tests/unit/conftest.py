"""Unit tests open no sockets and start no threads: they need no search for what was left behind."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def _nothing_left_behind() -> Iterator[None]:
    """As for all tests, but without collecting garbage, which takes longer than most of these tests."""
    before = threading.active_count()
    yield
    assert threading.active_count() == before, "a thread was left behind"
