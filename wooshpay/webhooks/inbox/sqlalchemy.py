"""An inbox in the application's own database, through SQLAlchemy. It needs the extra ``sqlalchemy``."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AbstractContextManager, asynccontextmanager, contextmanager
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar, overload

from wooshpay.core.loops import in_event_loop, threads_are_greenlets
from wooshpay.errors import ClaimLost, ConfigurationError
from wooshpay.webhooks.inbox.contract import LEASE, RETENTION, Claim, Counts, Taken, check_times, new_claim
from wooshpay.webhooks.inbox.current import current_claim, settle

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator

    from sqlalchemy import Connection, Engine, MetaData, Table
    from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker
    from sqlalchemy.orm import Session, sessionmaker

    from wooshpay.webhooks.inbox.sqlalchemy_transactions import Writing

T = TypeVar("T")
S = TypeVar("S", bound="Session | AsyncSession")
PlainS = TypeVar("PlainS", bound="Session")
LoopS = TypeVar("LoopS", bound="AsyncSession")

# After this many claims, a claim also deletes old events, up to a limit.
_TIDY_EVERY: Final = 500
TABLE: Final = "wooshpay_webhook_events"


class SqlAlchemyInbox(Generic[S]):
    """Keeps the events in a table of the application's own database: SQLite, PostgreSQL, MySQL or MariaDB.

        inbox = SqlAlchemyInbox(create_async_engine("postgresql+psycopg://shop@127.0.0.1/shop"))

        @receiver.on("payment_intent.succeeded")
        async def paid(event):
            async with inbox.transaction() as session:
                session.add(Shipment(order_id=merchant_reference(event)))

    The engine stays yours: the inbox takes connections from its pool, and never disposes of it. With an `Engine`, calls
    wait in up to four threads of the inbox, so an event loop goes on meanwhile, and any event loop may use the inbox.
    The connections of an `AsyncEngine` belong to one event loop, so claims are renewed on that one. If the engine has
    the pool class `sqlalchemy.pool.NullPool`, any event loop may use it, and claims are renewed on one of the receiver.

    The table has to exist: see `define_table` for Alembic, and `create` for scripts.

    Args:
        engine: The engine of the database that your handlers write to.
        session_factory: Creates the sessions of `transaction`; a ``sessionmaker`` for an `Engine`, an
            ``async_sessionmaker`` for an `AsyncEngine`. Default: plain sessions.
        table: The name of the table.
        schema: The schema of the table. Default: the database's default schema.
        lease: Seconds for which a claim holds unless it is renewed.
        retention: Seconds for which done events are remembered; at least 72 hours.
        timeout: Seconds that one operation may take, including the wait for a connection of the pool. Then it fails
            with `InboxError`. The inbox sets no limit for your own statements in a transaction. `forget_old` works in
            steps, each of which may take that long. With an `Engine`, a thread that waits for a silent server cannot be
            stopped; only the time limits of the driver end it. An async psycopg takes up to 5 seconds more to cancel
            what a silent server does not answer. Default: 30 for SQLite, otherwise 5.

    Raises:
        ConfigurationError: SQLAlchemy is not installed, or a setting is not valid.
    """

    @overload
    def __init__(
        self: SqlAlchemyInbox[Session],
        engine: Engine,
        *,
        session_factory: None = None,
        table: str = ...,
        schema: str | None = ...,
        lease: float = ...,
        retention: float = ...,
        timeout: float | None = ...,
    ) -> None: ...
    @overload
    def __init__(
        self: SqlAlchemyInbox[PlainS],
        engine: Engine,
        *,
        session_factory: sessionmaker[PlainS],
        table: str = ...,
        schema: str | None = ...,
        lease: float = ...,
        retention: float = ...,
        timeout: float | None = ...,
    ) -> None: ...
    @overload
    def __init__(
        self: SqlAlchemyInbox[AsyncSession],
        engine: AsyncEngine,
        *,
        session_factory: None = None,
        table: str = ...,
        schema: str | None = ...,
        lease: float = ...,
        retention: float = ...,
        timeout: float | None = ...,
    ) -> None: ...
    @overload
    def __init__(
        self: SqlAlchemyInbox[LoopS],
        engine: AsyncEngine,
        *,
        session_factory: async_sessionmaker[LoopS],
        table: str = ...,
        schema: str | None = ...,
        lease: float = ...,
        retention: float = ...,
        timeout: float | None = ...,
    ) -> None: ...
    def __init__(
        self,
        engine: Engine | AsyncEngine,
        *,
        session_factory: sessionmaker[Any] | async_sessionmaker[Any] | None = None,
        table: str = TABLE,
        schema: str | None = None,
        lease: float = LEASE,
        retention: float = RETENTION,
        timeout: float | None = None,
    ) -> None:
        check_times(lease, retention, timeout)
        _check_installed()
        from sqlalchemy import MetaData

        from wooshpay.webhooks.inbox.sqlalchemy_engines import open_engine
        from wooshpay.webhooks.inbox.sqlalchemy_table import Events, define_table

        own = define_table(MetaData(), name=table, schema=schema)
        self._engine = open_engine(engine, timeout=timeout, table=own.fullname)
        self._sessions = _sessions(engine, session_factory)
        self._events = Events(own, engine.dialect.name, lease=lease, retention=retention)
        self.lease = lease
        self.retention = retention
        self._claims = 0
        # The claims whose rows are locked by a transaction of a handler, so that no other worker can take them over.
        self._open: set[str] = set()

    @property
    def any_loop(self) -> bool:
        """Return whether several event loops may use the inbox at the same time."""
        return self._engine.any_loop

    # ---- the table

    @staticmethod
    def define_table(metadata: MetaData, *, name: str = TABLE, schema: str | None = None) -> Table:
        """Add the table to a metadata of yours, such as ``Base.metadata``, so that Alembic writes a migration for it.

        Args:
            metadata: The metadata that is the ``target_metadata`` in Alembic's ``env.py``.
            name: The name of the table, if the inbox has another one than the default.
            schema: The schema of the table. Default: that of the metadata.

        Returns:
            The table. If the metadata already has it, the existing one.

        Raises:
            ConfigurationError: SQLAlchemy is not installed.
        """
        _check_installed()
        from wooshpay.webhooks.inbox.sqlalchemy_table import define_table

        return define_table(metadata, name=name, schema=schema)

    @overload
    def create(self: SqlAlchemyInbox[PlainS]) -> None: ...
    @overload
    def create(self: SqlAlchemyInbox[LoopS]) -> Awaitable[None]: ...
    def create(self: SqlAlchemyInbox[Any]) -> Awaitable[None] | None:
        """Create the table if it is missing: ``inbox.create()``, or ``await inbox.create()`` with an `AsyncEngine`.

        A table that exists is not changed. If your project has Alembic, use `define_table` instead.

        Raises:
            InboxError: The database cannot be reached, or the table cannot be created.
        """
        from wooshpay.webhooks.inbox.sqlalchemy_engines import PlainEngine

        metadata = self._events.table.metadata
        if not isinstance(self._engine, PlainEngine):
            return self._engine.create(metadata)
        self._engine.create(metadata)
        return None

    # ---- the contract

    async def claim(self, event_id: str) -> Claim | Taken:
        """Take an event."""
        claim = new_claim(event_id)
        self._claims += 1
        if self._claims % _TIDY_EVERY == 0:
            await self._engine.run(self._events.forget)
        return await self._run(self._events.claim, claim)

    async def renew(self, claim: Claim) -> bool:
        """Hold an event for another lease."""
        if claim.token in self._open:
            return True
        return await self._run(self._events.renew, claim)

    async def done(self, claim: Claim) -> bool:
        """Note that an event is done."""
        return await self._run(self._events.done, claim)

    async def give_back(self, claim: Claim) -> None:
        """Let the next delivery run the event again."""
        await self._run(self._events.give_back, claim)

    async def counts(self) -> Counts:
        """Count the events that are claimed and those that are done."""
        return await self._engine.run(self._events.counts)

    async def forget_old(self) -> int:
        """Forget the events whose retention has ended."""
        count = 0
        while step := await self._engine.run(self._events.forget):
            count += step
        return count

    async def close(self) -> None:
        """End the threads of the inbox. The engine stays open: dispose of it when the application ends."""
        self._engine.close()

    # ---- beyond the contract

    @overload
    def transaction(self: SqlAlchemyInbox[PlainS]) -> AbstractContextManager[PlainS]: ...
    @overload
    def transaction(self: SqlAlchemyInbox[LoopS]) -> AbstractAsyncContextManager[LoopS]: ...
    def transaction(self: SqlAlchemyInbox[Any]) -> AbstractContextManager[Any] | AbstractAsyncContextManager[Any]:
        """Write rows of your own together with "done", inside a handler: both happen, or neither.

        With an `Engine`, use ``with inbox.transaction() as session`` in a plain ``def`` handler. With an `AsyncEngine`,
        use ``async with inbox.transaction() as session`` in an async handler.

        What the session holds is committed when the block ends, and rolled back when it raises. Errors of your own
        statements reach you as SQLAlchemy raises them. To go on after such an error, put the statement into a
        savepoint: ``session.begin_nested()``. Objects of the session can be read after the block only if the session
        factory has ``expire_on_commit=False``, which is the default here.

        Raises:
            ClaimLost: Another worker took the event over; nothing was written.
            InboxError: The database cannot be reached. If this happens during COMMIT, the rows may have been written.
            RuntimeError: No handler of a receiver with this inbox is running here, or the handler is not of the kind
                that the engine needs. Or the transaction had failed or ended before the block did.
        """
        from wooshpay.webhooks.inbox.sqlalchemy_engines import PlainEngine
        from wooshpay.webhooks.inbox.sqlalchemy_transactions import Writing

        claim = current_claim(self)
        plain = isinstance(self._engine, PlainEngine)
        # Under gevent, the receiver's event loop seems to run in the greenlet of every request.
        if plain and in_event_loop() and not threads_are_greenlets():
            raise RuntimeError(
                "The inbox has an Engine, which would block the event loop of this async handler. Write the handler as"
                ' a plain "def" function, which runs in a thread, or create the inbox with an AsyncEngine.'
            )
        if not plain and not in_event_loop():
            raise RuntimeError(
                'The inbox has an AsyncEngine, which a plain "def" handler cannot use. Write the handler as "async def"'
                ' with "async with inbox.transaction()", or create the inbox with an Engine.'
            )
        writing = Writing(lambda connection: self._events.done(connection, claim), lambda: _lost(claim))
        return self._plain_transaction(claim, writing) if plain else self._loop_transaction(claim, writing)

    def close_now(self) -> None:
        """Do what `close` does, from code that cannot await."""
        self._engine.close()

    @contextmanager
    def _plain_transaction(self, claim: Claim, writing: Writing) -> Generator[Any]:
        from wooshpay.webhooks.inbox.sqlalchemy_engines import PlainEngine
        from wooshpay.webhooks.inbox.sqlalchemy_transactions import plain_transaction

        assert isinstance(self._engine, PlainEngine)
        try:
            with plain_transaction(self._engine, self._sessions, writing) as session:
                self._open.add(claim.token)
                yield session
            settle(self)
        finally:
            self._open.discard(claim.token)

    @asynccontextmanager
    async def _loop_transaction(self, claim: Claim, writing: Writing) -> AsyncGenerator[Any]:
        from wooshpay.webhooks.inbox.sqlalchemy_engines import LoopEngine
        from wooshpay.webhooks.inbox.sqlalchemy_transactions import loop_transaction

        assert isinstance(self._engine, LoopEngine)
        try:
            async with loop_transaction(self._engine, self._sessions, writing) as session:
                self._open.add(claim.token)
                yield session
            settle(self)
        finally:
            self._open.discard(claim.token)

    async def _run(self, work: Callable[[Connection, Claim], T], claim: Claim) -> T:
        return await self._engine.run(lambda connection: work(connection, claim))


def _sessions(engine: object, factory: sessionmaker[Any] | async_sessionmaker[Any] | None) -> Callable[..., Any]:
    """Return the factory of sessions, of the kind that the engine needs."""
    from sqlalchemy import Engine
    from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker
    from sqlalchemy.orm import Session, sessionmaker

    plain = isinstance(engine, Engine)
    if factory is None:
        return partial(Session if plain else AsyncSession, expire_on_commit=False)
    if not isinstance(factory, sessionmaker if plain else async_sessionmaker):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers are not all typed
        raise ConfigurationError(
            f"session_factory must be {'a sessionmaker' if plain else 'an async_sessionmaker'} for this engine, not"
            f" {type(factory).__name__}."
        )
    if factory.kw.get("twophase"):
        raise ConfigurationError(
            "session_factory has twophase=True, but the inbox writes to one database, and commits once. Pass a factory"
            " without it."
        )
    return factory


def _check_installed() -> None:
    try:
        import_module("sqlalchemy.ext.asyncio")
    except ImportError:
        raise ConfigurationError(
            "SqlAlchemyInbox needs SQLAlchemy 2.0 or later, which is not installed: pip install 'wooshpay[sqlalchemy]'."
        ) from None


def _lost(claim: Claim) -> ClaimLost:
    return ClaimLost(
        f"The lease on event {claim.event_id} ended and another worker took it over; nothing was written."
        " Use a longer lease for the inbox, or make the handler faster."
    )
