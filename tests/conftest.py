"""What every test gets: no settings from outside, and nothing left behind."""

from __future__ import annotations

import asyncio
import gc
import signal
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# The benchmarks stand beside the package and are not installed. Their path goes last, as the package is there too.
sys.path.append(str(Path(__file__).parents[1]))

# A program that runs in the background of a shell, or under nohup, ignores these signals, and what it starts ignores
# them too. The tests of Ctrl-C and of closed terminals need child processes that do not.
for _number, _handler in (
    (signal.SIGINT, signal.default_int_handler),
    (getattr(signal, "SIGHUP", None), signal.SIG_DFL),
):
    if _number is not None and signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, _handler)

# How fast examples are made says nothing about the SDK, only how busy the machine is.
settings.register_profile("wooshpay", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("wooshpay")


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A developer's own key, host and proxy must not reach the tests."""
    proxies = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
    for name in ("WOOSHPAY_API_KEY", "WOOSHPAY_BASE_URL", *proxies, *(name.upper() for name in proxies)):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(autouse=True, scope="module")
def _only_young_objects_are_searched() -> None:
    """Looking for what a test left behind must not take longer with every module imported and test collected so far."""
    gc.freeze()


@pytest.fixture(autouse=True)
def _nothing_left_behind(request: pytest.FixtureRequest) -> Iterator[None]:
    """A thread that outlives its test fails it; sessions, transports and tasks do so as ResourceWarnings.

    The pure tests of tests/unit open nothing, and there are many: they are spared the collection.
    """
    if "unit" in request.node.path.parts:
        yield
        return
    before = set(threading.enumerate())
    yield
    gc.collect()
    left = [thread for thread in threading.enumerate() if thread not in before and thread.is_alive()]
    for thread in left:
        if not thread.name.startswith(("asyncio_", "ThreadPoolExecutor")):
            thread.join(2.0)
    left = [thread for thread in left if thread.is_alive() and not thread.name.startswith("asyncio_")]
    assert not left, f"left behind: {left}"


@pytest.fixture
async def no_task_left() -> AsyncIterator[None]:
    """A task that outlives the test fails it."""
    before = asyncio.all_tasks()
    yield
    await asyncio.sleep(0)
    left = [task for task in asyncio.all_tasks() - before if not task.done() and task is not asyncio.current_task()]
    assert not left, f"left behind: {left}"
