"""Idempotency keys: one key, one piece of work, one answer."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Final

import attrs

from wooshpay.core.json import JsonObject
from wooshpay.sandbox.engine.clock import MILLISECONDS_PER_DAY
from wooshpay.sandbox.engine.errors import SandboxError

LIFETIME: Final = MILLISECONDS_PER_DAY


@attrs.frozen
class Answer:
    """What a request was answered with."""

    status: int
    body: bytes


@attrs.define
class _Entry:
    fingerprint: bytes
    expires: int
    answer: Answer | None = None


class Keys:
    """The keys in use and the answers under them, for 24 hours.

    Args:
        now: The time in milliseconds.
    """

    def __init__(self, now: Callable[[], int]) -> None:
        self._now = now
        self._entries: dict[str, _Entry] = {}

    def claim(self, key: str, method: str, path: str, params: JsonObject) -> Answer | None:
        """Start work under a key.

        Returns:
            The answer to give again; ``None`` where the work is to be done, and `finish` or `release` must follow.

        Raises:
            SandboxError: 409, the key belongs to another request or is being worked on.
        """
        self._forget_old()
        fingerprint = _fingerprint(method, path, params)
        entry = self._entries.get(key)
        if entry is None:
            self._entries[key] = _Entry(fingerprint, self._now() + LIFETIME)
            return None
        if entry.fingerprint != fingerprint:
            raise SandboxError(
                "This idempotency key was used for a request with another endpoint or other parameters;"
                " use a new key for a new request.",
                status=409,
                type="idempotency_error",
                code="idempotency_key_reused",
            )
        if entry.answer is None:
            raise SandboxError(
                "A request with this idempotency key is still being worked on; try again in a moment.",
                status=409,
                type="idempotency_error",
                code="idempotency_key_in_use",
            )
        return entry.answer

    def finish(self, key: str, answer: Answer) -> None:
        """Keep the answer under a claimed key."""
        self._entries[key].answer = answer

    def release(self, key: str) -> None:
        """Give a claimed key back: its work was not done."""
        entry = self._entries.get(key)
        if entry is not None and entry.answer is None:
            del self._entries[key]

    def _forget_old(self) -> None:
        # Entries stand in the order of their expiry, so that only the old ones are looked at.
        now = self._now()
        while self._entries:
            key, entry = next(iter(self._entries.items()))
            if entry.expires > now or entry.answer is None:
                return
            del self._entries[key]


def _fingerprint(method: str, path: str, params: JsonObject) -> bytes:
    # Sorted, so that the order of the parameters makes no difference.
    import json

    text = json.dumps([method, path, params], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).digest()
