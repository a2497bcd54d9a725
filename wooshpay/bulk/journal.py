"""What a journal keeps of each row, and what is to be done with a row in view of it.

from         by                                                to
(new)        a run takes the row                               started, noted before the call is sent
started      the call succeeds                                 succeeded
             WooshPay refuses it                               rejected
             it did not reach WooshPay                         not_sent
             its answer was lost                               unknown
             the program dies                                  started
not_sent     a later run takes the row                         started, with the same key
started,     a later run takes the row, within the life of     started, with the same key
unknown      the key
             after it                                          as before; refused, unless told to send it anyway
rejected     a later run takes the row, told to try it again   started, with a new key
succeeded    any run takes the row                             as before; nothing is sent
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final, Literal, Protocol, TypeAlias

import attrs

KEY_LIFETIME: Final = 23 * 3600.0
"""Seconds for which WooshPay surely knows a key again. It documents none; a day is usual, less an hour for safety."""

EntryState: TypeAlias = Literal["started", "succeeded", "rejected", "not_sent", "unknown"]


@attrs.frozen(kw_only=True)
class Entry:
    """What the journal knows of a row.

    Attributes:
        fingerprint: A digest of the call, without what is secret in it.
        generation: How many keys the row has had.
        key: The idempotency key.
        state: How far it is.
        sent_at: When the key was first sent, in seconds since 1970.
        seen: The pass of the run that took the row last.
        object_id: The id of the object that WooshPay gave.
        status: Its status then.
        error: Why it did not succeed.
        code: WooshPay's code of the error.
    """

    fingerprint: str
    generation: int
    key: str
    state: EntryState
    sent_at: float
    seen: int | None = None
    object_id: str | None = None
    status: str | None = None
    error: str | None = None
    code: str | None = None


@attrs.frozen(kw_only=True)
class Run:
    """What tells one run from another: the same name for another operation or another host is another run.

    Attributes:
        name: Its name.
        operation: The SDK name of the operation.
        host: Where the calls go, which tells test mode from live mode.
    """

    name: str
    operation: str
    host: str

    @property
    def id(self) -> str:
        """All of it as one text."""
        return json.dumps([self.name, self.operation, self.host])

    def key(self, row_id: str, generation: int) -> str:
        """The idempotency key of a row: always the same for the same row."""
        parts = json.dumps([self.name, self.operation, row_id, generation])
        return f"bulk_{hashlib.sha256(parts.encode()).hexdigest()[:40]}"


Change: TypeAlias = Callable[[Entry | None], Entry | None]
"""Gives the new entry of a row for its present one; ``None`` leaves it as it is. It may be asked more than once."""


class Journal(Protocol):
    """Keeps the entries of rows. Every method raises `JournalError` where the store cannot be reached."""

    async def begin(self, run: Run, /) -> int:
        """Begin another pass of a run; give its number, which no other pass has."""
        ...

    async def change(self, run: Run, row_id: str, change: Change, /) -> None:
        """Change the entry of a row, in one step that nobody else can come between, and keep it for good."""
        ...

    async def close(self) -> None:
        """Close what the journal opened. May be called again."""
        ...


# ---- deciding -------------------------------------------------------------------------------------------------


@attrs.frozen(kw_only=True)
class Policy:
    """What a run may send again.

    Attributes:
        retry_rejected: Send rows that WooshPay refused, with a new key.
        resend_expired: Send rows that may have been carried out, although their key may be forgotten by now.
    """

    retry_rejected: bool = False
    resend_expired: bool = False


@attrs.frozen
class Send:
    """Send the row with the key of this entry.

    Attributes:
        entry: What is noted before.
        doubtful: Whether an earlier call with this key may have been carried out.
    """

    entry: Entry
    doubtful: bool = False


@attrs.frozen
class Skip:
    """The row was done before."""

    entry: Entry


@attrs.frozen
class Refuse:
    """The row must not be sent."""

    reason: str
    key: str | None = None


Decision: TypeAlias = Send | Skip | Refuse


def decide(
    entry: Entry | None, *, run: Run, row_id: str, fingerprint: str, seen: int | None, now: float, policy: Policy
) -> Decision:
    """Decide what to do with a row.

    Args:
        entry: What the journal knows of it.
        run: The run.
        row_id: The row.
        fingerprint: The digest of its call as it is now.
        seen: The pass; ``None`` where the same row may be handed in again and again, as queues do.
        now: Seconds since 1970.
        policy: What may be sent again.
    """

    def anew(generation: int) -> Entry:
        key = run.key(row_id, generation)
        return Entry(fingerprint=fingerprint, generation=generation, key=key, state="started", sent_at=now, seen=seen)

    if entry is None:
        return Send(anew(1))
    if seen is not None and entry.seen == seen:
        return Refuse("There are two rows with this id: give each its own, or leave one out.", entry.key)
    changed = entry.fingerprint != fingerprint
    # Nothing came of the row as it was, so it may be another one now.
    if (entry.state == "rejected" and policy.retry_rejected) or (entry.state == "not_sent" and changed):
        return Send(anew(entry.generation + 1))
    if changed:
        return Refuse(
            f"The row was sent at {_moment(entry.sent_at)} and is another one now. Put it back as it was, or give it an"
            " id of its own if it is to be done as well.",
            entry.key,
        )
    if entry.state in {"succeeded", "rejected"}:
        return Skip(attrs.evolve(entry, seen=seen))
    if entry.state == "not_sent":
        return Send(attrs.evolve(entry, state="started", sent_at=now, seen=seen))
    if now - entry.sent_at <= KEY_LIFETIME:
        return Send(attrs.evolve(entry, state="started", seen=seen), doubtful=True)
    if policy.resend_expired:
        return Send(attrs.evolve(entry, state="started", sent_at=now, seen=seen), doubtful=True)
    return Refuse(
        f"The row was sent at {_moment(entry.sent_at)} and its answer was lost. By now WooshPay may have forgotten its"
        " key, so that sending it again could do it twice. Look in WooshPay whether it was carried out; if not, run"
        " again with resend_expired.",
        entry.key,
    )


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")


def settle(entry: Entry) -> Change:
    """Note what came of a call. What has succeeded stays so, whatever another worker's attempt came to."""

    def change(now: Entry | None) -> Entry | None:
        return None if now is not None and now.state == "succeeded" else entry

    return change
