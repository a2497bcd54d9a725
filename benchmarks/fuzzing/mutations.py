"""Inputs made of other inputs: bytes changed anywhere, or, where it is JSON, values changed for others."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from typing import Any, Final

from wooshpay.core.json import is_array, is_object

# What no field expects.
_ODD: Final[tuple[Any, ...]] = (
    *(None, True, False, 0, -1, 1.5, 2**63, 10**400, float("nan"), float("inf"), "", "0", "1999", "nan", "null"),
    *("true", "[]", "{}", '{"id": "x_1", "object": "customer"}', '[{"id": "x"}]', "\ud800", "9" * 5000, "[" * 2000),
    *([], {}, [[]], {"id": {}}, {"object": "list", "data": None}, {"object": ["x"]}, {"object": "charge"}),
    *({"object": "mystery", "id": 7}, [None, {"id": "x_1", "object": "refund"}], {"data": [1]}),
)


class Mutator:
    """Makes inputs without end; the same ones for the same seed."""

    def __init__(self, seeds: Sequence[bytes], words: Sequence[bytes], chance: random.Random) -> None:
        self._seeds = list(seeds)
        self._words = words
        self._chance = chance
        self._ways: list[Callable[[bytearray], None]] = [
            *(self._flip, self._cut, self._repeat, self._insert_word, self._insert_word, self._cross, self._end)
        ]

    def next(self) -> bytes:
        """Make one input."""
        chance = self._chance
        data = bytearray(chance.choice(self._seeds))
        if chance.random() < 0.5:
            data = bytearray(self._as_json(bytes(data)))
        if chance.random() < 0.6:
            for _ in range(chance.randint(1, 4)):
                chance.choice(self._ways)(data)
        return bytes(data)

    # ---- as JSON

    def _as_json(self, data: bytes) -> bytes:
        start = next((place for place, byte in enumerate(data) if byte in b"{["), 0)
        try:
            value: Any = json.loads(data[start:])
        except ValueError:
            return data
        for _ in range(self._chance.randint(1, 3)):
            value = self._changed(value)
        return data[:start] + json.dumps(value, ensure_ascii=self._chance.random() < 0.5).encode(errors="surrogatepass")

    def _changed(self, value: Any) -> Any:
        """The same value with something else in one place of it."""
        chance = self._chance
        inner: list[Any] = list(value) if is_object(value) else list(range(len(value))) if is_array(value) else []
        if not inner or chance.random() < 0.25:
            return self._other(value)
        key = chance.choice(inner)
        changed: Any = value.copy()
        if is_object(value) and chance.random() < 0.1:
            del changed[key]
        else:
            changed[key] = self._changed(changed[key])
        return changed

    def _other(self, value: Any) -> Any:
        chance = self._chance
        match chance.randrange(6):
            case 0:
                return json.dumps(value)
            case 1:
                return [value, value]
            case 2:
                return {"object": "list", "data": [value]}
            case 3:
                for _ in range(chance.choice((3, 50, 300))):
                    value = {chance.choice(("latest_charge", "payment_intent", "customer", "a")): value}
                return value
            case _:
                return chance.choice(_ODD)

    # ---- as bytes

    def _flip(self, data: bytearray) -> None:
        if data:
            data[self._chance.randrange(len(data))] = self._chance.randrange(256)

    def _cut(self, data: bytearray) -> None:
        start, end = self._slice(data)
        del data[start:end]

    def _repeat(self, data: bytearray) -> None:
        start, end = self._slice(data)
        data[start:start] = data[start:end] * self._chance.choice((1, 2, 20))

    def _insert_word(self, data: bytearray) -> None:
        place = self._chance.randint(0, len(data))
        data[place:place] = self._chance.choice(self._words)

    def _cross(self, data: bytearray) -> None:
        other = self._chance.choice(self._seeds)
        start, end = self._slice(bytearray(other))
        place = self._chance.randint(0, len(data))
        data[place:place] = other[start:end]

    def _end(self, data: bytearray) -> None:
        del data[self._chance.randint(0, len(data)) :]

    def _slice(self, data: bytearray) -> tuple[int, int]:
        start = self._chance.randint(0, len(data))
        return start, min(len(data), start + self._chance.choice((1, 4, 32, 200)))
