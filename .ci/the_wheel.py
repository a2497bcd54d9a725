"""A pytest plugin: fails the run unless the installed package was tested, and not the source beside the tests."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest


def pytest_collection_finish(session: pytest.Session) -> None:
    import wooshpay

    tested = Path(wooshpay.__file__).resolve()
    if not tested.is_relative_to(Path(sys.prefix).resolve()):
        raise pytest.UsageError(f"The tests would run against {tested}, not against the installed wheel.")
