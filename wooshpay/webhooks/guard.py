"""An inbox whose calls end in time and fail in one way only, whatever store is behind it.

The receiver must answer every delivery. A custom inbox, or the driver of a database, may raise any exception or never
return. Here all of that becomes an `InboxError`.
"""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Awaitable, Callable
from typing import ParamSpec, TypeVar

from wooshpay.errors import InboxError
from wooshpay.webhooks.inbox.contract import Claim, Inbox, Taken

P = ParamSpec("P")
T = TypeVar("T")


class GuardedInbox:
    """Calls an inbox with a time limit, and raises `InboxError` for every failure.

    Args:
        inbox: The inbox.
        timeout: Seconds that one call may take.
    """

    def __init__(self, inbox: Inbox, timeout: float) -> None:
        self.inbox = inbox
        self._timeout = timeout

    @property
    def lease(self) -> float:
        """Return the seconds for which a claim holds unless it is renewed."""
        return self.inbox.lease

    async def claim(self, event_id: str) -> Claim | Taken:
        """Claim an event."""
        taken: object = await self._limited("claim", self.inbox.claim, event_id)
        if isinstance(taken, Claim):
            return taken
        if taken == "held":
            return "held"
        if taken == "done":
            return "done"
        raise InboxError(
            f'claim() of {type(self.inbox).__name__} returned {type(taken).__name__}. It must return a Claim, "held" or'
            ' "done".'
        )

    async def renew(self, claim: Claim) -> bool:
        """Extend a claim by another lease. Return false if the claim was lost."""
        return await self._limited("renew", self.inbox.renew, claim)

    async def done(self, claim: Claim) -> bool:
        """Record that an event is done. Return false if the claim was lost."""
        return await self._limited("done", self.inbox.done, claim)

    async def give_back(self, claim: Claim) -> None:
        """Give a claim back, so that the next delivery handles the event."""
        await self._limited("give_back", self.inbox.give_back, claim)

    async def close(self) -> None:
        """Close the connections of the running event loop."""
        await self._limited("close", self.inbox.close)

    async def _limited(self, name: str, call: Callable[P, Awaitable[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        task = asyncio.current_task()
        cancelled_before = 0 if task is None else task.cancelling()
        limit = asyncio.timeout(self._timeout)
        try:
            async with limit:
                return await call(*args, **kwargs)
        except InboxError:
            raise
        except asyncio.CancelledError as error:
            if task is not None and task.cancelling() > cancelled_before:
                raise
            # Nobody cancelled this task: a task or a connection inside the store was cancelled.
            raise self._failed(name, error) from error
        except Exception as error:
            if limit.expired():
                raise InboxError(
                    f"{name}() of {type(self.inbox).__name__} did not return within {self._timeout:g} seconds. Check"
                    " that its store is running and answers."
                ) from error
            raise self._failed(name, error) from error

    def _failed(self, name: str, error: BaseException) -> InboxError:
        # The text of a driver's error may show the address of the store, and an address may hold a password.
        where = traceback.extract_tb(error.__traceback__)[-1]
        return InboxError(
            f"{name}() of {type(self.inbox).__name__} failed with {type(error).__name__} at"
            f" {where.filename}:{where.lineno}."
        )
