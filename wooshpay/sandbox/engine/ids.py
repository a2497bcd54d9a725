"""Ids and secrets in the forms that WooshPay uses."""

from __future__ import annotations

import random
import re
import secrets
import string
from collections.abc import Callable
from typing import Final

from wooshpay.sandbox.engine.errors import invalid_id

# Ids that WooshPay gave out, read together with the `created` of their objects, count from this moment.
ID_EPOCH: Final = 1_288_834_974_657
_LOW_BITS: Final = 22

PREFIXES: Final = frozenset(
    {"bf", "ch", "coupon", "cs", "cus", "di", "dp", "evt", "file", "fxq", "iauth", "ic", "ich", "ii", "il", "in", "ipi"}
    | {"li", "pi", "plink", "pm", "po", "price", "prod", "promo", "re", "req", "setatt", "seti", "si", "sub", "txn"}
    | {"we"}
)
"""What IDs begin with, before the underscore. No ID with another prefix can be made."""

_ID = re.compile(r"(?P<prefix>[a-z]+)_[A-Za-z0-9_]+", re.ASCII)
_ALPHABET: Final = string.ascii_letters + string.digits
_CHANCE: Final = secrets.SystemRandom()


class Ids:
    """Makes ids: a prefix and a 19-digit number that grows.

    Args:
        now: The time in milliseconds.
        seed: Makes secrets repeatable; without it they cannot be guessed.
    """

    def __init__(self, now: Callable[[], int], *, seed: int | None = None) -> None:
        self._now = now
        self._seed = seed
        self._drawn = 0
        self._last = 0

    @property
    def seed(self) -> int | None:
        """What makes secrets repeatable, if anything."""
        return self._seed

    @property
    def drawn(self) -> int:
        """How many repeatable texts were drawn."""
        return self._drawn

    def put_back(self, seed: int | None, drawn: int, last: int) -> None:
        """Go on from where another one stopped."""
        self._seed, self._drawn, self._last = seed, drawn, last

    @property
    def last(self) -> int:
        """The number in the last id."""
        return self._last

    def new(self, prefix: str) -> str:
        """An id such as ``pi_1693466278934609920``, greater than every one before."""
        if prefix not in PREFIXES:
            raise ValueError(f"{prefix} is missing in PREFIXES: its IDs would be refused as malformed")
        number = max((self._now() - ID_EPOCH) << _LOW_BITS, self._last + 1)
        self._last = number
        return f"{prefix}_{number:019d}"

    def text(self, length: int) -> str:
        """Random letters and digits."""
        return self._draw(_ALPHABET, length)

    def digits(self, length: int) -> str:
        """Random digits."""
        return self._draw(string.digits, length)

    def client_secret(self, id: str) -> str:
        """A client secret such as ``pi_1693466278934609920_secret_xjsfriry3X8stv3ROmynz0kz``."""
        return f"{id}_secret_{self.text(24)}"

    def webhook_secret(self) -> str:
        """The secret of a webhook endpoint."""
        return f"whsec_{self.text(32)}"

    def _draw(self, alphabet: str, length: int) -> str:
        if self._seed is None:
            return "".join(_CHANCE.choices(alphabet, k=length))
        # Every text has a generator of its own, so that a count is all there is to keep in a state file.
        self._drawn += 1
        return "".join(random.Random(f"{self._seed}/{self._drawn}").choices(alphabet, k=length))  # noqa: S311  # a seed asks for chance that repeats


def is_well_formed(id: str) -> bool:
    """Return whether a text has the form of an ID, such as ``pi_1693466278934609920`` or ``pm_card_visa``."""
    found = _ID.fullmatch(id)
    return found is not None and found["prefix"] in PREFIXES


def require_id(id: str, *, param: str) -> None:
    """Refuse a text that does not have the form of an ID. Whether there is such an object is another question.

    Raises:
        SandboxError: 404, it does not have the form of an ID.
    """
    if not is_well_formed(id):
        raise invalid_id(id, param=param)
