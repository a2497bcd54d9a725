"""Answers of WooshPay kept as data: facts of its reference and guides, one file for each shape."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from wooshpay.api import declarations
from wooshpay.core.declaration import Declaration

DATA = Path(__file__).parents[2] / "data" / "api"


@pytest.fixture
def example() -> Callable[[str], dict[str, Any]]:
    """Read the answer of this name."""

    def read(name: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((DATA / f"{name}.json").read_text())
        return found

    return read


@pytest.fixture(scope="session")
def declared() -> Callable[[str], Declaration]:
    """Find the declaration of the operation of this name."""
    return {declaration.name: declaration for declaration in declarations()}.__getitem__
