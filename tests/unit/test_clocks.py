"""Frozen-time libraries replace ``time.time``: the package has to look the function up whenever it needs the time."""

from __future__ import annotations

import ast
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from unittest import mock

import pytest

import wooshpay
from wooshpay.core.clock import monotonic_time, wall_time
from wooshpay.core.effects import Effects

CLOCKS: Final = {
    *(f"time.{name}" for name in ("time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns")),
    *("datetime.now", "datetime.utcnow", "datetime.today", "datetime.datetime.now", "date.today"),
}
MODULES: Final = sorted(Path(wooshpay.__file__).parent.rglob("*.py"))


def bound_clocks(source: str) -> Iterator[str]:
    """Find the functions of a clock that are named when the module is imported, and not called."""
    tree = ast.parse(source)
    called = {node.func for node in ast.walk(tree) if isinstance(node, ast.Call)}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "time":
            yield from (f"from time import {name.name}" for name in node.names if f"time.{name.name}" in CLOCKS)
        if isinstance(node, ast.Attribute) and ast.unparse(node) in CLOCKS and node not in called:
            yield f"line {node.lineno}: {ast.unparse(node)}"


def test_no_module_of_the_package_binds_a_clock() -> None:
    """With ``now=time.time`` as a default, a test that freezes the time gets the real one."""
    found = [f"{path}: {clock}" for path in MODULES for clock in bound_clocks(path.read_text())]
    assert not found, found
    assert len(MODULES) > 100, "the package was not found"


@pytest.mark.parametrize(
    "source",
    [
        "def f(now=time.time): pass",
        "class C:\n    now: object = time.monotonic",
        "from time import time",
        "f(datetime.now)",
    ],
)
def test_a_bound_clock_is_found(source: str) -> None:
    assert list(bound_clocks(source))


def test_the_default_clocks_follow_what_a_test_puts_in_the_place_of_the_time() -> None:
    with mock.patch.object(time, "time", return_value=17.0), mock.patch("time.monotonic", return_value=18.0):
        effects = Effects()
        assert (effects.now(), effects.monotonic()) == (17.0, 18.0)
        assert (wall_time(), monotonic_time()) == (17.0, 18.0)
