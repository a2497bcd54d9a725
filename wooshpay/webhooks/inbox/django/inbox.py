"""An inbox in a database of a Django project. It needs the extra ``django``."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Final, ParamSpec, TypeVar

from wooshpay.errors import ClaimLost
from wooshpay.webhooks.inbox.contract import (
    LEASE,
    RETENTION,
    Claim,
    Counts,
    Taken,
    check_times,
    new_claim,
)
from wooshpay.webhooks.inbox.current import NotCommitted, current_claim, settle
from wooshpay.webhooks.inbox.django.setup import check_setup

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper

P = ParamSpec("P")
T = TypeVar("T")

# So often a claim also forgets what is old, in a bounded step.
_TIDY_EVERY: Final = 500
_ROLLED_BACK: Final = (
    "The transaction around the inbox's transaction was rolled back without an error that left the handler, so the"
    " event is not done. If a statement of yours may fail, put it into a savepoint, with transaction.atomic(), and let"
    " other errors leave the handler."
)


class DjangoInbox:
    """Keeps the events in a table of a Django project's own database: SQLite, PostgreSQL, MySQL or MariaDB.

    Add ``wooshpay.webhooks.inbox.django`` to INSTALLED_APPS and run ``manage.py migrate``.

    The database server's clock decides about leases, so the machines' clocks may differ. On SQLite it is the machine's.

    Within a request the inbox uses the request's connection, and so it is inside the transaction of a `TestCase`. To
    renew claims, and outside of requests, it opens connections of its own, at most four. They are kept for as long as
    CONN_MAX_AGE says.

    Args:
        using: The alias of the database in DATABASES.
        lease: Seconds for which a claim holds unless it is renewed.
        retention: Seconds for which done events are remembered; at least 72 hours.
        timeout: Seconds that one operation may take. Then it fails with `InboxError`, and its connection is closed. A
            connection that is being opened in the thread of a request cannot be interrupted: it ends as the driver's
            ``connect_timeout`` in OPTIONS says. On SQLite, ``timeout`` in OPTIONS limits the wait for other writers.
            The statements in a transaction have no limit from here.

    Raises:
        ConfigurationError: Django is not installed, its settings are missing, INSTALLED_APPS does not have the app, or
            the alias is unknown or does not suit.
    """

    def __init__(
        self,
        using: str = "default",
        *,
        lease: float = LEASE,
        retention: float = RETENTION,
        timeout: float = 5.0,
    ) -> None:
        check_times(lease, retention, timeout)
        vendor = check_setup(using)
        from wooshpay.webhooks.inbox.django.runner import Runner
        from wooshpay.webhooks.inbox.django.table import InboxTable

        self.lease = lease
        self.retention, self.any_loop = retention, True
        self.using = using
        self._table = InboxTable(vendor, lease=lease, retention=retention)
        self._runner = Runner(using, timeout)
        self._claims = 0
        # The tokens of claims whose row is locked by a transaction of this process that is not committed yet.
        self._locked: set[str] = set()
        # The tokens of claims that were marked as done inside a transaction of the handler's own, which may not be
        # committed after all.
        self._written: set[str] = set()

    # ---- the contract

    async def claim(self, event_id: str) -> Claim | Taken:
        """Take an event."""
        self._claims += 1
        if self._claims % _TIDY_EVERY == 0:
            await self._runner.run(self._table.forget)
        claim = new_claim(event_id)
        return await self._runner.run(lambda connection: self._claim(connection, claim))

    async def renew(self, claim: Claim) -> bool:
        """Hold an event for another lease."""
        if claim.token in self._locked:
            return True  # nobody can take it over, and this would wait until the handler has committed
        return await self._runner.run(lambda connection: self._table.renew(connection, claim))

    async def done(self, claim: Claim) -> bool:
        """Note that an event is done.

        Raises:
            NotCommitted: The handler used `transaction` inside a transaction of its own, which was rolled back.
        """
        if claim.token in self._written and not await self._runner.run(
            lambda connection: self._table.is_done(connection, claim)
        ):
            raise NotCommitted(_ROLLED_BACK)
        found = await self._runner.run(lambda connection: self._table.done(connection, claim))
        self._forget(claim)
        return found

    async def give_back(self, claim: Claim) -> None:
        """Let the next delivery run the event again."""
        await self._runner.run(lambda connection: self._table.give_back(connection, claim))
        self._forget(claim)

    async def counts(self) -> Counts:
        """How many events there are."""
        return await self._runner.run(self._table.counts)

    async def forget_old(self) -> int:
        """Forget the events whose retention has ended."""
        count, more = 0, True
        while more:
            step, more = await self._runner.run(self._table.forget)
            count += step
        return count

    async def close(self) -> None:
        """Close the inbox's own connections. Those of requests are Django's."""
        await self._runner.close()

    # ---- beyond the contract

    def transaction(self) -> AbstractContextManager[None]:
        """Write rows of your own together with "done", inside a plain handler: both happen, or neither.

        The block is a ``transaction.atomic()`` on the inbox's database: whatever is written to it through Django's ORM
        is committed when the block ends, and rolled back when it raises. Errors of your own statements reach you as
        Django raises them. In an async handler, use `run_in_transaction`.

        Raises:
            ClaimLost: Another worker took the event over; nothing was written.
            InboxError: The database cannot be reached. Where that happens while it commits, what was written may stay.
            RuntimeError: No handler of a receiver with this inbox is running here, or it is async. Or the transaction
                had failed or ended before the block did.
        """
        from wooshpay.webhooks.inbox.django.transactions import InboxTransaction

        return InboxTransaction(self._atomic)

    async def run_in_transaction(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Call a plain function inside `transaction`, from an async handler. It runs where Django's ORM runs.

            await inbox.run_in_transaction(ship, order_id)

        Args:
            function: The plain function. It may use Django's ORM.
            args: Its arguments.
            kwargs: Its keyword arguments.

        Returns:
            What the function returns.

        Raises:
            ClaimLost: Another worker took the event over; nothing was written.
            InboxError: The database cannot be reached. Where that happens while it commits, what was written may stay.
            RuntimeError: No handler of a receiver with this inbox is running here. Or the transaction had failed or
                ended before the function did.
        """
        from wooshpay.webhooks.inbox.django.runner import run_where_the_orm_runs

        def work() -> T:
            with self.transaction():
                return function(*args, **kwargs)

        return await run_where_the_orm_runs(self.using, work)

    # ---- the steps

    def _claim(self, connection: BaseDatabaseWrapper, claim: Claim) -> Claim | Taken:
        from django.db import transaction

        taken = self._table.claim(connection, claim)
        if taken is claim and connection.in_atomic_block:
            self._locked.add(claim.token)
            transaction.on_commit(partial(self._locked.discard, claim.token), using=self.using)
        return taken

    @contextmanager
    def _atomic(self) -> Generator[None]:
        from django.db import connections

        from wooshpay.webhooks.inbox.django.operation import is_in_transaction
        from wooshpay.webhooks.inbox.django.transactions import atomic

        claim = current_claim(self)
        locked_before = claim.token in self._locked
        inside_another = is_in_transaction(connections[self.using])
        committed = partial(self._confirm, claim) if inside_another else partial(settle, self)
        self._written.discard(claim.token)

        def mark_as_done(connection: BaseDatabaseWrapper) -> bool:
            if not self._table.done(connection, claim):
                return False
            self._locked.add(claim.token)
            return True

        try:
            with atomic(self.using, mark_as_done, refuse=partial(_lost, claim), committed=committed):
                yield
            if inside_another:
                self._written.add(claim.token)
        finally:
            if not locked_before:
                self._locked.discard(claim.token)

    def _confirm(self, claim: Claim) -> None:
        """Check, after the COMMIT of a transaction of the handler's own, that it has written "done".

        PostgreSQL answers COMMIT by rolling back if a statement had failed, and Django reports no error then.
        """
        from django.db import Error, connections

        try:
            is_done = self._table.is_done(connections[self.using], claim)
        except Error:
            return  # the connection broke; `done` looks again when the handler has ended
        if not is_done:
            raise RuntimeError(_ROLLED_BACK)
        self._written.discard(claim.token)
        settle(self)

    def _forget(self, claim: Claim) -> None:
        """Forget what is known about a claim that has ended."""
        self._locked.discard(claim.token)
        self._written.discard(claim.token)


def _lost(claim: Claim) -> ClaimLost:
    return ClaimLost(
        f"The lease on event {claim.event_id} ended and another worker took it over; nothing was written."
        " Use a longer lease for the inbox, or make the handler faster."
    )
