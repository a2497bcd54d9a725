"""Idempotency keys: one key, one piece of work, one answer."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from typing import Final

import attrs

from wooshpay.core.json import JsonObject
from wooshpay.sandbox.engine.clock import MILLISECONDS_PER_DAY
from wooshpay.sandbox.engine.errors import SandboxError
from wooshpay.sandbox.engine.keeping import Row, decode, encode

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

    table = "keys"

    def __init__(self, now: Callable[[], int]) -> None:
        self._now = now
        self._entries: dict[str, _Entry] = {}
        # The keys that the state file does not hold as they are; None without a file.
        self._changed: set[str] | None = None

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
        self._touch(key)

    def release(self, key: str) -> None:
        """Give a claimed key back: its work was not done."""
        entry = self._entries.get(key)
        if entry is not None and entry.answer is None:
            del self._entries[key]

    def clear(self) -> None:
        """Forget all responses. Requests that are being worked on keep their keys."""
        for key in [key for key, entry in self._entries.items() if entry.answer is not None]:
            del self._entries[key]
            self._touch(key)

    # ---- for the state file

    def restore(self, rows: Iterable[Row]) -> None:
        """Begin with the answers that the state file holds; what is being worked on goes on."""
        under_way = {key: entry for key, entry in self._entries.items() if entry.answer is None}
        known = {row.id: _load(row) for row in rows} | under_way
        self._entries = dict(sorted(known.items(), key=lambda item: item[1].expires))
        self._changed = set()

    def changes(self) -> list[Row]:
        """The keys that the state file does not hold as they are. One that is being worked on is not kept."""
        changed, self._changed = self._changed or set(), set()
        return [_row(key, self._entries.get(key)) for key in changed]

    def _touch(self, key: str) -> None:
        if self._changed is not None:
            self._changed.add(key)

    def _forget_old(self) -> None:
        # Entries stand in the order of their expiry, but for the few that are still being worked on.
        now = self._now()
        old: list[str] = []
        for key, entry in self._entries.items():
            if entry.expires > now:
                break
            if entry.answer is not None:
                old.append(key)
        for key in old:
            del self._entries[key]
            self._touch(key)


def _row(key: str, entry: _Entry | None) -> Row:
    if entry is None or entry.answer is None:
        return Row(key, None)
    facts = [entry.fingerprint.hex(), entry.expires, entry.answer.status, entry.answer.body.decode()]
    return Row(key, encode(facts), entry.expires)


def _load(row: Row) -> _Entry:
    fingerprint, expires, status, body = decode(row.body or b"")
    return _Entry(bytes.fromhex(fingerprint), expires, Answer(status, body.encode()))


def _fingerprint(method: str, path: str, params: JsonObject) -> bytes:
    # Sorted, so that the order of the parameters makes no difference.
    text = json.dumps([method, path, params], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).digest()
