"""What a journal keeps: an entry for each run, and an entry for each row of it.

The entry of a run holds what makes the run itself: its random identity, the account and the mode it belongs to, how
often it was started and when it finished. The entry of a row says how far that row is. What is done with a row in view
of its entry is decided in `wooshpay.bulk.decisions`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from typing import Final, Literal, Protocol, TypeAlias

import attrs

KEY_LIFETIME: Final = 23 * 3600.0
"""Seconds for which WooshPay surely knows a key again. It documents none; a day is usual, less an hour for safety."""

EntryState: TypeAlias = Literal["started", "succeeded", "rejected", "not_sent", "unknown", "replayed"]
Mode: TypeAlias = Literal["test", "live"]


@attrs.frozen(kw_only=True)
class Entry:
    """What the journal knows of a row.

    Attributes:
        fingerprint: A digest of the call, from `wooshpay.bulk.fingerprints`.
        generation: How many keys the row has had.
        key: The idempotency key.
        state: How far it is.
        sent_at: When the key was first sent, in seconds since 1970.
        tries: How often the row was taken to be sent with this key.
        seen: The pass of the run that took the row last.
        object_id: The ID of the object that WooshPay returned.
        status: Its status then.
        error: Why it did not succeed.
        code: WooshPay's code of the error.
    """

    fingerprint: str
    generation: int
    key: str
    state: EntryState
    sent_at: float
    tries: int = 1
    seen: int | None = None
    object_id: str | None = None
    status: str | None = None
    error: str | None = None
    code: str | None = None


def _as_tuple(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(values)


@attrs.frozen(kw_only=True)
class RunEntry:
    """What the journal knows about a run.

    Attributes:
        identity: A random text that no other run has. The keys of a run without a name are made of it.
        secret: The random key of the digests in this run's entries.
        mode: Whether the run belongs to test mode or to live mode.
        host: Where its calls go.
        accounts: A keyed digest of each API key that the run was made with. The first one began the run; the others
            replaced it when it was rotated. Empty if no key was accepted so far: the run belongs to nobody yet.
        passes: How often the run was started.
        latest: The latest time at which the journal was used, in seconds since 1970.
        finished_at: When a pass left nothing to do, in seconds since 1970; ``None`` if none did so far.
    """

    identity: str
    secret: str = attrs.field(repr=False)
    mode: Mode
    host: str
    accounts: tuple[str, ...] = attrs.field(converter=_as_tuple)
    passes: int = 0
    latest: float = 0.0
    finished_at: float | None = None


@attrs.frozen(kw_only=True)
class Run:
    """Which run of a journal is meant: one name and one operation.

    Attributes:
        name: The name that the user gave it. ``None`` means that it is the journal's own run of this operation.
        operation: The SDK name of the operation.
        host: Where the calls go. It does not tell runs apart: a run is bound to its host.
    """

    name: str | None
    operation: str
    host: str

    @property
    def id(self) -> str:
        """Return the name and the operation as one text."""
        return json.dumps([self.name, self.operation])

    def key(self, row_id: str, generation: int, identity: str) -> str:
        """Make the idempotency key of a row: the same row always gets the same key.

        A run with a name shares its keys with every run of that name and operation, in any journal. A run
        without one has keys of its own, made of its random identity.

        Args:
            row_id: The row.
            generation: How many keys the row has had, with this one.
            identity: The identity of the run in its journal.
        """
        # A list is never equal to a text, so an identity cannot be mistaken for a name.
        scope = [identity] if self.name is None else self.name
        parts = json.dumps([scope, self.operation, row_id, generation])
        return f"bulk_{hashlib.sha256(parts.encode()).hexdigest()[:40]}"


Change: TypeAlias = Callable[[Entry | None], Entry | None]
"""Returns the new entry of a row for its present one; ``None`` leaves it as it is. It may be called more than once."""

RunChange: TypeAlias = Callable[[RunEntry | None], RunEntry | None]
"""The same for the entry of a run."""


class Journal(Protocol):
    """Keeps the entries of runs and rows. Every method raises `JournalError` if the store cannot be reached."""

    async def change_run(self, run: Run, change: RunChange, /) -> None:
        """Change the entry of a run in one atomic step, and store it durably."""
        ...

    async def change(self, run: Run, row_id: str, change: Change, /) -> None:
        """Change the entry of a row, in one step that nobody else can come between, and keep it for good."""
        ...

    async def close(self) -> None:
        """Close what the journal opened. May be called again."""
        ...


@attrs.frozen(kw_only=True)
class Policy:
    """What a run may send again.

    Attributes:
        retry_rejected: Send rows that WooshPay refused, with a new key.
        resend_expired: Send rows that may have been carried out, although their key may be forgotten by now.
    """

    retry_rejected: bool = False
    resend_expired: bool = False
