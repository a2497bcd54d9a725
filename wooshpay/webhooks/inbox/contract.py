"""What every inbox promises: an event is worked on by one worker at a time, and once it is done it stays done.

from       by                                       to
(new)      claim                                    held, by the caller, until the lease ends
held       claim by another, before the lease ends  held: the caller is told to come again
           claim by another, after the lease ended  held, by the other; the first holder has lost it
           renew by its holder                      held, for another lease
           done by its holder                       done
           give_back by its holder                  (new)
done       claim                                    done: the caller is told so
           the retention ends                       (new)

What no inbox can promise alone: a worker that dies between the effect of its work and `done` leaves the event to
another worker, which runs it again when the lease has ended. Where the effect is rows in the database of the inbox,
write them through its ``transaction()``: then the rows and "done" are written together or not at all.
"""

from __future__ import annotations

import hashlib
import secrets
from typing import Final, Literal, NamedTuple, Protocol, TypeAlias

from wooshpay.errors import ConfigurationError

LEASE: Final = 60.0
RETENTION: Final = 7 * 86_400.0
# WooshPay delivers for 72 hours; an id that is forgotten earlier would let its event run twice.
SHORTEST_RETENTION: Final = 72 * 3_600.0
# The longest ID that is stored as it is, in bytes. PostgreSQL's index takes no value beyond about 2,700.
_LONGEST_ID: Final = 2_000

Taken: TypeAlias = Literal["held", "done"]
"""Why an event cannot be claimed: another worker holds it, or it was done before."""


class Claim(NamedTuple):
    """The right to work on an event until the lease ends.

    Attributes:
        event_id: The event.
        token: Tells this claim from every other one of the event.
    """

    event_id: str
    token: str


class Counts(NamedTuple):
    """How many events an inbox knows.

    Attributes:
        held: Claimed and not done; those whose lease has ended count too, where the store still knows them.
        done: Done, and not yet forgotten.
    """

    held: int
    done: int


class Inbox(Protocol):
    """Remembers which events are being worked on and which are done. `WebhookReceiver` needs no more than this.

    Every method raises `InboxError` if the store fails, cannot be reached, or does not answer within the store's time
    limit. Every method may be called on any thread that runs an event loop, also while another thread's event loop uses
    the same inbox.

    An inbox may have two further attributes. They are not part of the protocol, so inboxes without them stay valid:

    - ``retention``: Seconds for which an event that is done is remembered. Default: 7 days. The receiver refuses
      deliveries whose signature is older, since the inbox could no longer tell whether they were handled.
    - ``any_loop``: Whether several event loops in several threads may use the inbox at the same time. Default: False.
      If it is True, claims are renewed on a loop of the receiver's own, even while a handler blocks its event loop.
    """

    lease: float
    """Seconds for which a claim holds unless it is renewed."""

    async def claim(self, event_id: str) -> Claim | Taken:
        """Take an event, in one step that no other worker can come between."""
        ...

    async def renew(self, claim: Claim) -> bool:
        """Hold an event for another lease; false where the claim was lost."""
        ...

    async def done(self, claim: Claim) -> bool:
        """Note that an event is done; false where the claim was lost. Done twice is done."""
        ...

    async def give_back(self, claim: Claim) -> None:
        """Let the next delivery run the event again. What is done, or was lost, stays as it is."""
        ...

    async def counts(self) -> Counts:
        """How many events there are. It may read all of them: for dashboards, not for every request."""
        ...

    async def forget_old(self) -> int:
        """Forget the events whose retention has ended; give their number. The stores also do so by themselves."""
        ...

    async def close(self) -> None:
        """Close the connections that the inbox opened for the running event loop.

        Call it on every event loop that used the inbox. It may be called again.
        """
        ...


def new_claim(event_id: str) -> Claim:
    """A claim that no other one equals."""
    return Claim(event_id, secrets.token_hex(12))


def retention_of(inbox: Inbox) -> float:
    """Return the seconds for which an inbox remembers events that are done; never less than 72 hours."""
    retention: object = getattr(inbox, "retention", None)
    if isinstance(retention, bool) or not isinstance(retention, (int, float)):
        return RETENTION
    return max(SHORTEST_RETENTION, retention)


def usable_on_any_loop(inbox: Inbox) -> bool:
    """Return whether several event loops may use an inbox at the same time. An inbox must say so itself."""
    return getattr(inbox, "any_loop", False) is True


def stored_id(event_id: str) -> str:
    """Return the text under which an event is stored.

    It is the ID itself, if every store can keep it. Lone surrogates, NUL characters and very long IDs cannot be
    stored everywhere; such an ID is replaced by its hash. WooshPay does not send any, but an event needs a response
    whatever its ID is.
    """
    try:
        raw = event_id.encode()
        if len(raw) <= _LONGEST_ID and b"\0" not in raw:
            return event_id
    except UnicodeEncodeError:
        raw = event_id.encode(errors="surrogatepass")
    return f"sha256:{hashlib.sha256(raw).hexdigest()}"


def check_times(lease: float, retention: float, timeout: float | None = None) -> None:
    """Refuse times that would let an event run twice, and a time limit that no operation could keep."""
    if not lease > 0:
        raise ConfigurationError("lease must be a number of seconds above 0.")
    if not retention >= SHORTEST_RETENTION:
        raise ConfigurationError(
            f"retention must be at least {SHORTEST_RETENTION:g} seconds (72 hours): WooshPay delivers an event for so"
            " long, and one that is forgotten earlier would run again."
        )
    if timeout is not None and not timeout > 0:
        raise ConfigurationError("timeout must be a number of seconds above 0.")
