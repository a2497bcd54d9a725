"""Text in CSV files that a spreadsheet must not run as a formula."""

from __future__ import annotations

import re
from typing import Final

# What a spreadsheet reads as the beginning of a formula, and a customer may have typed: also in full width, as
# Japanese keyboards write it, and after a line break or tab. A number or a phone number is not a formula.
_FORMULA: Final = re.compile("[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
_PLAIN_NUMBER: Final = re.compile(r"[+-]?[\d .()/-]*", re.ASCII)
_GUARD: Final = "'"


def guarded(text: str) -> str:
    """Return the text with an apostrophe before it if a spreadsheet would run it as a formula."""
    return f"{_GUARD}{text}" if _FORMULA.match(text) and not _PLAIN_NUMBER.fullmatch(text) else text


def unguarded(text: str) -> str:
    """Return what `guarded` was given."""
    rest = text.removeprefix(_GUARD)
    return rest if guarded(rest) == text else text
