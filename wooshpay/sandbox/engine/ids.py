"""Ids and secrets in the forms that WooshPay uses."""

from __future__ import annotations

import random
import secrets
import string
from collections.abc import Callable
from typing import Final

# Ids that WooshPay gave out, read together with the `created` of their objects, count from this moment.
ID_EPOCH: Final = 1_288_834_974_657
_LOW_BITS: Final = 22
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
