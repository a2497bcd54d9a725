"""Looking into the sandbox from a test."""

from __future__ import annotations

from wooshpay.core.json import JsonObject
from wooshpay.sandbox.engine.guard import Guard
from wooshpay.sandbox.engine.state import State


class Inspector:
    """Gives the objects as the API would answer them. Works from any thread.

    Args:
        state: The sandbox.
        lock: Guards the objects.
    """

    def __init__(self, state: State, lock: Guard) -> None:
        self._state = state
        self._lock = lock

    def kinds(self) -> list[str]:
        """The kinds of objects that there are, such as ``payment_intent``."""
        with self._lock:
            return self._state.store.kinds()

    def all(self, kind: str) -> list[JsonObject]:
        """Every object of a kind, oldest first."""
        with self._lock:
            return [self._state.view(record) for record in self._state.store[kind].look()]

    def count(self, kind: str) -> int:
        """How many objects of a kind there are."""
        with self._lock:
            return len(self._state.store[kind])

    def get(self, id: str) -> JsonObject:
        """The object with an id.

        Raises:
            LookupError: There is none.
        """
        with self._lock:
            for kind in self._state.store.kinds():
                record = self._state.store[kind].get(id)
                if record is not None:
                    return self._state.view(record)
        raise LookupError(f"The sandbox has no object {id!r}.")

    def events(self, type: str | None = None) -> list[JsonObject]:
        """The events so far, oldest first; of one type only, if given."""
        return [event for event in self.all("event") if type is None or event["type"] == type]
