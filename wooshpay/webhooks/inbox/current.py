"""Which claim the running handler works under, so that an inbox's ``transaction()`` finds it."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import Context, ContextVar, copy_context
from typing import Final

from wooshpay.errors import InboxError
from wooshpay.webhooks.inbox.contract import Claim, Inbox


class NotCommitted(InboxError):
    """What a handler wrote together with "done" was not committed, although the handler ended without an error."""


class Work:
    """One event in the hands of a handler.

    Attributes:
        inbox: Where it was claimed.
        claim: The claim.
        settled: Whether it is done already, together with rows of the handler's own.
    """

    __slots__ = ("claim", "inbox", "settled")

    def __init__(self, inbox: Inbox, claim: Claim) -> None:
        self.inbox = inbox
        self.claim = claim
        self.settled = False


_work: Final[ContextVar[Work | None]] = ContextVar("wooshpay_webhook_work", default=None)
_caller: Final[ContextVar[Context | None]] = ContextVar("wooshpay_webhook_caller", default=None)


@contextmanager
def working(work: Work) -> Generator[None]:
    """Let the inbox's ``transaction()`` find the claim within this block."""
    token = _work.set(work)
    try:
        yield
    finally:
        _work.reset(token)


def work_on(work: Work) -> None:
    """Set the claim that ``transaction()`` uses in the running task. It lasts until that task ends."""
    _work.set(work)


def current_claim(inbox: Inbox) -> Claim:
    """The claim of the handler that runs here.

    Raises:
        RuntimeError: None does, or its event is from another inbox, or is done already.
    """
    work = _work.get()
    if work is None or work.inbox is not inbox:
        raise RuntimeError(
            "transaction() works inside a handler of a WebhookReceiver that has this inbox: there is no event here."
        )
    if work.settled:
        raise RuntimeError("This event is done already: transaction() can be used once in a handler.")
    return work.claim


def settle(inbox: Inbox) -> None:
    """Note that the event of the running handler is done."""
    work = _work.get()
    if work is not None and work.inbox is inbox:
        work.settled = True


def mark_own_loop() -> None:
    """Note that a thread waits for the running task. This holds until the task ends."""
    _caller.set(copy_context())


def waiting_caller() -> Context | None:
    """Return the context of the thread that waits for the running task, if there is one.

    That thread can do nothing else meanwhile, so no code that has to run in that context may be sent to it.
    """
    return _caller.get()
