"""What every part of a sandbox offers so that a state file can hold it: what changed, and a way to begin with it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any, Protocol

import attrs


@attrs.frozen
class Row:
    """One thing in the state file.

    Attributes:
        id: Its name among the things of its table.
        body: The thing itself, as JSON; ``None`` where it is gone.
        place: Where it stands in the order of its table.
    """

    id: str
    body: bytes | None
    place: int = 0


class Keeper(Protocol):
    """A part of the sandbox that the state file holds, in a table of its own."""

    table: str

    def restore(self, rows: Iterable[Row]) -> None:
        """Begin anew with what the file holds, in order; from now on, note what changes."""
        ...

    def changes(self) -> list[Row]:
        """What is not yet in the file as it now is; the next call gives what has changed since."""
        ...


# What is kept is read by this package alone, so orjson's handling of what JSON does not know plays no part.
encode: Callable[[Any], bytes]
decode: Callable[[bytes], Any]
try:
    import orjson
except ImportError:

    def _encode(value: Any) -> bytes:
        return json.dumps(value, separators=(",", ":")).encode()

    encode = _encode
    decode = json.loads
else:
    encode = orjson.dumps
    decode = orjson.loads
