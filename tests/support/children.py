"""Child processes of tests: they find what is tested and the tests' own modules, however the tests were started."""

from __future__ import annotations

import os
from pathlib import Path

import wooshpay

_TESTS = Path(__file__).parents[1]


def environment() -> dict[str, str]:
    """Return the environment for a child process that imports the package under test and modules of the tests."""
    places = (str(Path(wooshpay.__file__).parents[1]), str(_TESTS), os.environ.get("PYTHONPATH"))
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, places))}
