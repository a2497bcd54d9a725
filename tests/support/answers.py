"""Answers of WooshPay kept as data: facts of its reference and guides, one file for each shape."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from wooshpay.api import OBJECTS

DATA: Final = Path(__file__).parents[1] / "data" / "api"


def read(name: str) -> dict[str, Any]:
    """Read the answer of this name."""
    found: dict[str, Any] = json.loads((DATA / f"{name}.json").read_text())
    return found


def _class_name(file: str) -> str:
    """Find the class that a file is named after; what follows, a year or a word, tells it from its other files."""
    words = file.split("_")
    names = ["".join(word.capitalize() for word in words[:count]) for count in range(len(words) - 1, 0, -1)]
    return next(name for name in names if name in OBJECTS)


EXAMPLES: Final = {path.stem: _class_name(path.stem) for path in sorted(DATA.glob("*.json"))}
"""File name to the name of the object class."""
