"""Decides what to do with a run and with each of its rows, from what the journal knows. These are pure functions.

from         by                                                to
(new)        a run takes the row                               started, noted before the call is sent
started      the call succeeds                                 succeeded
             the response repeats one that the run never got   replayed
             WooshPay refuses it                               rejected
             it did not reach WooshPay                         not_sent
             its response was lost                             unknown
             the program dies                                  started
not_sent     a later run takes the row                         started, with the same key
started,     a later run takes the row, within the life of     started, with the same key
unknown      the key
             after it, or if the clock went back               as before; refused, unless told to send it anyway
rejected     a later run takes the row, told to try it again   started, with a new key
succeeded,   any run takes the row                             as before; nothing is sent
replayed
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final, TypeAlias

import attrs

from wooshpay.bulk.fingerprints import account_of, is_same_row
from wooshpay.bulk.journal import KEY_LIFETIME, Change, Entry, Mode, Policy, Run, RunEntry
from wooshpay.core.redaction import Secret

CLOCK_TOLERANCE: Final = 300.0
"""Seconds by which a clock may be behind the latest time in the journal: machines differ by a little."""


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
    """The row, or the whole run, must not be sent."""

    reason: str
    key: str | None = None


Decision: TypeAlias = Send | Skip | Refuse


# ---- runs -----------------------------------------------------------------------------------------------------


def open_run(
    entry: RunEntry | None,
    *,
    api_key: Secret,
    mode: Mode,
    host: str,
    rotated_key: bool,
    now: float,
    token: Callable[[], str],
) -> RunEntry | Refuse:
    """Open a run: begin it, or check that it belongs to this account, mode and host.

    Args:
        entry: What the journal knows of it.
        api_key: The API key that the run has now.
        mode: The mode of that key.
        host: Where the calls go.
        rotated_key: Accept that the run was begun with another API key of the same account.
        now: Seconds since 1970.
        token: Returns a random text.
    """
    if entry is None:
        secret = token()
        return RunEntry(
            identity=token(), secret=secret, mode=mode, host=host, accounts=(account_of(api_key, secret),), latest=now
        )
    if not entry.accounts:
        return attrs.evolve(entry, mode=mode, host=host, accounts=(account_of(api_key, entry.secret),))
    if entry.mode != mode:
        return Refuse(
            f"This journal holds a run in {entry.mode} mode, and the API key is for {mode} mode. Nothing was sent. Use"
            f" another journal for {mode} mode."
        )
    if entry.host != host:
        return Refuse(
            f"This journal holds a run for {entry.host}, and the calls would go to {host}. Nothing was sent. Use"
            " another journal, or restore the base URL."
        )
    account = account_of(api_key, entry.secret)
    if account in entry.accounts:
        return entry
    if rotated_key:
        return attrs.evolve(entry, accounts=(*entry.accounts, account))
    return Refuse(
        "This journal holds a run that was made with another API key. Nothing was sent. If the key belongs to another"
        " account, use another journal. If it is the same account and its key was rotated, pass --rotated-key, or"
        " rotated_key=True in Python."
    )


# ---- rows -----------------------------------------------------------------------------------------------------


def decide(
    entry: Entry | None,
    *,
    run: Run,
    identity: str,
    row_id: str,
    fingerprint: str,
    seen: int | None,
    now: float,
    latest: float,
    policy: Policy,
) -> Decision:
    """Decide what to do with a row.

    Args:
        entry: What the journal knows of it.
        run: The run.
        identity: The identity of the run in its journal.
        row_id: The row.
        fingerprint: The digest of its call as it is now.
        seen: The pass; ``None`` where the same row may be passed in again and again, as queues do.
        now: Seconds since 1970.
        latest: The latest time at which the journal was used.
        policy: What may be sent again.
    """

    def first(generation: int) -> Entry:
        key = run.key(row_id, generation, identity)
        return Entry(fingerprint=fingerprint, generation=generation, key=key, state="started", sent_at=now, seen=seen)

    if entry is None:
        return Send(first(1))
    if seen is not None and entry.seen == seen:
        return Refuse("There are two rows with this ID: give each its own, or leave one out.", entry.key)
    changed = not is_same_row(entry.fingerprint, fingerprint)
    # Nothing came of the row as it was, so it may be another one now.
    if (entry.state == "rejected" and policy.retry_rejected) or (entry.state == "not_sent" and changed):
        return Send(first(entry.generation + 1))
    if changed:
        return Refuse(
            f"A row with this ID was sent at {moment(entry.sent_at)}, and the row has changed since. Restore the"
            " row. To send the changed row as well, give it an ID of its own.",
            entry.key,
        )
    if entry.state in {"succeeded", "rejected", "replayed"}:
        return Skip(attrs.evolve(entry, seen=seen))
    again = attrs.evolve(entry, state="started", tries=entry.tries + 1, fingerprint=fingerprint, seen=seen)
    if entry.state == "not_sent":
        return Send(attrs.evolve(again, sent_at=now))
    if policy.resend_expired:
        # Sending a key again does not make WooshPay remember it for longer.
        expired = now - entry.sent_at > KEY_LIFETIME
        return Send(attrs.evolve(again, sent_at=now) if expired else again, doubtful=True)
    if now < max(latest, entry.sent_at) - CLOCK_TOLERANCE:
        return Refuse(
            f"The clock of this machine says {moment(now)}, but the journal was used later,"
            f" at {moment(max(latest, entry.sent_at))}. The response to this row was lost. With a wrong clock nobody"
            " can tell whether WooshPay still knows its key, so sending it again could do it twice. Correct the clock,"
            " and run the same again.",
            entry.key,
        )
    if now - entry.sent_at <= KEY_LIFETIME:
        return Send(again, doubtful=True)
    return Refuse(
        f"The row was sent at {moment(entry.sent_at)} and its response was lost. By now WooshPay may have forgotten its"
        " key, so sending it again could do it twice. Check in WooshPay whether it was carried out. If it was not,"
        " run again with --resend-expired, or resend_expired=True in Python.",
        entry.key,
    )


def moment(seconds: float) -> str:
    """Write a time as it stands in messages, in UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")


def settle(entry: Entry) -> Change:
    """Return the change that records the result of a call. A success is never replaced by another worker's result."""

    def change(now: Entry | None) -> Entry | None:
        if now is not None and now.state == "succeeded":
            return None
        if entry.state == "replayed" and now is not None and now.tries != entry.tries:
            # Another worker of this run sent the row meanwhile, so the response that was repeated is the run's own.
            return attrs.evolve(entry, state="succeeded", error=None)
        return entry

    return change
