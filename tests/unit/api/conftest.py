"""What the tests of the sections share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from support.answers import read

from wooshpay.api import declarations
from wooshpay.core.declaration import Declaration


@pytest.fixture
def example() -> Callable[[str], dict[str, Any]]:
    """Read the answer of this name."""
    return read


@pytest.fixture(scope="session")
def declared() -> Callable[[str], Declaration]:
    """Find the declaration of the operation of this name."""
    return {declaration.name: declaration for declaration in declarations()}.__getitem__
