"""Child processes of tests: they find what is tested and the tests' own modules, however the tests were started."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import wooshpay

HANGS: Final = 300
"""Seconds after which a child process has hung. On a busy machine, even its start may take a minute."""

_TESTS = Path(__file__).parents[1]


def environment() -> dict[str, str]:
    """Return the environment for a child process that imports the package under test and modules of the tests."""
    places = (str(Path(wooshpay.__file__).parents[1]), str(_TESTS), os.environ.get("PYTHONPATH"))
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, places))}
